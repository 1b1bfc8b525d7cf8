"""The rules of alerts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.errors import BadRequest, Conflict, NotFound
from dialnexa.kit.ids import new_id
from dialnexa.platform.agents import service as agents
from dialnexa.platform.alerts import repository
from dialnexa.platform.alerts.models import Alert
from dialnexa.platform.alerts.schemas import AlertIn, settings
from dialnexa.platform.tenancy.principal import Principal
from dialnexa.platform.wire import sentences

MOST = 100
"""Alerts of a workspace: each is measured twice a minute."""


async def create(session: AsyncSession, who: Principal, body: AlertIn, *, now: datetime) -> Alert:
    """Set an alert; it is first looked at within half a minute."""
    await _check_agent(session, who, body.agent_id)
    if await repository.count(session, who.workspace_id) >= MOST:
        raise Conflict(f"The workspace has {MOST} alerts, as many as it may. Delete one with DELETE /v1/alerts/{{id}}.")
    alert = Alert(
        id=new_id("alert"),
        workspace_id=who.workspace_id,
        account_id=who.account_id,
        livemode=who.livemode,
        **{name: getattr(body, name) for name in AlertIn.model_fields},
        state="ok",
        created_at=now,
        updated_at=now,
    )
    session.add(alert)
    await session.flush()
    return alert


async def get(session: AsyncSession, who: Principal, alert_id: str, *, lock: bool = False) -> Alert:
    """Return an alert, or raise ``NotFound``."""
    found = await repository.alert(session, who, alert_id, lock=lock)
    if found is None:
        raise NotFound(f"Alert {alert_id} not found. List yours with GET /v1/alerts.")
    return found


async def change(
    session: AsyncSession, who: Principal, alert_id: str, changes: Mapping[str, Any], *, now: datetime
) -> Alert:
    """Change an alert and let it be judged anew. Raises ``BadRequest`` when its parts do not fit together."""
    alert = await get(session, who, alert_id, lock=True)
    try:
        wanted = AlertIn.model_validate({**settings(alert), **changes})
    except ValidationError as error:
        raise BadRequest(sentences(error.errors())) from error
    if "agent_id" in changes:
        await _check_agent(session, who, wanted.agent_id)
    for name in changes:
        setattr(alert, name, getattr(wanted, name))
    if changes.keys() - {"name"}:
        alert.state, alert.value, alert.checked_at = "ok", None, None
    alert.updated_at = now
    await session.flush()
    return alert


async def delete(session: AsyncSession, who: Principal, alert_id: str) -> None:
    """Take an alert away."""
    await session.delete(await get(session, who, alert_id, lock=True))


async def _check_agent(session: AsyncSession, who: Principal, agent_id: str | None) -> None:
    if agent_id and not await agents.exists(session, who.workspace_id, agent_id):
        raise NotFound(f"Agent {agent_id} not found.")
