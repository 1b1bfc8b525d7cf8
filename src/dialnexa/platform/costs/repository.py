"""All queries of costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from sqlalchemy import ColumnElement, Date, delete, func, insert, select
from sqlalchemy import cast as sql_cast
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.platform.costs.models import CallCost, PriceList

Group = Literal["day", "agent", "component"]


@dataclass(frozen=True, slots=True)
class Period:
    """Whose calls of which time; ``None`` is no bound."""

    workspace_id: str
    livemode: bool
    start: datetime | None
    end: datetime | None


async def valid_at(session: AsyncSession, workspace_id: str, moment: datetime) -> PriceList | None:
    """Return the price list of a moment; of two that begin together the later one."""
    query = (
        select(PriceList)
        .where(PriceList.workspace_id == workspace_id, PriceList.valid_from <= moment)
        .order_by(PriceList.valid_from.desc(), PriceList.id.desc())
        .limit(1)
    )
    return await session.scalar(query)


async def all_lists(session: AsyncSession, workspace_id: str, limit: int) -> Sequence[PriceList]:
    """Return the price lists, the latest first."""
    query = select(PriceList).where(PriceList.workspace_id == workspace_id)
    return (await session.scalars(query.order_by(PriceList.valid_from.desc(), PriceList.id.desc()).limit(limit))).all()


async def replace_costs(session: AsyncSession, call_id: str, rows: Sequence[dict[str, object]]) -> None:
    """Write what a call cost by component, instead of what was written before."""
    await session.execute(delete(CallCost).where(CallCost.call_id == call_id))
    if rows:
        await session.execute(insert(CallCost), rows)


async def sums(session: AsyncSession, period: Period, group: Group | None) -> list[tuple[str | None, str, int]]:
    """Return group, currency and millionths of what calls of a period cost."""
    columns: dict[str, ColumnElement[Any]] = {
        "day": func.date(CallCost.at) if _is_sqlite(session) else sql_cast(func.timezone("UTC", CallCost.at), Date),
        "agent": cast("ColumnElement[Any]", CallCost.agent_id),
        "component": cast("ColumnElement[Any]", CallCost.component),
    }
    where = [CallCost.workspace_id == period.workspace_id, CallCost.livemode == period.livemode]
    if period.start is not None:
        where.append(CallCost.at >= period.start)
    if period.end is not None:
        where.append(CallCost.at <= period.end)
    total = func.sum(CallCost.millionths)
    if group is None:
        rows = await session.execute(select(CallCost.currency, total).where(*where).group_by(CallCost.currency))
        return [(None, row[0], int(row[1])) for row in rows]
    key = columns[group]
    query = select(key, CallCost.currency, total).where(*where).group_by(key, CallCost.currency).order_by(key)
    return [(None if row[0] is None else str(row[0]), row[1], int(row[2])) for row in await session.execute(query)]


def _is_sqlite(session: AsyncSession) -> bool:
    return session.get_bind().dialect.name == "sqlite"
