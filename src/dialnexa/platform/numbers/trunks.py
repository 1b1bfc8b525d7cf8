"""Trunk addresses: reading ``terminationUri``, and telling whose call an address may bring."""

from __future__ import annotations

import asyncio
import re
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import structlog

from dialnexa.kit.errors import BadRequest
from dialnexa.platform.numbers.models import SipTrunk

DEFAULT_PORT = 5060
_RESOLVE_WITHIN_S = 2.0
_REMEMBER_S = 60.0
_HOST = re.compile(
    r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*", re.IGNORECASE
)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Termination:
    """Where a trunk's calls are sent."""

    host: str
    port: int


def read_termination(uri: str) -> Termination:
    """Read ``host[:port]``, without ``sip:``; IPv6 addresses stand in brackets. Raises ``BadRequest``."""
    text = uri.strip()
    if text.lower().startswith(("sip:", "sips:")):
        raise BadRequest('terminationUri must be host[:port] without "sip:"')
    host, port = _split(text)
    if not _is_host(host):
        raise BadRequest("terminationUri must be a host name or address, with an optional port: sip.example.com:5060")
    if not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        raise BadRequest("terminationUri has a port that is none: use 1 to 65535")
    return Termination(host, int(port))


def read_source(text: str) -> str:
    """Return an address or network in its normal form. Raises ``BadRequest``."""
    try:
        return str(ip_network(text.strip(), strict=False))
    except ValueError as error:
        raise BadRequest(f'sources must be addresses or networks such as 203.0.113.0/24, not "{text}"') from error


async def comes_from(trunk: SipTrunk, source_ip: str) -> bool:
    """Tell whether a call from this address may have come from this trunk: its sources, or its own host."""
    address = _normal(source_ip)
    if any(address in ip_network(source) for source in trunk.sources):
        return True
    try:
        return _normal(trunk.host) == address
    except ValueError:
        return address in await _names.addresses(trunk.host)


def _split(text: str) -> tuple[str, str]:
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        return host, rest.removeprefix(":") or str(DEFAULT_PORT)
    host, colon, port = text.partition(":")
    return host, port if colon else str(DEFAULT_PORT)


def _is_host(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return _HOST.fullmatch(host) is not None
    return True


def _normal(text: str) -> IPv4Address | IPv6Address:
    """Read an address; IPv4 as seen by an IPv6 socket counts as IPv4."""
    address = ip_address(text)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


class _Names:
    """Resolves trunks' host names, remembering the answer, so that a slow name server cannot hold up calls for long."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, frozenset[IPv4Address | IPv6Address]]] = {}

    async def addresses(self, host: str) -> frozenset[IPv4Address | IPv6Address]:
        """Return the addresses of a host; the last known ones while its name server is silent."""
        loop = asyncio.get_running_loop()
        until, known = self._known.get(host, (0.0, frozenset()))
        if loop.time() >= until:
            try:
                found = await asyncio.wait_for(loop.getaddrinfo(host, None, type=socket.SOCK_DGRAM), _RESOLVE_WITHIN_S)
                known = frozenset(_normal(str(entry[4][0])) for entry in found)
            except OSError as error:  # a timeout is one too
                log.warning("a trunk's host name cannot be resolved", host=host, error=str(error))
            self._known[host] = (loop.time() + _REMEMBER_S, known)
        return known


_names = _Names()
