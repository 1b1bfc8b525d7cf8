"""What an agent's speech settings do in a call: transcripts, the phrase cache, a model and a voice that step in."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from tests.live.conversation.stories import Story, plan, story
from tests.live.fake_speech import FakeLlm, FakeSpeech, FakeStt, FakeTts
from tests.live.fakes import FakeLine

from dialnexa.live.conversation.conversation import Conversation
from dialnexa.live.plan import AgentPlan, CallPlan, Transcriber, Voice
from dialnexa.live.speech.fallback import FallbackTts
from dialnexa.live.speech.ports import PhraseLookedUp, SpeechError, SteppedIn, TextDelta
from dialnexa.live.timeline import AudioCacheUsed, Happening, Trouble


@dataclass
class TwoVoices:
    """Fakes, but for the voice."""

    fakes: FakeSpeech
    voices: FallbackTts

    def stt(self, settings: Transcriber) -> FakeStt:
        return self.fakes.ears

    def tts(self, voice: Voice) -> FallbackTts:
        return self.voices

    def llm(self, agent: AgentPlan) -> FakeLlm:
        return self.fakes.mind


async def over(told: Story) -> None:
    """Let the line go down, as a caller who hangs up does."""
    assert told.task is not None
    told.task.cancel()
    await asyncio.gather(told.task, return_exceptions=True)


def agent_with(**parts: object) -> CallPlan:
    call = plan()
    return replace(call, agent=replace(call.agent, **parts))  # type: ignore[arg-type]


async def test_a_formatted_transcript_is_written_as_sentences() -> None:
    async with story(agent_with(transcriber=Transcriber(formatted=True)), replies=["Good."]) as told:
        await told.agent_is_done()
        await told.says("i would like to book a table")
        await told.agent_is_done()
        assert told.transcript[1] == ("user", "I would like to book a table.")
        assert told.asked()[-1].content == "I would like to book a table."


async def test_the_use_of_the_phrase_cache_is_told_once_at_the_end() -> None:
    async with story(replies=["Good."]) as told:
        await told.agent_is_done()
        told.speech.mouth.looked_up = [PhraseLookedUp(hit=True), PhraseLookedUp(hit=False, kept=True)]
        await told.says("Hello?")
        await told.agent_is_done()
        assert told.happened(AudioCacheUsed) == []
        await over(told)
        assert told.happened(AudioCacheUsed) == [AudioCacheUsed("enabled", 2, 1, 1, 1, 0.5)]


async def test_a_voice_without_a_cache_says_so() -> None:
    async with story(agent_with(voice=Voice(cached=False))) as told:
        await told.agent_is_done()
        await over(told)
        assert told.happened(AudioCacheUsed) == [AudioCacheUsed("disabled")]


async def test_a_model_that_steps_in_is_on_the_record() -> None:
    why = "The language model said nothing for 0.5 s. The fallback model answers."
    async with story(replies=[[SteppedIn(why), TextDelta("Good afternoon.")]]) as told:
        await told.agent_is_done()
        await told.says("Hello?")
        await told.agent_is_done()
        assert told.happened(Trouble) == [Trouble("llm", why)]
        assert told.transcript[-1] == ("agent", "Good afternoon.")


async def test_the_next_voice_says_what_the_failed_one_still_owed() -> None:
    line = FakeLine()
    broken, sound = FakeTts(clock=line.clock), FakeTts(clock=line.clock)
    broken.refuses = SpeechError("The first voice is away.")
    speech = TwoVoices(FakeSpeech.scripted(line.clock), FallbackTts([(broken, Voice("a")), (sound, Voice("b"))]))
    happenings = list[Happening]()
    conversation = Conversation(plan(), line, speech, happenings.append)
    talking = asyncio.create_task(conversation.run())
    await line.run_until(lambda: line.agent_speaks)
    await line.run_until(lambda: not line.agent_speaks)
    talking.cancel()
    await asyncio.gather(talking, return_exceptions=True)
    assert sound.said == ["Hello, this is Mia."]
    assert [(turn.role, turn.text) for turn in conversation.result().turns] == [("agent", "Hello, this is Mia.")]
    assert [what for what in happenings if isinstance(what, Trouble)] == [Trouble("voice", "The first voice is away.")]
