"""Handing out: every fresh event gets its place in the stream, and a planned delivery for each webhook that wants it.

Events are found by being unplaced, not by counting on from the last number: on PostgreSQL a transaction that took its
number early may commit late, and a counter would step over it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import bindparam, exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.ids import new_id
from dialnexa.platform.agents.models import AgentVersion
from dialnexa.platform.database import table_of
from dialnexa.platform.webhooks.models import Delivery, Event, EventStream, Webhook
from dialnexa.platform.webhooks.names import chosen

BATCH = 200
"""Events handed out in one transaction."""

_HOLD = select(EventStream.last_position).with_for_update()
_fresh = (
    select(Event.seq, func.row_number().over(order_by=Event.seq).label("nth"))
    .where(Event.position.is_(None))
    .order_by(Event.seq)
    .limit(bindparam("most"))
    .subquery("fresh")
)
_events, _stream = table_of(Event), table_of(EventStream)
_PLACE = (
    update(_events)
    .where(_events.c.seq == _fresh.c.seq)
    .values(position=bindparam("last") + _fresh.c.nth)
    .returning(_events.c.seq, _events.c.workspace_id)
)
_PLACED = update(_stream).values(last_position=bindparam("last"))


async def anything_fresh(session: AsyncSession) -> bool:
    """Tell whether there are events to hand out."""
    return bool(await session.scalar(select(exists().where(Event.position.is_(None)))))


async def hand_out(session: AsyncSession, *, now: datetime) -> int:
    """Place the oldest fresh events and plan their deliveries; return how many events there were.

    Where nobody listens, what the events say is not even read.
    """
    last = await session.scalar(_HOLD)
    assert last is not None  # the migration put the one row there
    placed = (await session.execute(_PLACE, {"last": last, "most": BATCH})).all()
    if not placed:
        return 0
    await session.execute(_PLACED, {"last": last + len(placed)})
    webhooks = await _listening(session, {workspace_id for _, workspace_id in placed})
    if webhooks:
        heard = {webhook.workspace_id for webhook in webhooks}
        plans = await _plans(session, webhooks, [seq for seq, workspace_id in placed if workspace_id in heard], now)
        if plans:
            await session.execute(insert(Delivery), plans)
    return len(placed)


def planned(webhook: Webhook, event: Event, name: str, *, now: datetime, lane: str | None = None) -> dict[str, object]:
    """Return the row of a first attempt, due at once."""
    return {
        "id": new_id("dlv"),
        "workspace_id": webhook.workspace_id,
        "webhook_id": webhook.id,
        "event_id": event.id,
        "event": name,
        "call_id": event.call_id,
        "lane": lane or event.call_id or event.id,
        "position": event.position,
        "status": "pending",
        "retry_attempt": 0,
        "due_at": now,
        "created_at": now,
    }


def wanted(webhook: Webhook, event: Event, agents: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return the name under which a webhook wants an event, ``None`` when it does not.

    ``agents`` has, by agent version, what its settings say of webhooks.
    """
    call = about(event)
    agent = agents.get(str(call.get("agent_version_id")), {})
    if agent.get("webhook_enabled") is False:
        return None
    name = chosen(webhook.events, event.type, busy=call.get("status") == "busy")
    if agent.get("webhook_id") == webhook.id:  # the agent names it: then it hears of this agent whatever it filters
        return name or event.type
    if webhook.agent_ids and call.get("agent_id") not in webhook.agent_ids:
        return None
    return name


def about(event: Event) -> dict[str, Any]:
    """Return the call, or the alert, that an event is about, whose ``agent_id`` webhooks filter by."""
    return cast(dict[str, Any], event.payload.get("call") or event.payload.get("alert") or {})


async def agents_of(session: AsyncSession, events: Sequence[Event]) -> dict[str, dict[str, Any]]:
    """Return, for the agent versions of these events, what their settings say of webhooks."""
    calls = [about(event) for event in events]
    versions = {str(call["agent_version_id"]) for call in calls if call.get("agent_version_id")}
    if not versions:
        return {}
    rows = await session.execute(select(AgentVersion.id, AgentVersion.config).where(AgentVersion.id.in_(versions)))
    return {
        identifier: {key: config[key] for key in ("webhook_id", "webhook_enabled") if key in config}
        for identifier, config in rows
    }


async def _plans(
    session: AsyncSession, webhooks: Sequence[Webhook], seqs: Collection[int], now: datetime
) -> list[dict[str, object]]:
    events = (await session.scalars(select(Event).where(Event.seq.in_(seqs)).order_by(Event.seq))).all()
    agents = await agents_of(session, events)
    return [
        planned(webhook, event, name, now=now)
        for event in events
        for webhook in webhooks
        if (webhook.workspace_id, webhook.livemode) == (event.workspace_id, event.livemode)
        and (name := wanted(webhook, event, agents)) is not None
    ]


async def _listening(session: AsyncSession, workspaces: Collection[str]) -> Sequence[Webhook]:
    return (await session.scalars(select(Webhook).where(Webhook.workspace_id.in_(workspaces), Webhook.is_active))).all()
