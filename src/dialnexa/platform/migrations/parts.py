"""The parts most tables are made of, so that a migration says only what is its own.

Released migrations stand on these: what is here keeps its meaning for good, and something else gets another name.
Constraints without a name get theirs by the convention of ``platform.database``.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

WORD: sa.types.TypeEngine[str] = sa.String(length=255)
TEXT: sa.types.TypeEngine[str] = sa.Text()
NUMBER: sa.types.TypeEngine[int] = sa.Integer()
BIG_NUMBER: sa.types.TypeEngine[int] = sa.BigInteger()
FLAG: sa.types.TypeEngine[bool] = sa.Boolean()


def columns(kind: sa.types.TypeEngine[Any], *names: str, optional: bool = False) -> list[sa.Column[Any]]:
    """Return columns of one kind, in this order; ``optional`` ones may be null."""
    return [sa.Column(name, kind, nullable=optional) for name in names]


def account() -> sa.ForeignKeyConstraint:
    """Return what ties a row to its account, within its workspace."""
    return within_workspace("account_id", "accounts")


def within_workspace(
    column: str, table: str, *, name: str | None = None, ondelete: str | None = None
) -> sa.ForeignKeyConstraint:
    """Return a reference to a row of the same workspace: none of another tenant's can be pointed at."""
    return sa.ForeignKeyConstraint(
        ["workspace_id", column], [f"{table}.workspace_id", f"{table}.id"], name=name, ondelete=ondelete
    )


def partial_index(name: str, table: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    """Create an index over the rows that ``where`` is true of."""
    only = sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=only, postgresql_where=only)
