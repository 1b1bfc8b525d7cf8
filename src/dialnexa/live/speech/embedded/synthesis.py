"""What every embedded voice engine gives back, and how it becomes telephone audio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import soxr
from numpy.typing import NDArray

from dialnexa.live.line import SAMPLE_RATE, Samples

_QUIET = 120
"""Below this a sample counts as silence (-49 dBFS)."""
_LEAD = SAMPLE_RATE // 50
_TAIL = SAMPLE_RATE * 15 // 100
"""Silence kept around a sentence: 20 ms before it, so that it starts at once, and 150 ms after it."""


@dataclass(frozen=True, slots=True)
class Style:
    """How the voice speaks: 1.0 is normal speed, pitch goes from -1 to 1, volume 1.0 leaves the level alone."""

    speed: float = 1.0
    pitch: float = 0.0
    volume: float = 1.0


@dataclass(frozen=True, slots=True)
class Synthesis:
    """Audio of one text at the engine's own rate; ``marks`` are (character in the text, sample) of word starts."""

    samples: NDArray[np.int16]
    rate: int
    marks: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Sentence:
    """Audio of one text at 8 kHz, without the silence around it; marks as in ``Synthesis``."""

    samples: Samples
    marks: tuple[tuple[int, int], ...]

    @property
    def size(self) -> int:
        """Return about how many bytes this takes in memory."""
        return self.samples.nbytes + 64 * len(self.marks)


class Engine(Protocol):
    """A synthesiser. Engines are process-wide singletons: call them from one thread only."""

    name: str
    """The voice id without ``builtin/``, for messages and cache keys."""

    def synthesise(self, text: str, style: Style) -> Synthesis:
        """Speak a text; raises ``SpeechError``."""
        ...


def for_telephone(speech: Synthesis, text: str, volume: float) -> Sentence:
    """Resample to 8 kHz, cut the silence around the speech and move the marks along.

    An engine that gave no marks gets them in proportion to the characters.
    """
    wave = speech.samples.astype(np.float32)
    if speech.rate != SAMPLE_RATE and wave.size:
        wave = soxr.resample(wave, speech.rate, SAMPLE_RATE, quality="HQ")
    samples = np.clip(wave * volume, -32768, 32767).astype(np.int16)
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > _QUIET)
    if not loud.size:
        return Sentence(samples[:0], ())
    first, last = max(0, int(loud[0]) - _LEAD), min(samples.size, int(loud[-1]) + _TAIL)
    kept = samples[first:last]
    scale = SAMPLE_RATE / speech.rate
    marks = speech.marks or _even_marks(text, speech.samples.size)
    moved = ((position, int(at * scale) - first) for position, at in marks)
    return Sentence(kept, tuple((position, min(max(at, 0), kept.size)) for position, at in moved))


def _even_marks(text: str, samples: int) -> tuple[tuple[int, int], ...]:
    """Spread the words of a text evenly over its audio."""
    starts = (at for at, mark in enumerate(text) if not mark.isspace() and (at == 0 or text[at - 1].isspace()))
    return tuple((at, at * samples // max(1, len(text))) for at in starts)
