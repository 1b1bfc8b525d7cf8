"""The watch: measures what alerts ask for, and tells when a threshold is crossed.

Every api process watches; an alert that another one has looked at meanwhile is left alone, so each crossing is told
once. The event is written in the transaction that writes the alert's state down.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import cast

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.clock import Clock, iso
from dialnexa.platform.alerts import repository
from dialnexa.platform.alerts.metrics import State, judge
from dialnexa.platform.alerts.models import Alert
from dialnexa.platform.alerts.schemas import unit
from dialnexa.platform.calls import admission
from dialnexa.platform.calls.states import CallState
from dialnexa.platform.database import Database
from dialnexa.platform.tenancy import service as tenancy
from dialnexa.platform.tenancy import wallet
from dialnexa.platform.tenancy.models import Workspace
from dialnexa.platform.webhooks import outbox

EVERY_S = 30.0
_AT_ONCE = 200

log = structlog.get_logger(__name__)


class Watch:
    """Looks at every alert twice a minute. ``run()`` goes on until cancelled."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def run(self) -> None:
        """Watch; a database that is away is asked again half a minute later."""
        while True:
            await self._clock.sleep(EVERY_S)
            try:
                await self.once()
            except (SQLAlchemyError, OSError) as error:
                log.warning("alerts are not looked at for now", error=repr(error))

    async def once(self) -> list[str]:
        """Look at all alerts that are due; return those that were triggered."""
        now = self._clock.now()
        before, triggered = now - timedelta(seconds=EVERY_S), list[str]()
        while True:
            async with self._database.read() as session:
                due = await repository.due(session, before=before, limit=_AT_ONCE)
                values = [await measure(session, alert, now) for alert in due]
            if due:
                async with self._database.write() as session:
                    for alert, value in zip(due, values, strict=True):
                        if await _settle(session, alert, value, now):
                            triggered.append(alert.id)
            if len(due) < _AT_ONCE:
                return triggered


async def measure(session: AsyncSession, alert: Alert, now: datetime) -> float | None:
    """Return the figure an alert watches; ``None`` when too few calls ended to say. When none did, nothing is wrong."""
    since = now - timedelta(minutes=alert.window_minutes)
    match alert.metric:
        case "failure_rate":
            return await _share(session, alert, since, CallState.FAILED)
        case "no_answer_rate":
            return await _share(session, alert, since, CallState.NO_ANSWER)
        case "latency_p95_ms":
            return await _slowest(session, alert, since)
        case "concurrency_use":
            return await _use(session, alert)
        case "spend_today":
            return await _spend(session, alert, now)
        case "undelivered_events":
            return await repository.given_up(session, alert, since)
        case _:
            return None  # a figure of a newer DialNexa


async def _spend(session: AsyncSession, alert: Alert, now: datetime) -> float:
    workspace = await session.get(Workspace, alert.workspace_id)
    assert workspace is not None  # an alert goes with its workspace
    return await repository.spent(session, alert, wallet.midnight(workspace, now)) / 1_000_000


async def _share(session: AsyncSession, alert: Alert, since: datetime, state: CallState) -> float | None:
    ended = await repository.ended_calls(session, alert, since)
    calls = sum(ended.values())
    if not calls:
        return 0.0
    return round(100 * ended.get(state, 0) / calls, 3) if calls >= alert.min_calls else None


async def _slowest(session: AsyncSession, alert: Alert, since: datetime) -> float | None:
    """Return the 95th percentile by nearest rank: the least latency that 95 % of the calls do not exceed."""
    calls = await repository.latencies(session, alert, since)
    if not calls:
        return 0.0
    if calls < alert.min_calls:
        return None
    return await repository.latency_at(session, alert, since, -(-calls * 95 // 100) - 1)


async def _use(session: AsyncSession, alert: Alert) -> float | None:
    limit = await tenancy.limit(session, alert.workspace_id)
    held = await admission.count(session, [limit.scope])
    return round(100 * held[limit.scope] / limit.max_concurrent, 3) if limit.max_concurrent else None


async def _settle(session: AsyncSession, alert: Alert, value: float | None, now: datetime) -> bool:
    """Write down how an alert stands, and tell when it was triggered just now; tell whether it was."""
    before = cast("State", alert.state)
    state = judge(before, value, alert.threshold, alert.resolve_threshold)
    changes: dict[str, object] = {"checked_at": now, "value": value, "state": state}
    if state != before:
        changes["triggered_at" if state == "triggered" else "resolved_at"] = now
    if not await repository.note(session, alert, **changes) or state == before or state == "ok":
        return False
    await outbox.emit(
        session,
        workspace_id=alert.workspace_id,
        account_id=alert.account_id,
        livemode=alert.livemode,
        type_="alert.triggered",
        payload={"alert": _told(alert, value, now)},
        at=now,
    )
    return True


def _told(alert: Alert, value: float | None, now: datetime) -> dict[str, object]:
    return {
        "id": alert.id,
        "name": alert.name,
        "metric": alert.metric,
        "unit": unit(alert),
        "threshold": alert.threshold,
        "value": value,
        "window_minutes": alert.window_minutes,
        "agent_id": alert.agent_id,
        "triggered_at": iso(now),
    }
