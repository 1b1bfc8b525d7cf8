"""Whole conversations in virtual time."""

from __future__ import annotations

import numpy as np
from tests.live.conversation.stories import END_CALL, plan, story

from dialnexa.live.line import SAMPLE_RATE
from dialnexa.live.plan import Opening, TurnTaking
from dialnexa.live.speech.ports import TextDelta, ToolCall
from dialnexa.live.timeline import Trouble


async def test_the_agent_greets_first_and_answers_what_it_hears() -> None:
    async with story(replies=["Sure. Which day suits you?", "Tuesday it is."]) as call:
        await call.agent_is_done()
        await call.says("I need an appointment.")
        await call.agent_is_done()
        await call.says("Tuesday please.")
        await call.agent_is_done()
        assert call.transcript == [
            ("agent", "Hello, this is Mia."),
            ("user", "I need an appointment."),
            ("agent", "Sure. Which day suits you?"),
            ("user", "Tuesday please."),
            ("agent", "Tuesday it is."),
        ]
        assert [(m.role, m.content) for m in call.asked()] == [
            ("assistant", "Hello, this is Mia."),
            ("user", "I need an appointment."),
            ("assistant", "Sure. Which day suits you?"),
            ("user", "Tuesday please."),
        ]


async def test_times_of_turns_are_positions_in_the_recording() -> None:
    async with story(replies=["Fine."]) as call:
        await call.agent_is_done()
        greeting = call.turns[0]
        assert (greeting.start_ms, greeting.end_ms) == (0, len(greeting.text) * 60)
        began = round(call.line.now * 1000)
        await call.says("How are you?", seconds=1.0)
        await call.agent_is_done()
        caller = call.turns[1]
        assert abs(caller.start_ms - began) <= 32
        assert abs(caller.end_ms - (began + 1000)) <= 32
        waterfall = call.turns[2].latency
        stages = ["stt_final", "endpoint", "llm_first_token", "first_clause", "tts_first_audio", "first_packet"]
        assert set(waterfall) == set(stages)
        assert [waterfall[stage] for stage in stages] == sorted(waterfall[stage] for stage in stages)
        assert 350 <= waterfall["first_packet"] <= 480


async def test_who_waits_for_the_caller_says_nothing_first() -> None:
    async with story(plan(opening=Opening(mode="user")), replies=["Good morning!"]) as call:
        await call.line.run(3)
        assert call.transcript == []
        await call.says("Good morning.")
        await call.agent_is_done()
        assert call.transcript == [("user", "Good morning."), ("agent", "Good morning!")]


async def test_a_dynamic_opening_is_written_by_the_model() -> None:
    async with story(plan(opening=Opening(mode="agent_dynamic")), replies=["Welcome to the clinic."]) as call:
        await call.agent_is_done()
        assert call.transcript == [("agent", "Welcome to the clinic.")]
        assert call.asked() == []


async def test_the_opening_waits_for_its_pause() -> None:
    async with story(plan(opening=Opening(text="Hello.", pause_s=1.5))) as call:
        await call.line.run_until(lambda: call.line.agent_speaks)
        assert 1.5 <= call.line.now <= 1.56


async def test_an_interruption_keeps_exactly_what_was_heard() -> None:
    async with story(replies=["One two three four five six seven eight nine ten.", "Yes?"]) as call:
        await call.agent_is_done()
        await call.says("Count.")
        await call.line.run_until(lambda: call.line.agent_speaks)
        await call.line.run(0.3)
        began = call.line.now
        await call.says("Stop that now.", seconds=1.5)
        await call.agent_is_done()
        cut = call.turns[2]
        assert cut.interrupted
        assert cut.intended == "One two three four five six seven eight nine ten."
        # The caller's voice is taken for an interruption 425 ms after its onset, windows of 32 ms counted whole.
        heard_ms = cut.end_ms - cut.start_ms
        assert 400 <= heard_ms - (began * 1000 - cut.start_ms) <= 500
        assert cut.text == "One two three"
        assert ("assistant", "One two three") in [(m.role, m.content) for m in call.asked()]
        assert call.transcript[-2:] == [("user", "Stop that now."), ("agent", "Yes?")]


async def test_a_backchannel_does_not_interrupt() -> None:
    async with story(replies=["One two three four five six seven eight nine ten."]) as call:
        await call.agent_is_done()
        await call.says("Count.")
        await call.line.run_until(lambda: call.line.agent_speaks)
        await call.line.run(0.3)
        await call.says("mhm", seconds=0.3)
        await call.line.run_until(lambda: not call.line.agent_speaks)
        assert call.turns[2].text == "One two three four five six seven eight nine ten."
        assert call.transcript[-1] == ("user", "mhm")
        assert len(call.speech.mind.requests) == 1


async def test_who_speaks_up_with_the_agents_first_syllable_is_not_talked_over() -> None:
    async with story(replies=["One two three four five six seven eight nine ten.", "Yes?"]) as call:
        await call.agent_is_done()
        await call.says("Count.")
        await call.line.run_until(lambda: call.line.agent_speaks)
        began = call.line.now
        await call.says("And quickly please.", seconds=1.5)
        await call.line.run_until(lambda: len(call.speech.mind.requests) == 2)
        assert np.count_nonzero(call.line.agent_audio[int(began * SAMPLE_RATE) :]) <= 0.25 * SAMPLE_RATE
        assert call.asked()[-1].content == "And quickly please."


async def test_a_cough_at_the_agents_first_syllable_costs_no_word() -> None:
    async with story(heard=["Count.", ""], replies=["One two three four five six seven eight nine ten."]) as call:
        await call.agent_is_done()
        call.line.caller_speaks(1.0)
        await call.line.run_until(lambda: call.line.agent_speaks)
        call.line.caller_speaks(0.25)
        await call.line.run(8.0)
        assert call.turns[-1].text == "One two three four five six seven eight nine ten."
        assert call.happened(Trouble) == []


async def test_an_okay_at_the_end_of_the_question_is_an_answer() -> None:
    async with story(replies=["Shall I book it for Tuesday?", "Booked."]) as call:
        await call.agent_is_done()
        await call.says("Book it.")
        await call.line.run_until(lambda: call.line.agent_speaks)
        await call.line.run(0.8)
        await call.says("okay", seconds=0.3)
        await call.agent_is_done()
        assert call.transcript[-2:] == [("user", "okay"), ("agent", "Booked.")]


async def test_agents_that_may_not_be_interrupted_are_not() -> None:
    text = "These words are required by law and must be heard."
    turns = TurnTaking(allow_interruptions=False)
    async with story(plan(turns=turns, opening=Opening(text=text))) as call:
        await call.line.run_until(lambda: call.line.agent_speaks)
        await call.says("Wait, wait, wait!", seconds=1.2)
        await call.line.run_until(lambda: not call.line.agent_speaks)
        assert call.turns[0].text == text
        assert not call.turns[0].interrupted


async def test_silence_is_asked_about_once_and_then_ends_the_call() -> None:
    async with story() as call:
        await call.agent_is_done()
        quiet = call.line.now
        await call.line.run_until(lambda: call.line.agent_speaks)
        assert 9.0 <= call.line.now - quiet <= 9.1
        assert call.speech.mouth.said[-1] == "Are you still there?"
        await call.line.run_until(lambda: not call.line.agent_speaks)
        quiet = call.line.now
        await call.line.run_until(lambda: call.over)
        assert 14.9 <= call.line.now - quiet <= 15.1
        assert (call.result.ending, call.result.reason) == ("completed", "silence_timeout")


async def test_nobody_is_hung_up_on_for_talking_without_being_understood() -> None:
    async with story(heard=["", "", ""], replies=["Sorry?", "Sorry?"]) as call:
        for _ in range(2):
            await call.agent_is_done()
            call.line.caller_speaks(1.0)
        await call.agent_is_done()
        call.line.caller_speaks(16.0)
        await call.line.run(17.0)
        assert not call.over, "they spoke a second ago: that is no silence"


async def test_end_call_plays_the_goodbye_to_its_last_sample() -> None:
    goodbye = [*_say("Goodbye and take care."), _tool("end_call")]
    async with story(plan(functions=(END_CALL,)), replies=[goodbye]) as call:
        await call.agent_is_done()
        await call.says("That is all.")
        await call.line.run_until(lambda: call.over)
        utterance = call.line.utterances[-1]
        assert utterance.played == utterance.pushed == len("Goodbye and take care.") * 480
        assert call.transcript[-1] == ("agent", "Goodbye and take care.")
        assert (call.result.ending, call.result.reason) == ("completed", "agent_disconnected")


def _say(text: str) -> list[TextDelta]:
    return [TextDelta(text)]


def _tool(name: str, arguments: str = "{}") -> ToolCall:
    return ToolCall("call_1", name, arguments)
