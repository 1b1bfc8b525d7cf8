"""From a host name to an address to send to. Host and port only; NAPTR and SRV (RFC 3263) take their place here."""

from __future__ import annotations

import asyncio
import ipaddress
import socket

from dialnexa.live.sip.errors import CallRejected


async def resolve(host: str, port: int) -> tuple[str, int]:
    """Return an address for ``host``; literals need no look-up. Raises ``CallRejected`` (503) for an unknown name."""
    bare = host.strip("[]")
    try:
        return str(ipaddress.ip_address(bare)), port
    except ValueError:
        pass
    try:
        found = await asyncio.get_running_loop().getaddrinfo(bare, port, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:
        raise CallRejected(503, "Service Unavailable", detail=f"cannot look up {bare}: {error}") from None
    # IPv4 first: it is what nearly every trunk speaks, and a socket bound to IPv4 cannot send to IPv6.
    found.sort(key=lambda entry: entry[0] != socket.AF_INET)
    return str(found[0][4][0]), port
