"""The rules of webhooks: who may be a receiver, what a secret is, the test on saving, and sending again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.clock import Clock
from dialnexa.kit.errors import BadRequest, Conflict, NotFound
from dialnexa.kit.ids import new_id, ulid
from dialnexa.kit.outgoing import Outgoing, Refused
from dialnexa.kit.secrets import Vault
from dialnexa.platform.database import Database
from dialnexa.platform.tenancy.principal import Principal
from dialnexa.platform.webhooks import fanout, repository, signing, wire
from dialnexa.platform.webhooks.models import Delivery, Event, Webhook, WorkspaceSecret
from dialnexa.platform.webhooks.names import PING, chosen
from dialnexa.platform.webhooks.schemas import WebhookIn, WebhookPatch
from dialnexa.platform.webhooks.sending import Message, Sender

PING_TIMEOUT_S = 5.0
"""How soon a receiver must answer the test (contract I.1)."""
MOST_REPLAYED = 5000
"""Events one request may send again."""


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """Which events to send again: one, or all of a time range, or only the dead letters in it."""

    event_id: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    only_dead: bool = False


def check_url(outgoing: Outgoing, url: str) -> None:
    """Raise ``BadRequest`` for a URL that the guard would never let out."""
    try:
        outgoing.check(url)
    except Refused as error:
        raise BadRequest([f"url {error}"]) from error


async def create(
    session: AsyncSession, vault: Vault, who: Principal, wanted: WebhookIn, *, now: datetime
) -> tuple[Webhook, str | None]:
    """Add a webhook; return it with its secret, which cannot be seen again.

    Without one of its own it signs with its workspace's, which is not shown; if there is none, one is made.
    """
    await _check_agents(session, who, wanted.agent_ids)
    shared = wanted.secret is None and await repository.workspace_secret(session, who) is not None
    secret = None if shared else wanted.secret or signing.new_secret()
    webhook = Webhook(
        id=new_id("webhook"),
        workspace_id=who.workspace_id,
        account_id=who.account_id,
        livemode=who.livemode,
        url=wanted.url,
        events=wanted.events,
        agent_ids=wanted.agent_ids,
        secret_sealed="" if secret is None else vault.seal(secret),
        previous_secret_sealed="",
        is_active=wanted.is_active,
        retry_count=wanted.retry_count,
        timeout_ms=wanted.timeout_ms,
        created_at=now,
        updated_at=now,
    )
    session.add(webhook)
    await session.flush()
    return webhook, secret


async def get(session: AsyncSession, who: Principal, webhook_id: str) -> Webhook:
    """Return a webhook; raise ``NotFound`` for those of others, and of the other mode."""
    webhook = await repository.webhook(session, who, webhook_id)
    if webhook is None:
        raise NotFound(f"Webhook {webhook_id} not found.")
    return webhook


async def change(
    session: AsyncSession, vault: Vault, who: Principal, webhook: Webhook, wanted: WebhookPatch, *, now: datetime
) -> str | None:
    """Change a webhook; return its new secret when one was made.

    The next delivery uses the new values, without overlap unless a grace is wanted for the secret.
    """
    changes = wanted.changes()
    await _check_agents(session, who, wanted.agent_ids or [])
    for name, value in changes.items():
        setattr(webhook, name, value)
    secret = wanted.new_secret() or (signing.new_secret() if wanted.rotate_secret else None)
    if secret is not None:
        signing.give_secret(webhook, vault.seal(secret), grace=wanted.grace, now=now)
    elif wanted.use_workspace_secret:
        await signing.workspace_secret(session, who)
        signing.give_secret(webhook, "", grace=timedelta(), now=now)
    webhook.updated_at = now
    await session.flush()
    return secret if wanted.rotate_secret else None


async def ping(database: Database, sender: Sender, webhook: Webhook, clock: Clock) -> Delivery:
    """Send a test, write it into the log, and return it. The log is written after the answer, not around it."""
    now = clock.now()
    event_id, delivery_id = new_id("evt"), new_id("dlv")
    shared = None if webhook.secret_sealed else await _shared_secret(database, webhook)
    body = wire.ping_body(event_id, webhook.workspace_id, webhook.id, livemode=webhook.livemode, now=now)
    outcome = await sender.send(webhook, shared, Message(delivery_id, event_id, PING, body), timeout_s=PING_TIMEOUT_S)
    delivery = Delivery(
        id=delivery_id,
        workspace_id=webhook.workspace_id,
        webhook_id=webhook.id,
        event_id=event_id,
        event=PING,
        lane=event_id,
        position=0,
        status="succeeded" if outcome.ok else "failed",
        retry_attempt=0,
        due_at=now,
        attempted_at=now,
        url=webhook.url,
        duration_ms=outcome.duration_ms,
        response_status=outcome.status,
        response_body=outcome.answer,
        error_message=outcome.error,
        created_at=now,
    )
    async with database.write() as session:
        known = await session.get(Webhook, webhook.id)
        if known is not None:  # it may have been taken away meanwhile
            session.add(delivery)
            known.last_delivery_at, known.last_status_code = now, outcome.status
    return delivery


async def delivery(session: AsyncSession, who: Principal, webhook_id: str, delivery_id: str) -> Delivery:
    """Return one attempt to reach a webhook; raise ``NotFound`` for those of others."""
    found = await repository.delivery(session, who, webhook_id, delivery_id)
    if found is None:
        raise NotFound(f"Delivery {delivery_id} not found.")
    return found


async def body_of(session: AsyncSession, who: Principal, sent: Delivery, link: wire.Link) -> bytes | None:
    """Return what an attempt sent, made anew from its event; ``None`` when that is no longer kept."""
    if sent.event == PING:
        return wire.ping_body(
            sent.event_id, sent.workspace_id, sent.webhook_id, livemode=who.livemode, now=sent.created_at
        )
    event = await repository.event(session, who, sent.event_id)
    return None if event is None else wire.body(event, sent.event, link)


async def replay(
    session: AsyncSession, who: Principal, webhook: Webhook, wanted: ReplayRequest, *, now: datetime
) -> int:
    """Plan deliveries of past events to a webhook, in their order per call; return how many. Dead letters come back."""
    if (wanted.event_id is None) == (wanted.start is None):
        raise BadRequest("Say which events: either event_id, or from (and to).")
    if not webhook.is_active:
        raise Conflict("This webhook is switched off. Set is_active to true first.", code="webhook_inactive")
    events = await _to_replay(session, who, webhook, wanted, now)
    agents = await fanout.agents_of(session, events)
    run = f"replay_{ulid()}"  # lanes of their own: what is new need not wait for what is old
    plans: list[dict[str, object]] = []
    for event in events:
        name = fanout.wanted(webhook, event, agents) or (_name_of(webhook, event) if wanted.event_id else None)
        if name is not None:
            lane = f"{run}:{event.call_id or event.id}"
            plans.append(fanout.planned(webhook, event, name, now=now, lane=lane))
    if plans:
        await session.execute(insert(Delivery), plans)
        await repository.revive(session, webhook.id, [str(plan["event_id"]) for plan in plans])
    return len(plans)


async def retry_dead(
    session: AsyncSession,
    who: Principal,
    *,
    now: datetime,
    delivery_id: str | None = None,
    webhook_id: str | None = None,
) -> int:
    """Send dead letters again: one, or the oldest of one webhook or of all, 5,000 at most; return how many.

    Those of webhooks that are switched off, and those whose event is no longer kept, stay as they are; when one is
    asked for by its id, they raise ``Conflict``. An unknown id raises ``NotFound``.
    """
    found = await repository.dead_letters(
        session, who, limit=MOST_REPLAYED, delivery_id=delivery_id, webhook_id=webhook_id
    )
    if delivery_id is not None:
        _check_one(delivery_id, found)
    run = f"retry_{ulid()}"
    sendable = [(dead, webhook, event) for dead, webhook, event in found if webhook.is_active and event is not None]
    plans = [
        fanout.planned(webhook, event, dead.event, now=now, lane=f"{run}:{event.call_id or event.id}")
        for dead, webhook, event in sendable
    ]
    if plans:
        await session.execute(insert(Delivery), plans)
    for dead, _webhook, _event in sendable:
        dead.dead_at = None
    return len(plans)


def _check_one(delivery_id: str, found: Sequence[tuple[Delivery, Webhook, Event | None]]) -> None:
    if not found:
        raise NotFound(f"No dead letter {delivery_id}; it may have been sent again already.")
    ((_dead, webhook, event),) = found
    if not webhook.is_active:
        raise Conflict("This webhook is switched off. Set is_active to true first.", code="webhook_inactive")
    if event is None:
        raise Conflict("The event of this dead letter is no longer kept, so it cannot be sent.", code="event_gone")


async def _shared_secret(database: Database, webhook: Webhook) -> WorkspaceSecret | None:
    async with database.read() as session:
        return await session.get(WorkspaceSecret, (webhook.workspace_id, webhook.livemode))


async def _to_replay(
    session: AsyncSession, who: Principal, webhook: Webhook, wanted: ReplayRequest, now: datetime
) -> Sequence[Event]:
    if wanted.event_id is not None:
        event = await repository.event(session, who, wanted.event_id)
        if event is None:
            raise NotFound(f"Event {wanted.event_id} not found.")
        return [event]
    found = await repository.events_between(
        session,
        who,
        wanted.start or now,
        wanted.end or now,
        limit=MOST_REPLAYED + 1,
        dead_for=webhook.id if wanted.only_dead else None,
    )
    if len(found) > MOST_REPLAYED:
        raise BadRequest(f"More than {MOST_REPLAYED:,} events lie between from and to; replay a shorter time.")
    return found


def _name_of(webhook: Webhook, event: Event) -> str:
    return chosen(webhook.events, event.type, busy=fanout.about(event).get("status") == "busy") or event.type


async def _check_agents(session: AsyncSession, who: Principal, agent_ids: Sequence[str]) -> None:
    if not agent_ids:
        return
    strangers = sorted(set(agent_ids) - await repository.known_agents(session, who.workspace_id, agent_ids))
    if strangers:
        raise BadRequest([f"agent_ids names agents that do not exist: {', '.join(strangers)}"])
