"""Silero at 8 kHz, in batches: real speech, real model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dialnexa.live.media.codec import Codec, decode
from dialnexa.live.media.vad import Silero, VoiceEar

SPEECH = decode(Codec.PCMU, Path(__file__).with_name("data").joinpath("speech.ulaw").read_bytes())
QUIET = np.zeros(8000, np.int16)
CALL = np.concatenate([QUIET, SPEECH[:24000], QUIET]).astype(np.float32) / 32768


@pytest.fixture(scope="module")
def model() -> Silero:
    return Silero()


class CountingModel(Silero):
    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []

    def run(self, windows, state):
        self.batches.append(len(windows))
        return super().run(windows, state)


def judge(ear: VoiceEar, rows: list[np.ndarray]) -> list[tuple[list[float], int]]:
    """Feed the rows; return the probabilities of each window and the sample it ended at."""
    heard = ((start, ear.feed(np.stack([row[start : start + 160] for row in rows]))) for start in starts(rows[0]))
    return [(verdict[0].tolist(), start + 160 - verdict[1]) for start, verdict in heard if verdict]


def starts(row: np.ndarray) -> range:
    return range(0, len(row) - 159, 160)


def ear_of(model: Silero, rows: int) -> VoiceEar:
    ear = VoiceEar(model)
    for _ in range(rows):
        ear.add()
    return ear


def test_speech_is_told_from_silence_and_noise(model):
    noise = np.random.default_rng(3).normal(0, 0.01, len(CALL)).astype(np.float32)
    verdicts = judge(ear_of(model, 2), [CALL, noise])
    speech = [p[0] for p, at in verdicts if 10400 < at < 31000]
    before = [p[0] for p, at in verdicts if at <= 8000]
    assert np.mean(np.array(speech) > 0.5) > 0.85
    assert max(before) == 0
    assert max(p[1] for p, _ in verdicts) < 0.4


def test_windows_follow_each_other_every_256_samples(model):
    assert [at for _, at in judge(ear_of(model, 1), [CALL[:2560]])] == [256 * n for n in range(1, 11)]


def test_a_batch_gives_every_call_what_it_would_get_alone(model):
    shifted = np.roll(CALL, 4321)
    loud = CALL * 0.3
    together = judge(ear_of(model, 3), [CALL, shifted, loud])
    for row, alone in enumerate((CALL, shifted, loud)):
        single = judge(ear_of(model, 1), [alone])
        assert [p[row] for p, _ in together] == pytest.approx([p[0] for p, _ in single], abs=1e-4)


def test_a_call_that_leaves_takes_only_its_own_state_along(model):
    half = 16000
    ear = ear_of(model, 3)
    judge(ear, [np.zeros(half, np.float32), CALL[:half] * 0.5, CALL[:half]])
    ear.remove(0)
    rest = judge(ear, [CALL[half:], CALL[half:] * 0.5])
    expected = [p[0] for p, at in judge(ear_of(model, 1), [CALL]) if at > half]
    assert [p[0] for p, _ in rest] == pytest.approx(expected, abs=1e-4)


def test_quiet_calls_cost_no_inference_and_big_phases_are_cut_into_batches():
    model = CountingModel()
    ear = ear_of(model, 100)
    judge(ear, [np.zeros(1280, np.float32)] * 100)
    assert model.batches == []
    noise = np.random.default_rng(3).normal(0, 0.05, 320).astype(np.float32)
    judge(ear, [noise] * 70 + [np.zeros(320, np.float32)] * 30)
    assert model.batches == [64, 6]


def test_speech_is_still_heard_after_a_long_time_of_noise(model):
    noise = np.random.default_rng(5).normal(0, 0.004, 8000 * 30).astype(np.float32)
    verdicts = judge(ear_of(model, 1), [np.concatenate([noise, CALL])])
    speech = [p[0] for p, at in verdicts if len(noise) + 10400 < at < len(noise) + 31000]
    assert np.mean(np.array(speech) > 0.5) > 0.85
