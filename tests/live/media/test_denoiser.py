"""Noise goes, speech stays, and the recogniser understands more of it."""

from __future__ import annotations

import numpy as np
from tests.live.sandbox.test_recognition import GRAMMARS, decoder, folded

from dialnexa.live.line import FRAME_SAMPLES, SAMPLE_RATE, Samples
from dialnexa.live.media.codec import Codec, decode, encode
from dialnexa.live.media.denoiser import Denoiser
from dialnexa.live.sandbox import audio

PAUSE = 2 * SAMPLE_RATE
"""Samples of noise alone before somebody speaks: as long as it takes to learn what noise is."""


def on_the_line(speech: Samples, snr_db: float) -> Samples:
    """Put speech into a hiss, on a µ-law telephone line."""
    line = np.concatenate([np.zeros(PAUSE), speech, np.zeros(SAMPLE_RATE // 2)])
    line += np.random.default_rng(5).normal(0, speech.std() / 10 ** (snr_db / 20), len(line))
    heard = decode(Codec.PCMU, encode(Codec.PCMU, np.clip(line, -32768, 32767).astype(np.int16)))
    return heard[: len(heard) // FRAME_SAMPLES * FRAME_SAMPLES]


def cleaned(samples: Samples) -> Samples:
    denoiser = Denoiser()
    return np.concatenate([denoiser.clean(frame) for frame in samples.reshape(-1, FRAME_SAMPLES)])


def level_db(samples: Samples) -> float:
    return 20 * np.log10(samples.astype(float).std() + 1e-9)


def test_the_noise_of_a_pause_goes_down_and_the_speech_does_not() -> None:
    noisy = on_the_line(audio.phrase("repeat"), 10)
    clean = cleaned(noisy)
    assert len(clean) == len(noisy)
    pause, speech = slice(PAUSE * 3 // 4, PAUSE), slice(PAUSE, -SAMPLE_RATE // 2)
    assert level_db(clean[pause]) < level_db(noisy[pause]) - 10
    assert abs(level_db(clean[speech]) - level_db(noisy[speech])) < 3


def test_silence_stays_silence_and_calls_know_nothing_of_each_other() -> None:
    nothing = np.zeros(FRAME_SAMPLES * 10, np.int16)
    assert not cleaned(nothing).any()
    first, second = Denoiser(), Denoiser()
    hiss = np.random.default_rng(1).normal(0, 1000, (50, FRAME_SAMPLES)).astype(np.int16)
    for frame in hiss:
        first.clean(frame)
    assert np.array_equal(second.clean(hiss[0]), Denoiser().clean(hiss[0]))


def understood(samples: Samples, asked: str) -> str:
    """Recognise what comes after the pause, as a call does: with 300 ms before it."""
    ear = decoder(GRAMMARS[asked]())
    ear.start_utt()
    ear.process_raw(folded(samples[PAUSE - SAMPLE_RATE * 3 // 10 :]), full_utt=True)
    ear.end_utt()
    heard = ear.hyp()
    return heard.hypstr if heard is not None else ""


def test_what_was_lost_in_noise_is_understood_without_it() -> None:
    noisy = on_the_line(audio.phrase("by_text"), 12)
    assert understood(noisy, "reminder") != "text message please"
    assert understood(cleaned(noisy), "reminder") == "text message please"


def test_what_is_clear_stays_clear() -> None:
    assert understood(cleaned(on_the_line(audio.phrase("by_text"), 30)), "reminder") == "text message please"
