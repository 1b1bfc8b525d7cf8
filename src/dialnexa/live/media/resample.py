"""Bring synthesised sentences to the telephone's rate."""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray

from dialnexa.live.line import SAMPLE_RATE, Samples


def to_line_rate(samples: NDArray[np.int16], rate: int) -> Samples:
    """Return mono audio at 8 kHz from any rate in Hz, whole sentence at a time.

    Uses soxr's high quality recipe: its quickest one lets everything above 4 kHz fold back into the voice.
    """
    if rate == SAMPLE_RATE or not samples.size:
        return samples
    return np.asarray(soxr.resample(samples, rate, SAMPLE_RATE, quality="HQ"), dtype=np.int16)
