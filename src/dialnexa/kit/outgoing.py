"""The one guard for requests to addresses that users gave us: webhooks, custom functions.

It lets out only what may leave: https to public addresses. The address is judged at the moment of connecting and
connected to as it was judged, so a name that first resolves to a public and then to a private address (DNS rebinding)
gains nothing. Answers are bounded in size and time; redirects are followed on the same origin only. Proxies named in
the environment are not used: they would resolve names behind our back.

An operator opens the guard for private receivers with an ``Allowance``; to those, plain http is fine too.
"""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, cast
from urllib.parse import SplitResult, urljoin, urlsplit

import httpcore

Address = IPv4Address | IPv6Address
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the addresses of a host name; raises ``OSError`` when it has none."""

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_RELAY_ANYCAST = IPv4Network("192.88.99.0/24")
_LOCAL_NAMES = ("localhost", "localhost.localdomain", "ip6-localhost")
_REDIRECTS = 3
_MOST_CONNECTIONS = 1000
_IDLE_CONNECTIONS = 200
_IDLE_S = 20.0
_FAILURES = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, OSError)
_RESOLVERS = ThreadPoolExecutor(max_workers=32, thread_name_prefix="resolve")
"""Threads of their own: names whose servers do not answer must not hold up other work that needs threads."""


class OutgoingError(Exception):
    """No answer was had; the message says why, for the person who gave the URL."""


class Refused(OutgoingError):
    """The guard did not let the request out, or an answer led where it must not go."""


class Unreachable(OutgoingError):
    """The other side could not be reached, or broke off."""


class TimedOut(OutgoingError):
    """The other side took too long, in whichever phase."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side said."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case; of repeated ones the last."""
    body: bytes
    truncated: bool = False
    """Whether there was more than the caller wanted to read."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What may be reached beyond public https: hosts by name, and networks."""

    hosts: frozenset[str] = frozenset()
    suffixes: tuple[str, ...] = ()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Allowance:
        """Read a comma list of hosts (``hooks.internal``, ``*.internal``) and networks (``10.0.0.0/8``, ``::1``).

        Raises ``ValueError`` for what is neither.
        """
        hosts, suffixes, networks = set[str](), list[str](), list[IPv4Network | IPv6Network]()
        for word in (part.strip().lower() for part in text.split(",")):
            if word.startswith("*."):
                suffixes.append(word[1:])
            elif word and _looks_like_network(word):
                networks.append(ip_network(word, strict=False))
            elif word:
                hosts.add(word)
        return cls(frozenset(hosts), tuple(suffixes), tuple(networks))

    def names(self, host: str) -> bool:
        """Tell whether a host is allowed by its name."""
        return host in self.hosts or host.endswith(self.suffixes)

    def covers(self, address: Address) -> bool:
        """Tell whether an address lies in an allowed network."""
        return any(address in network for network in self.networks if network.version == address.version)


def is_public(address: Address) -> bool:
    """Tell whether an address belongs to the public Internet.

    IPv6 forms that carry an IPv4 address (mapped, NAT64, 6to4) are as public as what they carry: packets to them end up
    there. Source: the IANA special-purpose registries (RFC 6890) as ``ipaddress`` knows them, with their gaps closed.
    """
    if isinstance(address, IPv6Address):
        carried = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            carried = IPv4Address(int(address) & 0xFFFFFFFF)
        if carried is not None:
            return is_public(carried)
        return address.is_global and address in _GLOBAL_UNICAST
    return address.is_global and not address.is_multicast and not address.is_reserved and address not in _RELAY_ANYCAST


async def resolve(host: str, port: int) -> Sequence[str]:
    """Ask the system for the addresses of a host."""
    loop = asyncio.get_running_loop()
    found = await loop.run_in_executor(_RESOLVERS, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    return [str(entry[4][0]) for entry in found]


class Outgoing:
    """Sends requests that users aimed. One per process; ``aclose()`` ends its connections."""

    def __init__(self, allowance: Allowance | None = None, *, resolver: Resolver = resolve) -> None:
        self._allowance = allowance or Allowance()
        # Plain http may only reach what was allowed; so connections of the two schemes are judged differently.
        self._pools = {
            scheme: httpcore.AsyncConnectionPool(
                network_backend=_Gate(self._allowance, resolver, public=scheme == "https"),
                max_connections=_MOST_CONNECTIONS,
                max_keepalive_connections=_IDLE_CONNECTIONS,
                keepalive_expiry=_IDLE_S,
            )
            for scheme in ("https", "http")
        }

    async def aclose(self) -> None:
        """Close all connections."""
        for pool in self._pools.values():
            await pool.aclose()

    def check(self, url: str) -> None:
        """Raise ``Refused`` for a URL that could never be let out, without asking anybody; for the moment of saving."""
        host = _host(parts := _split(url))
        literal = _literal(host)
        allowed = self._allowance.names(host) or (literal is not None and self._allowance.covers(literal))
        if allowed:
            return
        if parts.scheme != "https" and (literal is not None or not self._allowance.networks):
            raise Refused("must be an https URL")
        if host in _LOCAL_NAMES and not self._allowance.networks:
            raise Refused("must be publicly reachable; localhost is not")
        if literal is not None and not is_public(literal):
            raise Refused(f"must be publicly reachable; {literal} is a private or reserved address")

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes = b"",
        timeout_s: float,
        answer_limit: int,
    ) -> Answer:
        """Send a request and return the answer, of whatever status, with at most ``answer_limit`` bytes of its body.

        ``timeout_s`` bounds everything together: resolving, connecting, TLS, waiting, reading, redirects.
        Raises ``Refused``, ``Unreachable`` or ``TimedOut``.
        """
        try:
            async with asyncio.timeout(timeout_s):
                return await self._follow(_Request(method, url, headers, body, answer_limit))
        except TimeoutError as error:
            raise TimedOut(f"No answer within {timeout_s:g} s.") from error
        except _FAILURES as error:
            raise Unreachable(_reason(error)) from error

    async def _follow(self, request: _Request) -> Answer:
        for _ in range(_REDIRECTS + 1):
            answer = await self._once(request)
            target = answer.headers.get("location")
            if target is None or not request.repeats_on(answer.status):
                return answer
            request = request.to(target)
        raise Refused(f"Redirected more than {_REDIRECTS} times.")

    async def _once(self, request: _Request) -> Answer:
        self.check(request.url)
        pool = self._pools[_split(request.url).scheme]
        headers = {"Accept-Encoding": "identity", **request.headers}  # no bombs: what arrives is as big as it is
        async with pool.stream(request.method, request.url, headers=list(headers.items()), content=request.body) as got:
            chunks, size = list[bytes](), 0
            async for chunk in got.aiter_stream():
                chunks.append(chunk)
                size += len(chunk)
                if size > request.answer_limit:
                    break
        body = b"".join(chunks)
        received = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in got.headers}
        return Answer(got.status, received, body[: request.answer_limit], truncated=size > request.answer_limit)


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    answer_limit: int

    def repeats_on(self, status: int) -> bool:
        """Tell whether a redirect keeps method and body (RFC 9110 section 15.4); the others would lose them."""
        return status in {307, 308} or (status in {301, 302, 303} and self.method in {"GET", "HEAD"})

    def to(self, target: str) -> _Request:
        url = urljoin(self.url, target)
        if _origin(url) != _origin(self.url):
            raise Refused(f"Redirected to another host ({urlsplit(url).hostname}); give its URL instead.")
        return _Request(self.method, url, self.headers, self.body, self.answer_limit)


class _Gate(httpcore.AsyncNetworkBackend):
    """Opens connections, to judged addresses only; TLS still checks the certificate of the name."""

    def __init__(self, allowance: Allowance, resolver: Resolver, *, public: bool) -> None:
        self._allowance = allowance
        self._resolver = resolver
        self._public = public
        self._inner = cast(httpcore.AsyncNetworkBackend, httpcore.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        failure: Exception | None = None
        for address in await self._admitted(host, port):
            try:
                made = await self._inner.connect_tcp(str(address), port, timeout, local_address, socket_options)
                return _Watched(made, made.get_extra_info("socket"))
            except (httpcore.NetworkError, OSError) as error:
                failure = error
        raise failure or httpcore.ConnectError(f"{host} has no address.")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise Refused("Unix sockets are not reachable from here.")

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)

    async def _admitted(self, host: str, port: int) -> list[Address]:
        host = host.lower().rstrip(".")
        try:
            found = [host] if _literal(host) is not None else await self._resolver(host, port)
        except (OSError, UnicodeError) as error:
            raise Unreachable(f"The name {host} cannot be resolved.") from error
        addresses = list(dict.fromkeys(ip_address(one.partition("%")[0]) for one in found))
        admitted = addresses if self._allowance.names(host) else [one for one in addresses if self._admits(one)]
        if addresses and not admitted:
            what = "a private or reserved address" if self._public else "an address where plain http is not allowed"
            raise Refused(f"{host} resolves to {addresses[0]}, {what}.")
        return admitted

    def _admits(self, address: Address) -> bool:
        return self._allowance.covers(address) or (self._public and is_public(address))


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError as error:
        raise Refused("must be a valid URL") from error
    if not url.isascii() or not url.isprintable() or " " in url or not parts.hostname or not port_is_fine:
        raise Refused("must be a valid URL with a host; write other letters in punycode or percent-encoded")
    if parts.scheme not in {"http", "https"}:
        raise Refused("must be an https URL")
    if parts.username is not None or parts.password is not None:
        raise Refused("must not contain a user name or password")
    return parts


def _host(parts: SplitResult) -> str:
    return (parts.hostname or "").rstrip(".")


def _origin(url: str) -> tuple[str, str, int]:
    parts = _split(url)
    return parts.scheme, _host(parts), parts.port or (443 if parts.scheme == "https" else 80)


def _literal(host: str) -> Address | None:
    """Return the address a host is written as; odd spellings (``0x7f.1``, ``2130706433``) count as names."""
    try:
        return ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None


def _looks_like_network(word: str) -> bool:
    head, slash, bits = word.partition("/")
    if _literal(head) is not None and (not slash or bits.isdigit()):
        return True
    if slash or ":" in word:
        raise ValueError(f"{word!r} is neither a host name nor a network such as 10.0.0.0/8.")
    return False


def _reason(error: Exception) -> str:
    kinds: dict[type[Exception], str] = {
        httpcore.ConnectError: "The connection could not be opened",
        httpcore.ReadError: "The connection broke off",
        httpcore.WriteError: "The connection broke off",
        httpcore.RemoteProtocolError: "The answer was not HTTP, or broke off",
    }
    return f"{kinds.get(type(error), 'The request failed')}: {str(error) or type(error).__name__}."


class _Watched(httpcore.AsyncNetworkStream):
    """A connection that knows its socket: the pool asks each idle one before each request whether its end hung up.

    Finding the socket anew through anyio took a third of what a delivery costs.
    """

    def __init__(self, inner: httpcore.AsyncNetworkStream, plain: socket.socket) -> None:
        self._inner = inner
        self._socket = plain
        self._poll = select.poll()
        self._poll.register(plain, select.POLLIN)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return await self._inner.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        return _Watched(await self._inner.start_tls(ssl_context, server_hostname, timeout), self._socket)

    def get_extra_info(self, info: str) -> Any:
        if info != "is_readable":
            return self._inner.get_extra_info(info)
        return self._socket.fileno() < 0 or bool(self._poll.poll(0))
