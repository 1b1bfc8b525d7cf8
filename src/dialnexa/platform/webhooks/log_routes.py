"""What became of deliveries, over HTTP: the log, each attempt with what was sent, and dead letters."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Depends, Query, Request

from dialnexa.platform.http import Db, Listing, Now, Pages, Principal, Requires, Router, listing
from dialnexa.platform.webhooks import repository, service, wire
from dialnexa.platform.webhooks.repository import LogFilter
from dialnexa.platform.webhooks.schemas import DeadLettersRetryIn, DeliveryDetails, DeliveryOut, RetryOut

log = Router(tags=["Webhooks"])

Reader = Annotated[Principal, Requires("webhooks:read")]
Writer = Annotated[Principal, Requires("webhooks:write")]
_Status = Annotated[Literal["pending", "succeeded", "failed"] | None, Query()]


async def _link(request: Request) -> wire.Link:
    return request.app.state.recording_link


Links = Annotated[wire.Link, Depends(_link)]


@log.get("/dead-letters", summary="List dead letters")
async def list_dead_letters(
    who: Reader, database: Db, page: Pages, webhook_id: Annotated[str | None, Query()] = None
) -> Listing[DeliveryOut]:
    """List what could not be delivered within its retries and was not sent again since, newest first."""
    async with database.read() as session:
        found = await repository.deliveries(session, who, LogFilter(webhook_id=webhook_id, dead=True), page)
    return listing([DeliveryOut.of(delivery) for delivery in found.items], found.total, page)


@log.post("/dead-letters/retry", status_code=202, summary="Send all dead letters again")
async def retry_dead_letters(body: DeadLettersRetryIn, who: Writer, database: Db, now: Now) -> RetryOut:
    """Send dead letters again, of one webhook or of all, the oldest 5,000 at a time.

    Those of webhooks that are switched off, or whose event is no longer kept, stay where they are.
    """
    async with database.write() as session:
        if body.webhook_id is not None:
            await service.get(session, who, body.webhook_id)
        count = await service.retry_dead(session, who, now=now, webhook_id=body.webhook_id)
    return RetryOut(message=f"{count} dead letters are being sent again.", count=count)


@log.post("/dead-letters/{delivery_id}/retry", status_code=202, summary="Send a dead letter again")
async def retry_dead_letter(delivery_id: str, who: Writer, database: Db, now: Now) -> RetryOut:
    """Send one dead letter again, with all the retries of a new event."""
    async with database.write() as session:
        count = await service.retry_dead(session, who, now=now, delivery_id=delivery_id)
    return RetryOut(message="The dead letter is being sent again.", count=count)


@log.get("/{webhook_id}/deliveries", summary="List deliveries")
async def list_deliveries(
    webhook_id: str,
    who: Reader,
    database: Db,
    page: Pages,
    status: _Status = None,
    event: Annotated[str | None, Query(description="As the webhook knows it.")] = None,
    event_id: Annotated[str | None, Query()] = None,
    call_id: Annotated[str | None, Query()] = None,
) -> Listing[DeliveryOut]:
    """List every attempt to reach a webhook, newest first; retries name their `parent_delivery_id`."""
    async with database.read() as session:
        await service.get(session, who, webhook_id)
        wanted = LogFilter(webhook_id, status, event, event_id, call_id)
        found = await repository.deliveries(session, who, wanted, page)
    return listing([DeliveryOut.of(delivery) for delivery in found.items], found.total, page)


@log.get("/{webhook_id}/deliveries/{delivery_id}", summary="Get a delivery")
async def get_delivery(webhook_id: str, delivery_id: str, who: Reader, database: Db, link: Links) -> DeliveryDetails:
    """Return one attempt with what was sent and what came back. Signatures are left out, links are fresh."""
    async with database.read() as session:
        delivery = await service.delivery(session, who, webhook_id, delivery_id)
        body = await service.body_of(session, who, delivery, link)
    sent = wire.plain_headers(
        name=delivery.event,
        event_id=delivery.event_id,
        delivery_id=delivery.id,
        now=delivery.attempted_at or delivery.created_at,
    )
    return DeliveryDetails.of_sent(delivery, sent, body)
