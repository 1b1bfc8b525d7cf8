"""Numbers in English words, the way people say them on the telephone."""

from __future__ import annotations

from itertools import pairwise

from dialnexa.live.speech.embedded.vocabulary import DIGITS, ORDINALS, TEENS, TENS

_BELOW_TWENTY = {value: word for word, value in {**DIGITS, **TEENS}.items() if word != "oh"}
_TENS = {value: word for word, value in TENS.items()}
_DAYS = {value: word for word, value in ORDINALS.items()}
_SCALES = ((1_000_000_000, "billion"), (1_000_000, "million"), (1000, "thousand"), (100, "hundred"))
_IRREGULAR = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth"}


def cardinal(number: int) -> str:
    """Say a whole number: 1250 → ``one thousand two hundred fifty``."""
    if number < 0:
        return f"minus {cardinal(-number)}"
    for scale, name in _SCALES:
        if number >= scale:
            many, rest = divmod(number, scale)
            return f"{cardinal(many)} {name}" + (f" {cardinal(rest)}" if rest else "")
    if number < 20:
        return _BELOW_TWENTY[number]
    tens, unit = number // 10 * 10, number % 10
    return _TENS[tens] + (f" {_BELOW_TWENTY[unit]}" if unit else "")


def ordinal(number: int) -> str:
    """Say a rank or a day of the month: 3 → ``third``."""
    if number in _DAYS:
        return _DAYS[number]
    *head, last = cardinal(number).split()
    if last in _IRREGULAR:
        last = _IRREGULAR[last]
    elif last.endswith("y"):
        last = f"{last[:-1]}ieth"
    elif last == "twelve":
        last = "twelfth"
    else:
        last = f"{last}th"
    return " ".join([*head, last])


def year(number: int) -> str:
    """Say a year: 1985 → ``nineteen eighty five``, 2008 → ``two thousand eight``, 2026 → ``twenty twenty six``."""
    century, rest = divmod(number, 100)
    if number % 1000 < 10:
        return cardinal(number)
    if rest == 0:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {'oh ' if rest < 10 else ''}{cardinal(rest)}"


def digit_by_digit(text: str) -> str:
    """Say the digits of a text one by one; everything else in it is left out."""
    return " ".join(_BELOW_TWENTY[int(mark)] for mark in text if mark.isascii() and mark.isdigit())


def telephone(text: str) -> str:
    """Say a telephone number in groups, with a comma's pause between them: 3-3-4 for North America, else threes."""
    digits = "".join(mark for mark in text if mark.isascii() and mark.isdigit())
    if len(digits) == 11 and digits[0] == "1":
        cuts = [0, 1, 4, 7, 11]
    elif len(digits) == 10:
        cuts = [0, 3, 6, 10]
    elif len(digits) == 7:
        cuts = [0, 3, 7]
    else:
        cuts = [*range(0, max(1, len(digits) - 3), 3), len(digits)]
    return ", ".join(digit_by_digit(digits[start:end]) for start, end in pairwise(cuts))
