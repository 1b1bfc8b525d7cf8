from __future__ import annotations

import pytest

from dialnexa.live.speech.sentences import Sentences


def pieces(text: str) -> list[str]:
    """Feed a reply character by character, the worst a model can do, and return everything to be spoken."""
    chunker = Sentences()
    said = [piece for mark in text for piece in chunker.feed(mark)]
    return [*said, chunker.rest()]


def test_the_first_clause_may_end_at_a_comma_once_it_is_long_enough() -> None:
    assert pieces("Sure, Maria, let me look that up for you.") == ["Sure, Maria,", "let me look that up for you."]


def test_later_commas_do_not_cut() -> None:
    assert pieces("Good morning. On Monday, Tuesday, or Friday?")[1] == "On Monday, Tuesday, or Friday?"


@pytest.mark.parametrize(
    "sentence",
    [
        "You will see Dr. Smith at noon",
        "It costs 3.5 dollars in all",
        "We have slots, e.g. on Monday",
        "That is $1,200.50 a year",
        "J. Smith will call you",
        "Come at 2 p.m. on Friday",
    ],
)
def test_dots_that_end_nothing(sentence: str) -> None:
    assert " ".join(pieces(sentence)[:-1]).count(".") == 0 or pieces(sentence)[0] != sentence.split(".")[0] + "."
    assert not any(piece.endswith((" Dr.", " 3.", " e.g.", "J.", " p.m.")) for piece in pieces(sentence))


def test_a_new_sentence_may_start_in_lower_case() -> None:
    assert pieces("It is done. then we go on.") == ["It is done.", "then we go on."]


def test_an_abbreviation_before_a_capital_ends_the_sentence() -> None:
    assert pieces("Come at 2 p.m. Tuesday is full.") == ["Come at 2 p.m.", "Tuesday is full."]


def test_a_run_of_marks_stays_together() -> None:
    assert pieces('Really?! "Yes." Good.') == ["Really?!", '"Yes."', "Good."]


def test_a_sentence_is_ready_as_soon_as_its_end_is_sure() -> None:
    chunker = Sentences()
    assert chunker.feed("Hello there.") == []
    assert chunker.feed(" How") == ["Hello there."]
    assert chunker.rest() == "How"
    assert chunker.rest() == ""
