"""Retention over HTTP: how long the workspace keeps what its calls leave behind."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from dialnexa.platform.http import Db, Now, Principal, Requires, Router
from dialnexa.platform.retention import repository
from dialnexa.platform.retention.rules import Defaults
from dialnexa.platform.retention.schemas import RetentionIn, RetentionOut

router = Router(tags=["Workspace"])

Reader = Annotated[Principal, Requires("workspace:read")]
Writer = Annotated[Principal, Requires("workspace:write")]


async def _defaults(request: Request) -> Defaults:
    return request.app.state.retention


Operator = Annotated[Defaults, Depends(_defaults)]


@router.get("/workspace/retention", summary="Get how long things are kept")
async def get_retention(who: Reader, database: Db, defaults: Operator) -> RetentionOut:
    """Return after how many days recordings, transcripts, events, logs and SIP messages are removed."""
    async with database.read() as session:
        return RetentionOut.of(defaults, await repository.rules(session, who.workspace_id))


@router.patch("/workspace/retention", summary="Set how long things are kept")
async def set_retention(body: RetentionIn, who: Writer, database: Db, defaults: Operator, now: Now) -> RetentionOut:
    """Set rules of the workspace's own. What is too old by them is removed within about an hour, for good."""
    who.may_change(live=True, what="how long a workspace keeps things")
    async with database.write() as session:
        await repository.set_rules(session, who.workspace_id, body.changes(), now=now)
        return RetentionOut.of(defaults, await repository.rules(session, who.workspace_id))
