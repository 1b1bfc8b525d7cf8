"""From a host to the addresses to try, best first (RFC 3263 §4): NAPTR, SRV, then A and AAAA."""

from __future__ import annotations

import asyncio
import random
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import Any, TypeVar

from dialnexa.live.sip.errors import CallRejected
from dialnexa.live.sip.messages.hop import TCP, TLS, UDP, Hop, default_port, ip_version
from dialnexa.live.sip.transport.names import LookupFailed, Names, Records, Service, SystemNames

DEADLINE_S = 6.0
"""A name not found out by then is not found: two questions in a row, each of which may fail once."""
MAX_TARGETS = 16
"""Addresses tried for one request, at most."""
_CACHE_SIZE = 1024
_AVOIDED_KEPT = 1024

_SERVICES = {"SIP+D2U": UDP, "SIP+D2T": TCP, "SIPS+D2T": TLS}
_SRV_PREFIX = {UDP: "_sip._udp.", TCP: "_sip._tcp.", TLS: "_sips._tcp."}

T = TypeVar("T")


class Locator:
    """Finds the addresses of peers, remembers them as long as their records live, and which of them fared badly."""

    def __init__(
        self,
        now: Callable[[], float],
        names: Names | None = None,
        rng: random.Random | None = None,
    ) -> None:
        """``now``: seconds that never go back. ``names``: who is asked, by default the system."""
        self._now = now
        self._names = names or SystemNames()
        self._rng = rng or random.Random()
        self._cache: OrderedDict[tuple[str, str], tuple[Records[Any], float]] = OrderedDict()
        self._avoided: OrderedDict[Hop, float] = OrderedDict()

    async def locate(
        self,
        host: str,
        port: int,
        transport: str,
        *,
        wires: Collection[str] = (UDP, TCP, TLS),
        versions: Sequence[int] = (4, 6),
    ) -> list[Hop]:
        """Return where to send a request for a host, best first; never empty.

        Port 0 lets SRV records decide; with it UDP, the transport of whoever says none, lets NAPTR records choose among
        ``wires``. With a port, only addresses are looked up. ``versions``: the IP versions our sockets speak, preferred
        first. Raises ``CallRejected`` (503) with a sentence when nothing is found within 6 s.
        """
        bare = host.strip("[]").rstrip(".").lower()
        if version := ip_version(bare):
            if version not in versions:
                raise _unknown(f"{bare} is an IPv{version} address, and this endpoint speaks IPv{versions[0]}")
            return [Hop(bare, port or default_port(transport), transport, bare)]
        try:
            async with asyncio.timeout(DEADLINE_S):
                found = await self._search(bare, port, transport, wires, versions)
        except TimeoutError:
            raise _unknown(f"cannot look up {bare[:100]}: no answer within {DEADLINE_S:g} s") from None
        except LookupFailed as error:
            raise _unknown(f"cannot look up {bare[:100]}: {error}") from None
        if not found:
            kind = "" if len(versions) > 1 else f"IPv{versions[0]} "
            raise _unknown(f"cannot look up {bare[:100]}: the name has no {kind}address; check its spelling")
        return self._healthy_first(list(dict.fromkeys(found)))[:MAX_TARGETS]

    async def _search(
        self, host: str, port: int, transport: str, wires: Collection[str], versions: Sequence[int]
    ) -> list[Hop]:
        if port:
            return await self._hosts([(host, port, transport)], host, versions)
        services = await self._services_of(host, transport, wires)
        answers = await asyncio.gather(*(self._optional("SRV", name, self._names.services) for name, _ in services))
        for (_, over), records in zip(services, answers, strict=True):
            if records:
                usable = [each for each in self._in_order(records) if each.target and each.port]
                return await self._hosts([(each.target, each.port, over) for each in usable], host, versions)
        return await self._hosts([(host, default_port(transport), transport)], host, versions)

    async def _services_of(self, host: str, transport: str, wires: Collection[str]) -> list[tuple[str, str]]:
        """Return the SRV names to ask for and the transport each leads to, best first (§4.1)."""
        if transport != UDP:
            return [(_SRV_PREFIX[transport] + host, transport)]
        pointers = await self._optional("NAPTR", host, self._names.pointers)
        offered = [
            (pointer.replacement, over)
            for pointer in sorted(pointers, key=lambda each: (each.order, each.preference))
            if pointer.flags == "S" and (over := _SERVICES.get(pointer.service)) in wires and over
        ]
        return offered or [(prefix + host, over) for over, prefix in _SRV_PREFIX.items() if over in wires]

    def _in_order(self, services: Iterable[Service]) -> list[Service]:
        """Order SRV records: lower priorities first, within one drawn by weight (RFC 2782)."""
        ordered: list[Service] = []
        rest = sorted(services, key=lambda each: (each.priority, each.weight))
        while rest:
            group = [each for each in rest if each.priority == rest[0].priority]
            drawn = self._rng.randint(0, sum(each.weight for each in group))
            for each in group:
                drawn -= each.weight
                if drawn <= 0:
                    ordered.append(each)
                    rest.remove(each)
                    break
        return ordered

    async def _hosts(self, places: Sequence[tuple[str, int, str]], name: str, versions: Sequence[int]) -> list[Hop]:
        """Look up the addresses of several hosts at once; ``name`` is whom a certificate must be for (RFC 5922 §4)."""
        places = places[:MAX_TARGETS]
        found = await asyncio.gather(
            *(self._addresses(host, versions) for host, _, _ in places), return_exceptions=True
        )
        hops: list[Hop] = []
        for (_, port, over), addresses in zip(places, found, strict=True):
            if isinstance(addresses, LookupFailed):
                if len(places) == 1:
                    raise addresses
            elif isinstance(addresses, BaseException):
                raise addresses
            else:
                hops += (Hop(address, port, over, name) for address in addresses)
        return hops

    async def _addresses(self, host: str, versions: Sequence[int]) -> list[str]:
        if ip_version(host):
            return [host]

        async def of(version: int) -> tuple[str, ...]:
            return await self._lookup(f"A{version}", host, lambda name: self._names.addresses(name, version))

        return [address for found in await asyncio.gather(*map(of, versions)) for address in found]

    async def _optional(self, kind: str, name: str, ask: Callable[[str], Awaitable[Records[T]]]) -> tuple[T, ...]:
        """Ask for records a name need not have; some name servers fail over kinds they do not know."""
        try:
            return await self._lookup(kind, name, ask)
        except LookupFailed:
            return ()

    async def _lookup(self, kind: str, name: str, ask: Callable[[str], Awaitable[Records[T]]]) -> tuple[T, ...]:
        """Ask, unless we know; what has grown old is still better than nothing when nobody answers (RFC 8767)."""
        key = (kind, name.lower())
        known = self._cache.get(key)
        if known is not None and self._now() < known[1]:
            return known[0].found
        try:
            records = await ask(name)
        except LookupFailed:
            if known is None:
                raise
            return known[0].found
        self._cache[key] = (records, self._now() + records.ttl_s)
        self._cache.move_to_end(key)
        if len(self._cache) > _CACHE_SIZE:
            self._cache.popitem(last=False)
        return records.found

    # --- what we learnt by trying ------------------------------------------------------------------------------------

    def avoid(self, hop: Hop, seconds: float) -> None:
        """Put an address last for a while: it said 503, or nothing."""
        self._avoided.pop(hop, None)
        self._avoided[hop] = self._now() + seconds
        if len(self._avoided) > _AVOIDED_KEPT:
            self._avoided.popitem(last=False)

    def _healthy_first(self, hops: list[Hop]) -> list[Hop]:
        now = self._now()
        return sorted(hops, key=lambda hop: self._avoided.get(hop, 0.0) > now)


def _unknown(detail: str) -> CallRejected:
    return CallRejected(503, "Service Unavailable", detail=detail)
