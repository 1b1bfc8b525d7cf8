"""What a worker opens once and lends to every call: recognisers, voices, language models."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx

from dialnexa.live.plan import AgentPlan, Model, Transcriber, Voice
from dialnexa.live.speech.embedded.flow.llm import FlowLlm
from dialnexa.live.speech.embedded.recogniser import PocketsphinxStt
from dialnexa.live.speech.embedded.voice import PREFIX, EmbeddedTts
from dialnexa.live.speech.fallback import FallbackLlm, FallbackTts
from dialnexa.live.speech.fallback_ears import FallbackStt
from dialnexa.live.speech.openai_chat import OpenAiChat
from dialnexa.live.speech.openai_transcription import OpenAiTranscription
from dialnexa.live.speech.ports import Llm, Message, SpeechError, Stt, Tts
from dialnexa.live.speech.structured import Answer, ask

_RECOGNISER = "builtin/pocketsphinx"
_FLOW = "builtin/flow"
_CONNECTIONS = httpx.Limits(max_connections=None, max_keepalive_connections=64, keepalive_expiry=60)


class SpeechServices:
    """The providers of a worker. Unknown ids raise ``SpeechError`` with a sentence that lists what there is."""

    def __init__(self, stt: Stt, tts: Tts, http: httpx.AsyncClient) -> None:
        self._stt, self._tts, self._http = stt, tts, http
        self._transcription = OpenAiTranscription(http)

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncGenerator[SpeechServices]:
        """Start the decoder processes and the voice thread; leaving ends them and every connection."""
        async with (
            PocketsphinxStt.start() as stt,
            EmbeddedTts.start() as tts,
            httpx.AsyncClient(limits=_CONNECTIONS, trust_env=False) as http,
        ):
            yield cls(stt, tts, http)

    async def ask(self, model: Model, messages: Sequence[Message], schema: Mapping[str, object] | None) -> Answer:
        """Return a language model's whole answer, as JSON of a schema if one is given. Raises ``SpeechError``."""
        return await ask(model, self._http, messages, schema)

    def stt(self, settings: Transcriber) -> Stt:
        """Return the recogniser an agent names."""
        if (other := settings.fallback) is not None:
            first = self.stt(replace(settings, fallback=None))
            return FallbackStt(first, self.stt(other), other, settings.fallback_wait_s)
        if settings.base_url:
            return self._transcription
        if settings.id != _RECOGNISER:
            raise SpeechError(
                f"There is no recogniser {settings.id!r}. Use {_RECOGNISER}, or name it in DIALNEXA_STT_MODEL and give "
                "the address of its endpoint in DIALNEXA_STT_BASE_URL."
            )
        if not settings.language.lower().startswith("en"):
            raise SpeechError(f"{_RECOGNISER} understands English only, not {settings.language!r}.")
        return self._stt

    def tts(self, voice: Voice) -> Tts:
        """Return the engine of the voice an agent names; a voice that is not installed is refused by its ``open``."""
        if not voice.fallbacks:
            return self._engine(voice)
        voices = [replace(voice, id=each, fallbacks=()) for each in (voice.id, *voice.fallbacks)]
        return FallbackTts([(self._engine(each), each) for each in voices])

    def _engine(self, voice: Voice) -> Tts:
        if not voice.id.startswith(PREFIX):
            raise SpeechError(
                f"There is no voice {voice.id!r}. Use builtin/auto, builtin/flite/slt, builtin/flite/rms or"
                " builtin/espeak/<voice>, such as builtin/espeak/en-us."
            )
        return self._tts

    def llm(self, agent: AgentPlan) -> Llm:
        """Return the mind of one call: the flow engine, or any OpenAI-compatible endpoint."""
        if (second := agent.model.fallback) is not None:
            first = replace(agent, model=replace(agent.model, fallback=None))
            other = replace(agent, model=second)
            return FallbackLlm(self.llm(first), self.llm(other), agent.model.fallback_delay_s)
        if agent.model.id == _FLOW:
            return FlowLlm(agent)
        if not agent.model.base_url:
            raise SpeechError(
                f"The model {agent.model.id!r} has no base_url. Use {_FLOW}, or give the address of an"
                " OpenAI-compatible endpoint, such as http://127.0.0.1:11434/v1."
            )
        return OpenAiChat(agent.model, self._http)
