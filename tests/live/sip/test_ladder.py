"""The ladder of a call: everything that was said, in order, within bounds."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from dialnexa.live.outcome import SipLadder
from dialnexa.live.sip.ladder import Ladders, in_short
from dialnexa.live.sip.messages.hop import Hop
from dialnexa.live.sip.messages.message import Request, Response, parse
from dialnexa.live.sip.messages.sdp import make_answer
from tests.live.sip.wire import OFFER, SDP, Wire, request

PEER = Hop("10.0.0.9", 5060)


class Book:
    """The ladders of an endpoint, and a clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1_000_000_000.0
        self.ladders = Ladders({"UDP": ("10.0.0.1", 5060)}, wall=lambda: self.now)

    def hear(self, text: str, way: str = "in") -> None:
        data = text.replace("\n", "\r\n").encode()
        message = parse(data)
        assert isinstance(message, Request | Response)
        self.ladders.note("in" if way == "in" else "out", PEER, message, data)


def lines(ladder: SipLadder) -> list[str]:
    return [f"{'>' if one.way == 'out' else '<'} {one.text.splitlines()[0]}" for one in ladder.messages]


async def test_an_outgoing_call_from_invite_to_goodbye() -> None:
    wire = Wire()
    endpoint, callee = wire.endpoint("10.0.0.1"), wire.peer("10.0.0.2")
    ladder = endpoint.ladders.open()
    call = endpoint.dial("+16505550199", from_user="+14155550100", host="10.0.0.2", port=5060, offer=OFFER)
    ladder.follow(call.call_id)
    answering = asyncio.ensure_future(call.answered(lambda _: None))
    await wire.settle()
    invite = callee.requests("INVITE")[0]
    callee.send(invite.reply(180, to_tag="b"))
    answer = make_answer(OFFER, "10.0.0.2", 5000).encode()
    callee.send(invite.reply(200, to_tag="b", body=answer, headers=[("Contact", "<sip:b@10.0.0.2:5060>")]))
    dialog = await wire.until(answering)
    saying = asyncio.ensure_future(dialog.hang_up())
    await wire.settle()
    callee.send(callee.requests("BYE")[0].reply(200))
    await wire.until(saying)
    ladder.close()
    assert [line.partition("@")[0] for line in lines(ladder.read())] == [
        "> INVITE sip:+16505550199", "< SIP/2.0 180 Ringing", "< SIP/2.0 200 OK", "> ACK sip:b", "> BYE sip:b",
        "< SIP/2.0 200 OK",
    ]  # fmt: skip
    first = ladder.read().messages[0]
    assert (first.local, first.peer, first.transport) == ("10.0.0.1:5060", "10.0.0.2:5060", "UDP")
    assert not len(endpoint.ladders)


async def test_a_caller_s_invite_is_there_although_nobody_followed_it_yet() -> None:
    wire = Wire()
    endpoint, caller = wire.endpoint("10.0.0.1", on_invite=lambda call: call.reject(486)), wire.peer("10.0.0.9")
    await caller.says(request(body=SDP))
    ladder = endpoint.ladders.open()
    ladder.follow("call-1@10.0.0.9")
    assert lines(ladder.read()) == [
        "< INVITE sip:+14155550100@10.0.0.1 SIP/2.0", "> SIP/2.0 100 Trying", "> SIP/2.0 486 Busy Here",
    ]  # fmt: skip


async def test_repetitions_are_marked() -> None:
    wire = Wire()
    endpoint = wire.endpoint("10.0.0.1")
    ladder = endpoint.ladders.open()
    call = endpoint.dial("100", from_user="200", host="10.0.0.2", port=5060, offer=OFFER)
    ladder.follow(call.call_id)
    calling = asyncio.ensure_future(call.answered(lambda _: None))
    await wire.pass_time(3.6)  # T1 doubles: 0.5, 1.5, 3.5
    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)
    assert [message.repeated for message in ladder.read().messages] == [False, True, True, True]
    assert in_short(ladder.read().messages, ladder.read().messages[0].at) == ("→ INVITE", "3 repeated")


def test_strangers_are_forgotten_in_time() -> None:
    book = Book()
    for number in range(2000):
        book.hear(request(call_id=f"{number}@scanner"))
    assert len(book.ladders._strangers) <= 512
    ladder = book.ladders.open()
    ladder.follow("0@scanner")
    assert ladder.read() == SipLadder()


def test_requests_outside_calls_are_not_kept() -> None:
    book = Book()
    book.hear(request("OPTIONS"))
    book.hear(request("BYE", to_tag="x"))
    assert not book.ladders._strangers


def test_of_a_talkative_call_the_middle_is_left_out_and_counted() -> None:
    book = Book()
    ladder = book.ladders.open()
    ladder.follow("call-1@10.0.0.9")
    for number in range(1, 501):
        book.hear(request("INFO", to_tag="x", cseq=number, branch=f"z9hG4bK-{number}"))
    seen = ladder.read()
    assert len(seen.messages) + seen.left_out == 500
    assert (len(seen.messages), seen.gap_at) == (128, 64)
    numbers = [int(one.text.partition("CSeq: ")[2].split(" ")[0]) for one in seen.messages]
    assert numbers == [*range(1, 65), *range(437, 501)]


def test_one_call_s_bytes_are_bounded_too() -> None:
    book = Book()
    ladder = book.ladders.open()
    ladder.follow("call-1@10.0.0.9")
    for number in range(1, 40):
        book.hear(request("INFO", to_tag="x", cseq=number, body="x" * 30_000))
    seen = ladder.read()
    assert sum(len(one.text) for one in seen.messages) < 200_000
    assert len(seen.messages) + seen.left_out == 39


def test_several_call_ids_share_one_ladder() -> None:
    book = Book()
    ladder = book.ladders.open()
    ladder.follow("call-1@10.0.0.9")
    book.hear(request())
    book.hear(request(call_id="other@10.0.0.9"))
    ladder.follow("other@10.0.0.9")
    book.hear(request("BYE", to_tag="x", call_id="other@10.0.0.9"))
    assert [line.split(" ")[1] for line in lines(ladder.read())] == ["INVITE", "INVITE", "BYE"]


def test_a_further_leg_is_on_the_same_ladder_and_ends_by_itself() -> None:
    book = Book()
    ladder = book.ladders.open()
    ladder.follow("call-1@10.0.0.9")
    book.hear(request())
    leg = ladder.branch()
    leg.follow("leg-2@10.0.0.9")
    book.hear(request("BYE", to_tag="x", call_id="leg-2@10.0.0.9"))
    leg.close()
    book.hear(request("BYE", to_tag="x", call_id="leg-2@10.0.0.9"))
    book.hear(request("INFO", to_tag="x"))
    assert [line.split(" ")[1] for line in lines(ladder.read())] == ["INVITE", "BYE", "INFO"]


def test_bytes_that_are_no_text_come_back_as_they_were() -> None:
    book = Book()
    ladder = book.ladders.open()
    ladder.follow("call-1@10.0.0.9")
    data = request(body="x").replace("\n", "\r\n").encode()[:-1] + b"\xff"
    message = parse(data)
    assert isinstance(message, Request)
    book.ladders.note("in", PEER, message, data)
    assert ladder.read().messages[0].text.encode("utf-8", "surrogateescape") == data


def test_in_short_times_count_from_the_beginning_and_the_middle_is_left_out() -> None:
    book = Book()
    ladder = book.ladders.open()
    ladder.follow("call-1@10.0.0.9")
    begun = datetime.fromtimestamp(book.now, UTC)
    for number in range(1, 41):
        book.hear(request("INFO", to_tag="x", cseq=number))
        book.now += 0.25
    steps = in_short(ladder.read().messages, begun)
    assert steps[0] == "← INFO"
    assert steps[1] == "← INFO +250 ms"
    assert steps[12] == "… 16 more"
    assert steps[-1] == "← INFO +9750 ms"


def test_callers_who_want_not_to_be_known_are_masked_in_all_that_was_said() -> None:
    book = Book()
    told = 'P-Asserted-Identity: "Alice Archer" <sip:+15550001@trunk>\nPrivacy: id\n'
    book.hear(request(extra=told))
    book.hear(request("BYE", to_tag="x").replace("Max-Forwards", "X-Seen: 15550001\nMax-Forwards"))
    ladder = book.ladders.open()
    ladder.follow("call-1@10.0.0.9")
    text = "".join(one.text for one in ladder.read().messages)
    assert 'P-Asserted-Identity: "************" <sip:+********@trunk>' in text
    assert "X-Seen: ********" in text
    assert not any(word in text for word in ("Alice", "15550001"))
