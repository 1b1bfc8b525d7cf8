"""Session timers: the terms, and whole calls that outlive them or do not."""

from __future__ import annotations

import asyncio

import pytest
from tests.live.sip.test_calls import Caller, Two
from tests.live.sip.transactions.test_client import made
from tests.live.sip.wire import SDP, Wire, request

from dialnexa.live.sip.dialogs.session_timer import SessionInterval, agree_as_callee, agree_as_caller, too_brief
from dialnexa.live.sip.endpoint import Dialog, EndedBy, IncomingCall
from dialnexa.live.sip.messages.message import Request, Response
from dialnexa.live.sip.messages.sdp import Direction, make_answer


def terms(extra: str) -> tuple[SessionInterval | None, dict[str, str]]:
    interval, headers = agree_as_callee(made(extra=extra))
    return interval, dict(headers)


class TestTerms:
    def test_a_caller_without_timers_is_left_alone(self) -> None:
        assert terms("") == (None, {})

    def test_a_caller_with_timers_refreshes_unless_it_wants_us_to(self) -> None:
        ask = "Supported: timer\nSession-Expires: 600"
        assert terms(f"{ask}\n") == (
            SessionInterval(600, we_refresh=False),
            {"Session-Expires": "600;refresher=uac", "Require": "timer"},
        )
        assert terms(f"{ask};refresher=uas\n")[0] == SessionInterval(600, we_refresh=True)

    def test_a_proxy_may_ask_for_a_caller_that_cannot(self) -> None:
        assert terms("x: 600\n") == (SessionInterval(600, we_refresh=True), {"Session-Expires": "600;refresher=uas"})

    @pytest.mark.parametrize("nonsense", ["", "soon", "-1", "99999999999"])
    def test_nonsense_is_nothing(self, nonsense: str) -> None:
        assert terms(f"Session-Expires: {nonsense}\n") == (None, {})

    def test_the_answer_decides_who_refreshes(self) -> None:
        for said, we_refresh in (("300;refresher=uac", True), ("300", True), ("300;refresher=uas", False)):
            response = made().reply(200, headers=[("Session-Expires", said)])
            assert agree_as_caller(response) == SessionInterval(300, we_refresh=we_refresh)
        assert agree_as_caller(made().reply(200)) is None

    def test_too_brief_is_said_only_to_who_understands_it(self) -> None:
        assert too_brief(made(extra="Session-Expires: 30\nSupported: timer\n"))
        assert not too_brief(made(extra="Session-Expires: 30\n"))


@pytest.fixture
def two() -> Two:
    return Two(Wire())


class TestCalls:
    async def test_refreshes_keep_a_call_up_for_hours(self, two: Two) -> None:
        near, far = await two.up()
        await two.wire.pass_time(2 * 3600.0)
        assert not near.is_over and not far.is_over
        assert [line.split(" ")[0] for line in two.wire.log].count("UPDATE") == 8
        await two.wire.until(near.hang_up())
        await two.is_clean()

    async def test_a_far_end_that_vanished_ends_the_call_on_both_sides(self, two: Two) -> None:
        near, far = await two.up()
        two.wire.lose = lambda data: True
        await two.wire.pass_time(1800.0)
        assert (await near.ended()).reason == "the far end did not answer when asked for a sign of life"
        assert (await far.ended()).reason == "the session expired: the far end gave no sign of life"
        assert (await far.ended()).by is EndedBy.LOST

    async def test_a_peer_without_update_is_refreshed_by_invite(self) -> None:
        caller = Caller()
        dialling = await caller.dial()
        invite = caller.invites()[0]
        assert invite.headers.first("Session-Expires") == "1800"
        caller.peer.send(caller.ok(**{"Session-Expires": "90;refresher=uac"}))
        dialog = await caller.wire.until(dialling)
        await caller.wire.pass_time(45.0)
        refresh = caller.invites()[1]
        assert (refresh.headers.first("Session-Expires"), refresh.body) == ("90;refresher=uac", invite.body)
        caller.peer.send(caller.ok(**{"Session-Expires": "90;refresher=uac"}))
        await caller.wire.pass_time(44.0)
        assert not dialog.is_over

    async def test_a_refresh_refused_for_now_is_tried_again_until_the_end(self) -> None:
        caller = Caller()
        dialling = await caller.dial()
        caller.peer.send(caller.ok(Allow="INVITE, UPDATE", **{"Session-Expires": "90"}))
        dialog = await caller.wire.until(dialling)
        for _ in range(2):
            await caller.wire.pass_time(45.0 if not caller.peer.requests("UPDATE") else 10.0)
            caller.peer.send(caller.peer.requests("UPDATE")[-1].reply(491))
            await caller.wire.settle()
        assert len(caller.peer.requests("UPDATE")) == 2
        await caller.wire.pass_time(10.0)
        assert dialog.is_over
        assert {bye.cseq.number for bye in caller.peer.requests("BYE")} == {4}

    async def test_a_longer_interval_is_asked_for_when_the_peer_wants_one(self) -> None:
        caller = Caller()
        dialling = await caller.dial()
        caller.peer.send(caller.invites()[0].reply(422, to_tag="x", headers=[("Min-SE", "3600")]))
        await caller.wire.settle()
        assert caller.invites()[1].headers.first("Session-Expires") == "3600"
        caller.peer.send(caller.ok())
        assert not (await caller.wire.until(dialling)).is_over

    async def test_too_short_an_interval_is_refused(self) -> None:
        wire = Wire()
        wire.endpoint("10.0.0.1")
        answer = await wire.peer("10.0.0.9").says(request(body=SDP, extra="Session-Expires: 60\nSupported: timer\n"))
        assert isinstance(answer, Response)
        assert (answer.status, answer.headers.first("Min-SE")) == (422, "90")


class TestUpdate:
    async def test_moves_media_without_an_invite(self) -> None:
        wire, calls = Wire(), list[IncomingCall]()
        wire.endpoint("10.0.0.1", calls.append)
        peer = wire.peer("10.0.0.9")
        await peer.says(request(body=SDP))
        assert calls[0].offer
        accepting = asyncio.ensure_future(calls[0].accept(make_answer(calls[0].offer, "10.0.0.1", 4000)))
        await wire.settle()
        tag = peer.last.recipient.tag
        held = SDP + "a=sendonly\n"
        # Before our 200 is acknowledged an offer has to wait.
        early = await peer.says(request("UPDATE", to_tag=tag, cseq=2, branch="z9hG4bK-2", body=held))
        assert isinstance(early, Response) and early.status == 500
        peer.send(request("ACK", to_tag=tag, branch="z9hG4bK-a"))
        dialog: Dialog = await wire.until(accepting)
        answer = await peer.says(request("UPDATE", to_tag=tag, cseq=3, branch="z9hG4bK-3", body=held))
        assert isinstance(answer, Response) and answer.status == 200
        assert b"a=recvonly" in answer.body
        assert dialog.remote_sdp.direction is Direction.SENDONLY
        bare = await peer.says(request("UPDATE", to_tag=tag, cseq=4, branch="z9hG4bK-4"))
        assert isinstance(bare, Response) and (bare.status, bare.body) == (200, b"")
        assert dialog.remote_sdp.direction is Direction.SENDONLY

    async def test_outside_a_call_is_unknown(self) -> None:
        wire = Wire()
        wire.endpoint("10.0.0.1")
        answer = await wire.peer("10.0.0.9").says(request("UPDATE"))
        assert not isinstance(answer, Request) and answer.status == 481
