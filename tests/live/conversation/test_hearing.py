"""What belongs to which turn: voice, guesses and finals, in whatever order they come."""

from __future__ import annotations

from dialnexa.live.conversation.events import FinalHeard, PartialHeard, VoiceStarted, VoiceStopped
from dialnexa.live.conversation.hearing import Hearing, LateFinal


def test_a_turn_taken_in_mid_sentence_leaves_the_sentence_to_the_next_turn() -> None:
    """Its final brings every word; a guess taken before would put them on the record twice, with the same start."""
    ear = Hearing()
    ear.update(VoiceStarted(650, since=460))
    ear.update(PartialHeard(1500, "oh record your message is"))
    assert ear.take(1600).text == ""
    ear.update(VoiceStopped(2400, until=2200))
    assert ear.update(FinalHeard(2500, "oh record your message is fine")) is None
    turn = ear.take(2600)
    assert (turn.text, turn.start_ms, turn.end_ms) == ("oh record your message is fine", 460, 2200)
    assert ear.take(2700).text == ""


def test_a_turn_taken_in_mid_sentence_ends_with_the_sentence_before() -> None:
    ear = Hearing()
    ear.update(VoiceStarted(300, since=100))
    ear.update(VoiceStopped(900, until=700))
    ear.update(FinalHeard(950, "yes"))
    ear.update(VoiceStarted(1300, since=1100))
    ear.update(PartialHeard(1500, "that"))
    first = ear.take(1600)
    assert (first.text, first.start_ms, first.end_ms) == ("yes", 100, 700)
    ear.update(VoiceStopped(2100, until=1900))
    ear.update(FinalHeard(2150, "that works"))
    second = ear.take(2200)
    assert (second.text, second.start_ms, second.end_ms) == ("that works", 1100, 1900)


def test_at_the_end_of_the_call_a_guess_is_all_there_is() -> None:
    ear = Hearing()
    ear.update(VoiceStarted(300, since=100))
    ear.update(PartialHeard(800, "wait a"))
    assert ear.take_all(900).text == "wait a"


def test_finals_of_two_turns_that_did_not_wait_find_their_own() -> None:
    ear = Hearing()
    ear.update(VoiceStarted(300, since=100))
    ear.update(VoiceStopped(900, until=700))
    first = ear.take(1000)
    ear.update(VoiceStarted(1300, since=1100))
    ear.update(VoiceStopped(1900, until=1700))
    second = ear.take(2000)
    assert ear.update(FinalHeard(2100, "one")) == LateFinal("one", first)
    assert ear.update(FinalHeard(2200, "two")) == LateFinal("two", second)
    assert not ear.pending


def test_late_finals_of_one_turn_come_as_one() -> None:
    ear = Hearing()
    for since in (100, 1100):
        ear.update(VoiceStarted(since + 200, since=since))
        ear.update(VoiceStopped(since + 800, until=since + 600))
    turn = ear.take(2000)
    assert ear.update(FinalHeard(2100, "one")) == LateFinal("", turn)
    assert ear.update(FinalHeard(2200, "two")) == LateFinal("one two", turn)


def test_a_guess_that_comes_after_its_turn_was_closed_is_no_new_turn() -> None:
    """A slow recogniser guesses "hello" once more, then says it for good: the record has it already."""
    ear = Hearing()
    ear.update(VoiceStarted(740, since=544))
    ear.update(PartialHeard(900, "hello"))
    ear.update(VoiceStopped(1220, until=1024))
    assert ear.take(1540).text == "hello"
    ear.update(PartialHeard(1560, "hello"))
    ear.update(FinalHeard(1600, "hello"))
    assert not ear.pending
    assert ear.take(1700).text == ""
