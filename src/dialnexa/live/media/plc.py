"""Packet loss concealment: a short fade instead of a click, then honest silence."""

from __future__ import annotations

import numpy as np

from dialnexa.live.line import FRAME_SAMPLES, Samples

CONCEALED_FRAMES = 2
"""A longer gap than 40 ms is silence: repeating speech any longer sounds robotic and fools recognisers."""
_RAMP = np.linspace(1.0, 0.0, FRAME_SAMPLES, endpoint=False, dtype=np.float32)
_FADES = ((1.0 + _RAMP) / 2, _RAMP)


def conceal(previous: Samples, run: int) -> Samples:
    """Return a stand-in for the ``run``-th missing frame in a row (from 1), given the frame played just before it.

    The previous frame is played backwards, which joins it without a step, while it fades out over two frames.
    """
    if run > CONCEALED_FRAMES:
        return np.zeros(FRAME_SAMPLES, np.int16)
    return (previous[::-1] * _FADES[run - 1]).astype(np.int16)
