"""What is heard where packets were lost: nearer to the truth than what stood here before, and without clicks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from tests.live.media.speech import FRAMES, SPEECH, frame_of, level_at

from dialnexa.live.line import Samples
from dialnexa.live.media.plc import CONCEALED_FRAMES, HISTORY_FRAMES, Concealer, extrapolate
from dialnexa.live.media.tones import tone

ORIGINAL = SPEECH[: FRAMES * 160]
_RAMP = np.linspace(1.0, 0.0, 160, endpoint=False)


def concealed(original: Samples, lost: set[int]) -> Samples:
    concealer, out = Concealer[str](), [np.zeros(160, np.int16)] * HISTORY_FRAMES
    for number in range(len(original) // 160):
        frame = frame_of(original, number)
        if number in lost:
            if number - 1 not in lost:
                concealer.begin(["call"], np.concatenate(out[-HISTORY_FRAMES:])[np.newaxis])
            filled = concealer.fill("call")
            frame = np.zeros(160, np.int16) if filled is None else filled
        else:
            frame = concealer.join("call", frame)
        out.append(frame)
    return np.concatenate(out[HISTORY_FRAMES:])


def backwards(original: Samples, lost: set[int]) -> Samples:
    """The method before this one: the last frame backwards, fading over two frames."""
    out, run, previous = [], 0, np.zeros(160, np.int16)
    for number in range(len(original) // 160):
        run = run + 1 if number in lost else 0
        if run > 2:
            previous = np.zeros(160, np.int16)
        elif run:
            previous = (previous[::-1] * ((1 + _RAMP) / 2, _RAMP)[run - 1]).astype(np.int16)
        else:
            previous = frame_of(original, number)
        out.append(previous)
    return np.concatenate(out)


def losses(share: float, seed: int) -> set[int]:
    return set(np.flatnonzero(np.random.default_rng(seed).random(FRAMES) < share).tolist())


def snr_db(heard: Samples) -> float:
    return float(10 * np.log10(np.sum(ORIGINAL.astype(float) ** 2) / np.sum((ORIGINAL - heard.astype(float)) ** 2)))


def spectral_distance_db(heard: Samples, lost: set[int]) -> float:
    """Return how far the spectra of 32 ms are off wherever they touch a lost frame, its edges included."""
    starts = [
        start
        for start in range(0, len(ORIGINAL) - 256, 80)
        if lost.intersection(range(start // 160, (start + 255) // 160 + 1))
    ]
    window = np.hanning(256)
    one, other = (
        np.abs(np.fft.rfft(np.stack([wave[start : start + 256] for start in starts]) * window)) + 100
        for wave in (ORIGINAL, heard)
    )
    return float(np.mean(np.sqrt(np.mean((20 * np.log10(one / other)) ** 2, axis=1))))


@pytest.mark.parametrize(("share", "better_db"), [(0.05, 5), (0.10, 5)])
def test_speech_with_losses_is_nearer_to_the_original_than_by_the_method_before(share: float, better_db: float):
    def mean(measure: Callable[[int], float]) -> float:
        return float(np.mean([measure(seed) for seed in range(12)]))

    assert mean(lambda seed: snr_db(concealed(ORIGINAL, losses(share, seed)))) > better_db + mean(
        lambda seed: snr_db(backwards(ORIGINAL, losses(share, seed)))
    )
    assert mean(lambda s: spectral_distance_db(concealed(ORIGINAL, losses(share, s)), losses(share, s))) < 0.85 * mean(
        lambda s: spectral_distance_db(backwards(ORIGINAL, losses(share, s)), losses(share, s))
    )


@pytest.mark.parametrize("hz", [70, 90, 133, 210])
def test_a_voice_goes_on_at_its_pitch(hz: int):
    sound = tone((hz, 2 * hz, 3 * hz), 0.4, -15)
    heard = concealed(sound, {10})
    gap = heard[1600:1760].astype(float)
    error = gap[:80] - sound[1600:1680]
    assert np.sqrt(np.mean(error**2)) < 0.25 * np.sqrt(np.mean(sound[1600:1680].astype(float) ** 2))
    assert level_at(gap[:80], hz) > 0.5 * level_at(sound[1600:1680], hz)


def test_neither_end_of_a_gap_clicks():
    steepest = np.abs(np.diff(ORIGINAL.astype(int))).max()
    for first in range(20, FRAMES - 6, 3):
        for length in (1, 2, 5):
            heard = concealed(ORIGINAL, set(range(first, first + length))).astype(int)
            assert np.abs(np.diff(heard[(first - 1) * 160 : (first + length + 1) * 160])).max() <= steepest


def test_a_gap_fades_and_is_silent_after_sixty_milliseconds():
    loud = max(range(10, FRAMES), key=lambda number: frame_of(ORIGINAL, number).std())
    heard = concealed(ORIGINAL, set(range(loud, loud + 6)))
    frames = heard[loud * 160 : (loud + 6) * 160].reshape(6, 160).astype(float)
    assert frames[0].std() > frames[1].std() > frames[2].std() > 0
    assert not frames[CONCEALED_FRAMES:].any()


def test_silence_stays_silence_and_noise_does_not_buzz():
    assert not extrapolate(np.zeros((1, 480), np.int16)).any()
    noise = np.random.default_rng(4).normal(0, 500, (20, 480)).astype(np.int16)
    sound = extrapolate(noise)[:, :160]
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(160), axis=1)) ** 2
    assert (spectrum.max(axis=1) / spectrum.mean(axis=1)).mean() < 12


def test_calls_of_a_batch_get_what_each_would_get_alone():
    history = np.stack([ORIGINAL[start : start + 480] for start in range(8000, 16000, 400)])
    together = extrapolate(history)
    for row, alone in enumerate(history):
        assert np.abs(together[row] - extrapolate(alone[np.newaxis])[0]).max() < 0.01


def test_a_call_that_leaves_leaves_no_gap():
    concealer = Concealer[str]()
    concealer.begin(["a", "b"], np.ones((2, 480), np.int16))
    concealer.forget("a")
    assert list(concealer.gaps) == ["b"]
    assert concealer.fill("a") is None
