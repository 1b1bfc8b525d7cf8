"""Finding the calls of a list, and how many there are, without reading a million rows for it.

A list is read along one index: that of the most selective filter, or else that of time. All of them end with the time,
so the wanted page is a walk of as many entries as it has calls, and dates only say where to begin. Only numbers of
calls are found first, for skipping is cheap as long as no row is read.

The total is exact wherever counting is cheap: when the page shows the end of the list, and when ``_COUNTED`` entries of
the index are all there are. Beyond that it is what is certain: at least so many, always more than the pages seen so
far, so that who walks page by page misses nothing. Keeping exact counts for every combination of filters would cost
each call more than anybody gains from knowing them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    Subquery,
    UnaryExpression,
    and_,
    case,
    func,
    literal,
    select,
    true,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from dialnexa.kit.pagination import Page
from dialnexa.platform.agents.models import AgentVersion
from dialnexa.platform.calls.models import Call, Recording
from dialnexa.platform.calls.search import Filters, Order, Wanted, read

_COUNTED = 2_000
"""Index entries looked at for a total: a few milliseconds on either database."""
_VERSIONS = 200
"""Versions that a part of a name may mean."""


@dataclass(frozen=True, slots=True)
class Found:
    """The calls of one page, in order, and how many the whole list has."""

    ids: Sequence[str]
    total: int
    exact: bool
    """Whether ``total`` is all; else there are at least so many."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose calls a list may show."""

    workspace_id: str
    livemode: bool


async def find(session: AsyncSession, scope: Scope, filters: Filters, page: Page, *, count: bool = True) -> Found:
    """Return one page of the calls a principal may see, newest first unless asked otherwise.

    Without ``count`` the total says only that there is more. Raises ``BadRequest`` for filters that cannot be read.
    """
    wanted = read(filters, await _named_versions(session, scope, filters.agent_version_name))
    if any(not values for values in wanted.words.values()):  # a list of no values matches nothing
        return Found((), 0, exact=True)
    ids = await _page(session, scope, wanted, filters, page.offset, page.limit + 1)
    shown = ids[: page.limit]
    known = page.offset + len(ids)
    if len(ids) <= page.limit and (ids or page.offset == 0):
        return Found(shown, known, exact=True)
    if not count:
        return Found(shown, known, exact=False)
    counted, exact = await _count(session, scope, wanted)
    return Found(shown, counted if exact else max(counted, known), exact)


async def calls(session: AsyncSession, ids: Sequence[str]) -> list[Call]:
    """Return calls by their ids, in that order."""
    rows = {call.id: call for call in await session.scalars(select(Call).where(Call.id.in_(ids)))} if ids else {}
    return [rows[one] for one in ids if one in rows]


async def marks(session: AsyncSession, ids: Sequence[str]) -> list[tuple[object, ...]]:
    """Return, for calls by their ids, what changes whenever their call log does."""
    query = (
        select(Call.id, Call.state, Call.analyzed_at, Call.redacted_at, Recording.id, Recording.erase_since)
        .outerjoin(Recording, (Recording.call_id == Call.id) & (Recording.kind == "call") & (Recording.bytes > 0))
        .where(Call.id.in_(ids))
    )
    rows = {row[0]: tuple(cast(Row[Any], row)) for row in await session.execute(query)} if ids else {}
    return [rows[one] for one in ids if one in rows]


async def _named_versions(session: AsyncSession, scope: Scope, part: str | None) -> list[str] | None:
    if part is None:
        return None
    query = select(AgentVersion.id).where(
        AgentVersion.workspace_id == scope.workspace_id, AgentVersion.title.icontains(part, autoescape=True)
    )
    return list(await session.scalars(query.order_by(AgentVersion.id.desc()).limit(_VERSIONS)))


# --- the page --------------------------------------------------------------------------------------------------------


async def _page(
    session: AsyncSession, scope: Scope, wanted: Wanted, filters: Filters, offset: int, limit: int
) -> list[str]:
    if filters.duration is None:
        return await _walk(session, scope, wanted, (), filters.created_at or "desc", offset, limit)
    # Calls that lasted come first either way, and those without a duration last, newest first.
    lasted = (Call.duration_ms > 0,)
    ids = await _by_duration(session, scope, wanted, filters.duration, offset, limit)
    if len(ids) == limit:
        return ids
    before = offset + len(ids) if ids else await _exactly(session, scope, wanted, lasted)
    empty = (func.coalesce(Call.duration_ms, 0) == 0,)
    rest = max(0, offset - before)
    order = filters.created_at or "desc"
    return ids + await _walk(session, scope, wanted, empty, order, rest, limit - len(ids))


async def _by_duration(
    session: AsyncSession, scope: Scope, wanted: Wanted, order: Order, offset: int, limit: int
) -> list[str]:
    where = (*_base(scope, wanted), *_fits(wanted, ()), Call.duration_ms > 0)
    columns = (Call.duration_ms, Call.created_at, Call.id)
    keys = [column.asc() if order == "asc" else column.desc() for column in columns]
    return list(await session.scalars(select(Call.id).where(*where).order_by(*keys).offset(offset).limit(limit)))


async def _walk(
    session: AsyncSession,
    scope: Scope,
    wanted: Wanted,
    further: Sequence[ColumnElement[bool]],
    order: Order,
    offset: int,
    limit: int,
) -> list[str]:
    """Return ids in order of time: along one index, or merged from as many walks as the leading filter has values."""
    branches = _branches(scope, wanted, further)
    if len(branches) == 1:
        query = select(Call.id).where(*branches[0]).order_by(*_time_order(Call.created_at, Call.id, order))
        return list(await session.scalars(query.offset(offset).limit(limit)))
    parts = [
        select(Call.id, Call.created_at)
        .where(*branch)
        .order_by(*_time_order(Call.created_at, Call.id, order))
        .limit(offset + limit)
        .subquery()
        for branch in branches
    ]
    merged = union_all(*(select(part.c.id, part.c.created_at) for part in parts)).subquery()
    query = select(merged.c.id).order_by(*_time_order(merged.c.created_at, merged.c.id, order))
    return list(await session.scalars(query.offset(offset).limit(limit)))


def _branches(
    scope: Scope, wanted: Wanted, further: Sequence[ColumnElement[bool]]
) -> list[tuple[ColumnElement[bool], ...]]:
    """Return the conditions of each walk: one for each value of the leading filter."""
    leading = wanted.leading
    common = (*_base(scope, wanted), *further)
    if leading is None or leading == "id":
        return [(*common, *_fits(wanted, ()))]
    rest = _fits(wanted, (leading,))
    return [(*common, _column(leading) == value, *rest) for value in wanted.words[leading]]


def _base(scope: Scope, wanted: Wanted) -> tuple[ColumnElement[bool], ...]:
    return (Call.workspace_id == scope.workspace_id, Call.livemode == scope.livemode, *wanted.times)


def _fits(wanted: Wanted, without: Sequence[str]) -> tuple[ColumnElement[bool], ...]:
    """Return all conditions but those of some columns."""
    words = (_column(name).in_(values) for name, values in wanted.words.items() if name not in without)
    return (*words, *wanted.others)


def _column(name: str) -> InstrumentedAttribute[Any]:
    return getattr(Call, name)


def _time_order(
    moment: ColumnElement[datetime] | InstrumentedAttribute[datetime],
    id_: ColumnElement[str] | InstrumentedAttribute[str],
    order: Order,
) -> list[UnaryExpression[Any]]:
    return [moment.asc(), id_.asc()] if order == "asc" else [moment.desc(), id_.desc()]


# --- the total -------------------------------------------------------------------------------------------------------


async def _count(session: AsyncSession, scope: Scope, wanted: Wanted) -> tuple[int, bool]:
    """Return how many calls fit among the first ``_COUNTED`` entries of the index, and whether those are all."""
    leading = wanted.leading
    by_value = leading is not None and leading != "id"
    rest = _fits(wanted, (leading,) if by_value and leading else ())
    values: Sequence[str | None] = wanted.words[leading] if by_value and leading else (None,)
    total, exact = 0, True
    for value in values:
        where = [*_base(scope, wanted)]
        if value is not None and leading:
            where.append(_column(leading) == value)
        fitting, seen = (await session.execute(_tally(_sample(where, rest)))).one()
        total += fitting or 0
        exact = exact and seen <= _COUNTED
    return total, exact


def _sample(where: Sequence[ColumnElement[bool]], rest: Sequence[ColumnElement[bool]]) -> Subquery:
    fits = case((and_(true(), *rest), 1), else_=0) if rest else literal(1)
    newest = _time_order(Call.created_at, Call.id, "desc")
    return select(fits.label("fits")).where(*where).order_by(*newest).limit(_COUNTED + 1).subquery()


def _tally(sample: Subquery) -> Select[int, int]:
    return select(func.sum(sample.c.fits), func.count()).select_from(sample)


async def _exactly(session: AsyncSession, scope: Scope, wanted: Wanted, further: Sequence[ColumnElement[bool]]) -> int:
    where = (*_base(scope, wanted), *_fits(wanted, ()), *further)
    return await session.scalar(select(func.count()).select_from(Call).where(*where)) or 0
