"""Where the time went between the caller's last word and the agent's first."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from dialnexa.platform.calls.models import Call
from dialnexa.platform.calls.records import TimelineEntry
from dialnexa.platform.calls.schemas import TurnOut
from dialnexa.platform.calls.service import append_events
from dialnexa.platform.calls.waterfall import percentile, waterfall
from tests.platform.calls.house import NOON, House, said
from tests.platform.calls.serving import Api, finished


def test_a_waterfall_has_a_line_for_each_answer() -> None:
    turns = [
        TurnOut.of(said("agent", "Hello!", 0)),
        TurnOut.of(said("user", "Hi.", 900)),
        TurnOut.of(said("agent", "Yes?", 2100, endpoint=180, stt_final=200, llm_first_token=420, first_packet=600)),
        TurnOut.of(said("user", "Bye.", 3000)),
        TurnOut.of(said("agent", "Bye!", 4200, endpoint=200, first_packet=400)),
    ]
    made = waterfall("call_1", turns)
    assert [turn.turn for turn in made.turns] == [2, 4]
    assert made.turns[0].start == 2.1
    assert (made.turns[0].total, made.turns[1].total) == (600, 400)
    assert made.turns[1].llm_first_token is None
    assert (made.p50.endpoint, made.p50.llm_first_token, made.p50.first_clause) == (190, 420, None)
    assert (made.total_p50, made.total_p95) == (500, 590)


@pytest.mark.parametrize(
    ("values", "percent", "expected"), [([], 50, None), ([7], 95, 7), ([1, 2, 3], 50, 2), ([0, 100], 95, 95)]
)
def test_percentiles(values: list[int], percent: int, expected: int | None) -> None:
    assert percentile(values, percent) == expected


async def test_a_waterfall_is_on_the_call_and_in_its_details(api: Api, house: House) -> None:
    call_id = await finished(house, api.store)
    answer = (await api.get(f"/v1/calls/{call_id}/waterfall")).json()
    assert answer["turns"][0]["first_packet"] == answer["total_p50"] == 420
    assert (await api.get(f"/v1/calls/{call_id}")).json()["latency"] == 420
    assert (await api.get(f"/v1/call-logs/{call_id}/details")).json()["waterfall"] == answer


async def test_attempts_are_found_from_any_of_them(api: Api, house: House) -> None:
    first, second, third = [(await house.place()).id for _ in range(3)]
    async with house.database.write() as session:
        for attempt, (child, parent) in enumerate(((second, first), (third, second)), 2):
            values = {"parent_call_id": parent, "attempt": attempt}
            await session.execute(update(Call).where(Call.id == child).values(**values))
    for one in (first, second, third):
        answer = (await api.get(f"/v1/calls/{one}/retries")).json()
        assert answer["call_id"] == one
        assert [(each["id"], each["retry_depth"]) for each in answer["data"]] == [(first, 0), (second, 1), (third, 2)]


async def test_transfers_are_told_one_by_one(api: Api, house: House) -> None:
    call_id = (await house.place()).id
    assert (await api.get(f"/v1/calls/{call_id}/transfer")).json() == {
        "call_id": call_id,
        "transfer": None,
        "transfers": [],
    }
    steps = (("t1", "hunting"), ("t1", "no_answer"), ("t2", "completed"))
    lines = [
        TimelineEntry(NOON + timedelta(seconds=second), "transfer", {"id": id_, "status": status, "method": "refer"})
        for second, (id_, status) in enumerate(steps)
    ]
    async with house.database.write() as session:
        await append_events(session, call_id, lines)
    answer = (await api.get(f"/v1/calls/{call_id}/transfer")).json()
    assert [(each["id"], each["status"]) for each in answer["transfers"]] == [("t1", "no_answer"), ("t2", "completed")]
    assert answer["transfers"][0]["started_at"] < answer["transfers"][0]["updated_at"]
    assert answer["transfer"]["id"] == "t2"
