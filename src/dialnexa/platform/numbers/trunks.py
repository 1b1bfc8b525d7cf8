"""Trunk addresses: where calls go, and where they may come from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from dialnexa.kit.errors import BadRequest

_HOST = re.compile(
    r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*", re.IGNORECASE
)


PHONES = "phones.invalid"
"""The termination of trunks that only phones belong to: a name that never leads anywhere (RFC 2606)."""


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
