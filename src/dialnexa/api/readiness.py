"""Whether this process can do its work, part by part: what load balancers act on and people read."""

from __future__ import annotations

import asyncio
from functools import cache

import structlog
from sqlalchemy.exc import SQLAlchemyError

from dialnexa.platform import migrations
from dialnexa.platform.calls import nodes
from dialnexa.platform.database import Database

log = structlog.get_logger(__name__)

OK = "ok"
_PATIENCE_S = 3.0
"""A database that takes longer than this to say how it is counts as gone."""


async def parts(database: Database) -> dict[str, str]:
    """Return each part and how it is: ``ok``, or what is wrong with it and how to mend it."""
    try:
        async with asyncio.timeout(_PATIENCE_S), database.read() as session:
            connection = await session.connection()
            schema = await connection.run_sync(lambda sync: _schema(migrations.current(sync)))
            living = await nodes.living(session) if schema == OK else []
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        log.warning("not ready", error=repr(error))
        return {"database": "The database does not answer; is it up, and is DIALNEXA_DATABASE_URL right?"}
    taking = sum(not node.draining for node in living)
    workers = OK if taking else "No worker takes calls; they wait in the queue. Start one with `dialnexa worker`."
    return {"database": OK, "schema": schema} | ({"workers": workers} if schema == OK else {})


def _schema(revision: str | None) -> str:
    """Judge a database's revision. One we do not know is a newer program's: its changes are made to fit older ones."""
    known = _known()
    if revision is None or (revision in known and revision != known[0]):
        return f"The schema is at {revision or 'nothing'}, this program needs {known[0]}: run `dialnexa migrate`."
    return OK


@cache
def _known() -> tuple[str, ...]:
    return migrations.revisions()
