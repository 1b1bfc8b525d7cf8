from __future__ import annotations

from dialnexa.live.conversation.events import BreathTaken, VoiceLasted, VoiceStarted, VoiceStopped
from dialnexa.live.conversation.voice import WINDOW_MS, VoiceDetector, VoiceSettings


def hear(detector: VoiceDetector, probabilities: list[float], at: int = 0) -> list[object]:
    """Feed windows one after the other and return what happened."""
    happened: list[object] = []
    for probability in probabilities:
        at += WINDOW_MS
        event = detector.feed(probability, at)
        if event is not None:
            happened.append(event)
    return happened


def test_speech_begins_after_six_windows_and_counts_from_the_first() -> None:
    assert hear(VoiceDetector(), [0.0] * 4 + [0.9] * 5) == []
    assert hear(VoiceDetector(), [0.0] * 4 + [0.9] * 6) == [VoiceStarted(320, 128)]


def test_speech_ends_after_silence_and_counts_to_the_last_voiced_window() -> None:
    assert hear(VoiceDetector(), [0.9] * 10 + [0.1] * 6) == [VoiceStarted(192, 0), VoiceStopped(512, 320)]


def test_once_on_it_stays_on_down_to_the_lower_threshold() -> None:
    assert hear(VoiceDetector(), [0.9] * 6 + [0.4] * 20) == [VoiceStarted(192, 0), VoiceLasted(448, 0)]


def test_one_low_window_is_forgiven_two_are_not() -> None:
    assert hear(VoiceDetector(), [0.9, 0.9, 0.1, 0.9, 0.9, 0.9]) == [VoiceStarted(192, 0)]
    assert hear(VoiceDetector(), [0.9, 0.9, 0.1, 0.1, 0.9, 0.9]) == []


def test_lasting_is_told_once_per_stretch() -> None:
    happened = hear(VoiceDetector(), [0.9] * 40 + [0.0] * 6 + [0.9] * 14)
    assert [type(event) for event in happened] == [VoiceStarted, VoiceLasted, VoiceStopped, VoiceStarted, VoiceLasted]


def test_a_voice_the_detector_hears_no_more_of_has_stopped() -> None:
    detector = VoiceDetector()
    hear(detector, [0.9] * 10)
    assert detector.starve(1300) is None
    assert detector.starve(1320) == VoiceStopped(1320, 320)
    assert detector.starve(3000) is None


def test_a_breath_is_told_when_it_is_over_and_only_to_whom_it_matters() -> None:
    speech = [0.9] * 20 + [0.1] * 4 + [0.9] * 2
    assert hear(VoiceDetector(VoiceSettings(breath_ms=128)), speech)[2:] == [BreathTaken(25 * WINDOW_MS)]
    assert hear(VoiceDetector(), speech)[2:] == []
    closure = [0.9] * 20 + [0.1] * 3 + [0.9] * 2
    assert hear(VoiceDetector(VoiceSettings(breath_ms=128)), closure)[2:] == []
