"""INFO requests of ours inside a call, and what a far end may make of them."""

from __future__ import annotations

import asyncio

import pytest
from tests.live.sip.test_calls import Two
from tests.live.sip.wire import OFFER, SDP, Peer, Wire

from dialnexa.live.plan import Credentials
from dialnexa.live.sip.endpoint import Dialog, EndedBy
from dialnexa.live.sip.messages.message import Request

KIND, BODY = "application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n"


async def called(wire: Wire, credentials: Credentials | None = None) -> tuple[Dialog, Peer]:
    """A call of ours that a scripted peer has answered."""
    endpoint, peer = wire.endpoint("10.0.0.1"), wire.peer("10.0.0.9")
    call = endpoint.dial("+1", from_user="+2", host="10.0.0.9", port=5060, offer=OFFER, credentials=credentials)
    dialling = asyncio.ensure_future(call.answered(lambda _: None))
    await wire.settle()
    peer.send(answer_to(peer, 200, "Contact: <sip:phone@10.0.0.9:5060>\nContent-Type: application/sdp\n", SDP))
    return await wire.until(dialling), peer


def answer_to(peer: Peer, status: int, extra: str = "", body: str = "") -> str:
    """A response to the latest request, with our tag."""
    asked = next(
        message for message in reversed(peer.received) if isinstance(message, Request) and message.method != "ACK"
    )
    to = asked.recipient if asked.recipient.tag else asked.recipient.tagged("far")
    return (
        f"SIP/2.0 {status} Said\nVia: {asked.headers.first('Via')}\nFrom: {asked.sender}\nTo: {to}\n"
        f"Call-ID: {asked.call_id}\nCSeq: {asked.cseq}\n{extra}"
        f"Content-Length: {len(body.replace(chr(10), chr(13) + chr(10)))}\n\n{body}"
    )


async def test_arrives_as_it_was_said(two: Two) -> None:
    near, far = await two.up()
    heard: list[tuple[str, bytes]] = []
    finals: list[int] = []
    far.on_info = lambda kind, body: heard.append((kind, body))
    near.inform(KIND, BODY, finals.append)
    await two.wire.settle()
    assert (heard, finals) == ([(KIND, BODY)], [200])
    await two.wire.until(near.hang_up())
    near.inform(KIND, BODY, finals.append)
    await two.wire.settle()
    assert (len(heard), finals) == (1, [200])
    await two.is_clean()


async def test_a_login_is_shown_once_it_is_asked_for() -> None:
    wire = Wire()
    dialog, peer = await called(wire, Credentials("acme", "s3cret"))
    finals: list[int] = []
    dialog.inform(KIND, BODY, finals.append)
    await wire.settle()
    assert "Authorization" not in peer.requests("INFO")[0].headers
    peer.send(answer_to(peer, 401, 'WWW-Authenticate: Digest realm="pbx", nonce="1"\n'))
    await wire.settle()
    again = peer.requests("INFO")[1]
    assert (again.body, 'username="acme"' in again.headers.first("Authorization")) == (BODY, True)
    peer.send(answer_to(peer, 200))
    await wire.settle()
    assert finals == [200]


async def test_whoever_asks_for_a_login_again_and_again_is_not_answered_for_ever() -> None:
    wire = Wire()
    dialog, peer = await called(wire, Credentials("acme", "s3cret"))
    finals: list[int] = []
    dialog.inform(KIND, BODY, finals.append)
    await wire.settle()
    for nonce in range(5):
        peer.send(answer_to(peer, 401, f'WWW-Authenticate: Digest realm="pbx", nonce="{nonce}"\n'))
        await wire.settle()
    assert (len(peer.requests("INFO")), finals) == (2, [401])


@pytest.mark.parametrize(("status", "told"), [(405, [405]), (415, [415]), (503, [503])])
async def test_a_refusal_is_told_and_costs_no_call(status: int, told: list[int]) -> None:
    wire = Wire()
    dialog, peer = await called(wire)
    finals: list[int] = []
    dialog.inform(KIND, BODY, finals.append)
    await wire.settle()
    peer.send(answer_to(peer, status))
    await wire.settle()
    assert (finals, dialog.is_over) == (told, False)


async def test_silence_counts_as_408() -> None:
    wire = Wire()
    dialog, _ = await called(wire)
    finals: list[int] = []
    dialog.inform(KIND, BODY, finals.append)
    await wire.pass_time(40)
    assert (finals, dialog.is_over) == ([408], False)


async def test_a_far_end_that_knows_nothing_of_the_call_has_lost_it() -> None:
    wire = Wire()
    dialog, peer = await called(wire)
    dialog.inform(KIND, BODY, lambda _: None)
    await wire.settle()
    peer.send(answer_to(peer, 481))
    assert (await wire.until(dialog.ended())).by is EndedBy.LOST


@pytest.fixture
def two() -> Two:
    return Two(Wire())
