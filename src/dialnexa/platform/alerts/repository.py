"""All queries of alerts, and of what they watch."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.pagination import Page, Part
from dialnexa.platform.alerts.models import Alert
from dialnexa.platform.calls.models import Call
from dialnexa.platform.calls.states import CallState
from dialnexa.platform.costs.models import CallCost
from dialnexa.platform.tenancy.principal import Principal
from dialnexa.platform.webhooks.models import Delivery, Webhook

_LONGEST_CALL = timedelta(hours=3)
"""A call that ended within the window was placed at most this long before it; so the index by time serves."""


async def alert(session: AsyncSession, who: Principal, alert_id: str, *, lock: bool = False) -> Alert | None:
    """Return an alert of a workspace and mode."""
    query = select(Alert).where(*_of(who), Alert.id == alert_id)
    return await session.scalar(query.with_for_update() if lock else query)


async def alerts(session: AsyncSession, who: Principal, page: Page, state: str | None) -> Part[Alert]:
    """Return one page of the alerts, newest first."""
    where = [*_of(who), *([Alert.state == state] if state else [])]
    rows = select(Alert).where(*where).order_by(Alert.id.desc()).offset(page.offset).limit(page.limit)
    total = await session.scalar(select(func.count()).select_from(Alert).where(*where))
    return Part((await session.scalars(rows)).all(), total or 0)


async def count(session: AsyncSession, workspace_id: str) -> int:
    """Return how many alerts a workspace has, in both modes."""
    return await session.scalar(select(func.count()).where(Alert.workspace_id == workspace_id)) or 0


async def due(session: AsyncSession, *, before: datetime, limit: int) -> Sequence[Alert]:
    """Return alerts that were not looked at since a moment, the longest first."""
    query = (
        select(Alert)
        .where(Alert.is_active, or_(Alert.checked_at.is_(None), Alert.checked_at <= before))
        .order_by(Alert.checked_at.is_not(None), Alert.checked_at, Alert.id)
        .limit(limit)
    )
    return (await session.scalars(query)).all()


async def note(session: AsyncSession, seen: Alert, **changes: object) -> bool:
    """Write down how an alert stands; tell whether nobody else did, or changed it, since it was ``seen``."""
    untouched = Alert.checked_at.is_(None) if seen.checked_at is None else Alert.checked_at == seen.checked_at
    query = update(Alert).where(Alert.id == seen.id, untouched, Alert.updated_at == seen.updated_at).values(changes)
    result = await session.execute(query.execution_options(synchronize_session=False))
    return cast("CursorResult[Any]", result).rowcount == 1


# --- what is watched -------------------------------------------------------------------------------------------------


async def ended_calls(session: AsyncSession, alert: Alert, since: datetime) -> dict[str, int]:
    """Return how many calls ended since a moment, by state; those that were cancelled were no attempts."""
    query = select(Call.state, func.count()).where(*_ended(alert, since), Call.state != CallState.CANCELLED)
    return {str(row[0]): row[1] for row in await session.execute(query.group_by(Call.state))}


async def latencies(session: AsyncSession, alert: Alert, since: datetime) -> int:
    """Return how many calls that ended since a moment have a latency."""
    where = (*_ended(alert, since), Call.latency_ms.is_not(None))
    return await session.scalar(select(func.count()).select_from(Call).where(*where)) or 0


async def latency_at(session: AsyncSession, alert: Alert, since: datetime, place: int) -> int | None:
    """Return the latency at a place, from 0, of all in rising order."""
    query = select(Call.latency_ms).where(*_ended(alert, since), Call.latency_ms.is_not(None))
    return await session.scalar(query.order_by(Call.latency_ms).offset(place).limit(1))


async def spent(session: AsyncSession, alert: Alert, since: datetime) -> int:
    """Return what calls placed since a moment cost, in millionths; of several currencies the one with the most."""
    where = [CallCost.workspace_id == alert.workspace_id, CallCost.livemode == alert.livemode, CallCost.at >= since]
    if alert.agent_id:
        where.append(CallCost.agent_id == alert.agent_id)
    rows = await session.scalars(select(func.sum(CallCost.millionths)).where(*where).group_by(CallCost.currency))
    return max((int(amount) for amount in rows), default=0)


async def given_up(session: AsyncSession, alert: Alert, since: datetime) -> int:
    """Return how many deliveries were given up since a moment, and not sent again."""
    mine = select(Webhook.id).where(Webhook.workspace_id == alert.workspace_id, Webhook.livemode == alert.livemode)
    query = select(func.count()).where(
        Delivery.workspace_id == alert.workspace_id, Delivery.dead_at >= since, Delivery.webhook_id.in_(mine)
    )
    return await session.scalar(query) or 0


def _of(who: Principal) -> Collection[ColumnElement[bool]]:
    return [Alert.workspace_id == who.workspace_id, Alert.livemode.is_(who.livemode)]


def _ended(alert: Alert, since: datetime) -> list[ColumnElement[bool]]:
    where = [
        Call.workspace_id == alert.workspace_id,
        Call.livemode == alert.livemode,
        Call.created_at >= since - _LONGEST_CALL,
        Call.ended_at >= since,
    ]
    return [*where, Call.agent_id == alert.agent_id] if alert.agent_id else where
