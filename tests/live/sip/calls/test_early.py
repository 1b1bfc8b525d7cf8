"""Calls before their answer: early media, forks, reliable provisionals and UPDATE (RFC 3262, RFC 3311)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from tests.live.sip.wire import OFFER, SDP, Peer, Wire, request

from dialnexa.live.plan import Credentials
from dialnexa.live.sip.calls.attempt import MAX_FORKS
from dialnexa.live.sip.endpoint import CallCancelled, CallRejected, Dialog, IncomingCall, Progress, SipEndpoint
from dialnexa.live.sip.messages.message import Request, Response
from dialnexa.live.sip.messages.sdes import fresh
from dialnexa.live.sip.messages.sdp import SessionDescription, make_answer, parse_sdp

US = ("10.0.0.1", 5060)


def body(port: int = 30000) -> bytes:
    return SDP.replace("30000", str(port)).replace("\n", "\r\n").encode()


@dataclass
class Caller:
    """Our endpoint dials a scripted peer and keeps what it hears on the way."""

    wire: Wire = field(default_factory=Wire)
    heard: list[Progress] = field(default_factory=list)
    endpoint: SipEndpoint = field(init=False)
    peer: Peer = field(init=False)
    dialling: asyncio.Task[Dialog] = field(init=False)

    def __post_init__(self) -> None:
        self.endpoint = self.wire.endpoint("10.0.0.1")
        self.peer = self.wire.peer("10.0.0.9")

    async def dial(self, **options: Any) -> None:
        login = Credentials("a", "b")
        call = self.endpoint.dial(
            "+1", from_user="+2", host="10.0.0.9", port=5060, offer=OFFER, credentials=login, **options
        )
        self.dialling = asyncio.ensure_future(call.answered(self.heard.append))
        await self.wire.settle()

    @property
    def invite(self) -> Request:
        return self.peer.requests("INVITE")[-1]

    async def say(self, status: int, *headers: tuple[str, str], tag: str = "far", sdp: bytes = b"") -> None:
        contact = ("Contact", f"<sip:{tag}@10.0.0.9:5060>")
        self.peer.send(self.invite.reply(status, to_tag=tag, headers=[contact, *headers], body=sdp))
        await self.wire.settle()

    async def say_reliably(self, rseq: int, *, tag: str = "far", sdp: bytes = b"", status: int = 183) -> None:
        await self.say(status, ("Require", "100rel"), ("RSeq", str(rseq)), tag=tag, sdp=sdp)

    async def ask(self, method: str, cseq: int, *, tag: str = "far", sdp: bytes = b"", extra: str = "") -> Response:
        """Ask something inside an early dialog."""
        local = self.invite.sender
        asked = Request(method=method, uri=f"sip:x@{US[0]}", body=sdp)
        asked.headers.set("Via", f"SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bK-{method}-{cseq}-{tag}")
        asked.headers.set("From", f"<sip:+1@10.0.0.9:5060>;tag={tag}")
        asked.headers.set("To", str(local))
        asked.headers.set("Call-ID", self.invite.call_id)
        asked.headers.set("CSeq", f"{cseq} {method}")
        asked.headers.set("Contact", "<sip:moved@10.0.0.9:5060>")
        if sdp:
            asked.headers.set("Content-Type", "application/sdp")
        if extra:
            asked.headers.set("Require", extra)
        answer = await self.peer.says(asked)
        assert isinstance(answer, Response)
        return answer

    async def is_clean(self) -> None:
        await self.wire.pass_time(100.0)
        counts = self.endpoint.counts()
        assert (counts.dialogs, counts.client_transactions, counts.deadlines, counts.faults) == (0, 0, 0, 0)


@pytest.fixture
async def caller() -> Caller:
    caller = Caller()
    await caller.dial()
    return caller


class TestPrackOfOurs:
    async def test_is_offered_and_acknowledges_each_reliable_answer_once(self, caller: Caller) -> None:
        assert "100rel" in caller.invite.headers.items_of("Supported")
        for rseq in (7, 7, 9, 8):
            await caller.say_reliably(rseq)
        pracks = caller.peer.requests("PRACK")
        assert [prack.headers.first("RAck") for prack in pracks] == ["7 1 INVITE", "8 1 INVITE"]
        assert [prack.cseq.number for prack in pracks] == [2, 3]
        assert (pracks[0].uri, pracks[0].recipient.tag) == ("sip:far@10.0.0.9:5060", "far")
        assert len(caller.heard) == 2, "repetitions are not reported"
        for prack in pracks:
            caller.peer.send(prack.reply(200))
        await caller.say(200, sdp=body())
        dialog = await caller.wire.until(caller.dialling)
        dialog.send_bye()
        await caller.wire.settle()
        bye = caller.peer.requests("BYE")[0]
        assert bye.cseq.number == 4, "the call goes on counting where its PRACKs stopped"
        caller.peer.send(bye.reply(200))
        await caller.is_clean()

    async def test_is_repeated_when_it_gets_lost(self, caller: Caller) -> None:
        caller.wire.lose = lambda data: data.startswith(b"PRACK") and caller.wire.now < 1.0
        await caller.say_reliably(1)
        await caller.wire.pass_time(2.0)
        assert len({prack.via.branch for prack in caller.peer.requests("PRACK")}) == 1

    async def test_logs_in_when_a_proxy_wants_it(self, caller: Caller) -> None:
        await caller.say_reliably(1)
        challenge = ("Proxy-Authenticate", 'Digest realm="r", nonce="n"')
        caller.peer.send(caller.peer.requests("PRACK")[0].reply(407, headers=[challenge]))
        await caller.wire.settle()
        again = caller.peer.requests("PRACK")[1]
        assert again.headers.first("Proxy-Authorization")
        assert again.headers.first("RAck") == "1 1 INVITE"
        for _ in range(3):
            caller.peer.send(caller.peer.requests("PRACK")[-1].reply(407, headers=[challenge]))
            await caller.wire.settle()
        assert len(caller.peer.requests("PRACK")) == 2, "a refused login is not hammered"

    async def test_goes_to_each_fork_for_itself(self, caller: Caller) -> None:
        await caller.say_reliably(5, tag="one", sdp=body(31000))
        await caller.say_reliably(5, tag="two", sdp=body(32000))
        assert [prack.recipient.tag for prack in caller.peer.requests("PRACK")] == ["one", "two"]
        assert [(step.tag, step.sdp and step.sdp.port) for step in caller.heard] == [("one", 31000), ("two", 32000)]
        await caller.say(200, tag="two")
        dialog = await caller.wire.until(caller.dialling)
        assert dialog.remote_sdp.port == 32000, "the answer of that fork counts, said in its 183"

    async def test_a_refusal_ends_every_fork(self, caller: Caller) -> None:
        for tag in ("one", "two"):
            await caller.say_reliably(1, tag=tag)
        assert caller.endpoint.counts().dialogs == 2
        await caller.say(486)
        with pytest.raises(CallRejected):
            await caller.wire.until(caller.dialling)
        await caller.is_clean()

    async def test_a_cancelled_call_leaves_nothing(self, caller: Caller) -> None:
        await caller.say_reliably(1)
        caller.dialling.cancel()
        await caller.wire.settle()
        assert caller.peer.requests("CANCEL")
        await caller.is_clean()

    async def test_endless_forks_are_not_followed(self, caller: Caller) -> None:
        for number in range(MAX_FORKS + 10):
            await caller.say(180, tag=f"fork{number}")
        assert caller.endpoint.counts().dialogs == MAX_FORKS

    async def test_an_answer_that_makes_no_sense_leaves_the_reliable_one_standing(self, caller: Caller) -> None:
        await caller.say_reliably(1, sdp=body(31000))
        await caller.say(200, sdp=b"v=0\r\nnonsense\r\n")
        assert (await caller.wire.until(caller.dialling)).remote_sdp.port == 31000


class TestUpdateInAnEarlyDialog:
    async def test_moves_the_early_media_once_our_offer_is_answered(self, caller: Caller) -> None:
        await caller.say_reliably(1, sdp=body(31000))
        answer = await caller.ask("UPDATE", 1, sdp=body(33000))
        assert answer.status == 200
        assert parse_sdp(answer.body).port == OFFER.port
        assert [step.sdp.port for step in caller.heard if step.sdp] == [31000, 33000]
        await caller.say(200, sdp=body(31000))
        dialog = await caller.wire.until(caller.dialling)
        assert dialog.remote_sdp.port == 33000, "the last agreement counts, whatever the 200 repeats"
        assert dialog.local_sdp.version == OFFER.version + 1

    async def test_with_keys_is_answered_by_who_has_keys(self) -> None:
        """A far end that turns to SRTP before it answers."""
        caller, key = Caller(), fresh("AES_CM_128_HMAC_SHA1_80")

        def answer(offer: SessionDescription, previous: SessionDescription) -> SessionDescription:
            crypto = replace(key, tag=offer.cryptos[0].tag)
            return make_answer(offer, previous.address, previous.port, previous=previous, crypto=crypto)

        await caller.dial(answer=answer)
        await caller.say_reliably(1, sdp=body(31000))
        theirs = f"a={fresh('AES_CM_128_HMAC_SHA1_80').encode()}\r\n".encode()
        sealed = body(33000).replace(b"RTP/AVP", b"RTP/SAVP") + theirs
        answered = await caller.ask("UPDATE", 1, sdp=sealed)
        assert answered.status == 200
        assert parse_sdp(answered.body).cryptos[0].key == key.key
        await caller.say(200)
        dialog = await caller.wire.until(caller.dialling)
        assert (dialog.local_sdp.profile, dialog.remote_sdp.profile) == ("RTP/SAVP", "RTP/SAVP")

    async def test_with_keys_is_refused_where_nobody_has_any(self, caller: Caller) -> None:
        await caller.say_reliably(1, sdp=body(31000))
        assert (await caller.ask("UPDATE", 1, sdp=body(33000).replace(b"RTP/AVP", b"RTP/SAVP"))).status == 488

    async def test_is_too_early_while_our_offer_is_open(self, caller: Caller) -> None:
        await caller.say(183, sdp=body())
        assert (await caller.ask("UPDATE", 1, sdp=body(33000))).status == 491
        assert (await caller.ask("UPDATE", 2)).status == 200

    @pytest.mark.parametrize(("sdp", "status"), [(b"v=0\r\nx\r\n", 400), (body().replace(b"0 8 101", b"18"), 488)])
    async def test_of_no_use_is_refused_and_changes_nothing(self, caller: Caller, sdp: bytes, status: int) -> None:
        await caller.say_reliably(1, sdp=body(31000))
        assert (await caller.ask("UPDATE", 1, sdp=sdp)).status == status
        await caller.say(200)
        assert (await caller.wire.until(caller.dialling)).remote_sdp.port == 31000

    @pytest.mark.parametrize(
        ("method", "status"),
        [
            ("INVITE", 491),
            ("INFO", 200),
            ("OPTIONS", 200),
            ("PRACK", 481),
            ("NOTIFY", 481),
            ("REFER", 405),
            ("BYE", 200),
        ],
    )
    async def test_other_requests_get_their_answers(self, caller: Caller, method: str, status: int) -> None:
        await caller.say(180)
        assert (await caller.ask(method, 5)).status == status
        assert (await caller.ask("OPTIONS", 4)).status == (500 if method != "BYE" else 481)

    async def test_demands_of_a_stranger_are_refused(self, caller: Caller) -> None:
        await caller.say(180)
        assert (await caller.ask("UPDATE", 1, extra="teleport")).status == 420


@dataclass
class Callee:
    """A scripted peer calls our endpoint, insisting on 100rel unless told otherwise."""

    wire: Wire = field(default_factory=Wire)
    calls: list[IncomingCall] = field(default_factory=list)
    endpoint: SipEndpoint = field(init=False)
    peer: Peer = field(init=False)

    def __post_init__(self) -> None:
        self.endpoint = self.wire.endpoint("10.0.0.1", self.calls.append)
        self.peer = self.wire.peer("10.0.0.9")

    async def invite(self, extra: str = "Require: 100rel\n", sdp: str = SDP) -> IncomingCall:
        await self.peer.says(request(body=sdp, extra=extra))
        return self.calls[0]

    async def ask(self, method: str, cseq: int, extra: str = "", sdp: str = "") -> Response:
        tag = self.ringing.recipient.tag
        branch = f"z9hG4bK-{method}-{cseq}"
        answer = await self.peer.says(request(method, to_tag=tag, cseq=cseq, branch=branch, extra=extra, body=sdp))
        assert isinstance(answer, Response)
        return answer

    @property
    def ringing(self) -> Response:
        return [each for each in self.peer.received if isinstance(each, Response) and each.status == 180][-1]

    async def prack(self, cseq: int = 2, wrong: int = 0) -> Response:
        rseq = int(self.ringing.headers.first("RSeq")) + wrong
        return await self.ask("PRACK", cseq, f"RAck: {rseq} 1 INVITE\n")


@pytest.fixture
def callee() -> Callee:
    return Callee()


class TestReliableRinging:
    async def test_is_repeated_until_its_prack(self, callee: Callee) -> None:
        (await callee.invite()).ring()
        await callee.wire.pass_time(4.0)
        assert callee.peer.statuses() == [100, 180, 180, 180, 180]
        assert callee.ringing.headers.first("Require") == "100rel"
        assert (await callee.prack()).status == 200
        await callee.wire.pass_time(40.0)
        assert callee.peer.statuses().count(180) == 4

    async def test_a_prack_that_fits_nothing_gets_481(self, callee: Callee) -> None:
        (await callee.invite()).ring()
        await callee.wire.settle()
        assert (await callee.prack(2, wrong=1)).status == 481
        assert (await callee.ask("PRACK", 3)).status == 481
        assert (await callee.prack(4)).status == 200
        assert (await callee.prack(5)).status == 481, "it is acknowledged already"

    async def test_a_caller_that_never_acknowledges_is_refused(self, callee: Callee) -> None:
        call = await callee.invite()
        call.ring()
        await callee.wire.until(call.cancelled())
        assert callee.wire.now == 32.0
        assert callee.peer.statuses()[-1] == 504
        assert call.offer
        with pytest.raises(CallCancelled):
            await call.accept(make_answer(call.offer, "10.0.0.1", 4000))
        await callee.wire.pass_time(60.0)
        counts = callee.endpoint.counts()
        assert (counts.dialogs, counts.pending_calls, counts.deadlines) == (0, 0, 0)

    async def test_the_next_minute_counts_on(self, callee: Callee) -> None:
        (await callee.invite()).ring()
        await callee.wire.settle()
        first = int(callee.ringing.headers.first("RSeq"))
        await callee.prack()
        await callee.wire.pass_time(56.0)
        assert int(callee.ringing.headers.first("RSeq")) == first + 1

    async def test_may_be_answered_before_its_prack_which_still_gets_200(self, callee: Callee) -> None:
        call = await callee.invite()
        call.ring()
        assert call.offer
        accepting = asyncio.ensure_future(call.accept(make_answer(call.offer, "10.0.0.1", 4000)))
        await callee.wire.settle()
        assert callee.peer.statuses()[-1] == 200
        assert (await callee.prack()).status == 200
        callee.peer.send(request("ACK", to_tag=callee.ringing.recipient.tag, branch="z9hG4bK-a"))
        dialog = await callee.wire.until(accepting)
        assert dialog.state.remote_cseq == 2

    async def test_is_plain_for_a_caller_that_only_could(self, callee: Callee) -> None:
        (await callee.invite("Supported: 100rel\n")).ring()
        await callee.wire.pass_time(10.0)
        assert callee.peer.statuses() == [100, 180]
        assert "RSeq" not in callee.ringing.headers

    async def test_is_left_out_where_it_would_have_to_carry_our_offer(self, callee: Callee) -> None:
        (await callee.invite(sdp="")).ring()
        await callee.wire.pass_time(10.0)
        assert callee.peer.statuses() == [100]


class TestCallerWhileItRings:
    @pytest.mark.parametrize(
        ("method", "sdp", "status"),
        [("UPDATE", "", 200), ("UPDATE", SDP, 500), ("INVITE", SDP, 500), ("INFO", "", 200), ("REFER", "", 405)],
    )
    async def test_gets_its_answers(self, callee: Callee, method: str, sdp: str, status: int) -> None:
        (await callee.invite("")).ring()
        await callee.wire.settle()
        assert (await callee.ask(method, 2, sdp=sdp)).status == status

    async def test_may_leave_with_a_bye(self, callee: Callee) -> None:
        call = await callee.invite("")
        call.ring()
        await callee.wire.settle()
        await callee.ask("BYE", 2)
        await callee.wire.until(call.cancelled())
        assert callee.peer.statuses() == [100, 180, 200, 487]
