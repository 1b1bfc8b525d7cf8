"""The transactional outbox: an event is written with the change it tells of, so neither exists without the other."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.ids import new_id
from dialnexa.platform.database import table_of
from dialnexa.platform.webhooks.models import Event

_INSERT = insert(table_of(Event))


async def emit(
    session: AsyncSession,
    *,
    workspace_id: str,
    account_id: str,
    livemode: bool,
    type_: str,
    payload: Mapping[str, object],
    at: datetime,
    call_id: str | None = None,
) -> str:
    """Write an event into the session's transaction; return its id (``evt_…``). Delivery is the pump's business."""
    event_id = new_id("evt")
    row = {
        "id": event_id,
        "workspace_id": workspace_id,
        "account_id": account_id,
        "livemode": livemode,
        "type": type_,
        "call_id": call_id,
        "payload": dict(payload),
        "created_at": at,
    }
    await session.execute(_INSERT, row)
    return event_id


async def events_of_call(session: AsyncSession, call_id: str) -> list[Event]:
    """Return the events of one call, oldest first."""
    return list(await session.scalars(select(Event).where(Event.call_id == call_id).order_by(Event.seq)))
