"""Limits and their use over HTTP (contract B.12)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from dialnexa.kit.clock import iso
from dialnexa.platform.calls import limits
from dialnexa.platform.calls.limits import Of, Use, Uses
from dialnexa.platform.http import Body, Db, Principal, Requires, Router

router = Router(tags=["Workspace"])

Reader = Annotated[Principal, Requires("workspace:read")]
Writer = Annotated[Principal, Requires("workspace:write")]
Calls = Annotated[int, Field(ge=0, le=100_000)]


class FurtherLimitIn(Body):
    """The limit of an account, a number or a trunk."""

    of: Of
    id: Annotated[str, Field(max_length=255)]
    max_concurrent: Calls | None
    """Null takes the limit away."""


class LimitsIn(Body):
    """New limits; what is left out stays as it is."""

    concurrency_limit: Calls | None = None
    """Of the whole workspace."""
    limits: Annotated[list[FurtherLimitIn], Field(max_length=100)] = Field(default_factory=list[FurtherLimitIn])


class FurtherLimitOut(BaseModel):
    """The limit of an account, a number or a trunk, and its use."""

    of: Of | Literal["workspace"]
    id: str
    max_concurrent: int
    active_calls: int
    peak: int
    peak_at: str | None

    @classmethod
    def of_use(cls, use: Use) -> FurtherLimitOut:
        """Describe a limit."""
        return cls(
            of=use.of,
            id=use.id,
            max_concurrent=use.max_concurrent,
            active_calls=use.active,
            peak=use.peak,
            peak_at=iso(use.peak_at) if use.peak_at else None,
        )


class DayPeak(BaseModel):
    """The most calls held at once on one day (UTC)."""

    date: str
    peak: int


class LimitsOut(BaseModel):
    """How many calls a workspace may hold at once, holds now, and held at most."""

    concurrency_limit: int
    active_calls: int
    peak: int
    peak_at: str | None
    peaks: list[DayPeak]
    """Of the last days with calls, newest first."""
    limits: list[FurtherLimitOut]
    """Of accounts, numbers and trunks that have one."""

    @classmethod
    def of(cls, uses: Uses) -> LimitsOut:
        """Describe all limits of a workspace."""
        own = FurtherLimitOut.of_use(uses.workspace)
        return cls(
            concurrency_limit=own.max_concurrent,
            active_calls=own.active_calls,
            peak=own.peak,
            peak_at=own.peak_at,
            peaks=[DayPeak(date=day.day, peak=day.peak) for day in uses.days],
            limits=[FurtherLimitOut.of_use(use) for use in uses.further],
        )


@router.get("/workspace/limits", summary="Get limits and their use")
async def get_limits(who: Reader, database: Db) -> LimitsOut:
    """Return how many calls may be held at once, are held now, and were held at most."""
    async with database.read() as session:
        return LimitsOut.of(await limits.uses(session, who.workspace_id))


@router.patch("/workspace/limits", summary="Set limits")
async def set_limits(body: LimitsIn, who: Writer, database: Db) -> LimitsOut:
    """Set limits of the workspace, or of its accounts, numbers and trunks. Calls that run are not cut."""
    who.may_change(live=True, what="the limits of a workspace")
    async with database.write() as session:
        if body.concurrency_limit is not None:
            await limits.set_workspace(session, who.workspace_id, body.concurrency_limit)
        for one in body.limits:
            await limits.set_further(session, who.workspace_id, one.of, one.id, one.max_concurrent)
        await session.flush()
        return LimitsOut.of(await limits.uses(session, who.workspace_id))
