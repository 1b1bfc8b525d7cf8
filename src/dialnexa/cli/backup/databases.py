"""What is in the database, as files, and back: each kind of database its own way, while others go on using it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import psycopg
from psycopg import sql
from sqlalchemy import MetaData, create_engine, inspect, make_url
from sqlalchemy.pool import NullPool

from dialnexa import engine
from dialnexa.cli.mistakes import Mistake
from dialnexa.platform.migrations import migrate, sync_url

SQLITE_FILE = "database/dialnexa.db"
_ENGINE_SCHEMA = "dbos"
_KEPT_AS_THEY_ARE = {"alembic_version", "dbos_migrations"}
"""Tables that tell which schema a database has; restoring makes that schema first."""


@dataclass(frozen=True, slots=True)
class Dump:
    """One table as a file, in PostgreSQL's text format of COPY."""

    schema: str
    table: str
    columns: list[str]

    @property
    def file(self) -> str:
        """Where it lies in the backup."""
        return f"database/{self.schema}.{self.table}.copy"

    @property
    def identifier(self) -> sql.Identifier:
        """The table's name in SQL; our own tables lie in whichever schema the connection uses."""
        return sql.Identifier(self.schema, self.table) if self.schema else sql.Identifier(self.table)

    @property
    def fields(self) -> sql.Composed:
        """The columns in SQL."""
        return sql.SQL(", ").join(map(sql.Identifier, self.columns))


def sqlite_path(url: str) -> Path:
    """Return the file of an SQLite database."""
    return Path(make_url(url).database or "")


def copy_sqlite(url: str, target: Path) -> None:
    """Copy an SQLite database as it is at one moment, with the engine's tables; nobody has to wait for it."""
    path = sqlite_path(url)
    if not path.exists():
        raise Mistake(f"There is no database at {path}. Name the installation's folder with --data.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it


def check_sqlite(file: Path) -> None:
    """Raise ``Mistake`` when a copied database is not sound."""
    with closing(sqlite3.connect(file)) as connection:
        (verdict,) = connection.execute("PRAGMA quick_check").fetchone()
    if verdict != "ok":
        raise Mistake(f"The database in the backup is damaged ({verdict}). Nothing was restored.")


def copy_postgresql(url: str, folder: Path) -> list[dict[str, Any]]:
    """Write every table into a file, all as they are at one moment; return what ``fill_postgresql`` needs to know."""
    dumps = _tables(url)
    if not dumps:
        raise Mistake("This database has no tables yet, so there is nothing to back up.")
    with psycopg.connect(_plain(url)) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        for dump in dumps:
            statement = sql.SQL("COPY {} ({}) TO STDOUT").format(dump.identifier, dump.fields)
            _copy_out(connection, statement, folder / dump.file)
    return [{"schema": dump.schema, "table": dump.table, "columns": dump.columns} for dump in dumps]


def fill_postgresql(url: str, folder: Path, revision: str, tables: list[dict[str, Any]]) -> None:
    """Make the schema a backup was taken of in an empty database, and fill it in one transaction."""
    migrate(url, revision)
    engine.migrate(url)
    known = {(dump.schema, dump.table): dump for dump in _tables(url)}
    dumps = [Dump(**each) for each in tables]
    if strange := [dump.file for dump in dumps if (dump.schema, dump.table) not in known]:
        raise Mistake(f"This version does not know the tables of {', '.join(strange)}; restore with a newer one.")
    order = {key: place for place, key in enumerate(known)}
    with psycopg.connect(_plain(url)) as connection:
        everything = sql.SQL(", ").join(dump.identifier for dump in known.values())
        connection.execute(sql.SQL("TRUNCATE {} CASCADE").format(everything))
        for dump in sorted(dumps, key=lambda each: order[each.schema, each.table]):
            statement = sql.SQL("COPY {} ({}) FROM STDIN").format(dump.identifier, dump.fields)
            _copy_in(connection, statement, folder / dump.file)
            _continue_numbering(connection, dump)


def is_empty(url: str) -> bool:
    """Tell whether a PostgreSQL database has no tables of ours."""
    database = create_engine(sync_url(url), poolclass=NullPool)
    try:
        with database.connect() as connection:
            found = inspect(connection)
            return not found.get_table_names() and _ENGINE_SCHEMA not in found.get_schema_names()
    finally:
        database.dispose()


def _tables(url: str) -> list[Dump]:
    """Return all tables, ours and the engine's, those that others refer to first."""
    database, found = create_engine(sync_url(url), poolclass=NullPool), list[Dump]()
    try:
        for schema in ("", _ENGINE_SCHEMA):
            metadata = MetaData(schema=schema or None)
            metadata.reflect(database)
            for table in metadata.sorted_tables:
                if table.name not in _KEPT_AS_THEY_ARE and (table.schema or "") == schema:
                    columns = [column.name for column in table.columns if column.computed is None]
                    found.append(Dump(schema, table.name, columns))
    finally:
        database.dispose()
    return found


def _copy_out(connection: psycopg.Connection[Any], statement: sql.Composed, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as output, connection.cursor() as cursor, cursor.copy(statement) as rows:
        for data in rows:
            output.write(data)


def _copy_in(connection: psycopg.Connection[Any], statement: sql.Composed, file: Path) -> None:
    with file.open("rb") as content, connection.cursor() as cursor, cursor.copy(statement) as rows:
        while data := content.read(1 << 20):
            rows.write(data)


def _continue_numbering(connection: psycopg.Connection[Any], dump: Dump) -> None:
    """Let the numbers of new rows begin after those that were restored."""
    name = f"{dump.schema}.{dump.table}" if dump.schema else dump.table
    for column in dump.columns:
        row = connection.execute("SELECT pg_get_serial_sequence(%s, %s)", (name, column)).fetchone()
        sequence = cast(Mapping[int, str | None], row or {0: None})[0]
        if sequence is not None:
            last = sql.SQL("SELECT setval(%s, coalesce(max({}), 0) + 1, false) FROM {}")
            connection.execute(last.format(sql.Identifier(column), dump.identifier), (sequence,))


def _plain(url: str) -> str:
    """Return a database URL as libpq reads it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
