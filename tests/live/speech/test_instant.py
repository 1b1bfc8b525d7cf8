from __future__ import annotations

from dialnexa.live.plan import AgentPlan, Transcriber, Voice
from dialnexa.live.speech.instant import CHARACTER_S, InstantSpeech
from dialnexa.live.speech.ports import Final, Finished, Speech, Spoken, TextDelta, Word


async def test_the_bench_has_ears_a_mouth_and_a_mind() -> None:
    async with InstantSpeech.open() as speech:
        async with speech.stt(Transcriber()).open(Transcriber()) as ears:
            ears.finalize()
            final = await anext(aiter(ears.events()))
            assert isinstance(final, Final)
            assert final.text
        async with speech.tts(Voice()).open(Voice()) as mouth:
            mouth.push("So it is.")
            mouth.flush()
            events = aiter(mouth.events())
            assert [await anext(events) for _ in range(3)] == [Word(0, 2, 0), Word(3, 5, 1440), Word(6, 9, 2880)]
            audio = await anext(events)
            assert isinstance(audio, Speech)
            assert audio.samples.size == int(len("So it is.") * CHARACTER_S * 8000)
            assert await anext(events) == Spoken()
        agent = AgentPlan(agent_id="a", version_id="v", name="n", prompt="")
        reply = [event async for event in speech.llm(agent).stream([], [])]
        assert isinstance(reply[0], TextDelta)
        assert isinstance(reply[-1], Finished)
