"""When is it our turn? One window is 256 samples, 32 ms."""

from __future__ import annotations

from dialnexa.live.line import SAMPLE_RATE
from dialnexa.live.sandbox.listener import SHORTEST_TURN, TURN_SILENCE, TurnListener

WINDOW = 256


def hear(listener: TurnListener, seconds: float, probability: float, start: int) -> int:
    """Feed windows for that long; return where they end."""
    at = start
    for _ in range(round(seconds * SAMPLE_RATE / WINDOW)):
        at += WINDOW
        listener.hear(probability, at)
    return at


def test_the_turn_is_over_once_speech_is_followed_by_silence() -> None:
    listener = TurnListener()
    spoken = hear(listener, 1.0, 0.9, 0)
    assert not listener.turn_over(spoken + TURN_SILENCE - 1)
    assert listener.turn_over(spoken + TURN_SILENCE)


def test_a_breath_between_sentences_is_not_the_end() -> None:
    listener = TurnListener()
    at = hear(listener, 1.0, 0.9, 0)
    at = hear(listener, 0.5, 0.1, at)
    at = hear(listener, 1.0, 0.9, at)
    assert not listener.turn_over(at + SAMPLE_RATE // 2)


def test_a_click_is_no_turn() -> None:
    listener = TurnListener()
    at = hear(listener, SHORTEST_TURN / SAMPLE_RATE / 2, 0.9, 0)
    assert not listener.turn_over(at + SAMPLE_RATE)


def test_what_was_said_before_starting_over_does_not_count() -> None:
    listener = TurnListener()
    at = hear(listener, 1.0, 0.9, 0)
    listener.start_over(at)
    assert not listener.turn_over(at + SAMPLE_RATE)
    assert listener.silence(at + SAMPLE_RATE) == SAMPLE_RATE


def test_tells_how_long_the_other_side_has_been_speaking_pauses_included() -> None:
    listener = TurnListener()
    assert listener.speaking_for(8000) == 0
    start = hear(listener, 0.5, 0.0, 0)
    at = hear(listener, 1.0, 0.9, start)
    at = hear(listener, 0.3, 0.1, at)
    assert listener.speaking_for(at) == at - start
    assert listener.speaking_for(at + SAMPLE_RATE) == 0
