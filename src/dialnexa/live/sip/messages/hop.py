"""Where a message goes: an address, and the transport that carries it there (RFC 3261 §18)."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import NamedTuple

Address = tuple[str, int]
"""IP address literal and port."""

UDP, TCP, TLS = "UDP", "TCP", "TLS"
"""Transports as written in a Via."""

_DEFAULT_PORTS = {UDP: 5060, TCP: 5060, TLS: 5061}


class Hop(NamedTuple):
    """One way to a peer. On TCP and TLS it also names the connection: a peer that called us has a port of its own."""

    host: str
    port: int
    transport: str = UDP
    name: str = ""
    """The host name that was dialled: whom a TLS certificate must be for. Empty: the address itself."""

    @property
    def address(self) -> Address:
        """Host and port alone."""
        return self.host, self.port

    @property
    def is_reliable(self) -> bool:
        """Whether the transport repeats what gets lost, so that transactions need not."""
        return self.transport != UDP


def default_port(transport: str) -> int:
    """Return where a transport listens when nothing is said (RFC 3261 §19.1.2)."""
    return _DEFAULT_PORTS.get(transport, 5060)


@lru_cache(4096)
def ip_version(host: str) -> int:
    """Return 4 or 6 for an address literal, 0 for anything else."""
    try:
        return ipaddress.ip_address(host).version
    except ValueError:
        return 0


@lru_cache(4096)
def is_loopback(host: str) -> bool:
    """Whether an address is this machine's own."""
    return ip_version(host) != 0 and ipaddress.ip_address(host).is_loopback
