"""The transactional outbox: an event is written with the change it tells of, so neither exists without the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.ids import new_id
from dialnexa.platform.database import table_of
from dialnexa.platform.webhooks.models import Event

_INSERT = insert(table_of(Event))


def row(
    *,
    workspace_id: str,
    account_id: str,
    livemode: bool,
    type_: str,
    payload: Mapping[str, object],
    at: datetime,
    call_id: str | None = None,
) -> dict[str, object]:
    """Return the row of a new event (``evt_…``), for ``write``."""
    return {
        "id": new_id("evt"),
        "workspace_id": workspace_id,
        "account_id": account_id,
        "livemode": livemode,
        "type": type_,
        "call_id": call_id,
        "payload": dict(payload),
        "created_at": at,
    }


async def write(session: AsyncSession, rows: Sequence[Mapping[str, object]]) -> None:
    """Write events into the session's transaction, in their order. Delivery is the pump's business."""
    if rows:
        await session.execute(_INSERT, rows)


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
    """Write one event into the session's transaction; return its id."""
    event = row(
        workspace_id=workspace_id,
        account_id=account_id,
        livemode=livemode,
        type_=type_,
        payload=payload,
        at=at,
        call_id=call_id,
    )
    await write(session, [event])
    return str(event["id"])


async def events_of_call(session: AsyncSession, call_id: str) -> list[Event]:
    """Return the events of one call, oldest first."""
    return list(await session.scalars(select(Event).where(Event.call_id == call_id).order_by(Event.seq)))
