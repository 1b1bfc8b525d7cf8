"""Read spoken numbers: ``two hundred and five``, ``four one five double five``, ``oh one hundred``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from dialnexa.live.speech.embedded.vocabulary import DIGITS, MULTIPLIERS, ORDINALS, REPEATS, TEENS, TENS

_ZERO: Final = frozenset({"zero", "oh", "o", "nought"})
_UNITS: Final = {word: value for word, value in DIGITS.items() if value > 0}
_MARKS: Final = frozenset("#*")
_PLAIN = re.compile(r"\+?\d[\d./-]*|\d")


def cardinal(said: Sequence[str], at: int) -> tuple[int, int] | None:
    """Read a whole number starting at that word; return it and the index after it."""
    if at >= len(said):
        return None
    if said[at].isdecimal():
        return int(said[at]), at + 1
    if said[at] in _ZERO:
        return 0, at + 1
    total, group, start = 0, 0, at
    while at < len(said):
        word = said[at]
        if word == "a" and at + 1 < len(said) and said[at + 1] in MULTIPLIERS and at == start:
            group = 1
        elif word == "hundred" and 0 < group < 100:
            group *= 100
        elif word == "thousand" and group and not total:
            total, group = group * 1000, 0
        elif (value := below_hundred(said, at)) is not None and _fits(group, value[0], started=at > start):
            group, at = group + value[0], value[1] - 1
        elif not (word == "and" and at > start and below_hundred(said, at + 1) and group % 100 == 0):
            break
        at += 1
    return (total + group, at) if at > start and (total or group) else None


def _fits(group: int, value: int, *, started: bool) -> bool:
    """Tell whether a number below a hundred may follow: ``two hundred [and] five``, but not ``two five``."""
    return not started or (group % 100 == 0 and value > 0)


def below_hundred(said: Sequence[str], at: int) -> tuple[int, int] | None:
    """Read 1-99 in words starting at that word; return it and the index after it."""
    word = said[at] if at < len(said) else ""
    if word in TENS:
        unit = _UNITS.get(said[at + 1]) if at + 1 < len(said) else None
        return (TENS[word] + unit, at + 2) if unit else (TENS[word], at + 1)
    value = _UNITS.get(word) or TEENS.get(word)
    return (value, at + 1) if value else None


def number(said: Sequence[str]) -> float | None:
    """Return the first number said, with decimals after ``point``; ``None`` when there is none."""
    for at, word in enumerate(said):
        if re.fullmatch(r"\d+\.\d+", word):
            return float(word)
        found = cardinal(said, at)
        if found is None:
            continue
        whole, after = found
        if after < len(said) and said[after] == "point":
            decimals = digits(said[after + 1 :])
            if decimals and decimals.isdecimal():
                return float(f"{whole}.{decimals}")
        return float(whole)
    return None


def digits(said: Sequence[str]) -> str:
    """Return every digit said, in order; words that are no digits are passed over.

    Groups are read as people say them: ``fifty five`` 55, ``one hundred`` 100, ``double oh seven`` 007.
    """
    found: list[str] = []
    at = 0
    while at < len(said):
        text, at = _digit_group(said, at)
        found.append(text)
    return "".join(found)


def _digit_group(said: Sequence[str], at: int) -> tuple[str, int]:
    """Return the digits that start at that word, and the index after them."""
    word = said[at]
    if word in REPEATS and at + 1 < len(said):
        text, after = _digit_group(said, at + 1)
        return (text[:1] * REPEATS[word] + text[1:], after) if text else ("", at + 1)
    if word in _ZERO:
        return "0", at + 1
    if word in _MARKS or _PLAIN.fullmatch(word):
        return re.sub(r"[^\d#*]", "", word), at + 1
    small = below_hundred(said, at)
    if small is None:
        return "", at + 1
    value, after = small
    if after < len(said) and said[after] in MULTIPLIERS:
        whole = cardinal(said, at)
        return (str(whole[0]), whole[1]) if whole else (str(value * MULTIPLIERS[said[after]]), after + 1)
    return str(value), after


def ordinal_day(said: Sequence[str], at: int) -> tuple[int, int] | None:
    """Read a day of the month said as an ordinal (``third``, ``twenty first``, ``3rd``)."""
    for size in (2, 1):
        value = ORDINALS.get(" ".join(said[at : at + size]))
        if value and at + size <= len(said):
            return value, at + size
    short = re.fullmatch(r"(\d{1,2})(?:st|nd|rd|th)", said[at]) if at < len(said) else None
    return (int(short[1]), at + 1) if short and 1 <= int(short[1]) <= 31 else None


def ordinal_text(day: int) -> str:
    """Write ``3`` as ``3rd``."""
    suffix = "th" if 11 <= day % 100 <= 13 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{suffix}"
