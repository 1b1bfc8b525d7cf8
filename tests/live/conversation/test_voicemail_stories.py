"""Who answered? Outbound calls that meet people, machines, menus and assistants, in virtual time."""

from __future__ import annotations

import asyncio

from tests.live.conversation.stories import plan, story

from dialnexa.live.conversation.events import FinalHeard, PartialHeard, VoiceStarted, VoiceStopped
from dialnexa.live.conversation.voicemail import Screening, Verdict
from dialnexa.live.media.tones import tone
from dialnexa.live.plan import FunctionSpec, Opening, VoicemailHandling
from dialnexa.live.speech.ports import TextDelta, ToolCall
from dialnexa.live.timeline import VoicemailDetected

GREETING = "You have reached Alex. Please leave a message after the beep."
MESSAGE = "Hello Alex, this is Mia. Please call me back."
OUTBOUND = plan(
    outbound=True,
    opening=Opening(text="Hello, this is Mia from the clinic.", pause_s=2.0),
    voicemail=VoicemailHandling(message=MESSAGE),
)


async def test_a_person_says_hello_and_is_greeted_at_once() -> None:
    async with story(OUTBOUND) as call:
        await call.line.run(0.6)
        await call.says("Hello?", seconds=0.5)
        silent = call.line.now
        await call.line.run_until(lambda: call.line.agent_speaks)
        assert 0.45 <= call.line.now - silent <= 0.6
        await call.line.run_until(lambda: not call.line.agent_speaks)
        assert call.transcript == [("user", "Hello?"), ("agent", "Hello, this is Mia from the clinic.")]
        assert call.happened(VoicemailDetected) == []


async def test_a_person_who_says_nothing_is_greeted_after_the_pause() -> None:
    async with story(OUTBOUND) as call:
        await call.line.run_until(lambda: call.line.agent_speaks)
        assert 2.0 <= call.line.now <= 2.06


async def test_a_late_hello_does_not_stop_the_opening() -> None:
    async with story(OUTBOUND) as call:
        await call.line.run_until(lambda: call.line.agent_speaks)
        await call.line.run(0.3)
        await call.says("Hello?", seconds=0.5)
        await call.line.run_until(lambda: not call.line.agent_speaks)
        assert len(call.line.utterances) == 1
        assert ("agent", "Hello, this is Mia from the clinic.") in call.transcript
        assert ("user", "Hello?") in call.transcript


async def test_who_says_hello_in_the_moment_of_the_opening_is_heard_out_and_then_greeted() -> None:
    async with story(OUTBOUND) as call:
        await call.line.run(1.94)
        await call.says("Hello?", seconds=0.5)
        assert not call.line.agent_speaks
        await call.agent_is_done()
        assert call.transcript == [("user", "Hello?"), ("agent", "Hello, this is Mia from the clinic.")]


async def test_a_machine_gets_its_message_after_the_beep() -> None:
    async with story(OUTBOUND) as call:
        await call.says(GREETING, seconds=4.0)
        call.line.caller_plays(tone((1000.0,), 0.6), after=1.0)
        await call.line.run_until(lambda: call.line.agent_speaks)
        assert 5.6 <= call.line.now <= 6.3, "the message begins after the beep, and soon"
        await call.line.run_until(lambda: call.over)
        assert call.transcript == [("user", GREETING), ("agent", MESSAGE)]
        assert (call.result.ending, call.result.reason) == ("voicemail", "voicemail_detected")
        assert len(call.happened(VoicemailDetected)) == 1
        utterance = call.line.utterances[-1]
        assert utterance.played == utterance.pushed


async def test_a_machine_without_a_beep_gets_its_message_after_silence() -> None:
    async with story(OUTBOUND) as call:
        await call.says(GREETING, seconds=4.0)
        await call.line.run_until(lambda: call.line.agent_speaks)
        assert 5.5 <= call.line.now <= 6.2
        await call.line.run_until(lambda: call.over)
        assert call.result.ending == "voicemail"


async def test_a_machine_found_late_cuts_the_opening() -> None:
    async with story(OUTBOUND) as call:
        await call.says("Hi, this is Alex.", seconds=1.0)
        await call.line.run_until(lambda: call.line.agent_speaks)
        await call.says("Leave a message after the tone.", seconds=1.5)
        await call.line.run_until(lambda: call.happened(VoicemailDetected) != [])
        assert not call.line.utterances[0].finished or call.line.utterances[0].was_cut
        await call.line.run_until(lambda: call.over)
        assert call.transcript[-1] == ("agent", MESSAGE)


async def test_a_monologue_nobody_understands_is_a_machine() -> None:
    async with story(OUTBOUND) as call:
        await call.says("", seconds=9.0)
        await call.line.run_until(lambda: call.happened(VoicemailDetected) != [])
        await call.line.run_until(lambda: call.over)
        assert call.result.ending == "voicemail"


async def test_agents_told_to_hang_up_on_machines_do() -> None:
    call_plan = plan(outbound=True, voicemail=VoicemailHandling(hang_up=True, message=MESSAGE))
    async with story(call_plan) as call:
        await call.says(GREETING, seconds=4.0)
        await call.line.run_until(lambda: call.over)
        assert call.line.now < 5
        assert call.transcript == [("user", GREETING)]
        assert (call.result.ending, call.result.reason) == ("voicemail", "voicemail_detected")


async def test_a_machine_that_hangs_up_during_the_message_is_still_voicemail() -> None:
    async with story(OUTBOUND) as call:
        await call.says(GREETING, seconds=4.0)
        await call.line.run_until(lambda: call.line.agent_speaks)
        await call.line.run(0.5)
        assert call.task
        assert call.conversation
        call.task.cancel()
        await asyncio.gather(call.task, return_exceptions=True)
        result = call.conversation.result()
        assert (result.ending, result.reason) == ("voicemail", "voicemail_detected")
        assert result.turns[-1].text == "Hello"


async def test_a_call_screening_assistant_is_told_who_calls() -> None:
    async with story(OUTBOUND) as call:
        await call.says("Please state your name and why you are calling.", seconds=3.0)
        await call.agent_is_done()
        assert call.transcript[-1] == ("agent", "Hello, this is Mia from the clinic.")


async def test_a_screening_assistant_is_heard_out_before_it_is_told() -> None:
    async with story(OUTBOUND) as call:
        await call.says("The person you are calling is using a call assistant.", seconds=3.0)
        await call.line.run(0.4)
        await call.says("Please say your name and why you are calling.", seconds=2.0)
        assert not call.line.utterances, "it had not finished"
        await call.agent_is_done()
        assert [role for role, _ in call.transcript] == ["user", "agent"]
        assert call.transcript[-1] == ("agent", "Hello, this is Mia from the clinic.")


async def test_a_menu_is_heard_to_its_end_and_answered_by_keys() -> None:
    reply = [ToolCall("1", "press_digits", '{"digits": "2"}')]
    async with story(OUTBOUND, replies=[reply, [TextDelta("Done.")]]) as call:
        await call.says("For sales press one, for support press two.", seconds=4.0)
        await call.line.run_until(lambda: call.line.pressed != [])
        assert call.line.pressed == ["2"]
        assert call.line.now - 4.0 >= 1.5
        assert "press_digits" in [tool.name for tool in call.speech.mind.tools[0]]


async def test_inbound_callers_are_not_screened() -> None:
    async with story(plan(functions=(FunctionSpec("end_call", "end_call", ""),))) as call:
        await call.says("Please leave a message after the beep.", seconds=2.0)
        await call.line.run(5)
        assert call.happened(VoicemailDetected) == []


def test_a_guess_in_mid_sentence_unmasks_nobody() -> None:
    """A recogniser that listens for a machine's words hears them in any beginning; only finals are evidence."""
    screening = Screening(0)
    assert screening.handle(VoiceStarted(500, since=300)) is None
    assert screening.handle(PartialHeard(1500, "oh record your message")) is None
    screening.handle(VoiceStopped(4000, until=3600))
    judged = screening.handle(FinalHeard(4100, "the person you are calling is using a call assistant"))
    assert judged is not None
    assert judged.verdict is Verdict.SCREENER
