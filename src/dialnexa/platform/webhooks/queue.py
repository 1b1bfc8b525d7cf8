"""The queue of deliveries in SQL: taking what is due, and writing down how it went.

Taking a delivery moves ``due_at`` to when its sender must be dead; so if the sender does die, it is simply due again,
for whichever process comes first (at least once). Deliveries of one lane (webhook and call) go one after the other: one
that finds an earlier one pending is put off until that one's time, or until it is settled, whichever comes first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, cast

from sqlalchemy import Row, Update, bindparam, exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from dialnexa.kit.ids import new_id
from dialnexa.platform.webhooks.models import Delivery, Event, Webhook, WorkspaceSecret

LEASE_MARGIN = timedelta(seconds=10)
"""What a sender gets beyond the webhook's own timeout before others believe that it died."""
_CANDIDATES = 400
_LEAST_WAIT = timedelta(seconds=1)

Lane = tuple[str, str]
_Candidate = Row[str, str, str, int]


@dataclass(frozen=True, slots=True)
class Job:
    """A delivery taken: all that is needed to send it."""

    delivery: Delivery
    event: Event
    webhook: Webhook
    shared: WorkspaceSecret | None = None
    """The secret of the workspace, for webhooks without their own."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """How an attempt went."""

    delivery: Delivery
    status: Literal["succeeded", "failed"]
    at: datetime
    duration_ms: int | None
    """Empty when nothing was sent at all."""
    response_status: int | None = None
    response_body: str | None = None
    error_message: str | None = None
    url: str = ""
    """Where it was sent."""
    retry_at: datetime | None = None
    """When to try again; ``None`` after a failure makes it a dead letter."""


@dataclass(frozen=True, slots=True)
class Room:
    """How many deliveries may be taken."""

    total: int
    per_webhook: Mapping[str, int]
    """Room of webhooks that differ from the default; those with none are not looked at."""
    default: int
    full_workspaces: Collection[str] = ()


async def anything_due(session: AsyncSession, now: datetime) -> bool:
    """Tell whether a delivery waits to be sent."""
    return bool(await session.scalar(select(exists().where(Delivery.status == "pending", Delivery.due_at <= now))))


async def take(session: AsyncSession, room: Room, *, now: datetime) -> tuple[list[Job], bool]:
    """Take deliveries that are due; tell too whether it may be worth asking again at once."""
    found = await _candidates(session, room, now)
    if not found:
        return [], False
    heads = await _heads(session, found)
    free = [one for one in found if heads[one.webhook_id, one.lane][0] == one.position]
    taken = _fitting(free, room)
    jobs, unsendable = await _jobs(session, taken, now)
    until = {job.delivery.id: now + timedelta(milliseconds=job.webhook.timeout_ms) + LEASE_MARGIN for job in jobs}
    leased = {(job.webhook.id, job.delivery.lane): until[job.delivery.id] for job in jobs}
    for one in set(found) - set(free):
        lane = (one.webhook_id, one.lane)
        until[one.id] = max(leased.get(lane, heads[lane][1]), now + _LEAST_WAIT)
    await _move(session, until)
    await settle(session, unsendable)
    return jobs, bool(taken or len(free) < len(found))


async def settle(session: AsyncSession, attempts: Sequence[Attempt]) -> None:
    """Write attempts down, plan retries, and let the next of each lane go.

    What somebody else has settled meanwhile (our lease had run out) stays as it is.
    """
    pending = set(
        await session.scalars(
            select(Delivery.id)
            .where(Delivery.id.in_([attempt.delivery.id for attempt in attempts]), Delivery.status == "pending")
            .order_by(Delivery.id)
            .with_for_update()
        )
    )
    ours = [attempt for attempt in attempts if attempt.delivery.id in pending]
    if not ours:
        return
    await _log(session, ours)
    retries = [_retry(attempt) for attempt in ours if attempt.retry_at is not None]
    if retries:
        await session.execute(insert(Delivery), retries)
    await _release(session, [attempt for attempt in ours if attempt.retry_at is None])
    await _note(session, ours)


async def give_back(session: AsyncSession, delivery_ids: Sequence[str], *, now: datetime) -> None:
    """Make deliveries that were taken, but not sent, due again."""
    await _move(session, dict.fromkeys(delivery_ids, now))


async def _candidates(session: AsyncSession, room: Room, now: datetime) -> Sequence[_Candidate]:
    full = [webhook for webhook, free in room.per_webhook.items() if free <= 0]
    query = select(Delivery.id, Delivery.webhook_id, Delivery.lane, Delivery.position).where(
        Delivery.status == "pending", Delivery.due_at <= now
    )
    if full:
        query = query.where(Delivery.webhook_id.not_in(full))
    if room.full_workspaces:
        query = query.where(Delivery.workspace_id.not_in(room.full_workspaces))
    query = query.order_by(Delivery.due_at, Delivery.position).limit(_CANDIDATES).with_for_update(skip_locked=True)
    return (await session.execute(query)).all()


async def _heads(session: AsyncSession, found: Sequence[_Candidate]) -> dict[Lane, tuple[int, datetime]]:
    """Return, for each lane, the position and time of its earliest delivery that is not settled yet."""
    first = (
        select(Delivery.webhook_id, Delivery.lane, func.min(Delivery.position).label("position"))
        .where(
            Delivery.status == "pending",
            Delivery.webhook_id.in_({one.webhook_id for one in found}),
            Delivery.lane.in_({one.lane for one in found}),
        )
        .group_by(Delivery.webhook_id, Delivery.lane)
        .subquery()
    )
    rows = await session.execute(
        select(Delivery.webhook_id, Delivery.lane, Delivery.position, Delivery.due_at).join(
            first,
            (Delivery.webhook_id == first.c.webhook_id)
            & (Delivery.lane == first.c.lane)
            & (Delivery.position == first.c.position)
            & (Delivery.status == "pending"),
        )
    )
    return {(webhook, lane): (position, due) for webhook, lane, position, due in rows}


def _fitting(free: Sequence[_Candidate], room: Room) -> list[str]:
    """Return the ids that fit into the room, fairly: no webhook gets more than its own."""
    taken, used = list[str](), Counter[str]()
    for one in free:
        if len(taken) < room.total and used[one.webhook_id] < room.per_webhook.get(one.webhook_id, room.default):
            used[one.webhook_id] += 1
            taken.append(one.id)
    return taken


async def _jobs(session: AsyncSession, taken: Sequence[str], now: datetime) -> tuple[list[Job], list[Attempt]]:
    """Return what was taken with all that sending needs, and apart from it what can no longer be sent."""
    shared = (WorkspaceSecret.workspace_id == Webhook.workspace_id) & (WorkspaceSecret.livemode == Webhook.livemode)
    rows = await session.execute(
        select(Delivery, Webhook, Event, WorkspaceSecret)  # the event may have been pruned
        .join(Webhook, Webhook.id == Delivery.webhook_id)
        .outerjoin(Event, Event.id == Delivery.event_id)
        .outerjoin(WorkspaceSecret, shared)
        .where(Delivery.id.in_(taken))
        .order_by(Delivery.due_at, Delivery.position)
    )
    jobs, unsendable = list[Job](), list[Attempt]()
    found = cast(Sequence[tuple[Delivery, Webhook, Event | None, WorkspaceSecret | None]], rows.all())
    for delivery, webhook, event, secret in found:
        if webhook.is_active and event is not None:
            jobs.append(Job(delivery, event, webhook, secret))
        else:
            why = "The webhook is switched off." if event is not None else "The event is no longer kept."
            unsendable.append(Attempt(delivery, "failed", now, None, error_message=why))
    return jobs, unsendable


async def _move(session: AsyncSession, until: Mapping[str, datetime]) -> None:
    if until:
        mine = (Delivery.id == bindparam("the_id"), Delivery.status == "pending")
        statement = update(Delivery).where(*mine).values(due_at=bindparam("later"))
        await _many(session, statement, [{"the_id": one, "later": later} for one, later in until.items()])


async def _log(session: AsyncSession, attempts: Sequence[Attempt]) -> None:
    columns = ("status", "attempted_at", "duration_ms", "response_status", "response_body", "error_message")
    columns += ("url", "dead_at")
    statement = (
        update(Delivery)
        .where(Delivery.id == bindparam("the_id"))
        .values({column: bindparam(f"new_{column}") for column in columns})
    )
    rows = [
        {
            "the_id": attempt.delivery.id,
            "new_status": attempt.status,
            "new_attempted_at": attempt.at,
            "new_duration_ms": attempt.duration_ms,
            "new_response_status": attempt.response_status,
            "new_response_body": attempt.response_body,
            "new_error_message": attempt.error_message,
            "new_url": attempt.url,
            "new_dead_at": attempt.at if attempt.status == "failed" and attempt.retry_at is None else None,
        }
        for attempt in attempts
    ]
    await _many(session, statement, rows)


def _retry(attempt: Attempt) -> dict[str, object]:
    before = attempt.delivery
    return {
        "id": new_id("dlv"),
        "workspace_id": before.workspace_id,
        "webhook_id": before.webhook_id,
        "event_id": before.event_id,
        "event": before.event,
        "call_id": before.call_id,
        "lane": before.lane,
        "position": before.position,
        "status": "pending",
        "retry_attempt": before.retry_attempt + 1,
        "parent_delivery_id": before.parent_delivery_id or before.id,
        "due_at": attempt.retry_at,
        "created_at": attempt.at,
    }


async def _release(session: AsyncSession, attempts: Sequence[Attempt]) -> None:
    """Make the next delivery of each lane due."""
    if not attempts:
        return
    other = aliased(Delivery)
    next_one = (
        select(func.min(other.position))
        .where(
            other.webhook_id == bindparam("the_webhook"), other.lane == bindparam("the_lane"), other.status == "pending"
        )
        .scalar_subquery()
    )
    statement = (
        update(Delivery)
        .where(
            Delivery.webhook_id == bindparam("the_webhook"),
            Delivery.lane == bindparam("the_lane"),
            Delivery.status == "pending",
            Delivery.position == next_one,
        )
        .values(due_at=bindparam("now"))
    )
    rows = [{"the_webhook": one.delivery.webhook_id, "the_lane": one.delivery.lane, "now": one.at} for one in attempts]
    await _many(session, statement, rows)


async def _note(session: AsyncSession, attempts: Sequence[Attempt]) -> None:
    """Keep on each webhook how it went last."""
    last = {
        attempt.delivery.webhook_id: attempt
        for attempt in sorted(attempts, key=lambda one: one.at)
        if attempt.duration_ms is not None
    }
    statement = (
        update(Webhook)
        .where(Webhook.id == bindparam("the_id"))
        .values(last_delivery_at=bindparam("at"), last_status_code=bindparam("code"))
    )
    rows = [{"the_id": one, "at": last[one].at, "code": last[one].response_status} for one in sorted(last)]
    if rows:
        await _many(session, statement, rows)


async def _many(session: AsyncSession, statement: Update, rows: Sequence[Mapping[str, object]]) -> None:
    """Run an UPDATE once for each row of parameters, past the ORM, which would want primary keys."""
    connection = await session.connection()
    await connection.execute(statement, list(rows))
