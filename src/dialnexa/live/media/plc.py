"""Packet loss concealment in the spirit of ITU-T G.711 Appendix I: the last pitch cycle goes on, fading to silence.

Unlike the appendix it delays nothing: instead of blending what was already played into the repetition, the repetition
begins where the sound stopped and lets that step decay. What follows a gap is blended in, so neither end clicks.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from dialnexa.live.line import FRAME_SAMPLES, Samples

HISTORY_FRAMES = 3
"""How much of the past is asked for: 60 ms hold the longest pitch cycle three times."""
CONCEALED_FRAMES = 3
"""A longer gap than 60 ms is silence: repeating speech any longer sounds robotic and fools recognisers."""

_SHORTEST, _LONGEST = 32, 160
"""Samples of a pitch cycle: 250 to 50 Hz."""
_TEMPLATE = 160
_PERIODIC = 0.5
"""Correlation under which there is no pitch; noise then repeats as late as possible, or it would buzz."""
_STEADY = 80
"""Samples at full level before the fade begins."""
_BLEND = (0, 40, 64, 40)
"""Samples over which the sound after a gap of so many frames is blended in."""
_SPAN = CONCEALED_FRAMES * FRAME_SAMPLES
_FADE = np.concatenate(
    (np.ones(_STEADY), np.linspace(1, 0, _SPAN - _STEADY, endpoint=False), np.zeros(FRAME_SAMPLES)), dtype=np.float32
)
_T = np.arange(_SPAN + FRAME_SAMPLES, dtype=np.int32)
_TINY = 1.0
"""Keeps silence from being divided by."""

Call = TypeVar("Call", bound=Hashable)


def extrapolate(history: NDArray[np.int16]) -> NDArray[np.float32]:
    """Return how each row (n, 480) would go on: 60 ms that fade to nothing, and a frame of silence (n, 640)."""
    past = history.astype(np.float32)
    rows = np.arange(len(past))[:, np.newaxis]
    lag = _pitch(past)[:, np.newaxis].astype(np.int32)
    end = past.shape[1]
    quarter = (lag // 4).astype(np.float32)
    t = _T[:_LONGEST]
    cycle = np.take_along_axis(past, np.minimum(end - lag + t, end - 1), axis=1)
    before = np.take_along_axis(past, np.minimum(end - 2 * lag + t, end - 1), axis=1)
    # The end of a cycle leans towards what preceded its start, so that it joins itself.
    cycle += (before - cycle) * np.clip((t - lag + quarter) / quarter, 0, 1)
    sound = np.take_along_axis(cycle, _T % lag, axis=1)
    step = past[:, -1:] - past[rows, end - 1 - lag]
    sound[:, :_LONGEST] += step * np.clip(1 - t / quarter, 0, None)
    sound *= _FADE
    return sound


def _pitch(past: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the lag, in samples, at which each row resembles its own end most."""
    end = past.shape[1]
    template = past[:, end - _TEMPLATE :]
    earlier = past[:, end - _TEMPLATE - _LONGEST : end - _SHORTEST]
    size = earlier.shape[1]
    lags = size - _TEMPLATE + 1
    spectrum = np.fft.rfft(earlier) * np.fft.rfft(template, size).conj()
    match = np.fft.irfft(spectrum, size)[:, :lags]
    power = np.cumsum(np.pad(earlier.astype(np.float64) ** 2, ((0, 0), (1, 0))), axis=1)
    energy = (power[:, _TEMPLATE:] - power[:, :lags]) * (template.astype(np.float64) ** 2).sum(axis=1, keepdims=True)
    likeness: NDArray[np.float64] = match / np.sqrt(np.maximum(energy, 0) + _TINY)
    # Of a pitch and its multiples the shortest is right; window l begins _LONGEST − l before the template.
    good: NDArray[np.bool_] = likeness >= 0.9 * likeness.max(axis=1, keepdims=True)
    lag = _LONGEST - (lags - 1 - good[:, ::-1].argmax(axis=1))
    peak = np.max(likeness, axis=1)
    refined = _LONGEST - _nearest_peak(likeness, _LONGEST - lag)
    refined[peak < _PERIODIC] = _LONGEST
    return refined


def _nearest_peak(likeness: NDArray[np.float64], start: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the best window within a few samples before each start, whose own match is merely good enough."""
    offsets = np.clip(start[:, np.newaxis] - np.arange(9), 0, likeness.shape[1] - 1)
    best = np.take_along_axis(likeness, offsets, axis=1).argmax(axis=1)
    return np.take_along_axis(offsets, best[:, np.newaxis], axis=1)[:, 0]


@dataclass(slots=True)
class _Gap:
    sound: NDArray[np.float32]
    run: int = 0
    """Frames of it played so far."""


class Concealer(Generic[Call]):
    """The gaps of a phase's calls, by call."""

    def __init__(self) -> None:
        self._gaps: dict[Call, _Gap] = {}

    @property
    def gaps(self) -> AbstractSet[Call]:
        """The calls whose gap was not joined to what follows yet."""
        return self._gaps.keys()

    def begin(self, calls: Sequence[Call], history: NDArray[np.int16]) -> None:
        """Take the last 60 ms, row by row (n, 480), of calls whose gap begins; silence needs no stand-in."""
        for call, sound in zip(calls, extrapolate(history), strict=True):
            if sound.any():
                self._gaps[call] = _Gap(sound)

    def fill(self, call: Call) -> Samples | None:
        """Return the stand-in for the next missing frame; ``None`` is silence."""
        gap = self._gaps.get(call)
        if gap is None or gap.run == CONCEALED_FRAMES:
            return None
        gap.run += 1
        return _rounded(gap.sound[(gap.run - 1) * FRAME_SAMPLES : gap.run * FRAME_SAMPLES])

    def join(self, call: Call, frame: Samples) -> Samples:
        """Return the first frame after a gap, the end of the stand-in blended into it."""
        gap = self._gaps.pop(call, None)
        if gap is None:
            return frame
        size = _BLEND[gap.run]
        rest = gap.sound[gap.run * FRAME_SAMPLES :][:size]
        rising = np.arange(size, dtype=np.float32) / np.float32(size)
        joined = frame.copy()
        joined[:size] = _rounded(rest + (frame[:size].astype(np.float32) - rest) * rising)
        return joined

    def forget(self, call: Call) -> None:
        """Drop a call's gap."""
        self._gaps.pop(call, None)


def _rounded(wave: NDArray[np.floating]) -> Samples:
    return np.clip(np.rint(wave), -32768, 32767).astype(np.int16)
