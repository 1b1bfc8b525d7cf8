"""Reading the values of fields: whatever a model writes becomes the field's type, or null. Nothing is made up."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Any, cast

from dateparser import parse as parse_date
from dateparser.search import search_dates
from rapidfuzz import fuzz, process, utils

from dialnexa.platform.agents.analysis_fields import AnalysisField, FieldType

_NOTHING = frozenset({"", "null", "none", "n/a", "na", "unknown", "not mentioned", "not provided", "unspecified", "-"})
_YES = frozenset({"true", "yes", "y", "1"})
_NO = frozenset({"false", "no", "n", "0"})
_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)*")
_MONTH = re.compile(r"(in |of )?(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?( of)?", re.IGNORECASE)
"""A month alone is no date: a day would have to be made up."""
_CLOSE_ENOUGH = 90
"""Of 100, for an option that is spelled differently."""
_LONGEST = 4000
_ORDINAL_WORDS = """
    first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth
    sixteenth seventeenth eighteenth nineteenth twentieth
"""
_ORDINALS = _ORDINAL_WORDS.split()
_NUMBERS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]


def read_values(given: Mapping[str, object], fields: Sequence[AnalysisField], moment: datetime) -> dict[str, object]:
    """Return a value of its type for each field; ``None`` where there is none, or none that can be read."""
    return {field.field_name: read_value(field, given.get(field.field_name), moment) for field in fields}


def read_value(field: AnalysisField, given: object, moment: datetime) -> object:
    """Return a value of the field's type, or ``None``."""
    if given is None or (isinstance(given, str) and given.strip().lower() in _without_option(field, _NOTHING)):
        return None
    match field.field_type:
        case FieldType.TEXT:
            return _text(given)
        case FieldType.BOOLEAN:
            return _boolean(given)
        case FieldType.NUMBER:
            return _number(given)
        case FieldType.SELECTOR:
            return _option(given, field.options)
        case FieldType.DATETIME:
            return _moment(given, moment)


def find_moment(text: str, moment: datetime) -> str | None:
    """Return the first date or time that a sentence names, as ISO 8601; ``None`` when it names none.

    ``moment`` is what "tomorrow" counts from, in the zone the result is in. What lacks a day is no date.
    """
    said, settings = _in_digits(text), _settings(moment)
    # First with a day of the month, which weekdays and "tomorrow" do not have in the eyes of the library.
    found = search_dates(said, languages=["en"], settings={**settings, "REQUIRE_PARTS": ["day"]})
    found = found or search_dates(said, languages=["en"], settings=settings) or ()
    days = (when for words, when in found if not _MONTH.fullmatch(words.strip()))
    return next((_iso(when, moment) for when in days), None)


def _without_option(field: AnalysisField, words: frozenset[str]) -> frozenset[str]:
    """Leave out of the words for nothing those that are an option: "unknown" may be one."""
    return words - {option.lower() for option in field.options}


def _text(given: Any) -> str | None:
    text = ", ".join(map(str, cast(list[object], given))) if isinstance(given, list) else str(given)
    return text.strip()[:_LONGEST] or None


def _boolean(given: Any) -> bool | None:
    if isinstance(given, bool):
        return given
    word = str(given).strip().lower().rstrip(".!")
    return True if word in _YES else False if word in _NO else None


def _number(given: Any) -> int | float | None:
    if isinstance(given, bool):
        return None
    if isinstance(given, int | float):
        return given if math.isfinite(given) else None
    found = _NUMBER.search(str(given))
    if found is None:
        return None
    digits = found[0]
    if re.fullmatch(r"-?\d{1,3}(,\d{3})+(\.\d+)?", digits):
        digits = digits.replace(",", "")
    try:
        number = float(digits.replace(",", "."))
    except ValueError:
        return None
    return int(number) if number.is_integer() and "." not in digits else number


def _option(given: Any, options: Sequence[str]) -> str | None:
    word = str(given).strip()
    for option in options:
        if option.lower() == word.lower():
            return option
    close = process.extract(
        word, options, scorer=fuzz.ratio, processor=utils.default_process, score_cutoff=_CLOSE_ENOUGH, limit=1
    )
    return close[0][0] if close else None


def _moment(given: Any, moment: datetime) -> str | None:
    text = str(given).strip()
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return _iso(datetime.combine(date.fromisoformat(text), time.min), moment)
        return _iso(datetime.fromisoformat(text), moment)
    except ValueError:
        if _MONTH.fullmatch(text):
            return None
        parsed = parse_date(_in_digits(text), languages=["en"], settings=_settings(moment))
        return None if parsed is None else _iso(parsed, moment)


def _iso(found: datetime, moment: datetime) -> str:
    aware = found if found.tzinfo is not None else found.replace(tzinfo=moment.tzinfo)
    return aware.isoformat(timespec="seconds")


def _settings(moment: datetime) -> Any:
    return {
        "RELATIVE_BASE": moment.replace(tzinfo=None),
        "PREFER_DATES_FROM": "future",
        "RETURN_AS_TIMEZONE_AWARE": False,
    }


def _in_digits(text: str) -> str:
    """Write what people say of dates as they are written: "June third at half past two" is "June 3rd at 2:30"."""
    text = re.sub(r"\b(twenty|thirty)[ -](\w+)\b", _tens, text, flags=re.IGNORECASE)
    for number, word in enumerate(_ORDINALS, 1):
        text = re.sub(rf"\b{word}\b", _ordinal(number), text, flags=re.IGNORECASE)
    text = re.sub(r"\bthirtieth\b", "30th", text, flags=re.IGNORECASE)
    hour = rf"({'|'.join(_NUMBERS)}|\d+)"
    text = re.sub(rf"\bhalf past {hour}\b", lambda found: f"{_hour(found[1])}:30", text, flags=re.IGNORECASE)
    text = re.sub(rf"\bquarter past {hour}\b", lambda found: f"{_hour(found[1])}:15", text, flags=re.IGNORECASE)
    return re.sub(rf"\bat {hour} o'?clock\b", lambda found: f"at {_hour(found[1])}:00", text, flags=re.IGNORECASE)


def _tens(found: re.Match[str]) -> str:
    tens, unit = 20 if found[1].lower() == "twenty" else 30, found[2].lower()
    return _ordinal(tens + _ORDINALS.index(unit) + 1) if unit in _ORDINALS[:9] else found[0]


def _ordinal(number: int) -> str:
    ending = "th" if number in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _hour(word: str) -> int:
    return int(word) if word.isdigit() else _NUMBERS.index(word.lower()) + 1
