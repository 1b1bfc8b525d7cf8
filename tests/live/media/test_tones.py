"""Keys and beeps heard in the audio."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dialnexa.live.line import FRAME_SAMPLES
from dialnexa.live.media.codec import Codec, decode, encode
from dialnexa.live.media.dtmf import KeypadEar
from dialnexa.live.media.tones import BeepDetector, keypad_tone, tone

SPEECH = decode(Codec.PCMU, Path(__file__).with_name("data").joinpath("speech.ulaw").read_bytes())

SCALE = np.float32(1 / 32768)


def phone(samples: np.ndarray, noise_dbfs: float = -60, seed: int = 1) -> np.ndarray:
    """Pass audio through a noisy telephone line."""
    noise = np.random.default_rng(seed).normal(0, 32768 * 10 ** (noise_dbfs / 20), len(samples))
    return decode(Codec.PCMU, encode(Codec.PCMU, np.clip(samples + noise, -32768, 32767).astype(np.int16)))


def keys_in(*rows: np.ndarray) -> list[str]:
    ear = KeypadEar()
    for _ in rows:
        ear.add()
    heard = [""] * len(rows)
    for start in range(0, min(map(len, rows)) - 159, 160):
        frames = np.stack([row[start : start + 160] for row in rows]).astype(np.float32) * SCALE
        for row, digit in ear.feed(frames):
            heard[row] += digit
    return heard


def dialled(digits: str, seconds: float = 0.08, level: float = -12) -> np.ndarray:
    gap = np.zeros(560, np.int16)
    return np.concatenate([part for digit in digits for part in (gap, keypad_tone(digit, seconds, level))] + [gap])


@pytest.mark.parametrize("level", [-30, -12, -4])
def test_all_sixteen_keys_are_heard_once_each(level):
    assert keys_in(phone(dialled("0123456789*#ABCD", level=level))) == ["0123456789*#ABCD"]


def test_the_same_key_twice_is_two_presses_and_a_long_one_is_one():
    assert keys_in(phone(dialled("5577")), phone(dialled("9", seconds=0.6))) == ["5577", "9"]


def test_noise_at_fifteen_decibels_is_no_obstacle():
    assert keys_in(phone(dialled("13579", seconds=0.12), noise_dbfs=-27)) == ["13579"]


def test_speech_presses_no_keys():
    assert keys_in(SPEECH, phone(SPEECH, -40)) == ["", ""]


def test_rows_are_kept_apart_when_one_leaves():
    ear = KeypadEar()
    for _ in range(3):
        ear.add()
    sound = dialled("7").astype(np.float32) * SCALE
    quiet = np.zeros(160, np.float32)
    heard: list[tuple[int, str]] = []
    for number, start in enumerate(range(0, len(sound) - 159, 160)):
        frame = sound[start : start + 160]
        if number == 4:
            ear.remove(0)
        heard += ear.feed(np.stack([quiet, quiet, frame] if number < 4 else [frame, quiet]))
    assert heard == [(0, "7")]


def beeps_at(samples: np.ndarray) -> int | None:
    detector = BeepDetector()
    for start in range(0, len(samples) - 159, 160):
        if detector.feed(samples[start : start + 160]):
            return (start + 160) // 8
    return None


@pytest.mark.parametrize("hz", [440, 1000, 1400, 1980])
def test_a_beep_is_heard_about_160_ms_after_it_begins(hz):
    sound = phone(np.concatenate([SPEECH[:8000], np.zeros(800, np.int16), tone((hz,), 0.4)]), -45)
    at = beeps_at(sound)
    assert at is not None
    assert 1100 + 140 <= at <= 1100 + 220


def test_speech_noise_and_keypad_tones_are_no_beep():
    assert beeps_at(SPEECH) is None
    assert beeps_at(phone(np.zeros(16000, np.int16), -20)) is None
    assert beeps_at(phone(dialled("123", seconds=0.5))) is None
    assert beeps_at(tone((200,), 1.0)) is None


def test_a_click_at_the_very_edge_of_a_frame_is_no_beep() -> None:
    """The window is zero there, so nothing is left of it to find a peak in."""
    click = np.zeros(FRAME_SAMPLES, np.int16)
    click[0] = 30_000
    assert not BeepDetector().feed(click)
