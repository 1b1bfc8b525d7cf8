"""Transfers asked for by us and by the far end, blind and attended."""

from __future__ import annotations

import asyncio

import pytest
from tests.live.sip.test_calls import Two
from tests.live.sip.wire import SDP, Wire, request

from dialnexa.live.sip.endpoint import (
    CallRejected,
    CallTimedOut,
    Dialog,
    EndedBy,
    Referral,
    TransferProgress,
    TransferUnconfirmed,
)
from dialnexa.live.sip.messages.message import Response

TARGET = "sip:+3@10.0.0.3"


@pytest.fixture
def two() -> Two:
    return Two(Wire())


class TestTransfer:
    async def test_is_made_and_told_step_by_step(self, two: Two) -> None:
        near, far = await two.up()
        asked: list[Referral] = []
        steps: list[TransferProgress] = []
        far.on_refer = asked.append
        waiting = asyncio.ensure_future(near.transfer(TARGET, on_progress=steps.append))
        await two.wire.settle()
        assert (asked[0].target.uri, asked[0].target.user, asked[0].target.replaces) == (TARGET, "+3", "")
        asked[0].accept()
        asked[0].tell(180)
        asked[0].tell(200)
        asked[0].tell(486)
        assert (await two.wire.until(waiting)).status == 200
        assert [step.status for step in steps] == [100, 180, 200]
        assert not near.is_over
        await two.wire.until(near.hang_up())
        await two.is_clean()

    async def test_to_somebody_busy_leaves_the_call_up(self, two: Two) -> None:
        near, far = await two.up()

        def busy(referral: Referral) -> None:
            referral.accept()
            referral.tell(486)

        far.on_refer = busy
        assert await two.wire.until(near.transfer(TARGET)) == TransferProgress(486, "Busy Here")
        assert not near.is_over

    async def test_is_declined_when_nobody_takes_it(self, two: Two) -> None:
        near, _ = await two.up()
        with pytest.raises(CallRejected, match="603"):
            await two.wire.until(near.transfer(TARGET))

    async def test_a_far_end_that_hangs_up_without_a_word_is_told_apart(self, two: Two) -> None:
        near, far = await two.up()
        far.on_refer = Referral.accept
        waiting = asyncio.ensure_future(near.transfer(TARGET))
        await two.wire.settle()
        far.send_bye()
        with pytest.raises(TransferUnconfirmed, match="before the far end said"):
            await two.wire.until(waiting)
        await two.is_clean()

    async def test_a_far_end_that_hangs_up_instead_of_agreeing_has_not_agreed(self, two: Two) -> None:
        near, far = await two.up()
        far.on_refer = lambda _: far.send_bye()
        with pytest.raises(CallTimedOut) as failure:
            await two.wire.until(near.transfer(TARGET))
        assert not isinstance(failure.value, TransferUnconfirmed)

    async def test_a_refer_that_names_nobody_is_a_bad_request(self, two: Two) -> None:
        near, far = await two.up()
        far.on_refer = Referral.accept
        with pytest.raises(CallRejected, match="400"):
            await two.wire.until(near.transfer("mailto:x"))


class TestReplaces:
    async def test_an_attended_transfer_takes_the_place_of_the_other_call(self, two: Two) -> None:
        """The caller has two calls with the callee; the callee is asked to join them by calling itself."""
        first, far_first = await two.up()
        two.incoming.clear()
        second, far_second = await two.up()
        asked: list[Referral] = []
        far_first.on_refer = asked.append
        waiting = asyncio.ensure_future(first.transfer("sip:+1@10.0.0.2:5060", replaces=second))
        await two.wire.settle()
        target = asked[0].target
        asked[0].accept()
        peer = two.wire.peer("10.0.0.9")
        two.incoming.clear()
        peer.send(request(body=SDP, extra=f"Replaces: {target.replaces}\n"), ("10.0.0.2", 5060))
        await two.wire.settle()
        assert two.incoming[0].replaces is far_second
        accepting = two.accept()
        await two.wire.settle()
        assert not second.is_over  # its place is not taken before the new call is up
        tag = peer.last.recipient.tag
        peer.send(request("ACK", branch="z9hG4bK-2", to_tag=tag), ("10.0.0.2", 5060))
        assert (await two.wire.until(second.ended())).by is EndedBy.FAR
        assert not (await accepting).is_over
        asked[0].tell(200)
        assert (await two.wire.until(waiting)).status == 200

    async def test_only_while_it_rings_means_not_once_it_is_answered(self, two: Two) -> None:
        _, far = await two.up()
        answer = await self.asks_for_the_place_of(two, far, ";early-only")
        assert (answer.status, two.incoming[1:]) == (486, [])

    async def test_a_call_that_has_ended_is_declined(self, two: Two) -> None:
        near, far = await two.up()
        await two.wire.until(near.hang_up())
        answer = await self.asks_for_the_place_of(two, far)
        assert (answer.status, two.incoming[1:]) == (603, [])

    async def test_a_call_that_rings_here_is_nobody_elses(self, two: Two) -> None:
        two.behave = lambda call: call.ring()
        dialling = two.dial()
        await two.wire.settle()
        state = next(iter(two.callee._stack.dialogs))
        value = f"{state[0]};to-tag={state[1]};from-tag={state[2]}"
        answer = await two.wire.peer("10.0.0.9").says(request(body=SDP, extra=f"Replaces: {value}\n"))
        assert isinstance(answer, Response) and answer.status == 481
        dialling.cancel()

    async def asks_for_the_place_of(self, two: Two, call: Dialog, more: str = "") -> Response:
        state = call.state
        value = f"{state.call_id};to-tag={state.local.tag};from-tag={state.remote.tag}{more}"
        peer = two.wire.peer("10.0.0.9")
        peer.send(request(body=SDP, extra=f"Replaces: {value}\n"), ("10.0.0.2", 5060))
        await two.wire.settle()
        assert isinstance(peer.last, Response)
        return peer.last

    @pytest.mark.parametrize(("value", "status"), [("a;to-tag=b;from-tag=c", 481), ("a;to-tag=b", 400)])
    async def test_a_call_that_is_none_cannot_be_replaced(self, value: str, status: int) -> None:
        wire = Wire()
        wire.endpoint("10.0.0.1")
        answer = await wire.peer("10.0.0.9").says(request(body=SDP, extra=f"Replaces: {value}\n"))
        assert isinstance(answer, Response) and answer.status == status
