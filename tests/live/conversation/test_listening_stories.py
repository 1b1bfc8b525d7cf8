"""How the recogniser is fed and what it is told to expect, in virtual time."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.live.conversation.stories import plan, story

from dialnexa.live.conversation import ears
from dialnexa.live.conversation.settings import TurnSettings
from dialnexa.live.conversation.voicemail import GREETING
from dialnexa.live.line import Samples
from dialnexa.live.media import denoiser
from dialnexa.live.plan import Model, Opening, Transcriber
from dialnexa.live.speech.ports import Expect, Expectation, Final, TextDelta
from dialnexa.live.timeline import Trouble

YES_NO = Expectation("yes_no")
OUTBOUND = plan(outbound=True, opening=Opening(text="Hello, this is Mia. Do you have a minute?", pause_s=2.0))


async def test_a_recogniser_for_speech_only_gets_the_speech_and_300_ms_before_it() -> None:
    async with story(replies=["Fine."]) as call:
        await call.agent_is_done()
        await call.line.run(1)
        assert call.speech.ears.samples == 0
        await call.says("How are you?", seconds=1.0)
        await call.line.run(1)
        seconds = call.speech.ears.samples / 8000
        assert 1.45 <= seconds <= 1.56, "300 ms of pre-roll, the speech, and the silence that ended it"
        assert call.speech.ears.finalized == 1


async def test_a_continuous_recogniser_gets_everything_and_may_speak_unasked() -> None:
    async with story(continuous=True, replies=["Fine."]) as call:
        await call.agent_is_done()
        assert call.speech.ears.samples == call.line.at
        call.speech.ears.streams[-1].put(Final("How are you?"))
        await call.agent_is_done()
        assert call.transcript[-2:] == [("user", "How are you?"), ("agent", "Fine.")]


async def test_a_second_recogniser_steps_in_before_the_turn_is_given_up() -> None:
    spare = Transcriber("whisper-1", base_url="http://127.0.0.1:1/v1")
    usual = plan()
    both = replace(usual.agent.transcriber, fallback=spare, fallback_wait_s=1.0)
    two_ears = replace(usual, agent=replace(usual.agent, transcriber=both))
    async with story(two_ears, heard=[None], spare_heard=["How are you?"], replies=["Fine."]) as call:
        await call.agent_is_done()
        call.line.caller_speaks(1.0)
        await call.agent_is_done()
        assert call.transcript[-2:] == [("user", "How are you?"), ("agent", "Fine.")]
        assert call.conversation is not None
        used = call.conversation.result().used
        assert (used.stt_fallback, round(used.stt_fallback_ms, -2)) == ("whisper-1", 1500)
        [trouble] = call.happened(Trouble)
        assert isinstance(trouble, Trouble)
        assert trouble.message == "The recogniser said nothing for 1 s. whisper-1 was asked instead."


async def test_noise_is_learnt_in_the_pauses_and_taken_out_of_what_the_recogniser_hears(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Halving:
        heard = 0

        def clean(self, samples: Samples) -> Samples:
            Halving.heard += len(samples)
            return samples[: len(samples) // 2]

    monkeypatch.setattr(ears, "Denoiser", Halving)
    usual = plan()
    quiet = replace(usual, agent=replace(usual.agent, transcriber=Transcriber(denoised=True)))
    async with story(quiet, continuous=True) as call:
        await call.agent_is_done()
        assert Halving.heard == call.line.at
        assert call.speech.ears.samples == call.line.at // 2


async def test_a_system_without_the_library_says_so_and_hears_the_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(denoiser, "available", lambda: False)
    usual = plan()
    quiet = replace(usual, agent=replace(usual.agent, transcriber=Transcriber(denoised=True)))
    async with story(quiet, replies=["Fine."]) as call:
        await call.agent_is_done()
        await call.says("Hello?")
        await call.agent_is_done()
        assert call.transcript[-1] == ("agent", "Fine.")
        [trouble] = call.happened(Trouble)
        assert isinstance(trouble, Trouble)
        assert trouble.message == "Noise is not removed: this system has no package of pyspeex-noise."


async def test_the_patience_with_a_recogniser_covers_the_one_behind_it() -> None:
    usual = plan()
    spare = replace(usual.agent.transcriber, fallback=Transcriber("whisper-1"), fallback_wait_s=3.0)
    assert TurnSettings.of(usual).commit_unheard_ms == 2500
    both = replace(usual, agent=replace(usual.agent, transcriber=spare))
    assert TurnSettings.of(both).commit_unheard_ms == 5500


async def test_what_the_model_expects_is_told_to_the_recogniser() -> None:
    async with story(replies=[[Expect(YES_NO), TextDelta("Shall I book it?")]]) as call:
        await call.agent_is_done()
        await call.says("An appointment.")
        await call.agent_is_done()
        assert call.speech.ears.expectations == [YES_NO]


async def test_a_guided_engine_is_asked_what_the_opening_expects() -> None:
    guided = replace(plan(), agent=replace(plan().agent, model=Model("builtin/flow")))
    async with story(guided, replies=[[Expect(YES_NO)], "Good."]) as call:
        await call.agent_is_done()
        assert call.speech.ears.expectations == [YES_NO]
        assert [(m.role, m.content) for m in call.speech.mind.requests[0]] == [
            ("system", "You are Mia."),
            ("assistant", "Hello, this is Mia."),
        ]
        await call.says("Yes.")
        await call.agent_is_done()
        assert call.transcript[-1] == ("agent", "Good.")


async def test_as_long_as_nobody_knows_who_answered_greetings_are_expected_as_well() -> None:
    guided = replace(OUTBOUND, agent=replace(OUTBOUND.agent, model=Model("builtin/flow")))
    async with story(guided, replies=[[Expect(YES_NO)]]) as call:
        await call.line.run_until(lambda: call.line.agent_speaks)
        assert call.speech.ears.expectations == [GREETING, Expectation("yes_no", GREETING.phrases)]


async def test_a_greeting_understood_late_is_on_the_record_and_stops_nothing() -> None:
    async with story(OUTBOUND) as call:
        call.speech.ears.delay = 1.0
        await call.line.run(0.5)
        await call.says("Hello?", seconds=0.5)
        await call.agent_is_done()
        assert call.transcript == [("user", "Hello?"), ("agent", "Hello, this is Mia. Do you have a minute?")]
        assert call.speech.mind.requests == []


async def test_an_answer_that_matches_is_answered_sooner() -> None:
    async def answered(final: Final) -> float:
        async with story(heard=[final], replies=["Good."]) as call:
            call.speech.ears.delay = 0.0
            await call.agent_is_done()
            call.line.caller_speaks(0.5)
            await call.line.run(0.5)
            silent = call.line.now
            await call.line.run_until(lambda: call.line.agent_speaks)
            return call.line.now - silent

    assert await answered(Final("yes", matched=True)) < 0.33 < await answered(Final("yes")) < 0.45
    assert await answered(Final("yes and")) > 1.2
