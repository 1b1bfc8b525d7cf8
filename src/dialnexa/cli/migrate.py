"""``dialnexa migrate``: bring the database to this version's schema."""

from __future__ import annotations

import typer

from dialnexa.cli.options import Data, settings_with
from dialnexa.cli.preparing import migrate_all


def migrate(data: Data = None) -> None:
    """Create or upgrade the tables; safe to run again."""
    settings = settings_with(data=data)
    settings.data.mkdir(parents=True, exist_ok=True)
    migrate_all(settings)
    typer.echo("The database is up to date.")
