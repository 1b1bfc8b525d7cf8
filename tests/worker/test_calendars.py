"""Agents that look into calendars and book into them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dialnexa.live.conversation.functions import FunctionError
from dialnexa.live.plan import FunctionSpec
from dialnexa.platform.agents.connected import BOOK, CHECK
from dialnexa.platform.calendars import repository, service
from dialnexa.platform.calendars.schemas import CalendarIn
from dialnexa.platform.tenancy.principal import Principal
from dialnexa.worker.calling import CallFunctions
from tests.api.world import NOON, World
from tests.worker.test_functions import Server, says

MONDAY = "2026-05-25"


async def desk(world: World) -> tuple[CallFunctions, str]:
    """The functions of a call, and a calendar of its workspace that is open on Monday morning in New York."""
    async with world.database.write() as session:
        account = await _account(world)
        who = Principal(world.home.workspace_id, account, "", livemode=True, kind="secret")
        wanted = CalendarIn(name="Desk", timezone="America/New_York", hours={"mon": [("09:00", "10:00")]})
        calendar = await service.create(session, who, wanted, now=NOON)
    functions = CallFunctions(
        Server([]), world.database, who, {"caller_number": "+16505550199"}, now=lambda: NOON, call_id="call_1"
    )
    return functions, calendar.id


async def _account(world: World) -> str:
    from dialnexa.platform.tenancy import repository as tenancy

    async with world.database.read() as session:
        return (await tenancy.default_account(session, world.home.workspace_id, livemode=True)).id


def function(kind: str, **config: Any) -> FunctionSpec:
    return FunctionSpec(kind, kind, "", config=config)


async def test_what_is_free_is_told_and_booked_and_then_free_no_more(world: World) -> None:
    functions, calendar_id = await desk(world)
    look, book = function(CHECK, calendar_id=calendar_id), function(BOOK, calendar_id=calendar_id)
    told = json.loads(await functions.run(look, {"date": MONDAY, "days": 1}))
    assert told["free"][0] == {"start": f"{MONDAY}T09:00:00-04:00", "spoken": "Monday, May 25 at 9:00 AM"}
    assert len(told["free"]) == 2

    booked = json.loads(await functions.run(book, {"start": f"{MONDAY}T09:00", "name": "Alex", "notes": "Teeth"}))
    assert (booked["ok"], booked["spoken"]) == (True, "Monday, May 25 at 9:00 AM")
    async with world.database.read() as session:
        [row] = await repository.taken(session, calendar_id, NOON, NOON.replace(day=30))
    assert (row.name, row.phone, row.call_id, row.notes) == ("Alex", "+16505550199", "call_1", "Teeth")

    with pytest.raises(FunctionError, match=r"taken\. Free after that: Monday, May 25 at 9:30 AM"):
        await functions.run(book, {"start": f"{MONDAY}T09:00:00-04:00", "name": "Sam"})
    assert len(json.loads(await functions.run(look, {"date": MONDAY}))["free"]) > 0


@pytest.mark.parametrize(
    ("kind", "arguments", "sentence"),
    [
        (CHECK, {"date": "next week"}, "is no date. Write it as YYYY-MM-DD"),
        (BOOK, {"start": "nine", "name": "Alex"}, "is no time. Use one of the free times"),
        (BOOK, {"start": f"{MONDAY}T03:00", "name": "Alex"}, "Desk is closed then"),
    ],
)
async def test_what_cannot_be_is_told_to_the_model(
    world: World, kind: str, arguments: dict[str, object], sentence: str
) -> None:
    functions, calendar_id = await desk(world)
    with pytest.raises(FunctionError, match=sentence):
        await functions.run(function(kind, calendar_id=calendar_id), arguments)


async def test_a_calendar_of_others_is_none(world: World) -> None:
    functions, _ = await desk(world)
    with pytest.raises(FunctionError, match="not found"):
        await functions.run(function(CHECK, calendar_id=world.neighbour.calendar_id), {})


async def test_cal_com_is_asked_in_its_own_words(world: World) -> None:
    _, _ = await desk(world)
    free = {"status": "success", "data": {MONDAY: [{"start": f"{MONDAY}T13:00:00.000Z"}]}}
    server = Server([says(free), says({"status": "success", "data": {"uid": "b1"}}, 201), says({"error": "no"}, 409)])
    who = Principal(world.home.workspace_id, "acct", "", livemode=True, kind="secret")
    functions = CallFunctions(server, world.database, who, {}, now=lambda: NOON)
    config = {"api_key": "cal_live_x", "event_type_id": 42, "timezone": "Europe/Berlin"}
    told = json.loads(await functions.run(function(CHECK, **config), {"date": MONDAY, "days": 1}))
    assert told["free"] == [{"start": f"{MONDAY}T15:00:00+02:00", "spoken": "Monday, May 25 at 3:00 PM"}]
    visit = {"start": f"{MONDAY}T15:00:00+02:00", "name": "Alex", "email": "alex@example.com"}
    assert json.loads(await functions.run(function(BOOK, **config), visit))["ok"]
    asked, booked = server.asked
    assert asked["url"].startswith("https://api.cal.com/v2/slots?eventTypeId=42&start=2026-05-24T22%3A00%3A00")
    assert (asked["headers"]["cal-api-version"], asked["headers"]["Authorization"]) == (
        "2024-09-04",
        "Bearer cal_live_x",
    )
    assert json.loads(booked["body"]) == {
        "start": f"{MONDAY}T13:00:00Z",
        "eventTypeId": 42,
        "attendee": {"name": "Alex", "timeZone": "Europe/Berlin", "email": "alex@example.com"},
    }
    with pytest.raises(FunctionError, match="refused with status 409"):
        await functions.run(function(BOOK, **config), visit)
    with pytest.raises(FunctionError, match="needs an e-mail address"):
        await functions.run(function(BOOK, **config), {"start": visit["start"], "name": "Alex"})


async def test_an_integration_is_a_request(world: World) -> None:
    server = Server([says("ok")])
    who = Principal(world.home.workspace_id, "acct", "", livemode=True, kind="secret")
    functions = CallFunctions(server, world.database, who, {}, now=lambda: NOON)
    settings = {"webhook_url": "https://hooks.slack.example/T1"}
    post = function("integration", provider_key="slack", action_key="post_message", action_config=settings)
    assert await functions.run(post, {"text": "A lead called."}) == "ok"
    assert (server.asked[0]["url"], json.loads(server.asked[0]["body"])) == (
        settings["webhook_url"],
        {"text": "A lead called."},
    )
