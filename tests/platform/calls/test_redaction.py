"""Redaction: nothing that was said stays anywhere, the facts do, and nobody who should hear of the call is cut off."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from dialnexa.kit.errors import Conflict
from dialnexa.platform.agents.models import AgentVersion
from dialnexa.platform.calls import redaction
from dialnexa.platform.calls.models import Call, CallLadder, Recording, TimelineEvent, Transcript
from dialnexa.platform.calls.records import Ladder, RecordingFile, SipMessage, TimelineEntry
from dialnexa.platform.calls.service import append_events
from dialnexa.platform.costs.usage import Leg, Usage
from dialnexa.platform.database import Base
from dialnexa.platform.retention.erasure import Erasure
from dialnexa.platform.tenancy.models import AuditEntry
from dialnexa.platform.webhooks.models import Delivery, Event
from tests.platform.calls.house import CUSTOMER, NOON, House, said
from tests.platform.calls.serving import Api, record
from tests.platform.webhooks.post_office import PostOffice, open_office

SECRET = "Rumpelstiltskin"
"""What nobody may find afterwards."""
KEPT: tuple[type[Base], ...] = (Call, CallLadder, Recording, TimelineEvent, Transcript, Event, Delivery, AuditEntry)
"""Where it could be."""
LINES = (
    ("turn", {"role": "user", "text": SECRET, "start_ms": 0, "end_ms": 900}),
    ("tool", {"name": "book", "arguments": SECRET, "result": SECRET, "ok": False, "took_ms": 12}),
    ("transfer", {"id": "tr_1", "status": "completed", "method": "refer", "detail": SECRET, "legs": []}),
    ("dtmf", {"role": "user", "digits": SECRET}),
    ("what comes some day", {"text": SECRET}),
)


@pytest.fixture
async def office(any_house: House) -> AsyncIterator[PostOffice]:
    async with open_office(any_house) as opened:
        yield opened


async def confided(house: House, folder: Path) -> str:
    """Hold a call in which the secret gets wherever it can get; return its id."""
    await house.node()
    body = house.body(variables={"name": SECRET}, metadata={"crm": SECRET}, notes={"for": SECRET})
    call = await house.place(body)
    await house.claim(call.id)
    await house.answered(call.id)
    async with house.database.write() as session:
        await append_events(session, call.id, [TimelineEntry(house.now, kind, detail) for kind, detail in LINES])
    record(folder / f"{call.id}.wav")
    await house.finish(
        call.id,
        turns=[said("agent", "Who are you?", 0), said("user", SECRET, 900)],
        recording=RecordingFile(f"{call.id}.wav", 2000, 100),
        duration_ms=2000,
        collected_variables={"name": SECRET},
        detail=f"{SECRET} made trouble.",
        usage=Usage(legs=[Leg(to=f"sip:{SECRET}@example.com", seconds=60)]),
        ladder=Ladder([SipMessage(NOON, "in", "a:1", "b:1", "UDP", False, f"BYE sip:{SECRET} SIP/2.0\r\n\r\n")]),
    )
    async with house.database.write() as session:
        found = {"summary": SECRET, "sentiment": {"overall": "sad", "why": SECRET}, "mood": "sad"}
        await session.execute(update(Call).values(**found, analysis={"name": SECRET}, from_label=SECRET))
        await session.execute(update(Delivery).values(response_body=f"Hello {SECRET}"))
    return call.id


def recordings_in(folder: Path) -> list[str]:
    return [file.name for file in folder.glob("*.wav")]


async def everything(house: House) -> str:
    """Return all that the tables hold, as text."""
    async with house.database.read() as session:
        rows = [row for table in KEPT for row in (await session.execute(select(table.__table__))).mappings()]
    return json.dumps([dict(row) for row in rows], default=str)


async def redacted(house: House, call_id: str) -> Call:
    async with house.database.write() as session:
        return await redaction.redact(session, call_id, now=house.now)


async def private(house: House) -> None:
    """Have the agent keep nothing that is sensitive."""
    async with house.database.write() as session:
        version = await session.get_one(AgentVersion, house.version_id)
        version.config = {**version.config, "opt_out_sensitive_data_storage": True}


async def test_nothing_of_what_was_said_stays_anywhere(office: PostOffice, tmp_path: Path) -> None:
    house = office.house
    await office.webhook()
    call_id = await confided(house, tmp_path)
    await office.deliver()
    async with house.database.write() as session:
        await session.execute(update(Delivery).values(response_body=f"Hello {SECRET}"))
    assert SECRET in await everything(house)
    call = await redacted(house, call_id)
    assert SECRET not in await everything(house)
    assert (call.to_number, call.state, call.duration_ms) == (CUSTOMER, "completed", 2000)
    assert call.redacted_at == house.now
    await Erasure(house.database, office.clock, tmp_path).once()
    assert recordings_in(tmp_path) == []
    async with house.database.read() as session:
        assert (await session.scalars(select(Recording))).all() == []


async def test_the_facts_stay_on_the_timeline(house: House, tmp_path: Path) -> None:
    call_id = await confided(house, tmp_path)
    await redacted(house, call_id)
    async with house.database.read() as session:
        lines = {line.kind: line.detail for line in await session.scalars(select(TimelineEvent))}
    assert "turn" not in lines
    assert lines["tool"] == {"name": "book", "ok": False, "took_ms": 12}
    assert lines["transfer"] == {"id": "tr_1", "status": "completed", "method": "refer"}
    assert lines["dtmf"] == lines["what comes some day"] == {}
    assert lines["call_ended"] == {"status": "completed", "end_reason": "user_disconnected"}


async def test_events_that_wait_are_delivered_without_words(office: PostOffice, tmp_path: Path) -> None:
    await office.webhook()
    call_id = await confided(office.house, tmp_path)
    told = await office.house.events()
    await redacted(office.house, call_id)
    await office.deliver()
    bodies = [request.json for request in office.receiver.received]
    assert [body["event"] for body in bodies] == told
    assert SECRET not in json.dumps(bodies)
    assert bodies[-1]["payload"]["call"]["recording_url"] is None
    assert {body["phone_number"] for body in bodies} == {CUSTOMER}


async def test_a_call_that_goes_on_is_not_redacted(house: House) -> None:
    await house.node()
    call = await house.talking()
    with pytest.raises(Conflict, match="has not ended yet"):
        await redacted(house, call.id)


async def test_over_http_it_is_done_once_and_written_in_the_audit_log(api: Api, house: House) -> None:
    call_id = await confided(house, api.store)
    link = (await api.get(f"/v1/calls/{call_id}")).json()["recording_url"]
    first = await api.post(f"/v1/calls/{call_id}/redact")
    assert first.status_code == 200
    shown = first.json()
    assert (shown["sensitive_delete"], shown["redacted_at"]) == (True, "2026-05-23T12:00:00.000Z")
    assert (shown["transcript"], shown["recording_url"], shown["variables"]) == (None, None, {})
    house.later(hours=1)
    again = await api.post(f"/v1/calls/{call_id}/redact")
    assert (again.status_code, again.json()["redacted_at"]) == (200, shown["redacted_at"])
    assert SECRET not in (await api.get(f"/v1/call-logs/{call_id}/details")).text
    for gone in (link, f"/v1/calls/{call_id}/recording", f"/v1/calls/{call_id}/ladder"):
        assert (await api.get(gone)).status_code == 404, gone
    assert (await api.post(f"/v1/calls/{call_id}/analyze")).status_code == 409
    async with house.database.read() as session:
        entries = (await session.scalars(select(AuditEntry).where(AuditEntry.target.contains("redact")))).all()
    changes = [change for entry in entries for change in entry.changes]
    assert [entry.target for entry in entries] == [f"/v1/calls/{call_id}/redact"] * len(entries)
    assert "redacted_at" in json.dumps(changes)


async def test_over_http_others_calls_and_live_calls_are_refused(api: Api, house: House) -> None:
    await house.node()
    call = await house.talking()
    live = await api.post(f"/v1/calls/{call.id}/redact")
    assert live.status_code == 409
    assert "has not ended yet" in live.json()["message"]
    assert (await api.post(f"/v1/calls/{call.id}/redact", key="sk_test_a")).status_code == 404
    assert (await api.post(f"/v1/calls/{call.id}/redact", key="pk_live_a")).status_code == 403


async def test_an_agent_that_opts_out_has_its_calls_redacted_after_its_webhooks(
    office: PostOffice, tmp_path: Path
) -> None:
    house = office.house
    await private(house)
    await office.webhook()
    office.receiver.statuses["/hook"] = 500
    call_id = await confided(house, tmp_path)
    assert (await house.call(call_id)).redact_at == house.now + redaction.DELAY
    erasure = Erasure(house.database, office.clock, tmp_path)
    office.clock.later(minutes=11)
    await erasure.once()
    assert SECRET in await everything(house), "nothing was handed out yet"
    await office.deliver()
    await erasure.once()
    assert SECRET in await everything(house), "the receiver did not get it yet"
    office.receiver.statuses["/hook"] = 200
    office.clock.later(minutes=10)
    await office.deliver()
    assert SECRET in json.dumps([request.json for request in office.receiver.received])
    await erasure.once()
    assert SECRET not in await everything(house)
    assert (await house.call(call_id)).redact_at is None


async def test_webhooks_that_are_never_delivered_hold_it_up_for_a_day_at_most(
    office: PostOffice, tmp_path: Path
) -> None:
    house = office.house
    await private(house)
    call_id = await confided(house, tmp_path)
    due = house.now + redaction.DELAY + redaction.PATIENCE
    async with house.database.read() as session:
        assert await redaction.due(session, due - timedelta(seconds=1), 10) == []
        assert await redaction.due(session, due, 10) == [call_id]


async def test_a_call_cancelled_before_it_was_dialled_is_redacted_as_well(api: Api, house: House) -> None:
    await private(house)
    call = await house.place()
    hung_up = await api.post(f"/v1/calls/{call.id}/hangup")
    assert (hung_up.json()["sensitive_delete"], hung_up.json()["redacted_at"]) == (True, None)


async def test_other_agents_calls_are_kept(any_house: House, tmp_path: Path) -> None:
    call_id = await confided(any_house, tmp_path)
    assert (await any_house.call(call_id)).redact_at is None
