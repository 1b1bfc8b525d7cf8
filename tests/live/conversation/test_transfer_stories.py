"""The agent hands the caller to a person, in virtual time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace

import numpy as np
from tests.live.conversation.stories import Story, plan, story
from tests.live.fake_speech import Scripted
from tests.live.fakes import FakeLine

from dialnexa.live.line import EndedBy, LineEnd, NotConnected, NotTransferred
from dialnexa.live.outcome import Ending, EndReason
from dialnexa.live.plan import Background, FunctionSpec
from dialnexa.live.speech.ports import TextDelta, ToolCall
from dialnexa.live.timeline import TransferMoved, Trouble

ANNA, BEN = "+16505550111", "+16505550122"


def transfer(*destinations: str, **config: object) -> FunctionSpec:
    return FunctionSpec(
        "transfer", "call_transfer", "Hand over.", config={"destinations": list(destinations or (ANNA, BEN)), **config}
    )


@asynccontextmanager
async def asked_for_a_person(
    spec: FunctionSpec, *, after: Iterable[Scripted] = ("They are all busy.",), words: str = ""
) -> AsyncGenerator[Story]:
    """A caller who has just asked for a person."""
    first: Scripted = [*([TextDelta(words)] if words else []), ToolCall("c1", "transfer", "{}")]
    async with story(plan(functions=(spec,)), replies=[first, *after]) as call:
        await call.agent_is_done()
        await call.says("A person please.")
        yield call


def steps(call: Story) -> list[tuple[str, str]]:
    """Status and method of each step, with the last leg's own status."""
    moved = [what for what in call.happenings if isinstance(what, TransferMoved)]
    return [(step.status.value, step.legs[-1].status if step.legs else "") for step in moved]


def last(call: Story) -> TransferMoved:
    moved = call.happened(TransferMoved)[-1]
    assert isinstance(moved, TransferMoved)
    return moved


async def test_by_refer_the_caller_goes_and_the_call_is_done() -> None:
    async with asked_for_a_person(transfer()) as call:
        call.line.refers = {ANNA: 3.0}
        await call.line.run_until(lambda: call.over)
        assert call.line.referred == [ANNA]
        assert call.result.used.legs == (), "the carrier connected them: no call of ours"
        assert (call.result.ending, call.result.reason) == (Ending.COMPLETED, EndReason.CALL_TRANSFERRED)
        assert steps(call) == [("initiated", ""), ("hunting", "dialing"), ("completed", "bridged")]
        assert (last(call).method, last(call).legs[0].destination) == ("refer", ANNA)


async def test_what_the_agent_says_first_is_heard_to_its_end() -> None:
    async with asked_for_a_person(
        transfer(holding_message="I am connecting you to my colleague now."), words="Of course."
    ) as call:
        call.line.refers = {ANNA: 1.0}
        await call.line.run_until(lambda: call.line.referred != [])
        assert call.transcript[-1][1] in ("", "A person please."), "the agent's turn is not over before the call is"
        assert call.line.utterances[-1].played == call.line.utterances[-1].pushed > 0
        await call.line.run_until(lambda: call.over)
        assert call.transcript[-1] == ("agent", "Of course. I am connecting you to my colleague now.")


async def test_one_who_is_busy_is_followed_by_the_next() -> None:
    async with asked_for_a_person(transfer()) as call:
        call.line.refers = {ANNA: NotTransferred("486 Busy Here", 486), BEN: 2.0}
        await call.line.run_until(lambda: call.over)
        assert call.line.referred == [ANNA, BEN]
        assert [(leg.destination, leg.status) for leg in last(call).legs] == [(ANNA, "busy"), (BEN, "bridged")]


async def test_when_nobody_takes_the_caller_the_talk_goes_on() -> None:
    async with asked_for_a_person(transfer(ring_timeout_sec=5)) as call:
        call.line.refers = {ANNA: NotTransferred("603 Decline", 603), BEN: 600.0}
        words = ("agent", "One moment, please. They are all busy.")
        await call.line.run_until(lambda: call.transcript[-1] == words)
        assert not call.over
        assert "+16505550111: rejected, +16505550122: no answer" in call.asked()[-1].content
        assert last(call).status == "no_answer"
        assert call.happened(Trouble) == []


async def test_the_hunt_ends_after_its_time() -> None:
    async with asked_for_a_person(transfer(ring_timeout_sec=10, hunt_timeout_sec=10)) as call:
        call.line.refers = {ANNA: 600.0, BEN: 1.0}
        await call.line.run(14)
        assert call.line.referred == [ANNA]
        assert last(call).status == "hunt_timeout"


async def test_a_caller_who_leaves_during_the_hunt_is_told_apart() -> None:
    async with asked_for_a_person(transfer()) as call:
        call.line.refers = {ANNA: 600.0}
        await call.line.run_until(lambda: call.line.referred != [])
        assert call.task is not None
        call.task.cancel()
        await call.line.run(0.1)
        assert last(call).status == "customer_disconnected"


async def test_where_the_far_end_does_no_refer_both_legs_are_joined_here() -> None:
    anna = FakeLine()
    async with asked_for_a_person(transfer(ANNA)) as call:
        call.line.seconds = {ANNA: anna}
        await call.line.run_until(lambda: last_status(call) == "connected")
        for _ in range(100):
            await anna.tick()
            await call.line.tick()
        anna.caller_plays(np.full(1600, 777, np.int16))
        anna.caller_presses("7")
        call.line.caller_plays(np.full(1600, 333, np.int16))
        for _ in range(30):
            await anna.tick()
            await call.line.tick()
        assert np.count_nonzero(call.line.agent_audio == 777) == 1600
        assert np.count_nonzero(anna.agent_audio == 333) == 1600
        assert call.line.pressed == ["7"]
        assert len(call.speech.mind.requests) == 1, "nobody transcribes or answers the two"
        anna.end(LineEnd(EndedBy.FAR))
        await call.line.run_until(lambda: call.over)
        assert (call.result.reason, anna.hung_up) == (EndReason.CALL_TRANSFERRED, True)
        assert last(call).status == "completed"
        assert [leg.detail for leg in last(call).legs] == ["501", ""]
        (leg,) = call.result.used.legs
        assert (leg.to, 2600 <= leg.ms <= 2700) == (ANNA, True), "130 ticks of 20 ms"


async def test_the_agent_s_background_is_not_heard_under_the_person_who_takes_over() -> None:
    anna, office = FakeLine(), Background(("office",))
    quiet = plan(functions=(transfer(ANNA),))
    there = replace(quiet, agent=replace(quiet.agent, background=office))
    async with story(there, replies=[[ToolCall("c1", "transfer", "{}")]]) as call:
        call.line.seconds = {ANNA: anna}
        assert call.line.backgrounds == [office]
        await call.agent_is_done()
        await call.says("A person please.")
        await call.line.run_until(lambda: last_status(call) == "connected")
        await call.line.run(0.1)
        assert call.line.backgrounds == [office, None]
        assert anna.backgrounds == []


async def test_a_caller_who_hangs_up_on_a_bridge_takes_the_other_leg_down() -> None:
    anna = FakeLine()
    async with asked_for_a_person(transfer(ANNA)) as call:
        call.line.seconds = {ANNA: anna}
        await call.line.run_until(lambda: last_status(call) == "connected")
        call.line.end(LineEnd(EndedBy.FAR))
        await call.line.run_until(lambda: anna.hung_up)
        assert last(call).status == "completed"
        assert call.conversation is not None
        assert [leg.to for leg in call.conversation.result().used.legs] == [ANNA]


async def test_a_second_leg_that_is_not_answered_is_given_up_and_the_next_tried() -> None:
    refusal = NotConnected(Ending.BUSY, EndReason.USER_BUSY, "busy", 486)
    anna, ben = FakeLine(refuses=refusal), FakeLine()
    async with asked_for_a_person(transfer()) as call:
        call.line.seconds = {ANNA: anna, BEN: ben}
        await call.line.run_until(lambda: last_status(call) == "connected")
        assert anna.hung_up and not ben.hung_up
        assert call.line.referred == [ANNA], "a far end that does no REFER is not asked again"
        ben.end(LineEnd(EndedBy.FAR))
        await call.line.run_until(lambda: call.over)


async def test_a_side_on_hold_hears_nothing_of_the_past() -> None:
    anna = FakeLine()
    async with asked_for_a_person(transfer(ANNA)) as call:
        call.line.seconds = {ANNA: anna}
        await call.line.run_until(lambda: last_status(call) == "connected")
        anna.held = True
        call.line.caller_plays(np.full(80_000, 333, np.int16))
        for _ in range(500):
            await anna.tick()
            await call.line.tick()
        anna.held = False
        for _ in range(100):
            await anna.tick()
            await call.line.tick()
        assert 0 < np.count_nonzero(anna.agent_audio == 333) <= 1760
        anna.end(LineEnd(EndedBy.FAR))
        await call.line.run_until(lambda: call.over)


async def test_a_transfer_to_nobody_is_a_sentence_for_the_model() -> None:
    spec = FunctionSpec("transfer", "call_transfer", "Hand over.", config={"destinations": []})
    async with asked_for_a_person(spec) as call:
        await call.agent_is_done()
        assert "has no destination" in call.asked()[-1].content
        assert call.happened(TransferMoved) == []
        assert [what.part for what in call.happened(Trouble) if isinstance(what, Trouble)] == ["transfer"]


def last_status(call: Story) -> str:
    return steps(call)[-1][0] if steps(call) else ""
