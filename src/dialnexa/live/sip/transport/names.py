"""What hosts file, DNS and the system say about a name: addresses, SRV, NAPTR, and how long to believe it."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar, cast

import dns.asyncresolver
import dns.exception
import dns.rdata
import dns.resolver
from dns.rdtypes.IN.NAPTR import NAPTR
from dns.rdtypes.IN.SRV import SRV

QUERY_S = 3.0
"""How long one question may take, over all name servers."""
_SERVER_S = 1.0
NOTHING_S = 30.0
"""How long it is believed that a record does not exist."""
_SYSTEM_S = 60.0
"""How long an answer without a lifetime of its own is believed: hosts file, mDNS, whatever the system is set up for."""
_LONGEST_S = 3600.0

T = TypeVar("T")


class LookupFailed(Exception):
    """No name server answered sensibly; the message says which question."""


@dataclass(frozen=True, slots=True)
class Service:
    """One SRV record (RFC 2782)."""

    priority: int
    weight: int
    port: int
    target: str
    """Without the final dot; empty: the service is decidedly not available there."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """One NAPTR record (RFC 3403)."""

    order: int
    preference: int
    flags: str
    service: str
    """In upper case, such as ``SIP+D2U``."""
    replacement: str


@dataclass(frozen=True, slots=True)
class Records(Generic[T]):
    """What was found, perhaps nothing, and for how many seconds it holds."""

    found: tuple[T, ...]
    ttl_s: float


class Names(Protocol):
    """Who knows names. Every method raises ``LookupFailed`` when nobody could be asked."""

    async def addresses(self, name: str, version: int) -> Records[str]:
        """Return the IP addresses of one version (4 or 6)."""
        ...

    async def services(self, name: str) -> Records[Service]:
        """Return the SRV records of a name such as ``_sip._udp.example.com``."""
        ...

    async def pointers(self, name: str) -> Records[Pointer]:
        """Return the NAPTR records of a domain."""
        ...


class SystemNames:
    """The names this machine knows: its hosts file first, then DNS, then whatever else its resolver is set up for."""

    def __init__(self, resolver: dns.asyncresolver.Resolver | None = None, hosts: Path = Path("/etc/hosts")) -> None:
        """``resolver``: another one than the system's, which is read when first needed."""
        self._resolver = resolver
        self._hosts = hosts

    async def addresses(self, name: str, version: int) -> Records[str]:
        """Return the IP addresses of one version (4 or 6). Raises ``LookupFailed``."""
        if local := _in_hosts(self._hosts, name, version):
            return Records(local, _SYSTEM_S)
        if "." in name.rstrip("."):
            kind = "A" if version == 4 else "AAAA"
            records = await self._ask(name, kind, lambda record: str(getattr(record, "address", "")))
            if records.found:
                return records
        return await _system_addresses(name, version)

    async def services(self, name: str) -> Records[Service]:
        """Return the SRV records of a name. Raises ``LookupFailed``."""
        return await self._ask(name, "SRV", _service)

    async def pointers(self, name: str) -> Records[Pointer]:
        """Return the NAPTR records of a domain. Raises ``LookupFailed``."""
        return await self._ask(name, "NAPTR", _pointer)

    async def _ask(self, name: str, kind: str, read: Callable[[dns.rdata.Rdata], T]) -> Records[T]:
        resolver = self._resolver = self._resolver or _system_resolver()
        if resolver is None:
            return Records((), NOTHING_S)
        try:
            answer = await resolver.resolve(name, kind, raise_on_no_answer=False, lifetime=QUERY_S)
        except dns.resolver.NXDOMAIN:
            return Records((), NOTHING_S)
        except (dns.exception.DNSException, OSError) as error:
            raise LookupFailed(f"the name servers gave no {kind} record of {name[:100]}: {_words(error)}") from None
        found = tuple(read(record) for record in cast("Sequence[dns.rdata.Rdata]", answer.rrset or ()))
        return Records(found, min(float(answer.rrset.ttl), _LONGEST_S) if answer.rrset else NOTHING_S)


def _system_resolver() -> dns.asyncresolver.Resolver | None:
    """Return a resolver for the system's name servers; ``None``: it has none, so only files and the like are asked."""
    try:
        resolver = dns.asyncresolver.Resolver()
    except (dns.exception.DNSException, OSError):
        return None
    resolver.timeout = _SERVER_S
    return resolver


async def _system_addresses(name: str, version: int) -> Records[str]:
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    try:
        found = await asyncio.get_running_loop().getaddrinfo(name, None, family=family, type=socket.SOCK_DGRAM)
    except (OSError, ValueError):
        return Records((), NOTHING_S)
    return Records(tuple(dict.fromkeys(str(entry[4][0]) for entry in found)), _SYSTEM_S)


def _in_hosts(file: Path, name: str, version: int) -> tuple[str, ...]:
    """Return what a hosts file says: it is there to overrule DNS. Small, so it is read anew each time."""
    try:
        lines = file.read_text("utf-8", "replace").splitlines()
    except OSError:
        return ()
    wanted = name.rstrip(".").lower()
    found: list[str] = []
    for line in lines:
        address, *names = line.partition("#")[0].split() or [""]
        if wanted in (each.lower() for each in names) and _version(address) == version:
            found.append(address)
    return tuple(dict.fromkeys(found))


def _version(address: str) -> int:
    try:
        return ipaddress.ip_address(address).version
    except ValueError:
        return 0


def _service(record: dns.rdata.Rdata) -> Service:
    srv = cast(SRV, record)
    return Service(srv.priority, srv.weight, srv.port, srv.target.to_text(omit_final_dot=True).rstrip("."))


def _pointer(record: dns.rdata.Rdata) -> Pointer:
    naptr = cast(NAPTR, record)
    flags, service = (part.decode("ascii", "replace").upper() for part in (naptr.flags, naptr.service))
    return Pointer(naptr.order, naptr.preference, flags, service, naptr.replacement.to_text(omit_final_dot=True))


def _words(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]
