"""Real speech for the codecs, and measures of what became of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dialnexa.live.line import Samples
from dialnexa.live.media.codec import Codec, decode

SPEECH = decode(Codec.PCMU, Path(__file__).with_name("data").joinpath("speech.ulaw").read_bytes())
FRAMES = len(SPEECH) // 160


def frame_of(samples: Samples, number: int) -> Samples:
    return samples[number * 160 : number * 160 + 160]


def aligned(original: Samples, heard: Samples, most: int = 400) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Return both without the delay between them, and that delay in samples."""
    size = min(len(original), len(heard)) - most
    one, other = original[:size].astype(float), heard.astype(float)
    delay = int(np.argmax([np.dot(one, other[lag : lag + size]) for lag in range(most)]))
    return one, other[delay : delay + size], delay


def snr_db(original: Samples, heard: Samples) -> float:
    """Return the signal-to-noise ratio after taking out the delay."""
    one, other, _ = aligned(original, heard)
    return float(10 * np.log10(np.sum(one**2) / np.sum((one - other) ** 2)))


def level_at(samples: Samples, hz: float) -> float:
    """Return the amplitude of one frequency."""
    t = np.arange(len(samples)) / 8000
    return float(2 * np.abs(np.mean(samples * np.exp(-2j * np.pi * hz * t))))
