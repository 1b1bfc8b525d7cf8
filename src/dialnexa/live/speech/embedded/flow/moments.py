"""Read spoken days and times: ``tuesday at two thirty p m``, ``the third of june``, ``half past four``, ``noon``.

Nothing here knows today's date: a day is kept as it was said (``next Friday``), a time as 24-hour ``HH:MM``. An hour
without a half of the day is taken for office hours (``two`` is 2 PM, ``nine`` is 9 AM); agents confirm it aloud.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dialnexa.live.speech.embedded.flow.match import contains, words
from dialnexa.live.speech.embedded.flow.numerals import below_hundred, cardinal, ordinal_day, ordinal_text
from dialnexa.live.speech.embedded.vocabulary import (
    DAY_PARTS,
    HALVES,
    HOURS,
    MONTHS,
    RELATIVE_DAYS,
    TIME_WORDS,
    WEEKDAYS,
)

_SHORT_MONTHS: Final = {name[:3]: number for name, number in MONTHS.items()} | {"sept": 9} | dict(MONTHS)
_MONTH_NAMES: Final = {number: name.capitalize() for name, number in MONTHS.items()}
_HALVES: Final = {words(phrase): half for phrase, half in HALVES.items()} | {
    ("am",): "am", ("pm",): "pm", ("a", "m"): "am", ("p", "m"): "pm", ("tonight",): "pm",
}  # fmt: skip
_DAY_HALVES: Final = {
    ("morning",): "am",
    ("afternoon",): "pm",
    ("evening",): "pm",
    ("tonight",): "pm",
    ("at", "night"): "pm",
}
"""May stand anywhere in the sentence: ``tomorrow morning at ten``."""
_RELATIVE: Final = sorted((words(phrase) for phrase in RELATIVE_DAYS), key=len, reverse=True)
_NEAR_HOUR: Final = frozenset({"at", "around", "about", "by", "say", "for", "it", "do", "maybe", "before", "after"})
_SLASHED = re.compile(r"(\d{1,2})[/.](\d{1,2})(?:[/.](\d{2,4}))?")
_CLOCK = re.compile(r"([01]?\d|2[0-3])[:.]([0-5]\d)")


@dataclass(frozen=True, slots=True)
class Span:
    """Something read in an utterance: its text, its machine form, and the words it covers (end exclusive)."""

    spoken: str
    value: str
    start: int
    end: int


# --- days ------------------------------------------------------------------------------------------------------------


def find_day(said: Sequence[str]) -> Span | None:
    """Return the first day mentioned; ``value`` is ``MM-DD`` where month and day are known, else as ``spoken``."""
    for at in range(len(said)):
        for read in (_calendar_day, _week_day, _relative_day):
            span = read(said, at)
            if span is not None:
                return span
    return None


def _calendar_day(said: Sequence[str], at: int) -> Span | None:
    """Read ``june third``, ``june 3``, ``the third of june``, ``the twelfth``, ``6/3``."""
    slashed = _SLASHED.fullmatch(said[at])
    if slashed and 1 <= int(slashed[1]) <= 12 and 1 <= int(slashed[2]) <= 31:
        return _day_span(int(slashed[1]), int(slashed[2]), at, at + 1)
    if said[at] in _SHORT_MONTHS:
        day = _day_of_month(said, at + 1 + _is(said, at + 1, "the"))
        return _day_span(_SHORT_MONTHS[said[at]], day[0], at, _after_year(said, day[1])) if day else None
    start = at + _is(said, at, "the")
    day = ordinal_day(said, start)
    if day is None:
        return None
    after = day[1] + _is(said, day[1], "of")
    if after < len(said) and said[after] in _SHORT_MONTHS:
        return _day_span(_SHORT_MONTHS[said[after]], day[0], at, _after_year(said, after + 1))
    named = f"the {ordinal_text(day[0])}"
    return Span(named, named, at, day[1]) if start > at else None


def _day_of_month(said: Sequence[str], at: int) -> tuple[int, int] | None:
    found = ordinal_day(said, at)
    if found is None and at < len(said):
        found = cardinal(said, at) if said[at].isdecimal() else below_hundred(said, at)
    return found if found and 1 <= found[0] <= 31 else None


def _after_year(said: Sequence[str], at: int) -> int:
    """Return the index after a year, which nobody needs repeated: ``2026``, ``twenty twenty six``."""
    if at < len(said) and re.fullmatch(r"(19|20)\d\d", said[at]):
        return at + 1
    whole = cardinal(said, at)
    if whole and 1900 <= whole[0] <= 2100:
        return whole[1]
    first = below_hundred(said, at)
    second = below_hundred(said, first[1]) if first and first[0] in {19, 20} else None
    return second[1] if second and second[0] >= 10 else at


def _day_span(month: int, day: int, start: int, end: int) -> Span:
    return Span(f"{_MONTH_NAMES[month]} {ordinal_text(day)}", f"{month:02d}-{day:02d}", start, end)


def _week_day(said: Sequence[str], at: int) -> Span | None:
    """Read ``tuesday``, ``next tuesday``, ``tuesday next week``, ``tuesday the third of june``."""
    lead = at + 1 if said[at] in {"next", "this"} else at
    name_at = lead + _is(said, lead, "coming")
    if name_at >= len(said) or said[name_at].removesuffix("s") not in WEEKDAYS:
        return None
    name, after = said[name_at].removesuffix("s").capitalize(), name_at + 1
    dated = _calendar_day(said, after) if after < len(said) else None
    if dated is not None:
        return Span(f"{name}, {dated.spoken}", dated.value, at, dated.end)
    if tuple(said[after : after + 2]) == ("next", "week"):
        return Span(f"{name} next week", f"{name.lower()} next week", at, after + 2)
    spoken = f"next {name}" if said[at] == "next" else name
    return Span(spoken, spoken.lower(), at, after)


def _relative_day(said: Sequence[str], at: int) -> Span | None:
    """Read ``tomorrow``, ``next week``, ``in three days``."""
    for phrase in (*_RELATIVE, ("next", "week")):
        if tuple(said[at : at + len(phrase)]) == phrase:
            # "tonight" is also a time of day, so it is left for the clock to read.
            return Span(" ".join(phrase), " ".join(phrase), at, at if phrase == ("tonight",) else at + len(phrase))
    count = cardinal(said, at + 1) if said[at] == "in" else None
    if count and count[1] < len(said) and said[count[1]] in {"day", "days", "week", "weeks"}:
        text = f"in {count[0]} {said[count[1]]}"
        return Span(text, text, at, count[1] + 1)
    return None


# --- times -----------------------------------------------------------------------------------------------------------


def find_time(said: Sequence[str], *, near: int = -1, alone: bool = False) -> Span | None:
    """Return the first time of day mentioned; ``value`` is ``HH:MM``, ``spoken`` like ``2:30 PM``.

    A bare hour (``three``) counts only after ``at`` and the like, at index ``near`` (right after the day), or when
    ``alone`` says that nothing but a time was asked for.
    """
    part = next((half for phrase, half in _DAY_HALVES.items() if contains(said, phrase)), "")
    for at in range(len(said)):
        span = _fixed(said, at) or _relative_to_hour(said, at, part)
        if span is not None:
            return span
        clock = _clock(said, at, part)
        if clock is not None:
            sure, span = clock
            if sure or alone or at == near or (at > 0 and said[at - 1] in _NEAR_HOUR) or len(said) == 1:
                return span
    return _day_part(said)


def _fixed(said: Sequence[str], at: int) -> Span | None:
    """Read ``noon``, ``midnight``."""
    if said[at] not in TIME_WORDS:
        return None
    hour, minute = TIME_WORDS[said[at]]
    return _time_span(hour, minute, at, at + 1)


def _relative_to_hour(said: Sequence[str], at: int, part: str) -> Span | None:
    """Read ``half past four``, ``a quarter to five``, ``ten past three``."""
    named = {"half": 30, "quarter": 15}.get(said[at])
    counted = None if named else below_hundred(said, at)
    minutes, after = (named, at + 1) if named else counted or (0, at)
    after += _is(said, after, "minutes")
    if not 0 < minutes < 60 or after >= len(said) or said[after] not in {"past", "after", "to", "before", "of"}:
        return None
    hour = _hour(said, after + 1)
    if hour is None or hour[0] > 12:
        return None
    half, end = _half(said, hour[1])
    base = _in_half(hour[0], half or part)
    total = base * 60 + (minutes if said[after] in {"past", "after"} else -minutes)
    return _time_span(total // 60 % 24, total % 60, at, end)


def _clock(said: Sequence[str], at: int, part: str) -> tuple[bool, Span] | None:
    """Read ``two``, ``two thirty``, ``two oh five p m``, ``2:30 pm``, ``fourteen thirty``.

    Return whether it is surely a time, and the span.
    """
    digital = _CLOCK.fullmatch(said[at])
    if digital:
        half, end = _half(said, at + 1)
        return True, _time_span(_in_half(int(digital[1]), half or part), int(digital[2]), at, end)
    hour = _hour(said, at)
    if hour is None:
        return None
    minute, after = _minute(said, hour[1])
    oclock = after < len(said) and said[after] in {"o'clock", "oclock"}
    half, end = _half(said, after + oclock)
    sure = bool(half) or oclock or after > hour[1]
    if hour[0] > 12 and after == hour[1]:
        return None
    return sure, _time_span(_in_half(hour[0], half or part), minute, at, end)


def _hour(said: Sequence[str], at: int) -> tuple[int, int] | None:
    """Read an hour: twelve-hour words, ``13``-``23`` only in words or digits that minutes follow."""
    if at >= len(said):
        return None
    if said[at] in HOURS:
        return HOURS[said[at]], at + 1
    if said[at].isdecimal() and len(said[at]) <= 2:
        return (int(said[at]), at + 1) if 0 < int(said[at]) < 24 else None
    found = below_hundred(said, at)
    return found if found and 12 < found[0] < 24 else None


def _minute(said: Sequence[str], at: int) -> tuple[int, int]:
    """Read minutes after the hour; ``hundred`` is zero minutes on the 24-hour clock."""
    if at < len(said) and said[at] == "hundred":
        return 0, at + 1
    if at + 1 < len(said) and said[at] in {"oh", "o", "zero"}:
        unit = below_hundred(said, at + 1)
        return unit if unit and unit[0] < 10 else (0, at)
    if at < len(said) and said[at].isdecimal() and len(said[at]) == 2 and int(said[at]) < 60:
        return int(said[at]), at + 1
    found = below_hundred(said, at)
    return found if found and 10 <= found[0] < 60 else (0, at)


def _half(said: Sequence[str], at: int) -> tuple[str, int]:
    """Read the half of the day; return ``am``, ``pm`` or nothing, and the index after it."""
    for size in (3, 2, 1):
        half = _HALVES.get(tuple(said[at : at + size]))
        if half and at + size <= len(said):
            return half, at + size
    return "", at


def _in_half(hour: int, half: str) -> int:
    """Return the hour of the 24-hour clock; without a half, office hours decide."""
    if hour > 12 or (hour == 12 and not half):
        return hour
    if half:
        return hour % 12 + (12 if half == "pm" else 0)
    return hour if hour >= 7 else hour + 12


def _day_part(said: Sequence[str]) -> Span | None:
    """Read ``in the morning`` without an hour."""
    for at, word in enumerate(said):
        if word in DAY_PARTS:
            hour, minute = DAY_PARTS[word]
            return Span(f"in the {word}", f"{hour:02d}:{minute:02d}", at, at + 1)
    return None


def _time_span(hour: int, minute: int, start: int, end: int) -> Span:
    return Span(clock_text(hour, minute), f"{hour:02d}:{minute:02d}", start, end)


def clock_text(hour: int, minute: int) -> str:
    """Write a time the way it is said: ``2 PM``, ``2:30 PM``, ``noon``, ``midnight``."""
    if minute == 0 and hour in {0, 12}:
        return "noon" if hour else "midnight"
    half = "PM" if hour >= 12 else "AM"
    shown = hour % 12 or 12
    return f"{shown}:{minute:02d} {half}" if minute else f"{shown} {half}"


def _is(said: Sequence[str], at: int, word: str) -> int:
    """Return 1 when that word stands there, else 0: to step over it."""
    return int(at < len(said) and said[at] == word)
