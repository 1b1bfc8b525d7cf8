"""Background sounds: an office, a café, a street, made of noise and mixed under what the agent says.

Each is a loop of 16 s without a seam, made once per process and shared by all calls; nothing is random from one process
to the next. They are no recordings: nobody's voice is in them, and no voice detector hears one (the tests ask ours).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from dialnexa.live.line import FRAME_SAMPLES, SAMPLE_RATE, Samples
from dialnexa.live.media.codec import Codec, decode, encode
from dialnexa.live.plan import Background

_LOOP_S = 16
_LENGTH = _LOOP_S * SAMPLE_RATE
_LEVEL = 260.0
"""RMS at volume 1: −42 dBFS, some 20 dB below speech."""
_ROOM = "room-tone"
_FAINT = 100.0
"""The same of a room where nothing happens: one notices it only when it ends."""
_CREST = 5.0
"""Peak over RMS: nothing in a background makes anybody start."""
_KEPT = 32
"""Mixtures kept: 380 kB each once a G.711 call used it."""

Wave = NDArray[np.float64]


class Bed:
    """A loop that goes on under an agent's audio, at any moment of any call the same. Shared; keeps no position."""

    def __init__(self, loop: Samples) -> None:
        """Take the loop; its length must be a multiple of a frame."""
        self.loop = loop
        self._kept: dict[Codec, bytes] = {}

    def under(self, codec: Codec, kept: bytes | None, at: int) -> bytes:
        """Return a frame as a leg of this codec keeps it, with the bed beneath; ``None`` is silence."""
        start = at % len(self.loop)
        if kept is None:
            return self._encoded(codec)[start * codec.width : (start + FRAME_SAMPLES) * codec.width]
        mixed = np.add(decode(codec, kept), self.loop[start : start + FRAME_SAMPLES], dtype=np.int32)
        np.minimum(mixed, 32767, out=mixed)
        np.maximum(mixed, -32768, out=mixed)
        return encode(codec, mixed.astype(np.int16))

    def _encoded(self, codec: Codec) -> bytes:
        if codec not in self._kept:
            self._kept[codec] = encode(codec, self.loop)
        return self._kept[codec]


@lru_cache(maxsize=_KEPT)
def bed_of(background: Background) -> Bed:
    """Return the bed of an agent; the first of its kind takes some tenths of a second of CPU, so call it in a thread.

    Raises ``ValueError`` for a sound that is none of ``SOUNDS``.
    """
    mixture = sum((_sound(name) for name in background.sounds), np.zeros(_LENGTH))
    return Bed(np.clip(mixture * background.volume, -32768, 32767).astype(np.int16))


@cache
def _sound(name: str) -> Wave:
    """Return one sound at its usual level."""
    if name not in SOUNDS:
        raise ValueError(f"There is no background sound {name!r}. Use one of: {', '.join(SOUNDS)}.")
    wave = SOUNDS[name](np.random.default_rng(crc32(name.encode())))
    level = _FAINT if name == _ROOM else _LEVEL
    return np.clip(wave * (level / wave.std()), -_CREST * level, _CREST * level)


# --- what they are made of --------------------------------------------------------------------------------------------


def _noise(rng: np.random.Generator, low: float, high: float, slope: float = 0.0) -> Wave:
    """Return noise between two frequencies (Hz), falling with frequency to the power of ``slope``; RMS 1, no seam."""
    frequencies = np.fft.rfftfreq(_LENGTH, 1 / SAMPLE_RATE)
    # Shaping the spectrum of a whole loop, instead of filtering it, leaves no seam where it repeats.
    band = 1 / (1 + (low / np.maximum(frequencies, 1e-3)) ** 4) / (1 + (frequencies / high) ** 4)
    shaped = np.fft.rfft(rng.standard_normal(_LENGTH)) * band * np.maximum(frequencies, 20.0) ** slope
    wave = np.fft.irfft(shaped, _LENGTH)
    return wave / wave.std()


def _swell(rng: np.random.Generator, fastest_hz: float, depth: float) -> Wave:
    """Return a slow coming and going around 1, never below 0."""
    return np.maximum(0.0, 1 + depth * _noise(rng, 0.02, fastest_hz))


def _murmur(rng: np.random.Generator, people: int) -> Wave:
    """Return many people talking far away: each a few bands of noise that come and go as syllables do."""
    wave = np.zeros(_LENGTH)
    for _ in range(people):
        formant = rng.uniform(300, 900)
        talk = _noise(rng, 180, formant, -0.5) + 0.3 * _noise(rng, 2 * formant, 3 * formant, -0.5)
        wave += talk * _swell(rng, 3.0, 0.5) * rng.uniform(0.4, 1.0)
    return wave / wave.std()


def _scattered(rng: np.random.Generator, count: int, sound: Callable[[np.random.Generator], Wave]) -> Wave:
    """Return short sounds at random places of the loop, some across its end."""
    wave = np.zeros(_LENGTH)
    for start in rng.integers(0, _LENGTH, count):
        piece = sound(rng)
        wave[(start + np.arange(len(piece))) % _LENGTH] += piece * rng.uniform(0.3, 1.0)
    return wave


def _click(rng: np.random.Generator) -> Wave:
    """Return a key of a keyboard: 12 ms of noise that dies away."""
    at = np.arange(SAMPLE_RATE * 12 // 1000)
    return rng.standard_normal(len(at)) * np.exp(-at / 18)


def _clink(rng: np.random.Generator) -> Wave:
    """Return a cup on a saucer: three partials that belong to no scale."""
    at = np.arange(SAMPLE_RATE // 8) / SAMPLE_RATE
    base = rng.uniform(1900, 2600)
    partials = (np.sin(2 * np.pi * base * ratio * at) for ratio in (1.0, 1.21, 1.46))
    return sum(partials, np.zeros(len(at))) * np.exp(-at * 45)


def _chirp(rng: np.random.Generator) -> Wave:
    """Return a bird: a sweep of 50 ms; the detector takes longer ones for a voice."""
    at = np.arange(SAMPLE_RATE // 20) / SAMPLE_RATE
    base, rise = rng.uniform(2500, 3100), rng.uniform(-9000, 6000)
    return np.sin(2 * np.pi * (base * at + rise * at**2 / 2)) * np.hanning(len(at))


def _passing(rng: np.random.Generator) -> Wave:
    """Return a car that passes: tyres, for three seconds."""
    length = SAMPLE_RATE * 3
    return _noise(rng, 120, 900, -0.5)[:length] * np.hanning(length) ** 2


# --- the sounds -------------------------------------------------------------------------------------------------------


def _office(rng: np.random.Generator) -> Wave:
    air = _noise(rng, 60, 500, -0.8)
    return air + 0.5 * _murmur(rng, 8) + 0.8 * _scattered(rng, 70, _click)


def _call_center(rng: np.random.Generator) -> Wave:
    return 0.5 * _noise(rng, 80, 600, -0.8) + _murmur(rng, 16) + 0.7 * _scattered(rng, 130, _click)


def _cafe(rng: np.random.Generator) -> Wave:
    return 0.5 * _noise(rng, 80, 1500, -0.6) + _murmur(rng, 14) + 0.3 * _scattered(rng, 22, _clink)


def _convention_hall(rng: np.random.Generator) -> Wave:
    return 0.6 * _noise(rng, 70, 900, -0.7) + _murmur(rng, 28)


def _street(rng: np.random.Generator) -> Wave:
    rumble = _noise(rng, 40, 350, -1.0) * _swell(rng, 0.3, 0.25)
    return rumble + 0.8 * _scattered(rng, 6, _passing)


def _outdoors(rng: np.random.Generator) -> Wave:
    wind = _noise(rng, 60, 700, -1.0) * _swell(rng, 0.4, 0.4)
    return wind + 0.35 * _scattered(rng, 20, _chirp)


def _static_noise(rng: np.random.Generator) -> Wave:
    return _noise(rng, 250, 3300)


def _room_tone(rng: np.random.Generator) -> Wave:
    return _noise(rng, 60, 1200, -0.9)


SOUNDS: Final[Mapping[str, Callable[[np.random.Generator], Wave]]] = MappingProxyType(
    {
        "office": _office,
        "call-center": _call_center,
        "cafe": _cafe,
        "convention-hall": _convention_hall,
        "street": _street,
        "outdoors": _outdoors,
        "static-noise": _static_noise,
        _ROOM: _room_tone,
    }
)
"""How each sound is made."""
