"""Ladders over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from cryptography.fernet import Fernet

from dialnexa.api.app import assemble
from dialnexa.kit.secrets import Vault
from dialnexa.platform.calls import rejections
from dialnexa.platform.calls.models import CallLadder
from dialnexa.platform.calls.records import Ladder
from dialnexa.platform.calls.states import CallState
from tests.platform.calls.house import House, corrupt
from tests.platform.calls.ladder.ladders import ANSWERED, BUSY, invite, says
from tests.platform.calls.ladder.test_pcap import read
from tests.platform.calls.serving import HouseClock, add_key


@pytest.fixture
async def http(house: House, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    await add_key(house, "sk_live_a")
    app = assemble(
        house.database,
        vault=Vault(Fernet.generate_key()),
        engine=house.queue,
        recordings=tmp_path,
        clock=HouseClock(house),
    )
    headers = {"Authorization": "Bearer sk_live_a"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://api.test/v1", headers=headers
    ) as http:
        yield http


async def busy(house: House, ladder: Ladder = BUSY) -> str:
    await house.node()
    call = await house.place()
    await house.claim(call.id)
    await house.finish(call.id, CallState.BUSY, "user_busy", ladder=ladder)
    return call.id


async def test_as_json(http: httpx.AsyncClient, house: House) -> None:
    call_id = await busy(house)
    ladder = (await http.get(f"/calls/{call_id}/ladder")).json()
    assert ladder["call_id"] == call_id
    assert ladder["verdict"].startswith("The far end refused the call: 486 Busy Here")
    assert [(one["direction"], one["ms"], one["summary"]) for one in ladder["messages"]] == [
        ("out", 0, "INVITE with offer PCMU, PCMA"),
        ("in", 30, '486 Busy Here (Q.850;cause=17;text="User busy")'),
        ("out", 31, "ACK"),
    ]
    first = ladder["messages"][0]
    assert (first["from"], first["to"]) == ("192.0.2.1:5060", "203.0.113.5:5060")
    assert first["at"] == "2026-05-23T12:00:00.123Z"
    assert first["first_line"] == "INVITE sip:+16505550199@203.0.113.5 SIP/2.0"
    assert first["text"] == BUSY.messages[0].text
    assert (ladder["left_out"], ladder["gap_at"]) == (0, 0)


@pytest.mark.parametrize(
    ("params", "accept"), [({"format": "text"}, "*/*"), ({}, "text/plain"), ({}, "text/html, text/plain;q=0.9, */*")]
)
async def test_as_a_drawing(http: httpx.AsyncClient, house: House, params: dict[str, str], accept: str) -> None:
    answer = await http.get(f"/calls/{await busy(house)}/ladder", params=params, headers={"Accept": accept})
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert "busy (user_busy)" in answer.text.splitlines()[0]
    assert "486 Busy Here" in answer.text


async def test_as_a_capture(http: httpx.AsyncClient, house: House) -> None:
    call_id = await busy(house, ANSWERED)
    answer = await http.get(f"/calls/{call_id}/ladder", params={"format": "pcap"})
    assert answer.headers["content-type"] == "application/vnd.tcpdump.pcap"
    assert answer.headers["content-disposition"] == f'attachment; filename="{call_id}.pcap"'
    assert len(read(answer.content)) == 7


async def test_what_was_no_text_is_shown_as_well_as_it_can_be(http: httpx.AsyncClient, house: House) -> None:
    odd = Ladder((invite(), says("< SIP/2.0 486 B\udcffsy", cseq="1 INVITE")))
    call_id = await busy(house, odd)
    assert (await http.get(f"/calls/{call_id}/ladder")).json()["messages"][1]["summary"] == "486 B\ufffdsy"
    for format in ("text", "pcap"):
        assert (await http.get(f"/calls/{call_id}/ladder", params={"format": format})).status_code == 200


async def test_without_a_ladder_it_says_why(http: httpx.AsyncClient, house: House) -> None:
    await house.node()
    call = await house.talking()
    answer = await http.get(f"/calls/{call.id}/ladder")
    assert answer.status_code == 404
    assert answer.json()["message"].endswith("One appears when the call has ended.")
    await house.finish(call.id)
    assert "never reached the network" in (await http.get(f"/calls/{call.id}/ladder")).json()["message"]


async def test_another_format_is_refused(http: httpx.AsyncClient, house: House) -> None:
    answer = await http.get(f"/calls/{await busy(house)}/ladder", params={"format": "png"})
    assert answer.status_code == 400
    assert "text" in str(answer.json()["message"])


async def test_it_goes_with_its_call(any_house: House) -> None:
    call_id = await busy(any_house)
    async with any_house.database.read() as session:
        assert await session.get(CallLadder, call_id) is not None
    await corrupt(any_house.database, f"DELETE FROM calls WHERE id = '{call_id}'")
    async with any_house.database.read() as session:
        assert await session.get(CallLadder, call_id) is None


async def test_of_a_call_that_was_not_let_in(http: httpx.AsyncClient, house: House) -> None:
    refused = Ladder((says("< INVITE sip:+1999@192.0.2.1 SIP/2.0"), says("> SIP/2.0 404 Not Found", cseq="1 INVITE")))
    rejection = rejections.Rejection(404, "Not Found", "The number is not ours.", house.who.workspace_id)
    async with house.database.write() as session:
        await rejections.write(
            session, rejection, from_number="+1", to_number="+1999", source="203.0.113.5", now=house.now, ladder=refused
        )
    (listed,) = (await http.get("/refused-calls")).json()["data"]
    ladder = (await http.get(f"/refused-calls/{listed['id']}/ladder")).json()
    assert ladder["verdict"] == "We refused the call: 404 Not Found."
    assert (await http.get("/refused-calls/ref_none/ladder")).status_code == 404
