"""Comfort noise: the level and the colour that were described."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialnexa.live.media.comfort_noise import ComfortNoise


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
