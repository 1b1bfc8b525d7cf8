"""Comfort noise (RFC 3389): the sound of the far end's pauses, as its packets describe it, instead of dead silence.

We neither offer nor accept it for ourselves: a recogniser hears better what was not cut off by somebody's silence
detector. But gateways send it unasked, and then a pause is no loss.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dialnexa.live.line import FRAME_SAMPLES, Samples

_LOUDEST_DBOV = -30
"""What claims to be louder is no background; a mistake or an attack must not hurt anybody."""
_MOST_COEFFICIENTS = 12
_LOOP = 8192
"""Samples made once per description and then repeated; a second of noise has no rhythm."""
_FULL_SCALE = 32767
_HIGHEST_PEAK = 5
"""Of the level: a background crackles no louder."""
_STABLE = 0.99
"""Reflections nearer to 1 ring like a bell, and several of them for ever."""
_TINY = 1e-12


class ComfortNoise:
    """One described background, as long as it lasts."""

    def __init__(self, payload: bytes) -> None:
        """Read a packet's payload: the level in −dBov, then quantised reflection coefficients. Empty is silence."""
        self.payload = payload
        self._loop: Samples | None = None
        self._next = 0

    def take(self) -> Samples:
        """Return the next 20 ms."""
        if self._loop is None:  # only now: it costs half a millisecond, and of a flood of descriptions the last counts
            self._loop = _shaped(self.payload)
        start = self._next
        self._next = (start + FRAME_SAMPLES) % (_LOOP - FRAME_SAMPLES)
        return self._loop[start : start + FRAME_SAMPLES]


def _shaped(payload: bytes) -> Samples:
    """Return white noise sent through the described all-pole filter, at the described level."""
    if not payload:
        return np.zeros(_LOOP, np.int16)
    level = 10 ** (min(-float(payload[0] & 0x7F), _LOUDEST_DBOV) / 20) * _FULL_SCALE
    white = np.fft.rfft(np.random.default_rng().standard_normal(_LOOP))
    white[0] = 0
    # Filtering a loop in the frequency domain leaves no seam where it repeats.
    filtered = white / (np.fft.rfft(_predictor(payload[1 : 1 + _MOST_COEFFICIENTS]), _LOOP) + _TINY)
    noise = np.fft.irfft(filtered, _LOOP)
    noise *= level / (noise.std() or 1.0)
    return np.clip(noise, -_HIGHEST_PEAK * level, _HIGHEST_PEAK * level).astype(np.int16)


def _predictor(quantised: bytes) -> NDArray[np.float64]:
    """Return the filter's polynomial from reflection coefficients (RFC 3389 §3.1), by the step-up recursion."""
    polynomial = np.ones(1)
    for byte in quantised:
        reflection = float(np.clip(258 * (byte - 127) / 32768, -_STABLE, _STABLE))
        longer = np.append(polynomial, 0)
        polynomial = longer + reflection * longer[::-1]
    return polynomial
