"""Limits and telephony rules over HTTP (contract B.11, B.12)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.platform.http import Db, Principal, Requires, Router
from dialnexa.platform.tenancy import service, telephony
from dialnexa.platform.tenancy.schemas import LimitsIn, LimitsOut, TelephonyIn, TelephonyOut
from dialnexa.platform.tenancy.telephony import TelephonyRules

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


@workspace.get("/telephony-config", summary="Get telephony rules")
async def get_telephony(who: Reader, database: Db) -> TelephonyOut:
    """Return where the workspace may call."""
    async with database.read() as session:
        return _telephony(await telephony.rules(session, who.workspace_id))


@workspace.patch("/telephony-config", summary="Set telephony rules")
async def set_telephony(body: TelephonyIn, who: Writer, database: Db) -> TelephonyOut:
    """Set where the workspace may call. Premium numbers are closed until `allow_premium` opens them."""
    who.may_change(live=True, what="where a workspace may call")
    async with database.write() as session:
        await telephony.hold(session, who.workspace_id)
        known = await telephony.rules(session, who.workspace_id)
        wanted = TelephonyRules(
            known.blocked_prefixes if body.blocked_prefixes is None else tuple(body.blocked_prefixes),
            known.allow_premium if body.allow_premium is None else body.allow_premium,
        )
        await telephony.set_rules(session, who.workspace_id, wanted)
    return _telephony(wanted)


def _telephony(rules: TelephonyRules) -> TelephonyOut:
    return TelephonyOut(blocked_prefixes=list(rules.blocked_prefixes), allow_premium=rules.allow_premium)
