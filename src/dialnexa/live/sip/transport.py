"""SIP over UDP (RFC 3261 §18). Thin on purpose: a TCP or TLS transport takes its place by offering the same methods."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

import structlog

log = structlog.get_logger(__name__)

Address = tuple[str, int]


class Transport(Protocol):
    """What an endpoint asks of the wire."""

    name: str
    """As written in Via: UDP, TCP, TLS."""
    address: Address
    """As bound."""

    def send(self, data: bytes, to: Address) -> None:
        """Send one message; what cannot be sent is lost, as on any network."""
        ...

    def close(self) -> None:
        """Give the socket back."""
        ...


class UdpTransport(asyncio.DatagramProtocol):
    """One UDP socket."""

    name = "UDP"

    def __init__(self, on_datagram: Callable[[bytes, Address], None]) -> None:
        self._on_datagram = on_datagram
        self._transport: asyncio.DatagramTransport | None = None
        self.address: Address = ("", 0)

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
        self.address = tuple(transport.get_extra_info("sockname")[:2])

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Pass a datagram on; IPv6 addresses lose flow and scope."""
        self._on_datagram(data, (addr[0], addr[1]))

    def error_received(self, exc: Exception) -> None:
        """Note what the network reports; the transaction timers deal with it."""
        log.debug("sip socket error", error=str(exc))

    def send(self, data: bytes, to: Address) -> None:
        """Send one datagram."""
        if self._transport is None or self._transport.is_closing():
            return
        try:
            self._transport.sendto(data, to)
        except (OSError, ValueError) as error:  # ValueError: an address that is none, as a peer may well write
            log.warning("sip message not sent", to=f"{to[0]}:{to[1]}", error=str(error))

    def close(self) -> None:
        """Close the socket."""
        if self._transport is not None:
            self._transport.close()
