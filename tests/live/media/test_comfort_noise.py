"""Comfort noise: the level and the colour that were described."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialnexa.live.media.comfort_noise import ComfortNoise

LOOP = np.zeros(16000, np.int16)


def some(noise: ComfortNoise, frames: int = 200) -> np.ndarray:
    return np.concatenate([noise.take() for _ in range(frames)]).astype(float)


@pytest.mark.parametrize(("byte", "dbov"), [(40, -40), (60, -60), (5, -30), (0x80 | 50, -50)])
def test_the_level_is_kept_but_never_loud(byte: int, dbov: int):
    level = 20 * np.log10(some(ComfortNoise(bytes([byte]))).std() / 32767)
    assert abs(level - dbov) < 1


def test_reflection_coefficients_colour_the_noise():
    def share_of_lows(payload: bytes) -> float:
        power = np.abs(np.fft.rfft(some(ComfortNoise(payload)))) ** 2
        return float(power[: len(power) // 4].sum() / power.sum())

    assert abs(share_of_lows(b"\x28") - 0.25) < 0.05
    assert share_of_lows(bytes([40, 127 - 100])) > 0.8
    assert share_of_lows(bytes([40, 127 + 100])) < 0.05


def test_nothing_described_is_silence():
    assert not some(ComfortNoise(b"")).any()


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=40))
def test_any_description_makes_frames_of_a_bearable_level(payload: bytes):
    frame = ComfortNoise(payload).take()
    assert (frame.dtype, len(frame)) == (np.int16, 160)
    assert np.abs(frame.astype(int)).max() < 10_000


def test_a_flood_of_descriptions_shapes_no_noise(monkeypatch: pytest.MonkeyPatch):
    shaped: list[bytes] = []
    monkeypatch.setattr("dialnexa.live.media.comfort_noise._shaped", lambda payload: shaped.append(payload) or LOOP)
    described = [ComfortNoise(bytes([40, number % 256])) for number in range(1000)]
    described[-1].take()
    described[-1].take()
    assert shaped == [described[-1].payload], "only what is heard, and once"
