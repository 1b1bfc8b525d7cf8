"""Webhooks over HTTP: subscribers, their log, sending again (contract E.1), and the stream of events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from dialnexa.kit.outgoing import Outgoing
from dialnexa.platform.http import (
    Db,
    Listing,
    Meta,
    Now,
    Pages,
    Paging,
    Principal,
    Requires,
    Router,
    Secrets,
    Time,
    listing,
)
from dialnexa.platform.tenancy.schemas import Done
from dialnexa.platform.webhooks import repository, samples, service, stream, wire
from dialnexa.platform.webhooks.log_routes import Links, Reader, Writer
from dialnexa.platform.webhooks.log_routes import log as log_router
from dialnexa.platform.webhooks.names import CANONICAL
from dialnexa.platform.webhooks.schemas import (
    DeliveryOut,
    EventKind,
    EventsOut,
    ReplayIn,
    ReplayOut,
    WebhookIn,
    WebhookOut,
    WebhookPatch,
    WebhookSaved,
    WebhooksPage,
)
from dialnexa.platform.webhooks.secret_routes import router as secret_router
from dialnexa.platform.webhooks.sending import Sender

_routes = Router(tags=["Webhooks"])
events = Router(tags=["Events"])

Listener = Annotated[Principal, Requires("events:read")]
_PAGE = 10
_SSE = "text/event-stream"
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Part of the stream, or with `Accept: text/event-stream` the stream itself.",
        "content": {_SSE: {"schema": {"type": "string"}}},
    }
}


async def _outgoing(request: Request) -> Outgoing:
    return request.app.state.outgoing


async def _sender(request: Request) -> Sender:
    return request.app.state.sender


class _Endless(StreamingResponse):
    """Server-Sent Events, and the place they hold until the reader is gone."""

    media_type = _SSE

    def __init__(self, frames: AsyncIterator[bytes], seat: ExitStack) -> None:
        super().__init__(frames, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._seat = seat

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the stream."""
        with self._seat:
            await super().__call__(scope, receive, send)


async def _ten(page: Pages, request: Request) -> Paging:
    """Pages of webhooks have ten items unless asked otherwise (contract I.1)."""
    return page if "limit" in request.query_params else replace(page, limit=_PAGE)


Guarded = Annotated[Outgoing, Depends(_outgoing)]
Senders = Annotated[Sender, Depends(_sender)]
Tens = Annotated[Paging, Depends(_ten)]


@_routes.post("", status_code=201, summary="Add a webhook")
async def create_webhook(
    body: WebhookIn, who: Writer, database: Db, vault: Secrets, clock: Time, outgoing: Guarded, sender: Senders
) -> WebhookSaved:
    """Subscribe a URL to events, and test it with a `ping`. The secret is in this answer and nowhere else.

    Without a `secret` the workspace's signs, which is not shown again; if there is none, one is made for the webhook.
    """
    service.check_url(outgoing, body.url)
    async with database.write() as session:
        webhook, secret = await service.create(session, vault, who, body, now=clock.now())
    ping = await service.ping(database, sender, webhook, clock) if webhook.is_active else None
    return WebhookSaved.saved(webhook, secret=secret, ping=ping, message="Webhook created.")


@_routes.get("", summary="List webhooks")
async def list_webhooks(
    who: Reader, database: Db, page: Tens, is_active: Annotated[bool | None, Query()] = None
) -> Listing[WebhookOut] | WebhooksPage:
    """List webhooks of the key's mode, newest first; ten on a page unless `limit` says otherwise."""
    async with database.read() as session:
        found = await repository.webhooks(session, who, page, is_active=is_active)
    items = [WebhookOut.of(webhook) for webhook in found.items]
    if page.openapi_envelope:
        return WebhooksPage.of(items, Meta.of(page, found.total))
    return listing(items, found.total, page)


@_routes.get("/{webhook_id}", summary="Get a webhook")
async def get_webhook(webhook_id: str, who: Reader, database: Db) -> WebhookOut:
    """Return one webhook, without its secret."""
    async with database.read() as session:
        return WebhookOut.of(await service.get(session, who, webhook_id))


@_routes.patch("/{webhook_id}", summary="Change a webhook")
async def change_webhook(
    webhook_id: str,
    body: WebhookPatch,
    who: Writer,
    database: Db,
    vault: Secrets,
    clock: Time,
    outgoing: Guarded,
    sender: Senders,
) -> WebhookSaved:
    """Change a webhook and test it with a `ping`. The next delivery already uses a new URL or secret."""
    if body.url is not None:
        service.check_url(outgoing, body.url)
    async with database.write() as session:
        webhook = await service.get(session, who, webhook_id)
        secret = await service.change(session, vault, who, webhook, body, now=clock.now())
    ping = await service.ping(database, sender, webhook, clock) if webhook.is_active else None
    return WebhookSaved.saved(webhook, secret=secret, ping=ping, message="Webhook updated.")


@_routes.delete("/{webhook_id}", summary="Delete a webhook")
async def delete_webhook(webhook_id: str, who: Writer, database: Db) -> Done:
    """Take a webhook away, with its log and what still waits for it."""
    async with database.write() as session:
        webhook = await service.get(session, who, webhook_id)
        await repository.remove(session, webhook.id)
    return Done(message="Webhook deleted.", id=webhook_id)


@_routes.post("/{webhook_id}/test", summary="Test a webhook")
async def test_webhook(webhook_id: str, who: Writer, database: Db, clock: Time, sender: Senders) -> DeliveryOut:
    """Send a `ping` now and return how it went; the receiver must answer 2xx within 5 seconds."""
    async with database.read() as session:
        webhook = await service.get(session, who, webhook_id)
    return DeliveryOut.of(await service.ping(database, sender, webhook, clock))


@_routes.post("/{webhook_id}/replay", status_code=202, summary="Send events again")
async def replay_events(webhook_id: str, body: ReplayIn, who: Writer, database: Db, now: Now) -> ReplayOut:
    """Send one event again, or those of a time range that the webhook subscribes to, at most 5,000."""
    wanted = service.ReplayRequest(body.event_id, body.from_, body.to, body.only_dead)
    async with database.write() as session:
        webhook = await service.get(session, who, webhook_id)
        count = await service.replay(session, who, webhook, wanted, now=now)
    return ReplayOut(message=f"{count} events are being sent again.", webhook_id=webhook_id, count=count)


@events.get("/webhook-events", summary="List kinds of events")
async def list_event_kinds(who: Reader, page: Pages) -> Listing[EventKind]:
    """List every kind of event with a sample of what arrives for it."""
    kinds = [EventKind.model_validate(kind) for kind in samples.catalogue(who.workspace_id, livemode=who.livemode)]
    return listing(kinds[page.offset : page.offset + page.limit], len(kinds), page)


@events.get("/events", summary="Follow events", response_model=EventsOut, responses=_STREAM)
async def follow_events(
    who: Listener,
    request: Request,
    database: Db,
    link: Links,
    after: Annotated[str | None, Query(description="Read on after this `sequence` or event id.")] = None,
    last_event_id: Annotated[str | None, Header(description="The same, as browsers send it.")] = None,
    type: Annotated[str | None, Query(description=f"Comma list of: {', '.join(CANONICAL)}.")] = None,
    call_id: Annotated[str | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
) -> EventsOut | StreamingResponse:
    """Return all events of the key's mode in order, as webhooks deliver them.

    With `Accept: text/event-stream` the answer is an endless stream (Server-Sent Events) that begins now, or after
    `Last-Event-ID`; else it is one part of the list, from the beginning or `after`. 429 when the key has as many
    streams open as it may.
    """
    interest = stream.Interest(who, [word.strip() for word in (type or "").split(",") if word.strip()], call_id)
    if _SSE in request.headers.get("accept", "") or last_event_id is not None:
        begin = await stream.place(database, who, last_event_id or after)
        streams: stream.Streams = request.app.state.streams
        with ExitStack() as seats:
            seats.enter_context(streams.seat(who.key_id))
            return _Endless(streams.follow(interest, begin, link), seats.pop_all())
    begin = await stream.place(database, who, after or "0")
    found = await stream.part(database, interest, begin, limit)
    data = [wire.message(event, event.type, link) for event in found]
    return EventsOut(data=data, next_after=(found[-1].position or begin) if found else begin)


router = APIRouter()
for prefix, shown in (("/user-webhooks", True), ("/webhooks", False)):  # its paths come before /{webhook_id}
    router.include_router(log_router, prefix=prefix, include_in_schema=shown)
router.include_router(_routes, prefix="/user-webhooks")
router.include_router(_routes, prefix="/webhooks", include_in_schema=False)
router.include_router(events)
router.include_router(secret_router)
