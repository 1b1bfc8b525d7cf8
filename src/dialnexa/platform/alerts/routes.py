"""Alerts over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from dialnexa.platform.alerts import repository, service
from dialnexa.platform.alerts.metrics import State
from dialnexa.platform.alerts.schemas import AlertIn, AlertOut, AlertPatch
from dialnexa.platform.http import Db, Listing, Now, Pages, Principal, Requires, Router, listing
from dialnexa.platform.tenancy.schemas import Done

router = Router(tags=["Alerts"])

Reader = Annotated[Principal, Requires("alerts:read")]
Writer = Annotated[Principal, Requires("alerts:write")]


@router.post("/alerts", status_code=201, summary="Set an alert")
async def create_alert(body: AlertIn, who: Writer, database: Db, now: Now) -> AlertOut:
    """Watch a figure: when it reaches its threshold, webhooks and the stream get `alert.triggered`, once a crossing."""
    async with database.write() as session:
        return AlertOut.of(await service.create(session, who, body, now=now))


@router.get("/alerts", summary="List alerts")
async def list_alerts(
    who: Reader, database: Db, page: Pages, state: Annotated[State | None, Query()] = None
) -> Listing[AlertOut]:
    """List alerts and how they stand, newest first."""
    async with database.read() as session:
        part = await repository.alerts(session, who, page, state)
    return listing([AlertOut.of(alert) for alert in part.items], part.total, page)


@router.get("/alerts/{alert_id}", summary="Get an alert")
async def get_alert(alert_id: str, who: Reader, database: Db) -> AlertOut:
    """Return an alert: what it watches, what was measured last, and whether it is triggered."""
    async with database.read() as session:
        return AlertOut.of(await service.get(session, who, alert_id))


@router.patch("/alerts/{alert_id}", summary="Change an alert")
async def change_alert(alert_id: str, body: AlertPatch, who: Writer, database: Db, now: Now) -> AlertOut:
    """Change an alert. Whatever but its name is changed, it is judged anew: one that still holds tells again."""
    async with database.write() as session:
        return AlertOut.of(await service.change(session, who, alert_id, body.changes(), now=now))


@router.delete("/alerts/{alert_id}", summary="Delete an alert")
async def delete_alert(alert_id: str, who: Writer, database: Db) -> Done:
    """Take an alert away."""
    async with database.write() as session:
        await service.delete(session, who, alert_id)
    return Done(message="Alert deleted successfully", id=alert_id)
