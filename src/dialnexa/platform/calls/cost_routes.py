"""What the calls of a period cost, over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from dialnexa.kit.clock import iso
from dialnexa.platform.calls import repository
from dialnexa.platform.calls.search import moment
from dialnexa.platform.costs import service as costs
from dialnexa.platform.costs.repository import Group, Period
from dialnexa.platform.costs.schemas import CostsOut
from dialnexa.platform.http import Db, Principal, Requires, Router

router = Router(tags=["Calls"])

Reader = Annotated[Principal, Requires("calls:read")]


@router.get("/calls/costs", summary="Sum up costs")
async def get_costs(
    who: Reader,
    database: Db,
    start_date: Annotated[str | None, Query(description="A date or a time, UTC.")] = None,
    end_date: Annotated[str | None, Query(description="A date, whole, or a time, UTC.")] = None,
    group_by: Annotated[Group | None, Query(description="Also sum up by this.")] = None,
) -> CostsOut:
    """Return how many calls were placed in a period, how long they lasted, and what they cost."""
    start = None if start_date is None else moment("start_date", start_date)
    end = None if end_date is None else moment("end_date", end_date, end_of_day=True)
    period = Period(who.workspace_id, who.livemode, start, end)
    async with database.read() as session:
        calls, talked_ms = await repository.talked(session, who.workspace_id, who.livemode, start, end)
        totals = await costs.lines(session, period, None)
        groups = [] if group_by is None else await costs.lines(session, period, group_by)
    return CostsOut(
        start=None if start is None else iso(start),
        end=None if end is None else iso(end),
        calls=calls,
        minutes=round(talked_ms / 60_000, 3),
        totals=totals,
        groups=groups,
    )
