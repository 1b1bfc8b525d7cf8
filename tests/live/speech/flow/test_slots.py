"""What answers mean, in many phrasings."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialnexa.live.speech.embedded import vocabulary
from dialnexa.live.speech.embedded.flow.slots import Option, completed, keypad, understand

YES = [
    "yes", "Yes.", "yeah", "yep", "sure", "okay", "ok", "of course", "yes that works", "Yes, that is right.",
    "that's right", "that is correct", "um yes please", "yes it still works", "sounds good", "that would be great",
    "no problem", "why not", "i think so", "i guess so", "that works for me", "absolutely", "DTMF: 1", "yes yes",
    "works for me", "yes i'm not busy then", "all right", "alright",
]  # fmt: skip
NO = [
    "no", "No!", "nope", "no thanks", "no thank you", "not really", "no i can't make it", "i can't", "i cannot",
    "that doesn't work", "that does not work for me", "that is not right", "it isn't", "i don't think so", "wrong",
    "unfortunately i can not", "please don't", "not at all", "no no", "DTMF: 2", "uh no", "no i don't want to",
]  # fmt: skip
NEITHER = [
    "", "hello", "i don't know", "i'm not sure", "maybe", "who is this", "no that's fine", "yes no",
    "friday works better", "what time works", "banana", "DTMF: 7", "1234",
]  # fmt: skip


@pytest.mark.parametrize("text", YES)
def test_yes(text: str) -> None:
    answer = understand("yes_no", text)
    assert answer is not None
    assert answer.value == "yes"


@pytest.mark.parametrize("text", NO)
def test_no(text: str) -> None:
    answer = understand("yes_no", text)
    assert answer is not None
    assert answer.value == "no"


@pytest.mark.parametrize("text", NEITHER)
def test_neither_yes_nor_no(text: str) -> None:
    assert understand("yes_no", text) is None


@pytest.mark.parametrize("phrase", vocabulary.YES)
def test_every_yes_of_the_grammar_is_one(phrase: str) -> None:
    assert understand("yes_no", phrase) == understand("yes_no", "yes")


@pytest.mark.parametrize("phrase", vocabulary.NO)
def test_every_no_of_the_grammar_is_one(phrase: str) -> None:
    assert understand("yes_no", phrase) == understand("yes_no", "no")


MOMENTS = [
    ("tuesday at two thirty p m", "Tuesday at 2:30 PM", "tuesday 14:30"),
    ("Tuesday at 2:30 PM.", "Tuesday at 2:30 PM", "tuesday 14:30"),
    ("june third at two p m", "June 3rd at 2 PM", "06-03 14:00"),
    ("June 3rd at 2 p.m.", "June 3rd at 2 PM", "06-03 14:00"),
    ("the third of june at noon", "June 3rd at noon", "06-03 12:00"),
    ("wednesday the third of june at noon", "Wednesday, June 3rd at noon", "06-03 12:00"),
    ("june twenty first twenty twenty six at nine oh five a m", "June 21st at 9:05 AM", "06-21 09:05"),
    ("6/3 at 14:30", "June 3rd at 2:30 PM", "06-03 14:30"),
    ("the twelfth at ten", "the 12th at 10 AM", "the 12th 10:00"),
    ("next monday at ten in the morning", "next Monday at 10 AM", "next monday 10:00"),
    ("monday next week at one", "Monday next week at 1 PM", "monday next week 13:00"),
    ("a quarter to five on thursday", "Thursday at 4:45 PM", "thursday 16:45"),
    ("half past four on friday", "Friday at 4:30 PM", "friday 16:30"),
    ("twenty past nine tomorrow", "tomorrow at 9:20 AM", "tomorrow 09:20"),
    ("tomorrow morning at eleven", "tomorrow at 11 AM", "tomorrow 11:00"),
    ("tomorrow afternoon", "tomorrow in the afternoon", "tomorrow 14:00"),
    ("tonight at eight", "tonight at 8 PM", "tonight 20:00"),
    ("fourteen thirty on monday", "Monday at 2:30 PM", "monday 14:30"),
    ("friday sixteen hundred", "Friday at 4 PM", "friday 16:00"),
    ("in three days at five", "in 3 days at 5 PM", "in 3 days 17:00"),
    ("the day after tomorrow at two o'clock", "the day after tomorrow at 2 PM", "the day after tomorrow 14:00"),
    ("no can we do friday at three please", "Friday at 3 PM", "friday 15:00"),
    ("friday three", "Friday at 3 PM", "friday 15:00"),
    ("at three on friday", "Friday at 3 PM", "friday 15:00"),
    ("how about the second at ten", "the 2nd at 10 AM", "the 2nd 10:00"),
    ("twelve thirty on sunday", "Sunday at 12:30 PM", "sunday 12:30"),
    ("midnight on friday", "Friday at midnight", "friday 00:00"),
    ("DTMF: 06031430", "June 3rd at 2:30 PM", "06-03 14:30"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "spoken", "value"), MOMENTS)
def test_days_and_times(text: str, spoken: str, value: str) -> None:
    answer = understand("datetime", text)
    assert answer is not None
    assert (answer.spoken, answer.value) == (spoken, value)


@pytest.mark.parametrize(
    ("text", "day", "time"),
    [
        ("tuesday", "Tuesday", ""),
        ("june third", "June 3rd", ""),
        ("may fifth two thousand twenty six", "May 5th", ""),
        ("half past four", "", "4:30 PM"),
        ("at four", "", "4 PM"),
        ("two o'clock", "", "2 PM"),
        ("in the morning", "", "in the morning"),
        ("DTMF: 0603", "June 3rd", ""),
        ("DTMF: 9", "", "9 AM"),
    ],
)
def test_half_a_moment_says_which_half(text: str, day: str, time: str) -> None:
    answer = understand("datetime", text)
    assert answer is not None
    assert (answer.parts["day"], answer.parts["time"]) == (day, time)


def test_the_halves_of_a_moment_join() -> None:
    day, time = understand("datetime", "friday"), understand("time", "three")
    assert day is not None
    assert time is not None
    assert completed(day, time).spoken == "Friday at 3 PM"
    assert completed(time, day).spoken == "Friday at 3 PM"
    assert completed(completed(day, time), time).value == "friday 15:00"
    assert completed(None, day) == day


@pytest.mark.parametrize(
    "text", ["", "that one", "yes", "may i ask something", "one moment", "banana", "i have two dogs", "DTMF: 9999"]
)
def test_no_moment(text: str) -> None:
    assert understand("datetime", text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [("two", "14:00"), ("nine", "09:00"), ("12", "12:00"), ("at half past nine", "09:30"), ("ten thirty a m", "10:30"),
     ("two oh five", "14:05"), ("five to eight", "07:55"), ("around seven p m", "19:00"),
     ("seven in the evening", "19:00"), ("DTMF: 230", "14:30"), ("DTMF: 1430", "14:30"), ("noon", "12:00")],
)  # fmt: skip
def test_times(text: str, value: str) -> None:
    answer = understand("time", text)
    assert answer is not None
    assert answer.value == value


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("digits", "four one five double five oh one hundred", "415550100"),
        ("digits", "twelve thirty four", "1234"),
        ("digits", "triple seven", "777"),
        ("digits", "DTMF: 12#", "12#"),
        ("number", "two hundred and five", "205"),
        ("number", "a hundred", "100"),
        ("number", "twenty five people", "25"),
        ("number", "two point five", "2.5"),
        ("number", "three thousand two hundred", "3200"),
        ("number", "we will be four", "4"),
        ("number", "zero", "0"),
        ("number", "17", "17"),
        ("number", "DTMF: 07", "7"),
        ("phone", "four one five five five five zero one zero zero", "4155550100"),
        ("phone", "my number is four one five, five double five, oh one hundred", "4155550100"),
        ("phone", "+1 (415) 555-0100", "+14155550100"),
        ("phone", "plus one four one five five five five oh one hundred", "+14155550100"),
        ("phone", "DTMF: 4155550100#", "4155550100"),
        ("name", "my name is alex rivera", "Alex Rivera"),
        ("name", "it's alex", "Alex"),
        ("name", "Alex speaking", "Alex"),
        ("name", "yes this is Dana O'Neil", "Dana O'neil"),
        ("name", "a l e x", "Alex"),
        ("name", "you can call me sam please", "Sam"),
        ("date", "on the twenty second of may", "05-22"),
        ("date", "DTMF: 1224", "12-24"),
        ("free_text", " My bill is wrong. ", "My bill is wrong."),
        ("free_text", "DTMF: 5", "5"),
    ],
)  # fmt: skip
def test_values(kind: str, text: str, value: str) -> None:
    answer = understand(kind, text)  # type: ignore[arg-type]
    assert answer is not None
    assert answer.value == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [("digits", "hello"), ("number", "none of them"), ("phone", "five five five"), ("phone", "DTMF: 12"),
     ("name", "yes"), ("name", "i don't want to say"), ("name", "what do you need that for exactly"),
     ("name", "DTMF: 5"), ("date", "at two"), ("time", "tuesday"), ("free_text", " ... "), ("number", "DTMF: *"),
     ("name", "i don't know")],
)  # fmt: skip
def test_no_value(kind: str, text: str) -> None:
    assert understand(kind, text) is None  # type: ignore[arg-type]


def test_digits_are_said_back_in_groups() -> None:
    answer = understand("phone", "four one five five five five oh one hundred")
    assert answer is not None
    assert answer.spoken == "4 1 5, 5 5 5, 0 1 0 0"


OPTIONS = (
    Option("text", ("text message", "text", "by text"), "a text"),
    Option("call", ("phone call", "call me")),
    Option("none", ("no reminder", "neither", "no")),
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("text message", "text"), ("a text please", "text"), ("the text message one", "text"), ("text massage", "text"),
        ("please call me", "call"), ("by phone call i think", "call"), ("no", "none"), ("no reminder please", "none"),
        ("DTMF: 2", "call"), ("banana", None), ("text message or phone call", None), ("", None), ("DTMF: 4", None),
        ("a reminder", None),
    ],
)  # fmt: skip
def test_one_of_several(text: str, value: str | None) -> None:
    answer = understand("choice", text, OPTIONS)
    assert (answer.value if answer else None) == value


def test_a_choice_is_said_back_in_its_own_words() -> None:
    answer = understand("choice", "text", OPTIONS)
    assert answer is not None
    assert answer.spoken == "a text"


@pytest.mark.parametrize(
    ("text", "keys"), [("DTMF: 12", "12"), ("dtmf 1 2 #", "12#"), ("[DTMF: 5]", "5"), ("pressed 3", "3"), ("three", "")]
)
def test_keys(text: str, keys: str) -> None:
    assert keypad(text) == keys


KINDS = ["yes_no", "digits", "number", "date", "time", "datetime", "name", "phone", "choice", "free_text"]
PHRASES = (*vocabulary.YES, *vocabulary.NO, *vocabulary.LEADS, *vocabulary.HALVES, *vocabulary.ORDINALS)
NUMBERS = (*vocabulary.DIGITS, *vocabulary.TEENS, *vocabulary.TENS, *vocabulary.MONTHS, *vocabulary.WEEKDAYS)
LINKS = (
    "past", "to", "at", "the", "of", "half", "quarter", "hundred", "thousand", "and", "double", "point", "plus",
    "DTMF:", "12", "3rd", "2:30", "6/31", "noon", "in",
)  # fmt: skip
WORDS = sorted({word for phrase in (*PHRASES, *NUMBERS, *LINKS) for word in phrase.split()})


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(KINDS), st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join) | st.text(max_size=60))
def test_no_utterance_breaks_a_reader(kind: str, text: str) -> None:
    answer = understand(kind, text, OPTIONS)  # type: ignore[arg-type]
    assert answer is None or answer.spoken
