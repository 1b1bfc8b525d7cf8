"""The installation in a data folder: prepared at the first start, read again by every other command."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass

from sqlalchemy import inspect
from sqlalchemy.exc import SQLAlchemyError

from dialnexa import engine
from dialnexa.kit.clock import SystemClock
from dialnexa.kit.secrets import Vault
from dialnexa.platform.database import Database
from dialnexa.platform.migrations import migrate
from dialnexa.platform.numbers import repository as numbers
from dialnexa.platform.tenancy.bootstrap import Home, bootstrap, read_home
from dialnexa.settings import Settings


class NotPrepared(Exception):
    """There is no installation here; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Installation:
    """What the first workspace has: keys, a number, a demo agent."""

    secret_key: str
    test_secret_key: str
    publishable_key: str
    agent_id: str
    agent_version_id: str
    from_number: str

    @classmethod
    def of(cls, home: Home) -> Installation:
        """Flatten the platform's own description."""
        return cls(**asdict(home.keys), agent_id=home.agent_id, agent_version_id=home.agent_version_id,
                   from_number=home.from_number)  # fmt: skip

    def facts(self) -> dict[str, object]:
        """Return everything by name, for the ready file and ``dialnexa keys``."""
        return asdict(self)


async def prepare(settings: Settings) -> Installation:
    """Bring the database to this version's schema and make the first workspace, or find it again."""
    settings.data.mkdir(parents=True, exist_ok=True)
    await asyncio.to_thread(migrate_all, settings)
    async with Database.open(settings.resolved_database_url) as database:
        home = await bootstrap(
            database, _vault(settings), now=SystemClock().now(), concurrency_limit=settings.concurrency_limit
        )
    return Installation.of(home)


def migrate_all(settings: Settings) -> None:
    """Bring our tables and the engine's to this version's schema. Blocking."""
    migrate(settings.resolved_database_url)
    engine.migrate(settings.resolved_database_url)


async def read(settings: Settings) -> Installation | None:
    """Return the installation of a data folder, ``None`` when there is none; changes nothing."""
    if not settings.database_url and not (settings.data / "dialnexa.db").exists():
        return None
    try:
        async with Database.open(settings.resolved_database_url) as database:
            home = await read_home(database, _vault(settings))
    except SQLAlchemyError as error:
        raise NotPrepared(f"The database of {settings.data} cannot be read: {type(error).__name__}. "
                          "Run `dialnexa migrate`, or `dialnexa up`.") from error  # fmt: skip
    return Installation.of(home) if home else None


async def trunks(settings: Settings) -> list[tuple[str, str, int]]:
    """Return name, host and port of every trunk that leads outside; none when nothing is installed yet."""
    if not settings.database_url and not (settings.data / "dialnexa.db").exists():
        return []
    async with Database.open(settings.resolved_database_url) as database, database.read() as session:
        connection = await session.connection()
        if not await connection.run_sync(lambda sync: inspect(sync).has_table("sip_trunks")):
            return []
        return [(one.name, one.host, one.port) for one in await numbers.trunks(session) if not one.is_sandbox]


def _vault(settings: Settings) -> Vault:
    return Vault.from_file(settings.data / "master.key")
