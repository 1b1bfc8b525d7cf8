"""Provider fakes for ``dialnexa bench``: they cost next to nothing, so the bench measures the engine alone.

Never used for a real call. The recogniser answers 200 ms after ``finalize``, the model writes 50 tokens a second, the
voice is ready at once: the figures of the performance contract.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager

import numpy as np

from dialnexa.live.line import SAMPLE_RATE, Samples
from dialnexa.live.plan import AgentPlan, Transcriber, Voice
from dialnexa.live.speech.ports import (
    Expectation,
    Final,
    Finished,
    Llm,
    LlmEvent,
    Message,
    Partial,
    Speech,
    Spoken,
    Stt,
    SttCapabilities,
    TextDelta,
    Tool,
    Tts,
    Word,
)
from dialnexa.live.speech.queues import Events

STT_FINAL_S = 0.2
TOKENS_PER_S = 50
CHARACTER_S = 0.06
"""Seconds of audio per character: about the speed of a person."""
REPLY = "Thank you, I have noted that. Is there anything else that I can do for you today, or shall we leave it there?"


class _InstantEars:
    """Hears nothing and always understands the same."""

    def __init__(self) -> None:
        self._events: Events[Partial | Final] = Events()

    def send(self, samples: Samples) -> None:
        """Forget the audio."""

    def finalize(self) -> None:
        """Answer after the contract's 200 ms, without a task."""
        final = Final("yes please", confidence=1.0, engine="instant", matched=True)
        asyncio.get_running_loop().call_later(STT_FINAL_S, self._events.put, final)

    def expect(self, expectation: Expectation) -> None:
        """Ignore the question."""

    def events(self) -> AsyncIterator[Partial | Final]:
        """Yield the finals."""
        return self._events

    def close(self) -> None:
        """End the events."""
        self._events.close()


class InstantStt:
    """A recogniser for the bench; wants only speech, as the embedded one does."""

    capabilities = SttCapabilities(continuous=False)

    @asynccontextmanager
    async def open(self, settings: Transcriber) -> AsyncGenerator[_InstantEars]:
        """Open the ears of one call."""
        ears = _InstantEars()
        try:
            yield ears
        finally:
            ears.close()


def _hum(seconds: float) -> Samples:
    """Return a syllable-like hum: loud enough for recordings and voice detectors to see something."""
    at = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tone = np.sin(2 * np.pi * 140 * at) + 0.5 * np.sin(2 * np.pi * 980 * at)
    return (3000 * tone * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * at))).astype(np.int16)


_HUM = _hum(20.0)


class _InstantMouth:
    """Hums as long as the text is."""

    def __init__(self) -> None:
        self._events: Events[Speech | Word | Spoken] = Events()
        self._characters = 0

    def push(self, text: str) -> None:
        """Answer with audio at once: slices of one shared array, word marks by position."""
        per_character = int(CHARACTER_S * SAMPLE_RATE)
        start = self._characters
        for word in text.split():
            begin = start + text.index(word)
            self._events.put(Word(begin, begin + len(word), begin * per_character))
        self._characters += len(text)
        self._events.put(Speech(_HUM[: min(len(text) * per_character, _HUM.size)]))

    def flush(self) -> None:
        """End the stretch."""
        self._characters = 0
        self._events.put(Spoken())

    def cancel(self) -> None:
        """Forget everything not yielded yet."""
        self._characters = 0
        self._events.clear()

    def events(self) -> AsyncIterator[Speech | Word | Spoken]:
        """Yield audio and marks."""
        return self._events

    def close(self) -> None:
        """End the events."""
        self._events.close()


class InstantTts:
    """A voice for the bench."""

    @asynccontextmanager
    async def open(self, voice: Voice) -> AsyncGenerator[_InstantMouth]:
        """Open the mouth of one call."""
        mouth = _InstantMouth()
        try:
            yield mouth
        finally:
            mouth.close()


class InstantLlm:
    """A model for the bench: always the same reply, at 50 tokens a second."""

    async def stream(self, messages: Sequence[Message], tools: Sequence[Tool]) -> AsyncGenerator[LlmEvent]:
        """Yield the reply word by word."""
        words = REPLY.split()
        for word in words:
            await asyncio.sleep(1 / TOKENS_PER_S)
            yield TextDelta(f"{word} ")
        yield Finished(completion_tokens=len(words))


class InstantSpeech:
    """The services of a bench worker, in the shape of ``SpeechServices``."""

    def __init__(self) -> None:
        self._stt, self._tts, self._llm = InstantStt(), InstantTts(), InstantLlm()

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncGenerator[InstantSpeech]:
        """Open the services; there is nothing to start."""
        yield cls()

    def stt(self, settings: Transcriber) -> Stt:
        """Return the fake recogniser, whatever was asked for."""
        return self._stt

    def tts(self, voice: Voice) -> Tts:
        """Return the fake voice, whatever was asked for."""
        return self._tts

    def llm(self, agent: AgentPlan) -> Llm:
        """Return the fake model, whatever was asked for."""
        return self._llm
