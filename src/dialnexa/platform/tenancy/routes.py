"""The workspace over HTTP: its limits (contract B.12)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.platform.http import Db, Principal, Requires, Router
from dialnexa.platform.tenancy import audit_routes, key_routes, kyc_routes, service
from dialnexa.platform.tenancy.schemas import LimitsIn, LimitsOut

workspace = Router(tags=["Workspace"])

CountActive = Callable[[AsyncSession, str], Awaitable[int]]
"""Counts the calls a workspace holds now: calls know that, tenancy does not."""

Reader = Annotated[Principal, Requires("workspace:read")]
Writer = Annotated[Principal, Requires("workspace:write")]


def _count_active(request: Request) -> CountActive:
    return request.app.state.count_active


Active = Annotated[CountActive, Depends(_count_active)]


@workspace.get("/workspace/limits", summary="Get limits and their use")
async def get_limits(who: Reader, database: Db, active: Active) -> LimitsOut:
    """Return how many calls the workspace may hold at once, holds now, and held at most."""
    async with database.read() as session:
        limit = await service.limit(session, who.workspace_id)
        return LimitsOut.of(limit, await active(session, who.workspace_id))


@workspace.patch("/workspace/limits", summary="Set limits")
async def set_limits(body: LimitsIn, who: Writer, database: Db, active: Active) -> LimitsOut:
    """Set the concurrency limit. Calls that run are not cut when it sinks below their number."""
    who.may_change(live=True, what="the limits of a workspace")
    async with database.write() as session:
        limit = await service.limit(session, who.workspace_id)
        limit.max_concurrent = body.concurrency_limit
        return LimitsOut.of(limit, await active(session, who.workspace_id))


router = APIRouter()
for part in (workspace, key_routes.router, kyc_routes.router, audit_routes.router):
    router.include_router(part)
