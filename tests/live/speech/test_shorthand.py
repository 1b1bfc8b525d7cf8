"""The fuller reading: what people write short and say long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialnexa.live.speech.embedded.normalise import join, spoken_text
from dialnexa.live.speech.embedded.respelling import Respelling
from dialnexa.live.speech.embedded.shorthand import spoken_fully


def read(written: str) -> str:
    return join(spoken_fully(written))[0]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("On 3/14/2026.", "On March fourteenth, twenty twenty six."),
        ("25/12/2026 or 14.03.2026", "December twenty fifth, twenty twenty six or March fourteenth, twenty twenty six"),
        ("5 km, 1 kg and 2.5kg", "five kilometers, one kilogram and two point five kilograms"),
        ("60 mph, 20°C, 6 ft.", "sixty miles per hour, twenty degrees Celsius, six feet."),
        ("1 hr 30 mins", "one hour thirty minutes"),
        ("20 USD or EUR 1,200.50", "twenty US dollars or one thousand two hundred euros and fifty"),
        ("open 9-5, 10–12 people, 5-10% more", "open nine to five, ten to twelve people, five to ten percent more"),
        ("Mon. to Fri., Sun. May 5", "Monday to Friday, Sunday May fifth"),
        ("1/2 cup, 3/4 done, open 24/7", "one half cup, three quarters done, open twenty four seven"),
        ("12 Main St. in St. Louis, 4 Elm Ave", "twelve Main street in Saint Louis, four Elm avenue"),
        ("#12 asap w/ care", "number twelve as soon as possible with care"),
        ("dial 555-0100", "dial five five five, zero one zero zero"),
        ("version 1.2.3", "version one point two point three"),
    ],
)
def test_what_is_written_short_is_said_long(written: str, said: str) -> None:
    assert read(written) == said


@pytest.mark.parametrize(
    "written",
    [
        "$1,200.50 and 5% off at 14:30 on 2026-06-03",
        "Call +14155550100 or 415-555-0100, room B12, bob.s2@example.com",
        "He sat. The sun. I may ask Dr. Smith about 3.5 million.",
    ],
)
def test_everything_else_is_read_as_ever(written: str) -> None:
    assert read(written) == spoken_text(written)


@given(st.text(alphabet="0123456789/.-–#$% aAStMonkmUSDEUR°C,w", max_size=60))
def test_parts_cover_the_text_in_order_and_never_overlap(text: str) -> None:
    cursor = 0
    for part in spoken_fully(text):
        assert cursor <= part.start < part.end <= len(text)
        cursor = part.end


def test_an_agent_s_own_pronunciations_come_first() -> None:
    mine = Respelling([("km", "clicks")], fully=True)
    assert join(mine.spoken("5 km on 3/14/2026"))[0] == "five clicks on March fourteenth, twenty twenty six"
    assert join(Respelling([]).spoken("9-5"))[0] == spoken_text("9-5")
