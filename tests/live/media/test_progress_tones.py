"""Tones before the answer, as networks of several countries play them, through G.711, with noise, and off any grid."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from tests.live.media.speech import SPEECH

import dialnexa.live.sandbox
from dialnexa.live.line import Samples
from dialnexa.live.media.codec import Codec, decode, encode
from dialnexa.live.media.progress_tones import ProgressTone, ToneEar
from dialnexa.live.media.tones import keypad_tone, tone

QUIET = np.zeros(2400, np.int16)


def rhythm(hz: tuple[float, ...], *seconds: float, times: int = 4, level: float = -15) -> Samples:
    """Return a tone that is on and off by turns, over and over."""
    parts = [
        tone(hz, length, level) if number % 2 == 0 else np.zeros(round(length * 8000), np.int16)
        for _ in range(times)
        for number, length in enumerate(seconds)
    ]
    return np.concatenate([QUIET, *parts])


def rising(*tones: tuple[float, float], gap: float = 0.0) -> Samples:
    silence = np.zeros(round(gap * 8000), np.int16)
    parts = [part for hz, seconds in tones for part in (tone((hz,), seconds, -15), silence)]
    return np.concatenate([QUIET, *parts, np.zeros(8000, np.int16)])


def heard(sound: Samples, *, noise_dbfs: float = -90, skip: int = 0, codec: Codec = Codec.PCMU) -> list[ProgressTone]:
    noise = np.random.default_rng(7).normal(0, 32768 * 10 ** (noise_dbfs / 20), len(sound))
    line = decode(codec, encode(codec, np.clip(sound + noise, -32768, 32767).astype(np.int16)))[skip:]
    ear = ToneEar()
    told = [ear.feed(line[start : start + 160]) for start in range(0, len(line) - 159, 160)]
    return [one for one in told if one]


TONES = {
    "North American ringback": (ProgressTone.RINGBACK, rhythm((440, 480), 2, 4, times=2)),
    "British ringback": (ProgressTone.RINGBACK, rhythm((400, 450), 0.4, 0.2, 0.4, 2, times=3)),
    "German ringback": (ProgressTone.RINGBACK, rhythm((425,), 1, 4, times=2)),
    "French ringback": (ProgressTone.RINGBACK, rhythm((440,), 1.5, 3.5, times=2)),
    "North American busy": (ProgressTone.BUSY, rhythm((480, 620), 0.5, 0.5, times=5)),
    "British busy": (ProgressTone.BUSY, rhythm((400,), 0.375, 0.375, times=5)),
    "German busy": (ProgressTone.BUSY, rhythm((425,), 0.48, 0.48, times=5)),
    "North American reorder": (ProgressTone.CONGESTION, rhythm((480, 620), 0.25, 0.25, times=7)),
    "North American reorder, uneven": (ProgressTone.CONGESTION, rhythm((480, 620), 0.3, 0.2, times=7)),
    "British congestion": (ProgressTone.CONGESTION, rhythm((400,), 0.4, 0.35, 0.225, 0.525)),
    "European congestion": (ProgressTone.CONGESTION, rhythm((425,), 0.24, 0.24, times=7)),
    "North American dial tone": (ProgressTone.DIAL, rhythm((350, 440), 5, 0.5, times=1)),
    "European dial tone": (ProgressTone.DIAL, rhythm((425,), 5, 0.5, times=1)),
    "special information": (ProgressTone.UNOBTAINABLE, rising((950, 0.33), (1400, 0.33), (1800, 0.33))),
    "with gaps": (ProgressTone.UNOBTAINABLE, rising((950, 0.33), (1400, 0.33), (1800, 0.33), gap=0.03)),
    "vacant code": (ProgressTone.UNOBTAINABLE, rising((985.2, 0.38), (1370.6, 0.274), (1776.7, 0.38))),
    "intercept": (ProgressTone.UNOBTAINABLE, rising((913.8, 0.274), (1370.6, 0.274), (1776.7, 0.38))),
    "no circuit": (ProgressTone.NO_CIRCUIT, rising((913.8, 0.38), (1370.6, 0.38), (1776.7, 0.38))),
    "fax that calls": (ProgressTone.FAX_CALLING, rhythm((1100,), 0.5, 3, times=2)),
    "fax that answers": (ProgressTone.FAX_ANSWERING, rhythm((2100,), 3, 1, times=1)),
    "beep": (ProgressTone.BEEP, rhythm((1000,), 0.4, 2, times=1)),
    "short beep": (ProgressTone.BEEP, rhythm((1400,), 0.2, 2, times=1)),
}


@pytest.mark.parametrize("name", TONES)
def test_tones_are_told_apart(name: str):
    meant, sound = TONES[name]
    assert heard(sound) == [meant]
    assert heard(sound, codec=Codec.PCMA, skip=53) == [meant]
    assert heard(sound, noise_dbfs=-38, skip=91) == [meant]


@pytest.mark.parametrize("level", [-30, -8])
def test_soft_and_loud_ones_alike(level: float):
    assert heard(rhythm((480, 620), 0.5, 0.5, level=level)) == [ProgressTone.BUSY]
    assert heard(rhythm((425,), 1, 4, times=2, level=level)) == [ProgressTone.RINGBACK]


def test_ringing_that_turns_busy_is_told_once_each():
    sound = np.concatenate([rhythm((440, 480), 2, 4, times=2), rhythm((480, 620), 0.5, 0.5, times=8)])
    assert heard(sound) == [ProgressTone.RINGBACK, ProgressTone.BUSY]


@pytest.mark.parametrize("level", [0, -38])
def test_nothing_the_sandbox_says_is_a_tone_but_the_beep_it_plays_itself(level: float):
    folder = Path(dialnexa.live.sandbox.__file__).with_name("audio")
    files = sorted(folder.glob("*.wav"))
    assert len(files) > 10
    for file in files:
        with wave.open(str(file)) as audio:
            samples = np.frombuffer(audio.readframes(audio.getnframes()), "<i2")
        assert heard(samples, noise_dbfs=level or -90) == [], file.name
    assert heard(SPEECH) == []


def melody(seed: int) -> Samples:
    """Return half a minute of struck chords, as on hold."""
    pick = np.random.default_rng(seed)
    notes: list[np.ndarray] = []
    for _ in range(70):
        t = np.arange(round(float(pick.choice([0.2, 0.25, 0.4, 0.5, 1.0])) * 8000)) / 8000
        root = 220 * 2 ** (int(pick.integers(0, 30)) / 12)
        chord = [root, root * 2 ** (int(pick.choice([3, 4, 7])) / 12)][: int(pick.integers(1, 3))]
        partials = [
            amplitude * np.sin(2 * np.pi * hz * number * t)
            for hz in chord
            for number, amplitude in enumerate((1, 0.5, 0.3, 0.2), 1)
            if hz * number < 3800
        ]
        notes.append(4000 * np.sum(partials, axis=0) * np.exp(-t * float(pick.choice([0.5, 2, 4]))))
        if pick.random() < 0.2:
            notes.append(np.zeros(round(float(pick.choice([0.1, 0.25, 0.5])) * 8000)))
    return np.clip(np.concatenate(notes), -32768, 32767).astype(np.int16)


@pytest.mark.parametrize("seed", range(5))
def test_music_is_no_tone(seed: int):
    assert heard(melody(seed)) == []


def test_keys_and_noise_are_none_either():
    keys = np.concatenate([part for key in "0123456789*#" for part in (keypad_tone(key, 0.2), QUIET)])
    assert heard(keys) == []
    assert heard(np.zeros(80_000, np.int16), noise_dbfs=-20) == []
