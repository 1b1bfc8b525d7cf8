"""``dialnexa migrate``: bring the database to this version's schema."""

from __future__ import annotations

import typer

from dialnexa.cli.options import Data, settings_with
from dialnexa.platform.migrations import migrate as run_migrations


def migrate(data: Data = None) -> None:
    """Create or upgrade the tables; safe to run again."""
    settings = settings_with(data=data)
    settings.data.mkdir(parents=True, exist_ok=True)
    run_migrations(settings.resolved_database_url)
    typer.echo("The database is up to date.")
