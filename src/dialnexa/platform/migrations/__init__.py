"""Brings a database to the newest schema. Alembic does the work; revisions lie in ``versions/``."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.pool import NullPool

HEAD = "head"
_VERSIONS = "alembic_version"


class WrongSchema(Exception):
    """The database has a schema that this version cannot use; the message says what to do."""


def migrate(url: str, revision: str = HEAD) -> None:
    """Upgrade the database at an SQLAlchemy URL; safe to call at every start and by several processes at once.

    It uses the blocking drivers (sqlite3, psycopg), so it may be called with or without an event loop. Raises
    ``WrongSchema`` when a newer version has migrated the database already.
    """
    check(revision_of(url))
    command.upgrade(_config(url), revision)


def downgrade(url: str, revision: str) -> None:
    """Take the schema back to a revision (``base`` empties the database)."""
    command.downgrade(_config(url), revision)


def revisions() -> tuple[str, ...]:
    """Return all revisions this program knows, the newest first."""
    scripts = ScriptDirectory.from_config(_config("sqlite://"))
    return tuple(script.revision for script in scripts.walk_revisions())


def current(connection: Connection) -> str | None:
    """Return the revision a database is at, ``None`` when it has no tables of ours."""
    # Alembic's own question logs two lines each time, and readiness is asked every few seconds.
    if not inspect(connection).has_table(_VERSIONS):
        return None
    return connection.scalar(text(f"SELECT version_num FROM {_VERSIONS}"))


def revision_of(url: str) -> str | None:
    """Return the revision a database has; ``None`` when it has no tables of ours, or is not there."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").exists():
        return None
    engine = create_engine(sync_url(url), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            return current(connection)
    finally:
        engine.dispose()


def check(revision: str | None) -> None:
    """Raise ``WrongSchema`` for a revision this version does not know, which a newer one must have made."""
    known = revisions()
    if revision is not None and revision not in known:
        raise WrongSchema(
            f"This database was last used by a newer DialNexa: its schema is {revision}, the newest this version knows "
            f"is {known[0]}. Install the newer version again, or restore a backup made before it."
        )


def require_current(url: str) -> None:
    """Raise ``WrongSchema`` unless a database has exactly the schema of this version."""
    revision, newest = revision_of(url), revisions()[0]
    check(revision)
    if revision != newest:
        raise WrongSchema(
            f"This database has the schema {revision or 'of nobody yet'}, this version needs {newest}. "
            "Run `dialnexa migrate` once, then start again."
        )


def sync_url(url: str) -> str:
    """Name the blocking driver in a database URL."""
    parsed = make_url(url)
    driver = {"sqlite": "sqlite+pysqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
    return parsed.set(drivername=driver[parsed.get_backend_name()]).render_as_string(hide_password=False)


def _config(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", "dialnexa.platform:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = sync_url(url)
    return config
