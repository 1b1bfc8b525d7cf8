from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialnexa.live.speech.embedded.counting import cardinal, ordinal, year
from dialnexa.live.speech.embedded.normalise import join, spoken, spoken_text


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("See you June 3rd at 2 PM.", "See you June third at two P M."),
        ("at 14:30 or 2:05 p.m. today", "at two thirty P M or two oh five P M today"),
        ("On 2026-06-03, Dr. Smith pays", "On June third, twenty twenty six, doctor Smith pays"),
        ("Call +14155550100 now", "Call one, four one five, five five five, zero one zero zero now"),
        ("(415) 555-0100", "four one five, five five five, zero one zero zero"),
        ("$1,200.50 and 5% off", "one thousand two hundred dollars and fifty cents and five percent off"),
        ("your account acct_7842", "your account acct seven eight four two"),
        ("room B12", "room B one two"),
        ("a $3.5 million deal", "a three point five million dollars deal"),
        ("bob.s2@example.com", "bob dot s two at example dot com"),
        ("3.5, 1,000,000 and 007", "three point five, one million and zero zero seven"),
        ("I may 3 times. May 5 is fine.", "I may three times. May fifth is fine."),
        ("Mhm. Hmm, 5 mm it is", "um-hum. hum, five mm it is"),
        ("**Bold** & plain", "Bold and plain"),
        ("It is -5 at 12:00", "It is minus five at twelve o'clock"),
    ],
)
def test_figures_are_spoken_as_people_speak_them(written: str, said: str) -> None:
    assert spoken_text(written) == said


@given(st.text(max_size=200))
def test_parts_cover_the_text_in_order_and_never_overlap(text: str) -> None:
    cursor = 0
    for part in spoken(text):
        assert cursor <= part.start < part.end <= len(text)
        cursor = part.end
    said, starts = join(spoken(text))
    assert all(said[start:].startswith(part.text) for start, part in zip(starts, spoken(text), strict=True))


def test_numbers_in_words() -> None:
    assert cardinal(2419) == "two thousand four hundred nineteen"
    assert ordinal(112) == "one hundred twelfth"
    assert ordinal(40) == "fortieth"
    assert [year(number) for number in (1905, 2000, 2008, 2026)] == [
        "nineteen oh five",
        "two thousand",
        "two thousand eight",
        "twenty twenty six",
    ]
