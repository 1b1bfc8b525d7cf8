"""What is too old goes, of those and only those whose rule says so, and nothing that is still needed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from dialnexa.kit.ids import first_id, new_id
from dialnexa.platform.calls import rejections
from dialnexa.platform.calls.models import Call, CallLadder, Recording, RefusedCall, TimelineEvent, Transcript
from dialnexa.platform.calls.records import Ladder, RecordingFile, SipMessage, TimelineEntry
from dialnexa.platform.calls.service import append_events
from dialnexa.platform.database import Base
from dialnexa.platform.retention import repository, sweep
from dialnexa.platform.retention.rules import KINDS, Defaults, Kind
from dialnexa.platform.retention.sweep import Sweep
from dialnexa.platform.tenancy.models import AuditEntry
from dialnexa.platform.webhooks import fanout
from dialnexa.platform.webhooks.models import Delivery, Event
from tests.api.world import HandClock
from tests.platform.calls.conftest import any_house, any_url, empty_sqlite, house, postgres, url
from tests.platform.calls.house import House, said
from tests.platform.webhooks.post_office import PostOffice, open_office

__all__ = ["any_house", "any_url", "empty_sqlite", "house", "postgres", "url"]
BORN = datetime.now(UTC)
"""Ids tell when something was born, and they are made with the machine's clock."""
DAY = timedelta(days=1)
LADDER = Ladder([SipMessage(BORN, "in", "127.0.0.1:5060", "127.0.0.2:5060", "UDP", False, "BYE sip:a SIP/2.0\r\n\r\n")])


@pytest.fixture
async def office(any_house: House) -> AsyncIterator[PostOffice]:
    async with open_office(any_house) as opened:
        yield opened


@pytest.fixture
async def local(house: House) -> AsyncIterator[PostOffice]:
    """On SQLite only, for what does not depend on the database."""
    async with open_office(house) as opened:
        yield opened


def sweeping(
    office: PostOffice, folder: Path, age: timedelta, counts: dict[str, int] | None = None, **days: int
) -> Sweep:
    """Return a sweep when everything is that old, with these rules and none else."""
    rules: dict[Kind, int] = {kind: days.get(kind, 0) for kind in KINDS}
    counted = {} if counts is None else counts
    return Sweep(office.house.database, HandClock(BORN + age), folder, Defaults(rules), counted.__setitem__)


def put(folder: Path) -> Path:
    """Put a file where recordings lie."""
    folder.mkdir(exist_ok=True)
    file = folder / "a.wav"
    file.write_bytes(b"RIFF")
    return file


def there_is(file: Path) -> bool:
    return file.exists()


async def lived(office: PostOffice, folder: Path) -> Call:
    """Leave behind everything a call can leave behind."""
    house = office.house
    await house.node()
    call = await house.talking()
    async with house.database.write() as session:
        await append_events(session, call.id, [TimelineEntry(house.now, "turn", {"role": "user", "text": "Hi."})])
    put(folder)
    await house.finish(
        call.id,
        turns=[said("agent", "Hello!", 0)],
        recording=RecordingFile("a.wav", 2000, 100),
        duration_ms=2000,
        ladder=LADDER,
    )
    async with house.database.write() as session:
        rejection = rejections.Rejection(486, "Busy Here", "All were taken.", house.who.workspace_id)
        await rejections.write(session, rejection, from_number="+1", to_number="+2", source="203.0.113.9", now=BORN)
        session.add(
            AuditEntry(
                id=new_id("audit"), workspace_id=house.who.workspace_id, account_id=house.who.account_id,
                actor="api_key", actor_id="key_1", actor_name="k", action="PATCH /x", target="/x", changes=[],
                address="", user_agent="", request_id="", created_at=BORN,
            )
        )  # fmt: skip
    return call


async def count(office: PostOffice, table: type[Base]) -> int:
    async with office.house.database.read() as session:
        return await session.scalar(select(func.count()).select_from(table)) or 0


TABLES: dict[str, list[type[Base]]] = {
    "recordings": [Recording],
    "transcripts": [Transcript],
    "events": [Event],
    "deliveries": [Delivery],
    "ladders": [CallLadder, RefusedCall],
    "audit": [AuditEntry],
}


async def test_each_kind_goes_at_its_time_and_nothing_else(office: PostOffice, tmp_path: Path) -> None:
    await office.webhook()
    await lived(office, tmp_path)
    await office.deliver()
    assert await sweeping(office, tmp_path, 9 * DAY, **dict.fromkeys(KINDS, 10)).once() == {}
    assert await sweeping(office, tmp_path, 1000 * DAY).once() == {}, "0 is for ever"
    for kind, tables in TABLES.items():
        before = {name: [await count(office, table) for table in each] for name, each in TABLES.items()}
        assert all(before[kind]), kind
        counts: dict[str, int] = {}
        removed = await sweeping(office, tmp_path, 11 * DAY, counts, **{kind: 10}).once()
        assert removed == counts == {kind: sum(before[kind])}
        after = {name: [await count(office, table) for table in each] for name, each in TABLES.items()}
        assert after == {**before, kind: [0] * len(tables)}
    assert not there_is(tmp_path / "a.wav")


async def test_with_a_transcript_goes_all_that_tells_what_was_said(local: PostOffice, tmp_path: Path) -> None:
    call = await lived(local, tmp_path)
    async with local.house.database.write() as session:
        row = await session.get_one(Call, call.id)
        row.summary, row.analysis = "They talked.", {"booked": True}
    await sweeping(local, tmp_path, 2 * DAY, transcripts=1).once()
    async with local.house.database.read() as session:
        row = await session.get_one(Call, call.id)
        assert (row.summary, row.analysis, row.state) == (None, None, "completed")
        kinds = set(await session.scalars(select(TimelineEvent.kind)))
    assert "turn" not in kinds
    assert "call_ended" in kinds


async def test_an_event_stays_while_it_waits_to_be_delivered(office: PostOffice, tmp_path: Path) -> None:
    await office.webhook()
    office.receiver.statuses["/hook"] = 500
    await office.tell("call.completed", call="call_waits")
    await office.deliver()
    await sweeping(office, tmp_path, 100 * DAY, events=1, deliveries=1).once()
    assert await count(office, Event) == 1
    assert await office.statuses() == [("pending", None)], "the failed attempt went, what is to come did not"


async def test_an_event_that_nobody_has_handed_out_yet_stays(local: PostOffice, tmp_path: Path) -> None:
    await local.tell("call.completed")
    await sweeping(local, tmp_path, 100 * DAY, events=1).once()
    assert await count(local, Event) == 1


async def test_a_workspace_may_have_its_own_rules(office: PostOffice, tmp_path: Path) -> None:
    await lived(office, tmp_path)
    workspace = office.house.who.workspace_id
    async with office.house.database.write() as session:
        await repository.set_rules(session, workspace, {"recordings": 30, "ladders": 0}, now=BORN)
    removed = await sweeping(office, tmp_path, 11 * DAY, recordings=10, ladders=10, transcripts=10).once()
    assert removed == {"transcripts": 1}
    assert await sweeping(office, tmp_path, 31 * DAY, recordings=10).once() == {"recordings": 1}


async def test_a_recording_that_is_not_here_is_left_to_the_machine_that_has_it(
    local: PostOffice, tmp_path: Path
) -> None:
    await lived(local, tmp_path / "there")
    async with local.house.database.write() as session:
        (await session.scalars(select(Recording))).one().created_at = BORN
    here = tmp_path / "here"
    assert await sweeping(local, here, 11 * DAY, recordings=10).once() == {}
    assert await sweeping(local, here, 13 * DAY, recordings=10).once() == {"recordings": 1}, "nobody has it any more"


async def test_a_recording_in_a_store_goes_from_there(local: PostOffice, tmp_path: Path) -> None:
    await lived(local, tmp_path)
    stored = put(tmp_path / "store")
    async with local.house.database.write() as session:
        (await session.scalars(select(Recording))).one().store = f"file://{stored.parent}"
    assert await sweeping(local, tmp_path, 2 * DAY, recordings=1).once() == {"recordings": 1}
    assert not there_is(stored)


async def test_many_go_in_small_batches(local: PostOffice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "BATCH", 3)
    await local.tell(*["call.initiated"] * 10)
    async with local.house.database.write() as session:
        await fanout.hand_out(session, now=BORN)
    assert await sweeping(local, tmp_path, 2 * DAY, events=1).once() == {"events": 10}


def test_ids_sort_by_birth() -> None:
    now = datetime.now(UTC)
    assert first_id("evt", now - timedelta(seconds=1)) < new_id("evt") < first_id("evt", now + timedelta(seconds=1))
