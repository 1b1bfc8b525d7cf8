"""Makes the installation in a data folder, or brings it up to date, before anything runs on it."""

from __future__ import annotations

import asyncio

from dialnexa import engine
from dialnexa.cli.installation import Installation, vault_of
from dialnexa.kit.clock import SystemClock
from dialnexa.platform.database import Database
from dialnexa.platform.migrations import migrate
from dialnexa.platform.tenancy.bootstrap import bootstrap
from dialnexa.settings import Settings


async def prepare(settings: Settings) -> Installation:
    """Bring the database to this version's schema and make the first workspace, or find it again."""
    settings.data.mkdir(parents=True, exist_ok=True)
    await asyncio.to_thread(migrate_all, settings)
    async with Database.open(settings.resolved_database_url) as database:
        home = await bootstrap(
            database, vault_of(settings), now=SystemClock().now(), concurrency_limit=settings.concurrency_limit
        )
    return Installation.of(home)


def migrate_all(settings: Settings) -> None:
    """Bring our tables and the engine's to this version's schema. Blocking."""
    migrate(settings.resolved_database_url)
    engine.migrate(settings.resolved_database_url)
