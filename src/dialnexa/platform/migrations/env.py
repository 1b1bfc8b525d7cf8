"""Alembic runs this file to open the database and step through the revisions, all in one transaction."""

from __future__ import annotations

import sqlite3
from typing import Literal

from alembic import context
from sqlalchemy import JSON, Connection, create_engine, event, text
from sqlalchemy.pool import NullPool

from dialnexa.platform.database import UtcDateTime
from dialnexa.platform.migrations.tables import METADATA, described

_LOCK = 7261033
"""Advisory lock of migrations on PostgreSQL: an arbitrary number, the same in every process."""


def _render(kind: str, item: object, _context: object) -> str | Literal[False]:
    """Write our own column types by their names when a revision is generated."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "Moment"
    if kind == "type" and isinstance(item, JSON):
        return "Json"
    return False


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    # SQLite cannot alter most of a table in place; batch mode rebuilds it.
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        render_as_batch=True,
        render_item=_render,
        include_name=described,
    )
    context.run_migrations()


def _begin_by_hand(connection: sqlite3.Connection, _record: object) -> None:
    """Keep the driver from committing before each table it makes."""
    connection.isolation_level = None


def _take_write_lock(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _run() -> None:
    engine = create_engine(context.config.attributes["url"], poolclass=NullPool)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _begin_by_hand)
        event.listen(engine, "begin", _take_write_lock)
    with engine.begin() as connection:
        _upgrade(connection)
    engine.dispose()


_run()
