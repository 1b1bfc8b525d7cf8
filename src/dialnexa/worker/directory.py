"""Whose call an address or a login brings: answered at once, from what was read and looked up before.

Nothing here waits for a database or a name server while a request is judged; both are followed in the background.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import structlog

from dialnexa.kit.clock import Clock
from dialnexa.kit.secrets import Vault
from dialnexa.live.plan import Credentials
from dialnexa.live.sip.errors import CallRejected
from dialnexa.live.sip.messages.hop import ip_version
from dialnexa.platform.database import Database
from dialnexa.platform.numbers import directory
from dialnexa.platform.numbers.directory import KnownTrunk, Stamp
from dialnexa.platform.numbers.trunks import PHONES, read_host_port
from dialnexa.worker.patience import one_round

log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 1.0
_READ_AGAIN_S = 15.0
"""Even when the stamp is the same: clocks of several machines may hide a change from it."""
_LOOK_UP_AGAIN_S = 60.0
_PATIENCE_S = 2.0
_REMEMBERED = 4096

_Network = IPv4Network | IPv6Network
_Place = tuple[str, int, str]
"""Host, port and transport, as DNS is asked."""
Locate = Callable[[str, int, str], Awaitable[list[str]]]
"""Returns the addresses of a place; raises ``CallRejected`` when it has none."""


class Directory:
    """All trunks by address and by login. ``run`` follows changes; ``catch_up`` waits for the latest."""

    def __init__(self, database: Database, vault: Vault, clock: Clock, locate: Locate) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._locate = locate
        self._trunks: list[KnownTrunk] = []
        self._stamp: Stamp | None = None
        self._read_at = 0.0
        self._addresses: dict[_Place, tuple[float, frozenset[str]]] = {}
        self._looking_up: asyncio.Task[None] | None = None
        self._at: dict[IPv4Address | IPv6Address, set[str]] = {}
        self._networks: list[tuple[_Network, str]] = []
        self._logins: dict[str, list[KnownTrunk]] = {}
        self._sandbox: frozenset[str] = frozenset()
        self._asked: dict[str, frozenset[str]] = {}

    # --- answers -----------------------------------------------------------------------------------------------------

    def trunks_at(self, source: str) -> frozenset[str]:
        """Return the trunks whose calls may come from this address."""
        found = self._asked.get(source)
        if found is None:
            if len(self._asked) >= _REMEMBERED:
                self._asked.clear()
            found = self._asked[source] = self._search(source)
        return found

    def trunks_with(self, username: str) -> frozenset[str]:
        """Return the trunks that have this login; of several with one user name, those whose password is asked for."""
        known = self._logins.get(username, [])
        return frozenset(trunk.trunk_id for trunk in known if trunk.password == known[0].password)

    def find_credentials(self, username: str) -> Credentials | None:
        """Return the login of a user name; of several trunks with one user name, the oldest one's."""
        known = self._logins.get(username)
        return Credentials(known[0].username, known[0].password) if known else None

    def sandbox_trunks(self) -> frozenset[str]:
        """Return the trunks whose numbers the sandbox rents out: calls within it come over any of them."""
        return self._sandbox

    # --- following ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Follow the trunks' settings and their names until cancelled."""
        while True:
            with one_round("trunks"):
                await self.refresh()
            await self._clock.sleep(_LOOK_EVERY_S)

    async def close(self) -> None:
        """Stop looking names up."""
        if self._looking_up is not None:
            self._looking_up.cancel()
            await asyncio.gather(self._looking_up, return_exceptions=True)

    async def refresh(self) -> None:
        """Read what has changed, and have names looked up whose answers are missing or old."""
        async with self._database.read() as session:
            now = self._clock.monotonic()
            stamp = await directory.stamp(session)
            if stamp != self._stamp or now - self._read_at >= _READ_AGAIN_S:
                self._trunks = await directory.known_trunks(session, self._vault)
                self._stamp, self._read_at = stamp, now
                self._build()
        self._look_up(now)

    async def catch_up(self) -> None:
        """Be sure of everything written so far, at most two seconds long: for a caller who is not known."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_S):
                await self.refresh()
                if self._looking_up is not None:
                    await asyncio.shield(self._looking_up)

    def _look_up(self, now: float) -> None:
        wanted = {place for trunk in self._trunks for place in _places(trunk) if not ip_version(place[0])}
        for place in self._addresses.keys() - wanted:
            del self._addresses[place]
        due = [place for place in wanted if self._addresses.get(place, (0.0,))[0] <= now]
        if due and (self._looking_up is None or self._looking_up.done()):
            self._looking_up = asyncio.create_task(self._look_up_all(due))

    async def _look_up_all(self, places: list[_Place]) -> None:
        """Ask for all at once: one silent name server must not hold up the others' answers."""
        await asyncio.gather(*map(self._look_up_one, places))

    async def _look_up_one(self, place: _Place) -> None:
        _, known = self._addresses.get(place, (0.0, frozenset[str]()))
        try:
            found = frozenset(await self._locate(*place))
        except CallRejected as failure:  # the last known addresses stand while its name server is silent
            log.warning("a trunk's host name cannot be resolved", host=place[0], error=failure.detail)
            found = known
        self._addresses[place] = (self._clock.monotonic() + _LOOK_UP_AGAIN_S, found)
        if found != known:
            self._build()

    # --- the index ---------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        at, networks = defaultdict[IPv4Address | IPv6Address, set[str]](set), list[tuple[_Network, str]]()
        logins = defaultdict[str, list[KnownTrunk]](list)
        for trunk in self._trunks:
            for network in map(ip_network, trunk.sources):
                if network.num_addresses == 1:
                    at[network.network_address].add(trunk.trunk_id)
                else:
                    networks.append((network, trunk.trunk_id))
            for place in _places(trunk):
                known = [place[0]] if ip_version(place[0]) else self._addresses.get(place, (0.0, ()))[1]
                for address in known:
                    at[_plain(address)].add(trunk.trunk_id)
            if trunk.username:
                logins[trunk.username].append(trunk)
        self._at, self._networks, self._logins, self._asked = at, networks, logins, {}
        self._sandbox = frozenset(trunk.trunk_id for trunk in self._trunks if trunk.is_sandbox)

    def _search(self, source: str) -> frozenset[str]:
        try:
            address = _plain(source)
        except ValueError:
            return frozenset()
        wide = {trunk_id for network, trunk_id in self._networks if address in network}
        return frozenset(wide | self._at.get(address, set()))


def _places(trunk: KnownTrunk) -> list[_Place]:
    """Return where a trunk's calls may come from: wherever ours go, and through its proxy."""
    places = [(trunk.host, trunk.port, trunk.transport)] if trunk.host != PHONES else []
    if trunk.proxy:
        proxy = read_host_port(trunk.proxy)
        places.append((proxy.host, proxy.port, trunk.transport))
    return places


def _plain(text: str) -> IPv4Address | IPv6Address:
    """Read an address; IPv4 as seen by an IPv6 socket counts as IPv4."""
    address = ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
