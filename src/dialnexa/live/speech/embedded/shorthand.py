"""A fuller reading, for agents that want it (``speech_normalization``): units, dates, ranges, addresses, shorthand.

These are guesses: ``3/14/2026`` is read with the month first, ``9-5`` as a range. Whoever writes them otherwise leaves
the setting off, and then only what no voice can read is read out (``normalise``).
"""

from __future__ import annotations

import re

from dialnexa.live.speech.embedded.counting import cardinal, telephone
from dialnexa.live.speech.embedded.normalise import RULES, Reader, Rule, date_in_figures, decimal

_NUMBER = r"(?P<whole>\d{1,3}(?:,\d{3})+|\d+)(?:\.(?P<fraction>\d+))?"
_UNITS = {
    "km/h": "kilometer per hour", "mph": "mile per hour", "km": "kilometer", "kg": "kilogram", "cm": "centimeter",
    "mm": "millimeter", "lbs": "pound", "lb": "pound", "oz": "ounce", "ft": "foot", "GB": "gigabyte",
    "MB": "megabyte", "kWh": "kilowatt hour", "°C": "degree Celsius", "°F": "degree Fahrenheit", "hrs": "hour",
    "hr": "hour", "mins": "minute", "min": "minute", "secs": "second", "sec": "second",
}  # fmt: skip
_CURRENCIES = {
    "USD": "US dollar", "EUR": "euro", "GBP": "British pound", "INR": "Indian rupee", "CAD": "Canadian dollar",
    "AUD": "Australian dollar",
}  # fmt: skip
_STREETS = {
    "St": "street", "Ave": "avenue", "Blvd": "boulevard", "Rd": "road", "Ln": "lane", "Hwy": "highway",
    "Sq": "square", "Pkwy": "parkway",
}  # fmt: skip
_DAYS = {
    "mon": "Monday", "tue": "Tuesday", "wed": "Wednesday", "thu": "Thursday", "fri": "Friday", "sat": "Saturday",
    "sun": "Sunday",
}  # fmt: skip
_PARTS = {2: "half", 3: "third", 4: "quarter"}
_SHORTHAND = {
    "24/7": "twenty four seven", "w/": "with", "asap": "as soon as possible", "fyi": "for your information",
    "tbd": "to be decided", "thx": "thanks", "pls": "please",
}  # fmt: skip


def _named(words: dict[str, str]) -> str:
    """Return a pattern of the written forms, the longest first, in their own case."""
    return "(?-i:" + "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)) + ")"


def _several(unit: str, match: re.Match[str]) -> str:
    """Say a number of something; one of it has no plural."""
    said = decimal(match["whole"], match["fraction"])
    if match["whole"] == "1" and not match["fraction"]:
        return f"{said} {unit}"
    head, *rest = unit.split(" per ") if " per " in unit else [unit]
    first, *words = head.split() if head.startswith("degree") else [head]
    many = "feet" if first == "foot" else f"{first}s"
    return " ".join((said, many, *words, *(f"per {one}" for one in rest)))


def _amount(match: re.Match[str]) -> str:
    """Say money: two figures after the point are cents, whatever they are called there."""
    unit, cents = _CURRENCIES[match["unit"]], match["fraction"] or ""
    if len(cents) != 2:
        return _several(unit, match)
    whole = f"{decimal(match['whole'], None)} {unit}{'' if match['whole'] == '1' else 's'}"
    return f"{whole} and {cardinal(int(cents))}" if int(cents) else whole


def _fraction(match: re.Match[str]) -> str:
    top, bottom = int(match["top"]), int(match["bottom"])
    part = _PARTS[bottom]
    return f"{cardinal(top)} {part}" if top == 1 else f"{cardinal(top)} {'halves' if bottom == 2 else f'{part}s'}"


_FULLER: tuple[Rule, ...] = (
    (r"(?<![\w/])(?:24/7|w/(?=\s)|asap|fyi|tbd|thx|pls)(?![\w/])", lambda match: _SHORTHAND[match.group().lower()]),
    (
        r"(?<![\w/])(?P<month>0?[1-9]|1[0-2])/(?P<day>0?[1-9]|[12]\d|3[01])/(?P<year>(?:19|20)\d\d)(?![\w/])",
        date_in_figures,
    ),
    (
        r"(?<![\w/])(?P<day>1[3-9]|2\d|3[01])/(?P<month>0?[1-9]|1[0-2])/(?P<year>(?:19|20)\d\d)(?![\w/])",
        date_in_figures,
    ),
    (
        r"(?<![\w.])(?P<day>0?[1-9]|[12]\d|3[01])\.(?P<month>0?[1-9]|1[0-2])\.(?P<year>(?:19|20)\d\d)(?![\w.]\d)",
        date_in_figures,
    ),
    (r"(?<![\w/])(?P<top>[1-3])/(?P<bottom>[234])(?![\w/])", _fraction),
    (
        rf"(?<![\w.]){_NUMBER}\s?(?P<unit>{_named(_UNITS)})(?:\.(?=\s[a-z]))?(?!\w)",
        lambda match: _several(_UNITS[match["unit"]], match),
    ),
    (rf"(?<![\w.]){_NUMBER}\s?(?P<unit>{_named(_CURRENCIES)})(?!\w)", _amount),
    (rf"(?<!\w)(?P<unit>{_named(_CURRENCIES)})\s?{_NUMBER}(?!\w)", _amount),
    (
        r"(?<![\w.-])(?P<low>\d{1,2})\s?[-–]\s?(?P<high>\d{1,2})(?![\w.–-])(?P<percent>\s?%)?",
        lambda match: (
            f"{cardinal(int(match['low']))} to {cardinal(int(match['high']))}{' percent' if match['percent'] else ''}"
        ),
    ),
    (r"(?<![\w.-])\d{3}-\d{4}(?![\w-])", lambda match: telephone(match.group())),
    (
        r"(?<![\w.])\d+(?:\.\d+){2,}(?![\w.]\d)",
        lambda match: " point ".join(cardinal(int(each)) for each in match.group().split(".")),
    ),
    (r"(?<!\w)#(?P<number>\d{1,4})(?!\w)", lambda match: f"number {cardinal(int(match['number']))}"),
    (
        rf"(?-i:\b(?!The\b|In\b|At\b|To\b|From\b|And\b)(?P<name>[A-Z][a-z]+))\s(?P<kind>{_named(_STREETS)})(?!\w)\.?",
        lambda match: f"{match['name']} {_STREETS[match['kind']]}",
    ),
    (r"(?<!\w)(?-i:St)\.(?=\s(?-i:[A-Z]))", lambda match: "Saint"),
    (
        r"(?<!\w)(?-i:Mon|Tues?|Wed|Thu(?:rs?)?|Fri)\.|(?<!\w)(?-i:Sat|Sun)\.(?=,?\s(?-i:[A-Z])|,?\s\d)",
        lambda match: _DAYS[match.group()[:3].lower()],
    ),
)

spoken_fully = Reader((*_FULLER, *RULES)).spoken
"""Reads like ``normalise.spoken``, and the above as well."""
