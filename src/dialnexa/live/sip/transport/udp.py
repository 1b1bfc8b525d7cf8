"""What an endpoint asks of the wire, and SIP over UDP (RFC 3261 §18). TCP and TLS are in ``stream``."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable
from typing import Protocol, cast

import structlog

from dialnexa.live.sip.messages.hop import UDP, Address, Hop, ip_version

log = structlog.get_logger(__name__)

_RECEIVE_BYTES = 4 << 20
"""Of datagrams that came while the loop was busy. The usual 208 KiB hold 166 small ones (measured): when 250 calls end
at once, the BYE of the others is lost and comes again half a second later. The system may grant less
(``net.core.rmem_max``).
"""


class Transport(Protocol):
    """What an endpoint asks of the wire."""

    @property
    def name(self) -> str:
        """As written in Via: UDP, TCP, TLS."""
        ...

    address: Address
    """As bound."""

    def send(self, data: bytes, to: Hop) -> None:
        """Send one message; what cannot be sent is lost, as on any network."""
        ...

    def reaches(self, hop: Hop) -> bool:
        """Whether a message to this hop can be sent without making a connection first."""
        ...

    def close(self) -> None:
        """Give the socket back."""
        ...


class UdpTransport(asyncio.DatagramProtocol):
    """One UDP socket."""

    name = UDP

    def __init__(self, on_datagram: Callable[[bytes, Address], None]) -> None:
        self._on_datagram = on_datagram
        self._transport: asyncio.DatagramTransport | None = None
        self.address: Address = ("", 0)
        self._version = 0

    @classmethod
    async def open(cls, host: str, port: int, on_datagram: Callable[[bytes, Address], None]) -> UdpTransport:
        """Bind; port 0 takes a free one. Raises ``OSError`` when the address is taken."""
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_datagram_endpoint(lambda: cls(on_datagram), local_addr=(host, port))
        return protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the socket and its address."""
        # The event loops' own datagram transports do not all inherit from DatagramTransport.
        self._transport = cast(asyncio.DatagramTransport, transport)
        udp = cast(socket.socket, transport.get_extra_info("socket"))
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
        self.address = tuple(transport.get_extra_info("sockname")[:2])
        self._version = ip_version(self.address[0])

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Pass a datagram on; IPv6 addresses lose flow and scope."""
        self._on_datagram(data, (addr[0], addr[1]))

    def connection_lost(self, exc: Exception | None) -> None:
        """Say so when the socket died by itself; it takes a restart to get it back."""
        if exc is not None:
            log.error("sip socket lost", error=str(exc))

    def error_received(self, exc: Exception) -> None:
        """Note what the network reports; the transaction timers deal with it."""
        log.debug("sip socket error", error=str(exc))

    def reaches(self, hop: Hop) -> bool:
        """Datagrams need no connection."""
        return True

    def send(self, data: bytes, to: Hop) -> None:
        """Send one datagram."""
        if self._transport is None or self._transport.is_closing():
            return
        # Peers write the addresses we send to. A name would block the loop for a look-up, and asyncio closes the whole
        # socket over a port that is none, so nothing but a sendable address gets past here.
        if ip_version(to.host) != self._version or not 0 < to.port < 65536:
            log.warning("sip message not sent: not an address of ours", to=f"{to.host[:100]}:{to.port}")
            return
        self._transport.sendto(data, to.address)

    def close(self) -> None:
        """Close the socket."""
        if self._transport is not None:
            self._transport.close()


def reachable(host: str) -> str:
    """Return what to tell peers when bound to ``host``: for a wildcard, the address of the default route."""
    if not ipaddress.ip_address(host.partition("%")[0]).is_unspecified:
        return host
    family, probe = (socket.AF_INET6, "2001:db8::1") if ":" in host else (socket.AF_INET, "192.0.2.1")
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect((probe, 9))  # sends nothing; it only picks a route
        except OSError:
            return "::1" if ":" in host else "127.0.0.1"
        return sock.getsockname()[0]
