"""The far end puts the agent on hold and comes back, in virtual time."""

from __future__ import annotations

from tests.live.conversation.stories import plan, story
from tests.live.fake_speech import Stall

from dialnexa.live.plan import TurnTaking
from dialnexa.live.speech.ports import TextDelta
from dialnexa.live.timeline import DigitsPressed, Interrupted, SilenceReminder, Trouble

TURNS = TurnTaking(reminder_interval_s=4, silence_end_s=6)


async def test_silence_on_hold_is_neither_reminded_of_nor_does_it_end_the_call() -> None:
    async with story(plan(turns=TURNS)) as call:
        await call.agent_is_done()
        await call.line.run(2)
        call.line.held = True
        await call.line.run(60)
        assert not call.over
        assert call.happened(SilenceReminder) == []
        call.line.held = False
        await call.line.run(1.5)
        assert call.happened(SilenceReminder) == [], "the time before the hold counts, and no more than that"
        await call.line.run(1)
        assert len(call.happened(SilenceReminder)) == 1


async def test_music_on_hold_is_not_taken_for_the_caller() -> None:
    async with story(replies=["Of course."]) as call:
        await call.agent_is_done()
        call.line.held = True
        call.line.caller_speaks(20)
        call.line.caller_presses("5", after=3)
        await call.line.run(21)
        assert call.speech.mind.requests == []
        assert call.happened(DigitsPressed) == []
        call.line.held = False
        await call.says("I am back.")
        await call.agent_is_done()
        assert call.transcript[-2:] == [("user", "I am back."), ("agent", "Of course.")]


async def test_an_agent_put_on_hold_in_mid_sentence_goes_on_from_there() -> None:
    async with story() as call:
        await call.line.run_until(lambda: call.line.agent_speaks)
        await call.line.run(0.3)
        call.line.held = True
        await call.line.run(30)
        assert not call.line.utterances[0].done
        call.line.held = False
        await call.line.run_until(lambda: call.line.utterances[0].done)
        assert call.transcript == [("agent", "Hello, this is Mia.")]
        assert call.happened(Interrupted) == call.happened(Trouble) == []


async def test_an_answer_that_comes_during_the_hold_is_heard_after_it() -> None:
    async with story(replies=[[Stall(2.0), TextDelta("It is nine o'clock.")]]) as call:
        await call.agent_is_done()
        await call.says("What time is it?")
        await call.line.run_until(lambda: len(call.speech.mind.requests) == 1)
        call.line.held = True
        await call.line.run(30)
        assert call.transcript[-1] == ("user", "What time is it?")
        call.line.held = False
        await call.agent_is_done()
        assert call.transcript[-1] == ("agent", "It is nine o'clock.")
        assert call.happened(Trouble) == []


async def test_who_speaks_while_the_hold_begins_is_understood_up_to_there() -> None:
    async with story(replies=["Yes."]) as call:
        await call.agent_is_done()
        call.speech.ears.script.append("Just a second")
        call.line.caller_speaks(5)
        await call.line.run(1)
        call.line.held = True
        await call.line.run(10)
        call.line.held = False
        await call.agent_is_done()
        assert call.transcript[-2:] == [("user", "Just a second"), ("agent", "Yes.")]
