"""The "mhm" of one call: spoken once by the agent's voice, then at hand the moment it is wanted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import numpy as np

from dialnexa.live.conversation.wiring import Wiring
from dialnexa.live.line import Line, Samples
from dialnexa.live.plan import Voice
from dialnexa.live.speech.ports import Speech, SpeechError, Spoken, Tts, TtsEvent
from dialnexa.live.timeline import Trouble

_GAIN = 0.6
"""Who only listens speaks lower."""


class Backchannels:
    """Says single words under the caller's speech. They are no turn: neither the ledger nor the model knows of them."""

    def __init__(self, words: Sequence[str], line: Line, tts: Tts, voice: Voice, wiring: Wiring) -> None:
        self._words = words
        self._line = line
        self._tts = tts
        self._voice = voice
        self._wiring = wiring
        self._ready: dict[str, Samples] = {}
        self._asked = False
        self.characters = 0
        """How many the voice was given to speak."""

    def prepare(self) -> None:
        """Have the words spoken, once; nothing is heard of it."""
        if self._words and not self._asked:
            self._asked = True
            self._wiring.spawn(self._speak())

    def say(self, word: str) -> None:
        """Play a word now; one that is not ready yet is not worth waiting for."""
        samples = self._ready.get(word)
        if samples is not None:
            utterance = self._line.say()
            utterance.push(samples)
            utterance.finish()

    async def _speak(self) -> None:
        try:
            async with self._tts.open(self._voice) as stream:
                events = stream.events()
                for word in self._words:
                    stream.push(word)
                    stream.flush()
                    self.characters += len(word)
                    self._ready[word] = await _whole(events)
        except SpeechError as error:
            self._wiring.emit(Trouble("voice", f"The agent cannot show that it listens: {error}"))


async def _whole(events: AsyncIterator[TtsEvent]) -> Samples:
    """Gather the audio of one stretch of text."""
    pieces = [np.zeros(0, np.int16)]
    async for event in events:
        if isinstance(event, Speech):
            pieces.append(event.samples)
        elif isinstance(event, Spoken):
            break
    return (np.concatenate(pieces) * _GAIN).astype(np.int16)
