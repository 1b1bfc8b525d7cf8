"""``dialnexa migrate``: bring the database to this version's schema, or back to that of an older one."""

from __future__ import annotations

from typing import Annotated

import typer

from dialnexa.cli.mistakes import Mistake
from dialnexa.cli.options import Data, settings_with
from dialnexa.cli.preparing import migrate_all
from dialnexa.platform.migrations import downgrade, revision_of


def migrate(
    data: Data = None,
    back_to: Annotated[
        str | None,
        typer.Option("--back-to", help="Take the schema back to this revision, for an older version; stop all first."),
    ] = None,
) -> None:
    """Create or upgrade the tables; safe to run again."""
    settings = settings_with(data=data)
    settings.data.mkdir(parents=True, exist_ok=True)
    if back_to is None:
        migrate_all(settings)
        typer.echo("The database is up to date.")
        return
    current = revision_of(settings.resolved_database_url)
    if current is None or not back_to.isdecimal() or not 0 < int(back_to) < int(current):
        raise Mistake(f"--back-to must name a revision before {current or 'the first'}, such as 0012.")
    downgrade(settings.resolved_database_url, back_to)
    typer.echo(
        f"The database is back at {back_to}. Start the older version, or `dialnexa migrate` to go forward again."
    )
