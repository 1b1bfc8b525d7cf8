"""Tones: generate them, and hear the beep that ends a voicemail greeting."""

from __future__ import annotations

import numpy as np

from dialnexa.live.line import FRAME_SAMPLES, SAMPLE_RATE, Samples

ROW_HZ = (697, 770, 852, 941)
COLUMN_HZ = (1209, 1336, 1477, 1633)
"""The two tone groups of a keypad (ITU-T Q.23)."""
KEYS = ("123A", "456B", "789C", "*0#D")

_BEEP_HZ = (350.0, 2000.0)
_BEEP_SHARE = 0.9
_BEEP_FRAMES = 8
"""160 ms of one steady tone; keypad tones are pairs and speech never holds one peak this long."""
_BEEP_DRIFT_HZ = 60.0
_BEEP_POWER = 100.0**2
"""Mean square of the quietest beep: −50 dBFS."""


def tone(hz: tuple[float, ...], seconds: float, level_dbfs: float = -9.0) -> Samples:
    """Return a steady sum of sines; ``level_dbfs`` is the peak of each sine."""
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    wave = np.sum([np.sin(2 * np.pi * f * t) for f in hz], axis=0) * 10 ** (level_dbfs / 20) * 32767
    return np.clip(wave, -32768, 32767).astype(np.int16)


def keypad_tone(digit: str, seconds: float, level_dbfs: float = -9.0) -> Samples:
    """Return the tone pair of one key (0-9, ``*``, ``#``, A-D)."""
    row = next(i for i, keys in enumerate(KEYS) if digit in keys)
    return tone((ROW_HZ[row], COLUMN_HZ[KEYS[row].index(digit)]), seconds, level_dbfs)


class BeepDetector:
    """Hears one beep: a single steady peak of 350 to 2000 Hz that holds over 90 % of the energy for 160 ms."""

    def __init__(self) -> None:
        self._window = np.hanning(FRAME_SAMPLES)
        self._gain = float(np.mean(self._window**2))
        self._hz = np.fft.rfftfreq(FRAME_SAMPLES, 1 / SAMPLE_RATE)
        self._run = 0
        self._peak_hz = 0.0

    def feed(self, frame: Samples) -> bool:
        """Take the next 20 ms (160 samples) and say whether a beep is sounding now."""
        wave = frame.astype(np.float64) * self._window
        if float(np.mean(wave * wave)) < _BEEP_POWER * self._gain:
            self._run = 0
            return False
        power = np.abs(np.fft.rfft(wave)) ** 2
        top = int(power.argmax())
        near = slice(max(top - 2, 0), top + 3)
        # The peak's place between two bins of 50 Hz, as its centre of gravity.
        peak_hz = float(np.average(self._hz[near], weights=power[near]))
        steady = float(power[near].sum()) > _BEEP_SHARE * float(power.sum())
        in_band = _BEEP_HZ[0] <= peak_hz <= _BEEP_HZ[1]
        if not (steady and in_band):
            self._run = 0
        elif self._run and abs(peak_hz - self._peak_hz) > _BEEP_DRIFT_HZ:
            self._run = 1
        else:
            self._run += 1
        self._peak_hz = peak_hz
        return self._run >= _BEEP_FRAMES
