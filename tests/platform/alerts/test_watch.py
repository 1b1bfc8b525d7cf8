"""The watch, on both databases: what each figure counts, one event a crossing, and two processes that watch."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from dialnexa.platform.alerts import service
from dialnexa.platform.alerts.models import Alert
from dialnexa.platform.alerts.schemas import AlertIn
from dialnexa.platform.alerts.watch import EVERY_S, Watch, measure
from dialnexa.platform.calls.models import Call
from dialnexa.platform.calls.states import CallState
from dialnexa.platform.costs.models import CallCost
from dialnexa.platform.tenancy.models import Workspace
from dialnexa.platform.webhooks import fanout
from dialnexa.platform.webhooks.models import Event, Webhook
from tests.api.world import HandClock, dead_letter
from tests.platform.calls.conftest import any_house, any_url, empty_sqlite, postgres, url
from tests.platform.calls.house import House

__all__ = ["any_house", "any_url", "empty_sqlite", "postgres", "url"]


@pytest.fixture
async def house(any_house: House) -> House:
    await any_house.node()
    return any_house


async def set_alert(house: House, **fields: Any) -> str:
    body = AlertIn.model_validate({"name": "x", "metric": "failure_rate", "threshold": 50, "min_calls": 2, **fields})
    async with house.database.write() as session:
        return (await service.create(session, house.who, body, now=house.now)).id


async def end(house: House, *states: CallState, latency_ms: int | None = None) -> None:
    for state in states:
        call = await (house.talking() if state is CallState.COMPLETED else house.place())
        await house.claim(call.id)
        await house.finish(call.id, state)
        async with house.database.write() as session:
            await session.execute(update(Call).where(Call.id == call.id).values(latency_ms=latency_ms))


async def look(house: House) -> list[str]:
    """Let half a minute pass and look."""
    return await Watch(house.database, HandClock(house.later(seconds=EVERY_S))).once()


async def told(house: House) -> list[dict[str, Any]]:
    async with house.database.read() as session:
        events = await session.scalars(select(Event).where(Event.type == "alert.triggered").order_by(Event.seq))
        return [fanout.about(event) for event in events]


async def alert_of(house: House, alert_id: str) -> Alert:
    async with house.database.read() as session:
        return (await session.scalars(select(Alert).where(Alert.id == alert_id))).one()


async def figure(house: House, **fields: Any) -> float | None:
    alert = await alert_of(house, await set_alert(house, **fields))
    async with house.database.read() as session:
        return await measure(session, alert, house.now)


async def test_a_crossing_is_told_once_and_again_after_it_was_over(house: House) -> None:
    alert_id = await set_alert(house, name="Too many fail")
    await end(house, CallState.FAILED)
    assert await look(house) == [], "one call says nothing"
    await end(house, CallState.FAILED)
    assert await look(house) == [alert_id]
    assert await look(house) == []
    [first] = await told(house)
    assert (first["name"], first["metric"], first["value"], first["threshold"]) == (
        "Too many fail",
        "failure_rate",
        100.0,
        50.0,
    )
    house.later(minutes=61)
    assert await look(house) == []
    over = await alert_of(house, alert_id)
    assert (over.state, over.value, over.resolved_at) == ("ok", 0.0, house.now)
    await end(house, CallState.FAILED, CallState.FAILED)
    assert await look(house) == [alert_id]
    assert len(await told(house)) == 2


async def test_of_two_processes_that_watch_one_tells(house: House) -> None:
    await set_alert(house)
    await end(house, CallState.FAILED, CallState.FAILED)
    clock = HandClock(house.later(seconds=EVERY_S))
    found = [await Watch(house.database, clock).once() for _ in range(2)]
    assert [len(one) for one in found] == [1, 0]
    assert len(await told(house)) == 1


async def test_what_is_switched_off_or_of_the_other_mode_is_silent(house: House) -> None:
    await set_alert(house, is_active=False)
    house.who, live = house.tester, house.who
    await set_alert(house)
    house.who = live
    await end(house, CallState.FAILED, CallState.FAILED)
    assert await look(house) == []


async def test_rates_count_ended_calls_of_the_window_and_the_agent(house: House) -> None:
    await end(house, CallState.FAILED)
    house.later(minutes=90)
    await end(
        house, CallState.FAILED, CallState.NO_ANSWER, CallState.NO_ANSWER, CallState.COMPLETED, CallState.CANCELLED
    )
    await house.place()
    assert await figure(house) == 25.0
    assert await figure(house, metric="no_answer_rate") == 50.0
    assert await figure(house, window_minutes=120) == 40.0
    assert await figure(house, agent_id=house.agent_id) == 25.0
    assert await figure(house, min_calls=5) is None


async def test_latency_is_that_of_the_95th_call_of_100(house: House) -> None:
    assert await figure(house, metric="latency_p95_ms", threshold=800) == 0.0
    for latency_ms in (900, 100, 200, 300):
        await end(house, CallState.COMPLETED, latency_ms=latency_ms)
    await end(house, CallState.NO_ANSWER)
    assert await figure(house, metric="latency_p95_ms", threshold=800) == 900
    assert await figure(house, metric="latency_p95_ms", threshold=800, min_calls=5) is None


async def test_concurrency_is_told_in_percent_of_the_limit(house: House) -> None:
    await house.limit(f"ws:{house.who.workspace_id}", 4)
    await house.place()
    await house.place()
    assert await figure(house, metric="concurrency_use") == 50.0
    await house.limit(f"ws:{house.who.workspace_id}", 0)
    assert await figure(house, metric="concurrency_use") is None


async def test_spend_counts_since_midnight(house: House) -> None:
    call = await house.place()
    mine = {"call_id": call.id, "workspace_id": house.who.workspace_id, "account_id": house.who.account_id}
    rows = [
        ("telephony", 1_500_000, timedelta()),
        ("voice", 250_000, timedelta(hours=1)),
        ("llm", 9, timedelta(hours=13)),
    ]
    async with house.database.write() as session:
        for component, millionths, ago in rows:
            more = {"livemode": True, "agent_id": house.agent_id, "currency": "USD", "at": house.now - ago}
            await session.execute(insert(CallCost).values(**mine, component=component, millionths=millionths, **more))
    assert await figure(house, metric="spend_today", threshold=5) == 1.75
    async with house.database.write() as session:  # where it is nine in the evening, thirteen hours ago was today
        await session.execute(update(Workspace).values(timezone="Asia/Tokyo"))
    assert await figure(house, metric="spend_today", threshold=5) == 1.750009


async def test_deliveries_that_were_given_up_are_counted(house: House) -> None:
    async with house.database.write() as session:
        who = house.who
        hook = Webhook(
            id="webhook_1",
            workspace_id=who.workspace_id,
            account_id=who.account_id,
            livemode=True,
            url="https://hooks.example/x",
            events=["*"],
            agent_ids=[],
            secret_sealed="",
            is_active=True,
            retry_count=3,
            timeout_ms=1000,
            created_at=house.now,
            updated_at=house.now,
        )
        session.add(hook)
        await session.flush()
        session.add(dead_letter(hook, "call_1"))
    assert await figure(house, metric="undelivered_events", threshold=1) == 1
    house.later(hours=2)
    assert await figure(house, metric="undelivered_events", threshold=1) == 0


@pytest.mark.parametrize(("agent_ids", "hears"), [([], True), (["agent_other"], False), (["mine"], True)])
async def test_webhooks_for_some_agents_hear_of_alerts_of_those(
    house: House, agent_ids: list[str], hears: bool
) -> None:
    await set_alert(house, agent_id=house.agent_id)
    await end(house, CallState.FAILED, CallState.FAILED)
    await look(house)
    async with house.database.read() as session:
        event = (await session.scalars(select(Event).where(Event.type == "alert.triggered"))).one()
    wanted = [house.agent_id if one == "mine" else one for one in agent_ids]
    hook = Webhook(id="webhook_1", events=["*"], agent_ids=wanted)
    assert (fanout.wanted(hook, event, {}) == "alert.triggered") is hears
