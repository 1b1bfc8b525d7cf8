"""An agent's own pronunciations: read otherwise than written, and found again where they were written."""

from __future__ import annotations

import pytest

from dialnexa.live.speech.embedded.normalise import join
from dialnexa.live.speech.embedded.respelling import Respelling

OWN = (("Nguyen", "win"), ("New  York", "noo york"), ("SQL", "sequel"), ("24/7", "around the clock"), ("nguyen", "x"))


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Hello Mr. Nguyen, welcome.", "Hello mister win, welcome."),
        ("NGUYEN and nguyens", "win and nguyens"),
        ("We fly to New York at 2 PM.", "We fly to noo york at two P M."),
        ("SQL, MySQL", "sequel, MySQL"),
        ("We are here 24/7.", "We are here around the clock."),
        ("Nothing of ours, $5.", "Nothing of ours, five dollars."),
    ],
)
def test_own_words_come_first_and_all_else_is_read_as_usual(written: str, said: str) -> None:
    assert join(Respelling(OWN).spoken(written))[0] == said


def test_positions_are_those_of_the_written_text() -> None:
    text = "Call Dr. Nguyen in New York."
    marks = [text[part.start : part.end] for part in Respelling(OWN).spoken(text)]
    assert marks == ["Call", "Dr.", "Nguyen", "in", "New York", "."]


def test_without_pronunciations_nothing_changes() -> None:
    assert join(Respelling(()).spoken("June 3rd"))[0] == "June third"
