"""All queries of webhooks but those of the queue: subscribers, the delivery log, the stream of events."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.pagination import Page, Part
from dialnexa.platform.agents.models import Agent
from dialnexa.platform.tenancy.principal import Principal
from dialnexa.platform.webhooks.models import Delivery, Event, EventStream, Webhook, WorkspaceSecret


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which deliveries a list shows; ``None`` means all."""

    webhook_id: str | None = None
    status: str | None = None
    event: str | None = None
    event_id: str | None = None
    call_id: str | None = None
    dead: bool = False


async def webhook(session: AsyncSession, who: Principal, webhook_id: str) -> Webhook | None:
    """Return a webhook of the principal's workspace and mode."""
    return await session.scalar(select(Webhook).where(Webhook.id == webhook_id, *_of(who)))


async def webhooks(session: AsyncSession, who: Principal, page: Page, *, is_active: bool | None) -> Part[Webhook]:
    """Return one page of webhooks, newest first."""
    where = [*_of(who), *([] if is_active is None else [Webhook.is_active.is_(is_active)])]
    found = select(Webhook).where(*where).order_by(Webhook.id.desc()).offset(page.offset).limit(page.limit)
    total = await session.scalar(select(func.count()).select_from(Webhook).where(*where))
    return Part((await session.scalars(found)).all(), total or 0)


async def workspace_secret(session: AsyncSession, who: Principal, *, lock: bool = False) -> WorkspaceSecret | None:
    """Return the secret of the principal's workspace and mode."""
    where = (WorkspaceSecret.workspace_id == who.workspace_id, WorkspaceSecret.livemode.is_(who.livemode))
    query = select(WorkspaceSecret).where(*where)
    return await session.scalar(query.with_for_update() if lock else query)


async def webhooks_without_secret(session: AsyncSession, who: Principal) -> Sequence[str]:
    """Return the webhooks that sign with their workspace's secret."""
    found = select(Webhook.id).where(*_of(who), Webhook.secret_sealed == "").order_by(Webhook.id)
    return (await session.scalars(found)).all()


async def remove(session: AsyncSession, webhook_id: str) -> None:
    """Take a webhook away, and its log with it."""
    await session.execute(delete(Webhook).where(Webhook.id == webhook_id))


async def known_agents(session: AsyncSession, workspace_id: str, agent_ids: Collection[str]) -> set[str]:
    """Return which of these agents the workspace has."""
    found = select(Agent.id).where(Agent.workspace_id == workspace_id, Agent.id.in_(agent_ids))
    return set(await session.scalars(found))


async def deliveries(session: AsyncSession, who: Principal, wanted: LogFilter, page: Page) -> Part[Delivery]:
    """Return one page of the delivery log, newest first."""
    where: list[ColumnElement[bool]] = [
        Delivery.workspace_id == who.workspace_id,
        Delivery.webhook_id.in_(select(Webhook.id).where(*_of(who))),
    ]
    for column, value in (
        (Delivery.webhook_id, wanted.webhook_id),
        (Delivery.status, wanted.status),
        (Delivery.event, wanted.event),
        (Delivery.event_id, wanted.event_id),
        (Delivery.call_id, wanted.call_id),
    ):
        if value is not None:
            where.append(column == value)
    if wanted.dead:
        where.append(Delivery.dead_at.is_not(None))
    found = select(Delivery).where(*where).order_by(Delivery.id.desc()).offset(page.offset).limit(page.limit)
    total = await session.scalar(select(func.count()).select_from(Delivery).where(*where))
    return Part((await session.scalars(found)).all(), total or 0)


async def delivery(session: AsyncSession, who: Principal, webhook_id: str, delivery_id: str) -> Delivery | None:
    """Return one attempt to reach a webhook of the principal's."""
    return await session.scalar(
        select(Delivery).where(
            Delivery.id == delivery_id,
            Delivery.webhook_id == webhook_id,
            Delivery.webhook_id.in_(select(Webhook.id).where(*_of(who))),
        )
    )


async def dead_letters(
    session: AsyncSession,
    who: Principal,
    *,
    limit: int,
    delivery_id: str | None = None,
    webhook_id: str | None = None,
) -> Sequence[tuple[Delivery, Webhook, Event | None]]:
    """Return dead letters, oldest first, each with its webhook and its event while that is kept; locks them."""
    query = (
        select(Delivery, Webhook, Event)
        .join(Webhook, Webhook.id == Delivery.webhook_id)
        .outerjoin(Event, Event.id == Delivery.event_id)
        .where(*_of(who), Delivery.workspace_id == who.workspace_id, Delivery.dead_at.is_not(None))
    )
    if delivery_id is not None:
        query = query.where(Delivery.id == delivery_id)
    if webhook_id is not None:
        query = query.where(Delivery.webhook_id == webhook_id)
    found = await session.execute(query.order_by(Delivery.id).limit(limit).with_for_update(of=Delivery))
    return cast(Sequence[tuple[Delivery, Webhook, Event | None]], found.all())


async def revive(session: AsyncSession, webhook_id: str, event_ids: Collection[str]) -> None:
    """Take these events off a webhook's dead letters."""
    await session.execute(
        update(Delivery)
        .where(Delivery.webhook_id == webhook_id, Delivery.event_id.in_(event_ids), Delivery.dead_at.is_not(None))
        .values(dead_at=None)
    )


async def event(session: AsyncSession, who: Principal, event_id: str) -> Event | None:
    """Return an event of the principal's workspace and mode."""
    return await session.scalar(select(Event).where(Event.id == event_id, *_seen_by(who)))


async def events_between(
    session: AsyncSession, who: Principal, start: datetime, end: datetime, *, limit: int, dead_for: str | None
) -> Sequence[Event]:
    """Return events in their order; with ``dead_for`` only those that are dead letters of that webhook."""
    where = [*_seen_by(who), Event.created_at >= start, Event.created_at <= end]
    if dead_for is not None:
        dead = select(Delivery.event_id).where(Delivery.webhook_id == dead_for, Delivery.dead_at.is_not(None))
        where.append(Event.id.in_(dead))
    found = select(Event).where(*where).order_by(Event.position).limit(limit)
    return (await session.scalars(found)).all()


async def events_after(
    session: AsyncSession,
    who: Principal,
    position: int,
    *,
    limit: int,
    types: Collection[str] = (),
    call_id: str | None = None,
) -> Sequence[Event]:
    """Return the events that come next in the stream."""
    where = [*_seen_by(who), Event.position > position]
    if types:
        where.append(Event.type.in_(types))
    if call_id is not None:
        where.append(Event.call_id == call_id)
    return (await session.scalars(select(Event).where(*where).order_by(Event.position).limit(limit))).all()


async def last_position(session: AsyncSession) -> int:
    """Return how far the stream has come."""
    return await session.scalar(select(EventStream.last_position)) or 0


def _of(who: Principal) -> list[ColumnElement[bool]]:
    return [Webhook.workspace_id == who.workspace_id, Webhook.livemode.is_(who.livemode)]


def _seen_by(who: Principal) -> list[ColumnElement[bool]]:
    """Events that were handed out, of one workspace and mode."""
    return [
        Event.workspace_id == who.workspace_id,
        Event.livemode.is_(who.livemode),
        Event.position.is_not(None),
    ]
