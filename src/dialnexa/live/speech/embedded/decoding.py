"""Recognition inside a decoder process: one grammar, a phone loop to doubt it, and dictation as the last resort.

pocketsphinx holds the interpreter lock while it works, which is why this never runs in the process of the media clock.
"""

from __future__ import annotations

import math
import os
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dialnexa.live.speech.embedded.espeak import phonemes
from dialnexa.live.speech.embedded.pronounce import Pronunciations
from dialnexa.live.speech.embedded.sphinx import DICTIONARY, LANGUAGE_MODEL, PHONE_MODEL, Decoder, new_decoder

_IDLE_DECODERS = 8
"""Decoders kept for the next caller with the same question; each holds 8 to 35 MB."""
_FIRST_CMN = "33.2,-6.5,4,-2,4,-6,2,-5,-6,2,-6.5,1,-2"
"""Cepstral mean of folded telephone speech: a far better first guess than the model's own, which is for microphones."""
_STEP_BYTES = 3200
"""Work done in one go while others wait: 100 ms of audio."""
_LOOP = "phone loop"
_POINTS = 1e4
_ACCEPT = -14.0
"""Points per frame of speech, against the phone loop, below which a grammar result is refused: keeps about 88 % of the
right answers and lets 30 % of what was outside the grammar in (three flite voices through G.711)."""
_EVEN = -8.0
_SLOPE = 4.0
"""Where a result is as likely right as wrong, and how quickly that changes with the points."""
_SHORT = 25
"""Frames added to every answer, so that a bare ``yes`` is not judged by a handful of frames."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is listened for; an empty ``jsgf`` means dictation."""

    key: str = ""
    jsgf: str = ""
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Heard:
    """The result of a stretch of speech."""

    text: str
    confidence: float
    engine: str
    accepted: bool
    """Whether the grammar was trusted."""
    margin: float = 0.0


NOTHING = Heard("", 0.0, "pocketsphinx/none", accepted=False)


class Decoders:
    """Builds decoders and keeps idle ones, by question."""

    def __init__(self) -> None:
        self._pronunciations = Pronunciations(Path(DICTIONARY).read_bytes(), phonemes)
        self._idle: OrderedDict[str, list[Decoder]] = OrderedDict()

    def take(self, question: Question) -> Decoder:
        """Return a decoder for a question, idle or new (about 30 ms)."""
        idle = self._idle.get(question.key)
        if idle:
            return idle.pop()
        return self._grammar(question) if question.jsgf else self._dictation()

    def take_loop(self) -> Decoder:
        """Return a phone-loop decoder."""
        idle = self._idle.get(_LOOP)
        return idle.pop() if idle else self._phone_loop()

    def give_back(self, decoder: Decoder, key: str = _LOOP) -> None:
        """Keep a decoder for the next one; those of the oldest questions go."""
        self._idle.setdefault(key, []).append(decoder)
        self._idle.move_to_end(key)
        while sum(map(len, self._idle.values())) > _IDLE_DECODERS:
            oldest = next(iter(self._idle))
            if self._idle[oldest]:
                self._idle[oldest].pop()
            if not self._idle[oldest]:
                del self._idle[oldest]

    def give_back_loop(self, decoder: Decoder) -> None:
        """Keep a phone-loop decoder."""
        self.give_back(decoder, _LOOP)

    def prepare(self, question: Question) -> None:
        """Have a decoder ready before the caller speaks."""
        if not self._idle.get(question.key):
            self.give_back(self.take(question), question.key)

    def _grammar(self, question: Question) -> Decoder:
        # A dictionary of only the grammar's words makes the decoder ten times smaller and quicker to build.
        decoder = new_decoder(os.devnull, wip=0.1)
        for word in question.words:
            for number, phones in enumerate(self._pronunciations.of(word), start=1):
                decoder.add_word(word if number == 1 else f"{word}({number})", phones, False)
        decoder.add_jsgf_string("answer", question.jsgf)
        decoder.activate_search("answer")
        return decoder

    def _phone_loop(self) -> Decoder:
        decoder = new_decoder(os.devnull)
        decoder.add_allphone_file("loop", PHONE_MODEL)
        decoder.activate_search("loop")
        return decoder

    def _dictation(self) -> Decoder:
        decoder = new_decoder(DICTIONARY, fwdflat=False)
        decoder.add_lm_file("dictation", LANGUAGE_MODEL)
        decoder.activate_search("dictation")
        return decoder


class Stretch:
    """One stretch of speech under recognition, from its first audio to its final."""

    def __init__(self, decoders: Decoders, question: Question, cmn: str) -> None:
        self._decoders, self._question = decoders, question
        self._cmn = cmn or _FIRST_CMN
        self._audio = bytearray()
        self._decoder = self._begin(decoders.take(question))
        self._loop = self._begin(decoders.take_loop()) if question.jsgf else None

    @property
    def seconds(self) -> float:
        """Return how much audio was taken."""
        return len(self._audio) / 32000

    @property
    def cmn(self) -> str:
        """Return the channel's cepstral mean, to begin the caller's next stretch with."""
        return self._cmn

    def _begin(self, decoder: Decoder) -> Decoder:
        decoder.set_cmn(self._cmn)
        decoder.start_utt()
        return decoder

    def feed(self, audio: bytes) -> None:
        """Take 16 kHz PCM while the caller speaks."""
        self._audio += audio
        self._decoder.process_raw(audio, False, False)
        if self._loop is not None:
            self._loop.process_raw(audio, False, False)

    def partial(self) -> str:
        """Return what is believed so far; empty while the grammar does not fit the sound."""
        text = _text(self._decoder)
        return text if text and (self._loop is None or self._margin() > _ACCEPT) else ""

    def finish(self) -> Heard | None:
        """End the stretch and return what the grammar heard; ``None`` when dictation must have a go at it."""
        self._decoder.end_utt()
        if self._loop is not None:
            self._loop.end_utt()
        text = _text(self._decoder)
        self._cmn = self._decoder.get_cmn(False)
        heard = self._judge(text)
        self._release()
        return heard

    def _judge(self, text: str) -> Heard | None:
        if self._loop is None:
            return _dictated(text)
        margin = self._margin()
        if not text or margin < _ACCEPT:
            return None
        confidence = 1 / (1 + math.exp((_EVEN - margin) / _SLOPE))
        return Heard(text, round(confidence, 3), "pocketsphinx/grammar", accepted=True, margin=margin)

    def abandon(self) -> None:
        """End the stretch without a result."""
        self._decoder.end_utt()
        if self._loop is not None:
            self._loop.end_utt()
        self._release()

    def _release(self) -> None:
        self._decoders.give_back(self._decoder, self._question.key)
        if self._loop is not None:
            self._decoders.give_back_loop(self._loop)

    def _margin(self) -> float:
        """Return how much better, per frame, the grammar explains the sound than any phones at all would."""
        if self._loop is None:
            return 0.0
        spoken = sum(
            part.end_frame - part.start_frame + 1 for part in self._decoder.seg() or () if part.word[0] not in "<[("
        )
        return _POINTS * (_score(self._decoder) - _score(self._loop)) / (spoken + _SHORT)

    def dictate(self) -> Iterator[Heard | None]:
        """Hear the whole stretch again as free text, a little at a time; the last item is the result."""
        question = Question()
        decoder = self._begin(self._decoders.take(question))
        for start in range(0, len(self._audio), _STEP_BYTES):
            decoder.process_raw(bytes(self._audio[start : start + _STEP_BYTES]), False, False)
            yield None
        decoder.end_utt()
        heard = _dictated(_text(decoder))
        self._decoders.give_back(decoder, question.key)
        yield heard


def _dictated(text: str) -> Heard:
    """Wrap free text, which is right about every second time over a telephone."""
    return Heard(text, 0.3, "pocketsphinx/dictation", accepted=False) if text else NOTHING


def _score(decoder: Decoder) -> float:
    """Return the log score of the best path; pocketsphinx hands it out as a probability."""
    hypothesis = decoder.hyp()
    return math.log(hypothesis.score) if hypothesis is not None and hypothesis.score > 0 else -1e9


def _text(decoder: Decoder) -> str:
    """Return the words of a hypothesis without the numbers of pronunciation variants."""
    hypothesis = decoder.hyp()
    words = hypothesis.hypstr.split() if hypothesis is not None else []
    return " ".join(word.partition("(")[0] for word in words)
