"""Trunks that register, and workers to keep them registered, for the tests of both wings."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from cryptography.fernet import Fernet

from dialnexa.kit.secrets import Vault
from dialnexa.platform.calls import nodes
from dialnexa.platform.calls.records import NodeLease
from dialnexa.platform.database import Database
from dialnexa.platform.migrations import migrate
from dialnexa.platform.numbers import registrations, repository, service, trunk_service
from dialnexa.platform.numbers.models import SipTrunk, TrunkRegistration
from dialnexa.platform.numbers.service import TrunkRequest
from dialnexa.platform.numbers.trunk_service import TrunkChange
from dialnexa.platform.numbers.trunks import Termination
from dialnexa.platform.tenancy import repository as tenants
from dialnexa.platform.tenancy.bootstrap import bootstrap
from dialnexa.platform.tenancy.principal import Principal

NOON = datetime(2026, 5, 23, 12, tzinfo=UTC)


class Carriers:
    """A workspace whose trunks register."""

    def __init__(self, database: Database, vault: Vault, who: Principal) -> None:
        self.database = database
        self.vault = vault
        self.who = who
        self.now = NOON
        self._numbers = iter(range(100, 1000))

    async def trunk(self, host: str = "carrier.example", **columns: object) -> str:
        wanted = TrunkRequest(
            f"+12025550{next(self._numbers)}",
            Termination(host, 0),
            "userpass",
            "acme",
            "s3cret",
            columns={"registration": "outbound", **columns},
        )
        async with self.database.write() as session:
            number = await service.add_trunk_number(session, self.vault, self.who, wanted, now=self.now)
        assert number.trunk_id
        return number.trunk_id

    async def change(self, trunk_id: str, password: str | None = None, **columns: object) -> None:
        async with self.database.write() as session:
            wanted = TrunkChange(columns, password=password)
            await trunk_service.change(session, self.vault, self.who, trunk_id, wanted, now=self.now)

    async def delete(self, trunk_id: str) -> None:
        async with self.database.write() as session:
            await trunk_service.delete(session, self.who, trunk_id, now=self.now)

    async def worker(self, node_id: str) -> None:
        async with self.database.write() as session:
            await nodes.register(session, NodeLease(node_id, 10, ""), now=self.now)

    async def drains(self, node_id: str) -> None:
        async with self.database.write() as session:
            assert await nodes.heartbeat(session, node_id, now=self.now, draining=True)

    async def all_die_but(self, *survivors: str) -> None:
        self.now += timedelta(minutes=1)
        async with self.database.write() as session:
            for node_id in survivors:
                assert await nodes.heartbeat(session, node_id, now=self.now)
            await nodes.sweep(session, now=self.now)

    async def keeps(self, node_id: str) -> set[str]:
        """What a worker keeps, taking what is its own."""
        async with self.database.write() as session:
            found = await registrations.keep(session, self.vault, node_id, now=self.now, may_take=True)
        return {one.trunk_id for one in found or ()}

    async def releases(self, node_id: str, *trunk_ids: str) -> None:
        async with self.database.write() as session:
            await registrations.release(session, node_id, trunk_ids)

    async def row(self, trunk_id: str) -> TrunkRegistration | None:
        async with self.database.read() as session:
            return next(iter(await repository.registrations(session, [trunk_id])), None)

    async def stored(self, trunk_id: str) -> SipTrunk:
        async with self.database.read() as session:
            found = await repository.trunk(session, self.who.workspace_id, trunk_id)
        assert found is not None
        return found


@asynccontextmanager
async def open_carriers(url: str) -> AsyncGenerator[Carriers]:
    """Make the first workspace in a blank database."""
    migrate(url)
    vault = Vault(Fernet.generate_key())
    async with Database.open(url) as database:
        home = await bootstrap(database, vault, now=NOON)
        async with database.read() as session:
            account = await tenants.default_account(session, home.workspace_id, livemode=True)
        yield Carriers(database, vault, Principal(home.workspace_id, account.id, "key", livemode=True, kind="secret"))
