"""Between the 8 kHz inside a leg and the 16 kHz of a wideband codec, frame by frame, without seams.

A linear-phase low-pass in both directions; it delays by 2 ms and keeps everything up to 3.4 kHz. The number of samples
out is always exactly twice or half of those in, so positions on the call clock stay exact.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from dialnexa.live.line import Samples

_TAPS = 66
_CUTOFF = 0.25 * 0.94
"""Of the 16 kHz rate: what would fold back lands above the voice."""


def _low_pass() -> NDArray[np.float32]:
    """Return a windowed sinc that stops 60 dB, its gain at 0 Hz being 1; the last tap is 0 to make the number even."""
    t = np.arange(_TAPS - 1) - (_TAPS - 2) / 2
    taps = np.sinc(2 * _CUTOFF * t) * np.kaiser(_TAPS - 1, 5.65)
    return np.append(taps / taps.sum(), 0).astype(np.float32)


_FILTER = _low_pass()
_HALF = _TAPS // 2
_PHASES = (2 * _FILTER.reshape(_HALF, 2)[::-1]).copy()
"""(33, 2): for each input sample the even and the odd output sample, oldest input first."""
_BACKWARDS = _FILTER[::-1].copy()


class Doubler:
    """8 kHz in, 16 kHz out."""

    def __init__(self) -> None:
        self._past = np.zeros(_HALF - 1, np.float32)

    def feed(self, samples: Samples) -> Samples:
        """Return twice as many samples."""
        wave = np.concatenate((self._past, samples), dtype=np.float32)
        self._past = wave[1 - _HALF :]
        return _rounded((sliding_window_view(wave, _HALF) @ _PHASES).ravel())


class Halver:
    """16 kHz in, 8 kHz out."""

    def __init__(self) -> None:
        self._past = np.zeros(_TAPS - 1, np.float32)

    def feed(self, samples: NDArray[np.int16]) -> Samples:
        """Return half as many samples; the number of them must be even."""
        wave = np.concatenate((self._past, samples), dtype=np.float32)
        self._past = wave[1 - _TAPS :]
        return _rounded(sliding_window_view(wave, _TAPS)[::2] @ _BACKWARDS)


def _rounded(wave: NDArray[np.float32]) -> Samples:
    return np.clip(np.rint(wave), -32768, 32767).astype(np.int16)
