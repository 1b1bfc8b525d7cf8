"""The packaged audio: every phrase there, telephone format, speech level, hardly any silence around it."""

from __future__ import annotations

from importlib import resources

import numpy as np
import pytest

from dialnexa.live.line import SAMPLE_RATE
from dialnexa.live.media.tones import BeepDetector
from dialnexa.live.sandbox import audio
from dialnexa.live.sandbox.phrases import PHRASES
from dialnexa.live.sandbox.scripts import PEOPLE, Answer, AwaitTurn, BreakOff, Menu, Murmur, Say


def phrases_in_scripts() -> set[str]:
    names: set[str] = set()
    for person in PEOPLE.values():
        for step in person.manner.script if isinstance(person.manner, Answer) else ():
            match step:
                case Say(name) | Murmur(name) | BreakOff(name):
                    names.add(name)
                case AwaitTurn(nudge=name) if name:
                    names.add(name)
                case Menu(prompt, replies, wrong, goodbye):
                    names.update({prompt, *replies.values(), wrong, goodbye})
                case _:
                    pass
    return names


def loudness(samples: np.ndarray) -> np.ndarray:
    frames = samples[: len(samples) // 80 * 80].reshape(-1, 80).astype(np.float64) / 32768
    return np.sqrt(np.mean(frames**2, axis=1))


def test_the_scripts_say_exactly_the_phrases_there_are() -> None:
    assert phrases_in_scripts() == set(PHRASES)


def test_every_file_belongs_to_a_phrase() -> None:
    files = {file.name for file in (resources.files("dialnexa.live.sandbox") / "audio").iterdir()}
    assert files == {f"{name}.wav" for name in PHRASES}


@pytest.mark.parametrize("name", PHRASES)
def test_speech_is_loud_enough_unclipped_and_trimmed(name: str) -> None:
    samples = audio.phrase(name)
    level = loudness(samples)
    spoken = np.flatnonzero(level > level.max() * 0.01)
    rms = np.sqrt(np.mean(level[level > level.max() * 10**-1.5] ** 2))
    assert -20 < 20 * np.log10(rms) < -15
    assert np.abs(samples.astype(int)).max() < 32767
    assert spoken[0] <= 6
    assert len(level) - spoken[-1] <= 12


def test_what_all_calls_share_cannot_be_changed() -> None:
    assert audio.phrase("hello") is audio.phrase("hello")
    with pytest.raises(ValueError, match="read-only"):
        audio.phrase("hello")[0] = 1


def test_an_unknown_phrase_is_an_error() -> None:
    with pytest.raises(KeyError):
        audio.phrase("../../secret")


def test_the_beep_is_found_by_the_beep_detector() -> None:
    ear = BeepDetector()
    heard = [ear.feed(frame) for frame in audio.beep()[: SAMPLE_RATE // 2].reshape(-1, 160)]
    assert any(heard)
