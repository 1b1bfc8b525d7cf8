"""Calendars as programs use them."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.api.world import World

NEXT_MONDAY = "2026-05-25"


async def test_what_is_booked_is_no_longer_free(world: World) -> None:
    calendar = await make(world, timezone="America/New_York", hours={"mon": [["09:00", "10:30"]]})
    free = await slots(world, calendar)
    assert [one["local"] for one in free][:2] == [f"{NEXT_MONDAY}T09:00:00-04:00", f"{NEXT_MONDAY}T09:30:00-04:00"]
    assert free[0]["spoken"] == "Monday, May 25 at 9:00 AM"

    made = await world.http.post(bookings(calendar), json={"starts_at": free[0]["local"], "name": "Alex Rivera"})
    assert made.status_code == 201
    booking = made.json()
    assert (booking["starts_at"], booking["status"]) == ("2026-05-25T13:00:00.000Z", "confirmed")
    assert [one["starts_at"] for one in await slots(world, calendar)] == [one["starts_at"] for one in free[1:]]

    again = await world.http.post(bookings(calendar), json={"starts_at": free[0]["starts_at"], "name": "Sam"})
    assert again.status_code == 409
    assert "Free after that: Monday, May 25 at 9:30 AM (2026-05-25T09:30:00-04:00)" in again.json()["message"]

    gone = await world.http.delete(f"{bookings(calendar)}/{booking['id']}")
    assert gone.json()["status"] == "cancelled"
    assert len(await slots(world, calendar)) == len(free)
    assert (await world.http.get(bookings(calendar))).json()["data"] == []
    kept = (await world.http.get(f"{bookings(calendar)}?include_cancelled=true")).json()["data"]
    assert [one["status"] for one in kept] == ["cancelled"]


async def test_of_many_who_want_the_same_time_one_gets_it(world: World) -> None:
    calendar = await make(world, hours={"mon": [["09:00", "12:00"]]})
    overlapping = [f"{NEXT_MONDAY}T09:{minute:02d}:00Z" for minute in (0, 10, 20, 0, 10, 20)]
    wanted = [world.http.post(bookings(calendar), json={"starts_at": one, "name": "Alex"}) for one in overlapping]
    answers = await asyncio.gather(*wanted)
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409, 409]
    assert len((await world.http.get(bookings(calendar))).json()["data"]) == 1


async def test_closed_times_are_refused_with_others(world: World) -> None:
    calendar = await make(world, hours={"mon": [["09:00", "10:00"]]}, horizon_days=14)
    closed = await world.http.post(bookings(calendar), json={"starts_at": f"{NEXT_MONDAY}T08:45:00Z", "name": "Alex"})
    assert (closed.status_code, closed.json()["message"].startswith("Front desk is closed then. Free after")) == (
        400,
        True,
    )
    far = await world.http.post(bookings(calendar), json={"starts_at": "2026-06-29T09:00:00Z", "name": "Alex"})
    assert (far.status_code, "at most 14 days" in far.json()["message"]) == (400, True)
    past = await world.http.post(bookings(calendar), json={"starts_at": "2026-05-18T09:00:00Z", "name": "Alex"})
    assert past.status_code == 400
    naive = await world.http.post(bookings(calendar), json={"starts_at": f"{NEXT_MONDAY}T09:00:00", "name": "Alex"})
    assert naive.status_code == 400


async def test_a_calendar_says_what_is_wrong_with_it(world: World) -> None:
    bad: list[tuple[dict[str, Any], str]] = [
        ({"timezone": "Mars/Olympus"}, "is no time zone"),
        ({"hours": {"monday": []}}, 'has the day "monday"'),
        ({"hours": {"mon": [["10:00", "09:00"]]}}, "must be spans in order"),
        ({"hours": {"mon": [["09:00", "11:00"], ["10:00", "12:00"]]}}, "do not overlap"),
        ({"hours": {"mon": [["9", "11:00"]]}}, "write it as 09:30"),
        ({"slot_minutes": 1}, "must be at least 5"),
    ]
    for fields, sentence in bad:
        answer = await world.http.post("/v1/calendars", json={"name": "Front desk", **fields})
        assert answer.status_code == 400
        assert sentence in answer.json()["message"][0], fields


async def test_a_calendar_is_changed_and_taken_away(world: World) -> None:
    calendar = await make(world)
    changed = await world.http.patch(f"/v1/calendars/{calendar}", json={"slot_minutes": 60, "name": "Doctor"})
    assert (changed.json()["slot_minutes"], changed.json()["name"]) == (60, "Doctor")
    assert [one["name"] for one in (await world.http.get("/v1/calendars")).json()["data"]] == ["Doctor"]
    assert (await world.http.delete(f"/v1/calendars/{calendar}")).status_code == 200
    assert (await world.http.get(f"/v1/calendars/{calendar}/slots")).status_code == 404


async def make(world: World, **fields: Any) -> str:
    answer = await world.http.post("/v1/calendars", json={"name": "Front desk", **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def slots(world: World, calendar: str) -> list[dict[str, Any]]:
    return (await world.http.get(f"/v1/calendars/{calendar}/slots")).json()["slots"]


def bookings(calendar: str) -> str:
    return f"/v1/calendars/{calendar}/bookings"
