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
    """0: none was given, so DNS says where (RFC 3263)."""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if self.port else host


def read_termination(uri: str) -> Termination:
    """Read ``host[:port]``, without ``sip:``; IPv6 addresses stand in brackets. Raises ``BadRequest``."""
    try:
        return read_host_port(uri)
    except ValueError as error:
        raise BadRequest(f"terminationUri {error}") from None


def read_host_port(text: str) -> Termination:
    """Read ``host[:port]``. Raises ``ValueError``, whose words follow the name of the field."""
    text = text.strip()
    if text.lower().startswith(("sip:", "sips:")):
        raise ValueError('must be host[:port] without "sip:"')
    host, port = _split(text)
    if not is_host(host):
        raise ValueError("must be a host name or address, with an optional port: sip.example.com:5060")
    if port and not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        raise ValueError("has a port that is none: use 1 to 65535")
    return Termination(host, int(port or 0))


def read_source(text: str) -> str:
    """Return an address or network in its normal form. Raises ``BadRequest``."""
    try:
        return str(ip_network(text.strip(), strict=False))
    except ValueError as error:
        raise BadRequest(f'sources must be addresses or networks such as 203.0.113.0/24, not "{text}"') from error


async def comes_from(trunk: SipTrunk, source_ip: str) -> bool:
    """Tell whether a call from this address may have come from this trunk: its sources, its host or its proxy."""
    address = _normal(source_ip)
    if any(address in ip_network(source) for source in trunk.sources):
        return True
    hosts = [trunk.host, read_host_port(trunk.outbound_proxy).host] if trunk.outbound_proxy else [trunk.host]
    return any([await _is_at(host, address) for host in hosts])


async def _is_at(host: str, address: IPv4Address | IPv6Address) -> bool:
    try:
        return _normal(host) == address
    except ValueError:
        return address in await _names.addresses(host)


def _split(text: str) -> tuple[str, str]:
    """Return host and port; no port at all is an empty one, a colon without a port is none that could be read."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        return host, rest.removeprefix(":") if rest != ":" else "?"
    host, colon, port = text.partition(":")
    return host, (port or "?") if colon else ""


def is_host(host: str) -> bool:
    """Tell whether this is a host name or an address."""
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
