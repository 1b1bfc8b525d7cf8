"""Placing calls: who may call from where with what, in the contract's order of checks."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from sqlalchemy import select

from dialnexa.engine import EngineClient
from dialnexa.kit.errors import BadRequest, Conflict, DialNexaError, Forbidden, NotFound, Unprocessable
from dialnexa.platform.agents import service as agents
from dialnexa.platform.calls.models import TimelineEvent
from dialnexa.platform.calls.service import claim
from dialnexa.platform.database import Database
from dialnexa.platform.tenancy import telephony
from dialnexa.platform.tenancy.telephony import TelephonyRules
from tests.platform.calls.house import CUSTOMER, NODE, NOON, OUR_NUMBER, VAULT, House, RememberingQueue, build, corrupt


def queued(house: House) -> list[str]:
    assert isinstance(house.queue, RememberingQueue)
    return house.queue.calls


async def test_seed_001_places_a_call(any_house: House) -> None:
    house = any_house
    call = await house.place()
    assert (call.state, call.from_number, call.to_number) == ("queued", OUR_NUMBER, CUSTOMER)
    assert (call.variables, call.metadata_) == ({"customer_name": "Alex Rivera"}, {"crm_contact_id": "cont_99123"})
    assert (call.agent_id, call.agent_version_id, call.trunk_id) == (house.agent_id, house.version_id, house.trunk_id)
    assert await house.slots() == ["acct:acct_live1", "num:phn_1", "trunk:trunk_1", "ws:ws_1"]
    assert await house.events() == ["call.initiated"]
    assert queued(house) == [call.id]


async def test_an_agent_stands_for_its_live_version(house: House) -> None:
    call = await house.place(
        {"to_phone_number": CUSTOMER, "agent_id": house.agent_id, "metadata": {"customer_name": "Bo"}}
    )
    assert call.agent_version_id == house.version_id
    assert call.from_number == OUR_NUMBER  # the only one
    assert call.variables == call.metadata_ == {"customer_name": "Bo"}
    assert call.unresolved_variables == []


async def test_notes_and_retry_are_kept(house: House) -> None:
    call = await house.place(house.body(notes={"shift": "late"}, retry={"max_retries": 2}))
    assert call.notes == {"shift": "late"}
    assert call.retry is not None
    assert (call.retry["max_retries"], call.retry["retry_on_busy"]) == (2, True)


async def test_variables_nobody_gave_are_named(house: House) -> None:
    call = await house.place(house.body(variables={}))
    assert call.unresolved_variables == ["customer_name"]
    async with house.database.read() as session:
        kinds = list(await session.scalars(select(TimelineEvent.kind).order_by(TimelineEvent.seq)))
    assert kinds == ["call_queued", "variables_unresolved"]


async def test_a_strict_agent_refuses_them(house: House) -> None:
    async with house.database.write() as session:
        await agents.change(session, VAULT, "ws_1", house.agent_id, {"require_variables": True}, now=NOON)
        await agents.publish(session, house.who, house.agent_id, now=NOON)
    with pytest.raises(BadRequest, match=r"variables\.customer_name should not be empty"):
        await house.place({"to_phone_number": CUSTOMER, "agent_id": house.agent_id})


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"agent_version_id": "av_unknown"}, NotFound),
        ({"agent_id": "agent_other"}, BadRequest),
        ({"from_number": "+14155550111"}, Forbidden),
        ({"to_number": "+19005550123"}, Forbidden),
    ],
)
async def test_what_is_not_there_or_not_allowed(
    house: House, changes: dict[str, str], error: type[DialNexaError]
) -> None:
    with pytest.raises(error):
        await house.place(house.body(**changes))
    assert await house.calls() == []
    assert queued(house) == []
    assert await house.slots() == []


async def test_a_draft_does_not_call(house: House) -> None:
    with pytest.raises(Forbidden, match="draft"):
        await house.place(house.body(agent_version_id=house.draft_id))


async def test_an_unknown_agent_or_version_number(house: House) -> None:
    with pytest.raises(NotFound):
        await house.place({"to_phone_number": CUSTOMER, "agent_id": "agent_nobody"})
    with pytest.raises(NotFound):
        await house.place({"to_phone_number": CUSTOMER, "agent_id": house.agent_id, "agent_version_number": 7})


async def test_a_blocked_prefix_is_refused_before_the_limit(house: House) -> None:
    await house.limit("ws:ws_1", 0)
    async with house.database.write() as session:
        await telephony.set_rules(session, "ws_1", TelephonyRules(blocked_prefixes=("+1650",)))
    with pytest.raises(Forbidden, match="Telephony Config"):
        await house.place()


async def test_another_workspace_lends_nothing(house: House) -> None:
    other = await build(house.database, suffix="2", number="+14155550122")
    with pytest.raises(Forbidden):
        await house.place(house.body(from_number="+14155550122"))
    with pytest.raises(NotFound):
        await house.place(house.body(agent_version_id=other.version_id))


async def test_a_test_key_goes_to_the_sandbox(house: House) -> None:
    call = await house.place(house.body(to_number="+19005550123"), who=house.tester)
    assert (call.livemode, call.trunk_id, call.account_id) == (False, None, "acct_test1")
    assert "trunk:trunk_1" not in await house.slots()


async def test_a_number_needs_a_trunk_to_call_out(house: House) -> None:
    await corrupt(house.database, "UPDATE phone_numbers SET trunk_id = NULL")
    with pytest.raises(Unprocessable, match="SIP trunk"):
        await house.place()


async def test_at_the_limit_nothing_is_left_behind(house: House) -> None:
    await house.limit("ws:ws_1", 0)
    with pytest.raises(Conflict) as refused:
        await house.place()
    assert refused.value.code == "concurrency_limit_reached"
    assert (await house.calls(), await house.slots(), await house.events(), queued(house)) == ([], [], [], [])


async def test_what_came_as_json_is_kept_as_it_came(any_house: House) -> None:
    values = {"price": "5 €", "mood": "🙂", "pi": 3.14, "list": [1, None, True, {"deep": {}}], "2^63-1": 2**63 - 1}
    placed = await any_house.place(any_house.body(variables=values, metadata={**values, "": ""}))
    call = await any_house.call(placed.id)
    assert (call.variables, call.metadata_) == (values, {**values, "": ""})


async def test_json_beyond_what_the_fast_writer_takes_is_written_too(any_house: House) -> None:
    """Numbers of more than 64 bits, and keys that are no strings."""
    placed = await any_house.place(any_house.body(variables={"wide": 2**70, "years": {2026: "now"}}))
    call = await any_house.call(placed.id)
    assert call.variables == {"wide": float(2**70), "years": {"2026": "now"}}


async def test_the_queue_and_the_record_commit_together(any_url: str) -> None:
    """With the real engine: a call that is rolled back is in neither, one that is kept is in both."""
    async with Database.open(any_url) as database, EngineClient.open(any_url) as client:
        house = await build(database)
        house.queue = client
        await house.node()
        await house.place()
        with suppress(asyncio.CancelledError):
            async with database.write() as session:
                await client.enqueue_in_transaction(session, "call_never")
                raise asyncio.CancelledError
        table = "workflow_status" if database.is_sqlite else "dbos.workflow_status"
        async with database.read() as session:
            connection = await session.connection()
            rows = (await connection.exec_driver_sql(f"SELECT workflow_uuid, status, queue_name FROM {table}")).all()
        (call,) = await house.calls()
        assert [tuple(row) for row in rows] == [(call.id, "ENQUEUED", "calls")]
        async with database.write() as session:
            assert await claim(session, call.id, NODE, now=NOON) is not None
