"""The edge proxy before us: which addresses are its own, and whom it says a request really came from.

Behind an edge every request has the edge's address. It tells the caller's in a header that it takes off whatever comes
from outside; from anybody but an edge that header is only a claim, and not looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from dialnexa.live.sip.messages.fields import FieldError, Uri
from dialnexa.live.sip.messages.hop import TCP, TLS, UDP, Hop, ip_version
from dialnexa.live.sip.messages.message import Request

SOURCE_HEADER = "X-DialNexa-Source"
"""``address[:port][;transport=…]`` of whoever sent the request to the edge; IPv6 addresses stand in brackets."""
_TRANSPORTS = (UDP, TCP, TLS)


@dataclass(frozen=True, slots=True)
class Edges:
    """The addresses whose word on a request's source is taken; none by default, not even this machine's own."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def parse(cls, sources: str, proxy: str = "") -> Edges:
        """Read a comma list of addresses and networks; by default it is the address of the outbound ``proxy``.

        Raises ``ValueError`` with a sentence; for a proxy with a name too, for names may lead anywhere tomorrow.
        """
        host = read_proxy(proxy).host if proxy else ""
        listed = [item.strip() for item in sources.split(",") if item.strip()]
        if host and not listed and not ip_version(host):
            raise ValueError(f"{host} is a name: say which addresses are the edge's own")
        return cls(tuple(map(_network, listed or [host] if host else listed)))

    def origin(self, request: Request, source: Hop) -> Hop:
        """Return who sent a request: ``source`` itself, or whom it names when it is an edge."""
        if not self.networks or not self.includes(source.host):
            return source
        claims = request.headers.all(SOURCE_HEADER)
        # Two of them: the edge let one through from outside, and nobody knows which.
        return _read(claims[0]) or source if len(claims) == 1 else source

    def includes(self, host: str) -> bool:
        """Whether an address is an edge's own."""
        address = ip_address(host.partition("%")[0])
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped  # IPv4 as an IPv6 socket sees it
        return any(address in network for network in self.networks)


def read_proxy(text: str) -> Uri:
    """Read a proxy written as ``host[:port][;transport=udp|tcp|tls]``. Raises ``FieldError`` with a sentence."""
    uri = Uri.parse(f"sip:{text}")
    if uri.user or uri.headers or uri.params.keys() - {"transport"} or uri.transport not in _TRANSPORTS:
        raise FieldError(f"{text[:50]!r} is not a proxy; write host, host:port or host:port;transport=tcp")
    return uri


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"{text[:50]!r} is no address or network such as 10.0.0.0/24") from None


def _read(claim: str) -> Hop | None:
    try:
        hop = Uri.parse(f"sip:{claim.strip()}").hop
    except FieldError:
        return None
    return hop if ip_version(hop.host) and hop.transport in _TRANSPORTS else None
