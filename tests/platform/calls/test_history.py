"""Call History: which calls a list shows, in which order, and how many it says there are. On every database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text, update

from dialnexa.kit.errors import BadRequest
from dialnexa.kit.ids import new_id
from dialnexa.kit.pagination import Page
from dialnexa.platform.calls import finding
from dialnexa.platform.calls.finding import Found, Scope, find
from dialnexa.platform.calls.models import FILTERED, Call
from dialnexa.platform.calls.search import Filters
from tests.platform.calls.house import CUSTOMER, NOON, OUR_NUMBER, House


class History:
    """Calls of a house, each known by a letter; ``a`` is the oldest, a minute before ``b``."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.names: dict[str, str] = {}

    async def add(self, name: str, **fields: Any) -> None:
        row = Call(
            **{
                "id": new_id("call"),
                "workspace_id": self.house.who.workspace_id,
                "account_id": self.house.who.account_id,
                "livemode": True,
                "channel": "phone",
                "direction": "outbound",
                "origin": "api",
                "agent_id": self.house.agent_id,
                "agent_version_id": self.house.version_id,
                "from_number": OUR_NUMBER,
                "to_number": CUSTOMER,
                "state": "completed",
                "variables": {},
                "metadata_": {},
                "unresolved_variables": [],
                "attempt": 1,
                "created_at": NOON + timedelta(minutes=len(self.names)),
                "ended_at": NOON + timedelta(hours=1),
                **fields,
            }
        )
        async with self.house.database.write() as session:
            session.add(row)
        self.names[row.id] = name

    async def found(self, page: Page | None = None, **filters: Any) -> Found:
        scope = Scope(self.house.who.workspace_id, livemode=True)
        async with self.house.database.read() as session:
            return await find(session, scope, Filters(**filters), page or Page())

    async def shows(self, page: Page | None = None, **filters: Any) -> str:
        return "".join(self.names[one] for one in (await self.found(page, **filters)).ids)


@pytest.fixture
async def history(any_house: House) -> History:
    made = History(any_house)
    await made.add("a", state="busy", end_reason="user_busy", duration_ms=0, to_number="+12025550111")
    await made.add("b", duration_ms=90_000, latency_ms=400, mood="positive", end_reason="user_disconnected")
    await made.add("c", direction="inbound", from_number="+12025550111", duration_ms=30_000, latency_ms=900)
    await made.add("d", channel="web", from_number=None, to_number=None, duration_ms=60_000, mood="negative")
    await made.add("e", state="no_answer", end_reason="user_did_not_pick_up", batch_id="batch_1", duration_ms=None)
    await made.add("f", state="dialing", ended_at=None, campaign_id="cmp_1", workflow_id="wfl_1")
    return made


FILTERS: list[tuple[dict[str, Any], str]] = [
    ({}, "fedcba"),
    ({"created_at": "asc"}, "abcdef"),
    ({"status": "completed"}, "dcb"),
    ({"status": "busy,no-answer"}, "ea"),
    ({"status": "DID_NOT_PICK, Queued"}, "fe"),
    ({"status": "completed,busy", "created_at": "asc"}, "abcd"),
    ({"end_reason": "user_busy,user_disconnected"}, "ba"),
    ({"type": "web"}, "d"),
    ({"type": "phone", "call_direction": "inbound"}, "c"),
    ({"to": "+12025550111"}, "a"),
    ({"from_": "12025550111"}, "c"),
    ({"from_": " 12025550111"}, "c"),
    ({"from_": "2026-05-23T12:04:00Z"}, "fe"),
    ({"from_": "2026-05-23T12:01:00Z", "to": "2026-05-23T12:02:00Z"}, "cb"),
    ({"start_date": "2026-05-23", "end_date": "2026-05-23"}, "fedcba"),
    ({"start_date": "2026-05-24"}, ""),
    ({"sentiment": "Positive,negative"}, "db"),
    ({"sentiment": "unknown"}, "feca"),
    ({"latency_min_ms": 500}, "c"),
    ({"latency_max_ms": 500.9}, "b"),
    ({"duration_min_ms": 60_000}, "db"),
    ({"longer_than_ms": 60_000}, "b"),
    ({"shorter_than_ms": 60_000, "duration_min_ms": 1}, "c"),
    ({"batch_call_id": "batch_0,batch_1"}, "e"),
    ({"campaign_id": "cmp_1"}, "f"),
    ({"workflow_id": "wfl_1"}, "f"),
    ({"agent_id": "agent_none"}, ""),
    ({"agent_id": ","}, ""),
    ({"duration": "desc"}, "bdcfea"),
    ({"duration": "asc"}, "cdbfea"),
    ({"duration": "asc", "status": "completed,busy"}, "cdba"),
    ({"agent_version_name": "VERSION 1"}, "fedcba"),
    ({"agent_version_name": "summer"}, ""),
]


async def test_every_filter_shows_what_fits_and_counts_it(history: History) -> None:
    for filters, shown in FILTERS:
        found = await history.found(**filters)
        assert "".join(history.names[one] for one in found.ids) == shown, filters
        assert (found.total, found.exact) == (len(shown), True), filters


async def test_what_cannot_be_read_is_refused_with_a_sentence(history: History) -> None:
    for filters, sentence in (
        ({"status": "ringing,gone"}, "status must be one of"),
        ({"type": "fax"}, "type must be one of: phone, web"),
        ({"sentiment": "so-so"}, "sentiment must be one of"),
        ({"to": "+12025550111,+1"}, "to must be a phone number, a date or a time"),
        ({"start_date": "yesterday"}, "start_date must be a date or a time"),
        ({"call_id": ",".join(map(str, range(201)))}, "call_id may list at most 200 values"),
    ):
        with pytest.raises(BadRequest, match=sentence.replace("+", r"\+")):
            await history.found(**filters)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"created_at": "asc"},
        {"status": "completed,busy,no_answer,queued"},
        {"duration": "asc"},
        {"duration": "desc"},
    ],
    ids=str,
)
async def test_pages_join_to_the_whole_list(history: History, filters: dict[str, Any]) -> None:
    whole = await history.shows(**filters)
    pages = [await history.shows(Page(number, 2), **filters) for number in range(1, 5)]
    assert "".join(pages) == whole
    assert [len(page) for page in pages] == [2, 2, 2, 0]


async def test_a_total_too_dear_to_count_is_a_lower_bound_that_keeps_ahead(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "_COUNTED", 3)
    totals = [await history.found(Page(number, 1)) for number in range(1, 7)]
    assert [found.total for found in totals] == [4, 4, 4, 5, 6, 6]
    assert [found.exact for found in totals] == [False] * 5 + [True]
    rare = await history.found(Page(1, 1), status="completed", latency_min_ms=1)
    assert (rare.total, rare.exact) == (2, True), "three completed calls can be counted"


async def test_others_calls_are_in_no_list(history: History) -> None:
    house = history.house
    async with house.database.read() as session:
        for scope in (Scope("ws_2", livemode=True), Scope(house.who.workspace_id, livemode=False)):
            for filters in (
                Filters(),
                Filters(status="completed"),
                Filters(duration="desc"),
                Filters(call_id="call_x"),
            ):
                assert (await find(session, scope, filters, Page())).total == 0


async def test_marks_change_when_a_log_does(history: History) -> None:
    found = await history.found(status="completed")
    async with history.house.database.read() as session:
        before = await finding.marks(session, found.ids)
    assert len(before) == 3
    async with history.house.database.write() as session:
        await session.execute(update(Call).where(Call.id == found.ids[1]).values(analyzed_at=NOON))
    async with history.house.database.read() as session:
        after = await finding.marks(session, found.ids)
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False, True]


async def test_sqlite_walks_along_the_index_of_each_filter(house: House) -> None:
    """A partial index that SQLite does not believe in costs seconds at a million calls."""
    async with house.database.read() as session:
        for column in FILTERED:
            query = (
                f"EXPLAIN QUERY PLAN SELECT id FROM calls WHERE workspace_id = 'w' AND livemode = 1 AND {column} = 'x' "
                "ORDER BY created_at DESC, id DESC LIMIT 21"
            )
            plan = (await session.execute(text(query))).all()
            assert f"ix_calls_by_{column}" in str(plan), plan
            assert "TEMP B-TREE" not in str(plan), plan
