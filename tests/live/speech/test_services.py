from __future__ import annotations

import pytest

from dialnexa.live.plan import AgentPlan, Model, Transcriber, Voice
from dialnexa.live.speech.embedded.flow.llm import FlowLlm
from dialnexa.live.speech.fallback_ears import FallbackStt
from dialnexa.live.speech.openai_chat import OpenAiChat
from dialnexa.live.speech.openai_transcription import OpenAiTranscription
from dialnexa.live.speech.ports import SpeechError
from dialnexa.live.speech.services import SpeechServices


def agent(model: Model) -> AgentPlan:
    return AgentPlan(agent_id="ag_1", version_id="av_1", name="Front desk", prompt="", model=model)


async def test_a_worker_opens_ears_mouth_and_mind_once() -> None:
    async with SpeechServices.open() as speech:
        async with (
            speech.stt(Transcriber()).open(Transcriber()) as ears,
            speech.tts(Voice()).open(Voice()) as mouth,
        ):
            assert aiter(ears.events())
            assert aiter(mouth.events())
        whisper = Transcriber("whisper-1", "de", base_url="http://127.0.0.1:1/v1")
        assert isinstance(speech.stt(whisper), OpenAiTranscription)
        assert isinstance(speech.stt(Transcriber(fallback=whisper)), FallbackStt)
        assert isinstance(speech.llm(agent(Model())), FlowLlm)
        assert isinstance(speech.llm(agent(Model("llama3", "http://127.0.0.1:1/v1"))), OpenAiChat)
        with pytest.raises(SpeechError, match="builtin/pocketsphinx"):
            speech.stt(Transcriber("deepgram/nova-3"))
        with pytest.raises(SpeechError, match="English only"):
            speech.stt(Transcriber(language="de"))
        with pytest.raises(SpeechError, match="builtin/flite/slt"):
            speech.tts(Voice("elevenlabs/rachel"))
        with pytest.raises(SpeechError, match="base_url"):
            speech.llm(agent(Model("gpt-5")))
