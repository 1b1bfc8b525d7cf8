"""The pitch of pure tones above the telephone's own: three rising tones, fax tones, the beep of a machine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dialnexa.live.line import FRAME_SAMPLES, SAMPLE_RATE, Samples

_FRAME_MS = 20
_WINDOW = 2 * FRAME_SAMPLES
_PURE = 0.9
"""Share of the energy one tone must hold."""
_LEAST_POWER = 100.0**2
"""Mean square of the quietest tone: −50 dBFS."""
_OFF = 0.05
"""A tone is followed by silence when what follows is 13 dB below it."""
_DRIFT_HZ = 30.0
"""A tone that moves further is another one."""
_RISING = ((890.0, 1010.0), (1345.0, 1455.0), (1745.0, 1830.0))
"""Special information tones: ITU-T E.180's 950, 1400, 1800 Hz and the North American variants."""
_RISING_MS = (180, 460)
_LONG_SECOND_MS = 320
_AMERICAN_HZ = 1788.0
"""In North America, where the third tone has 1776.7 Hz instead of 1800, a second one of 380 ms instead of 274 blames
the network, not the number."""
_CALLING = ((1062.0, 1138.0), (400, 640))
_ANSWERING_HZ = (2070.0, 2130.0)
_ANSWERING_MS = 1500
_BEEP_HZ = ((500.0, 1062.0), (1138.0, 2000.0))
"""The low tones of the telephone and the fax's call are no beeps."""
_BEEP_MS = (160, 2000)
_AFTER_BEEP_MS = 400
_GAP_MS = 60
"""What may lie between two tones of one signal."""


@dataclass(slots=True)
class _Tone:
    hz: float
    ms: int
    silence_ms: int = 0
    """How long nothing followed it."""

    def within(self, band: tuple[float, float], lasts: tuple[int, int]) -> bool:
        return band[0] <= self.hz <= band[1] and lasts[0] <= self.ms <= lasts[1]


class PitchTrack:
    """Follows one line, 20 ms at a time."""

    def __init__(self) -> None:
        self._window = np.hanning(_WINDOW)
        self._gain = float(np.mean(self._window**2))
        self._hz = np.fft.rfftfreq(_WINDOW, 1 / SAMPLE_RATE)
        self._last = np.zeros(FRAME_SAMPLES, np.int16)
        self._power = 0.0
        """Of the last tone."""
        self._tones: list[_Tone] = []
        self._sounding = False
        self._since_ms = 10_000
        """Since the last tone ended."""

    def feed(self, frame: Samples) -> str:
        """Take the next 160 samples; return the name of what they complete, or nothing."""
        wave = np.concatenate((self._last, frame)) * self._window
        self._last = frame
        power = np.abs(np.fft.rfft(wave)) ** 2
        loudness = float(np.mean(wave * wave)) / self._gain
        loud = loudness > max(_LEAST_POWER, _OFF * self._power)
        top = int(power.argmax())
        near = slice(max(top - 2, 0), top + 3)
        held = float(power[near].sum())
        if loud and held > _PURE * float(power.sum()):
            self._power = loudness
            return self._sounds(float(np.average(self._hz[near], weights=power[near])))
        return self._stops(quiet=not loud)

    def _sounds(self, hz: float) -> str:
        last = self._tones[-1] if self._tones else None
        if last and self._since_ms <= _FRAME_MS and abs(last.hz - hz) < _DRIFT_HZ:
            last.ms += _FRAME_MS + (0 if self._sounding else self._since_ms)
            last.hz += (hz - last.hz) / 8
        else:
            if self._since_ms > _GAP_MS:
                self._tones.clear()
            self._tones = [*self._tones[-3:], _Tone(hz, _FRAME_MS)]
        self._sounding, self._since_ms = True, 0
        last = self._tones[-1]
        if _ANSWERING_HZ[0] <= last.hz <= _ANSWERING_HZ[1] and last.ms == _ANSWERING_MS:
            return "fax_answering"
        return self._rising() if _RISING[2][0] <= last.hz <= _RISING[2][1] else ""

    def _stops(self, *, quiet: bool) -> str:
        self._sounding = False
        self._since_ms += _FRAME_MS
        if not self._tones:
            self._power = 0.0
            return ""
        last = self._tones[-1]
        last.silence_ms += _FRAME_MS if quiet else -last.silence_ms
        if not quiet and self._since_ms > _GAP_MS:
            self._tones.clear()
        elif last.silence_ms == _AFTER_BEEP_MS and len(self._tones) == 1:
            if last.within(*_CALLING):
                return "fax_calling"
            if any(last.within(band, _BEEP_MS) for band in _BEEP_HZ):
                return "beep"
        return ""

    def _rising(self) -> str:
        """Judge once the third of three rising tones has lasted long enough."""
        # Where one tone gives way to the next, a window holds both: a glitch of one frame is no tone.
        steady = [tone for tone in self._tones if tone.ms > 2 * _FRAME_MS]
        if len(steady) < 3 or steady[-1].ms != 200:
            return ""
        if not all(tone.within(band, _RISING_MS) for tone, band in zip(steady[-3:], _RISING, strict=True)):
            return ""
        american = steady[-1].hz < _AMERICAN_HZ
        return "no_circuit" if american and steady[-2].ms + _FRAME_MS >= _LONG_SECOND_MS else "unobtainable"
