"""What a line says before it is answered: ringing, busy, congested, out of service, a fax, a beep (ITU-T E.180, E.182).

Low tones (350 to 620 Hz) mean what their rhythm says, whatever the country; the rhythm is read off the loudness, and a
stretch counts only when a few pure tones hold nearly all its energy, which speech and music never manage for long. High
tones (three rising ones, fax, beep) are read off the pitch, frame by frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from dialnexa.live.line import FRAME_SAMPLES, SAMPLE_RATE, Samples
from dialnexa.live.media.pitch_track import PitchTrack

_BLOCK = FRAME_SAMPLES // 2
_BLOCK_MS = 10
_FLOOR = 32768 * 10 ** (-50 / 20)
"""Quieter than −50 dBFS is silence."""
_OFF = 0.3
"""A tone is over when it falls 10 dB below its own level."""
_PAUSE_BLOCKS = 3
"""30 ms of quiet end a stretch; beating pairs of tones dip for less."""
_LOW_HZ = (330.0, 640.0)
_LONGEST_KEPT = SAMPLE_RATE
_STRETCHES = 6
"""How far back a rhythm is looked for."""
_DIAL_MS = 3000


class ProgressTone(StrEnum):
    """A tone a network or a machine plays."""

    RINGBACK = "ringback"
    BUSY = "busy"
    CONGESTION = "congestion"
    """Also called reorder or fast busy: no way through the network."""
    UNOBTAINABLE = "unobtainable"
    """Three rising tones: the number does not exist, or not any more."""
    NO_CIRCUIT = "no_circuit"
    """Three rising tones with a long second one: the network is full or broken (North America)."""
    DIAL = "dial"
    FAX_CALLING = "fax_calling"
    FAX_ANSWERING = "fax_answering"
    BEEP = "beep"


@dataclass(slots=True)
class _Stretch:
    """A stretch of low tone, and the silence after it so far."""

    on_ms: int
    hz: tuple[float, ...]
    level: float
    off_ms: int = 0

    def like(self, other: _Stretch) -> bool:
        """Whether both are the same tone at about the same loudness."""
        same = len(self.hz) == len(other.hz) and all(abs(a - b) < 15 for a, b in zip(self.hz, other.hz, strict=True))
        return same and 0.5 < self.level / other.level < 2


def _near(value: int, target: int, slack: int = 60) -> bool:
    return abs(value - target) <= slack


def _busy(past: list[_Stretch]) -> bool:
    """Three equal stretches of 330 to 600 ms with gaps as long as they are."""
    *cycles, last = past[-3:]
    return len(cycles) == 2 and all(
        330 <= cycle.on_ms <= 600 and _near(cycle.off_ms, cycle.on_ms, 100) and _near(last.on_ms, cycle.on_ms)
        for cycle in cycles
    )


def _congested(past: list[_Stretch]) -> bool:
    """Four short ones, or the British long and short in turns."""
    *cycles, last = past[-4:]
    fast = len(cycles) == 3 and all(
        160 <= cycle.on_ms <= 320 and 140 <= cycle.off_ms <= 330 and _near(last.on_ms, cycle.on_ms) for cycle in cycles
    )
    rhythm = [length for cycle in past[-3:-1] for length in (cycle.on_ms, cycle.off_ms)] + [past[-1].on_ms]
    british = ((400, 350, 225, 525, 400), (225, 525, 400, 350, 225))
    turns = len(rhythm) == 5 and any(all(map(_near, rhythm, pattern)) for pattern in british)
    return fast or turns


def _ringing(past: list[_Stretch]) -> bool:
    """One long stretch, or two short ones, and then nothing for a second."""
    last = past[-1]
    if last.off_ms < 1000:
        return False
    twice = len(past) > 1 and _near(past[-2].on_ms, 400, 100) and _near(past[-2].off_ms, 200) and past[-2].like(last)
    return 700 <= last.on_ms <= 2600 or (twice and _near(last.on_ms, 400, 100))


_RHYTHMS: tuple[tuple[ProgressTone, Callable[[list[_Stretch]], bool]], ...] = (
    (ProgressTone.BUSY, _busy),
    (ProgressTone.CONGESTION, _congested),
    (ProgressTone.RINGBACK, _ringing),
)


class ToneEar:
    """Listens to one line, 20 ms at a time."""

    def __init__(self) -> None:
        self._pitches = PitchTrack()
        self._past: list[_Stretch] = []
        self._sound: list[Samples] = []
        """Blocks of the stretch that sounds now."""
        self._on_blocks = 0
        self._quiet_blocks = 0
        self._level = 0.0
        self._told: ProgressTone | None = None

    def feed(self, frame: Samples) -> ProgressTone | None:
        """Take the next 160 samples; return a tone when it becomes certain, once until another one is."""
        found = self._high(frame)
        for block in frame.reshape(2, _BLOCK):
            found = self._rhythm(block) or found
        if found is None or found is self._told:
            return None
        self._told = found
        return found

    def _high(self, frame: Samples) -> ProgressTone | None:
        name = self._pitches.feed(frame)
        return ProgressTone(name) if name else None

    def _rhythm(self, block: Samples) -> ProgressTone | None:
        """Take 10 ms into the account of loud and quiet."""
        level = float(np.sqrt(np.mean(block.astype(np.float32) ** 2)))
        if level > max(_FLOOR, _OFF * self._level):
            self._level = max(level, self._level * 0.98) if self._on_blocks else level
            return self._loud(block)
        self._quiet_blocks += 1
        if self._on_blocks and self._quiet_blocks == _PAUSE_BLOCKS:
            self._close()
            return self._judge()
        if self._past and not self._on_blocks:
            self._past[-1].off_ms += _BLOCK_MS
            if self._past[-1].off_ms == 1000:
                return self._judge()
        if self._quiet_blocks > 500:
            self._level = 0.0  # five seconds of quiet: a softer tone may follow
        return None

    def _loud(self, block: Samples) -> ProgressTone | None:
        if self._on_blocks:  # a dip inside the stretch belongs to it
            self._on_blocks += self._quiet_blocks
        self._quiet_blocks = 0
        self._on_blocks += 1
        if len(self._sound) * _BLOCK < _LONGEST_KEPT:
            self._sound.append(block)
        if self._on_blocks * _BLOCK_MS == _DIAL_MS and _tones(np.concatenate(self._sound)):
            return ProgressTone.DIAL
        return None

    def _close(self) -> None:
        """End the stretch; what is no pure tone ends the rhythm as well."""
        hz = _tones(np.concatenate(self._sound))
        stretch = _Stretch(self._on_blocks * _BLOCK_MS, hz, self._level, _PAUSE_BLOCKS * _BLOCK_MS)
        if not hz or (self._past and not self._past[-1].like(stretch)):
            self._past.clear()
        if hz:
            self._past = [*self._past[1 - _STRETCHES :], stretch]
        self._sound, self._on_blocks = [], 0

    def _judge(self) -> ProgressTone | None:
        if not self._past:
            return None
        return next((tone for tone, fits in _RHYTHMS if fits(self._past)), None)


def _tones(sound: Samples) -> tuple[float, ...]:
    """Return the one to three low tones that hold nearly all the energy of a stretch, by frequency; else nothing."""
    margin = 2 * _BLOCK
    wave = sound[margin:-margin].astype(np.float64)
    if len(wave) < SAMPLE_RATE // 10:
        return ()
    power = np.abs(np.fft.rfft(wave * np.hanning(len(wave)), 2 * SAMPLE_RATE)) ** 2
    hz = np.fft.rfftfreq(2 * SAMPLE_RATE, 1 / SAMPLE_RATE)
    band = power * ((hz > _LOW_HZ[0]) & (hz < _LOW_HZ[1]))
    total = float(power.sum())
    if band.sum() < 0.9 * total:
        return ()
    return _peaks(band, hz, total, reach=2 * SAMPLE_RATE / len(wave) + 4)


def _peaks(band: NDArray[np.float64], hz: NDArray[np.floating], total: float, *, reach: float) -> tuple[float, ...]:
    """Take the strongest peaks out one by one until 90 % of the energy is explained; at most three may be needed."""
    found: list[float] = []
    left = band.copy()
    held = 0.0
    for _ in range(3):
        peak = float(hz[int(left.argmax())])
        near = np.abs(hz - peak) <= reach
        energy = float(left[near].sum())
        if energy < 0.03 * total:
            break
        found.append(peak)
        held += energy
        left[near] = 0
    return tuple(sorted(found)) if held > 0.9 * total else ()
