"""Brings a database to the newest schema. Alembic does the work; revisions lie in ``versions/``."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection, make_url

HEAD = "head"


def migrate(url: str, revision: str = HEAD) -> None:
    """Upgrade the database at an SQLAlchemy URL; safe to call at every start and by several processes at once.

    It uses the blocking drivers (sqlite3, psycopg), so it may be called with or without an event loop.
    """
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
    return MigrationContext.configure(connection).get_current_revision()


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
