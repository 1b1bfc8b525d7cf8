"""The text front end of the embedded voices: figures, dates, money and codes become words, positions are kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dialnexa.live.speech.embedded.counting import cardinal, digit_by_digit, ordinal, telephone, year
from dialnexa.live.speech.embedded.vocabulary import MONTHS


@dataclass(frozen=True, slots=True)
class SpokenPart:
    """What is said for a stretch of the written text."""

    text: str
    start: int
    end: int
    """Where the stretch begins and ends in the written text."""


_MONTH_BY_NUMBER = {number: name.capitalize() for name, number in MONTHS.items()}
_SHORT_MONTHS = {name[:3]: name.capitalize() for name in MONTHS} | {"sept": "September"}
_MONTH = (
    r"(?:(?-i:Ma(?:y|r(?:ch)?))|" + "|".join(f"{m[:3]}(?:{m[3:]})?" for m in MONTHS if m[:2] != "ma") + r"|sept)\.?"
)
"""Names of months; ``may`` and ``march`` are also verbs, so they must be capitalised."""
_CURRENCIES = {
    "$": ("dollar", "cent"), "€": ("euro", "cent"), "£": ("pound", "penny"), "₹": ("rupee", "paisa"),
}  # fmt: skip
_PLURALS = {"penny": "pence", "paisa": "paise"}
_ABBREVIATIONS = {
    "dr.": "doctor", "mr.": "mister", "mrs.": "missus", "ms.": "miz", "prof.": "professor", "e.g.": "for example",
    "i.e.": "that is", "etc.": "and so on", "vs.": "versus", "approx.": "approximately", "&": "and", "no.": "number",
    "apt.": "apartment", "dept.": "department", "ext.": "extension", "min.": "minutes",
}  # fmt: skip
_SYMBOLS = {"@": "at", ".": "dot", "-": "dash", "_": "underscore", "/": "slash", ":": "colon", "+": "plus"}


def money(match: re.Match[str]) -> str:
    """Say an amount: groups ``sign``, ``whole``, ``cents`` and perhaps ``scale``, as in $3.5 million."""
    unit, cent = _CURRENCIES[match["sign"]]
    whole, fraction = int(match["whole"].replace(",", "")), int((match["cents"] or "0").ljust(2, "0"))
    if scale := (match["scale"] or "").strip():
        return f"{decimal(match['whole'], match['cents'])} {scale} {unit}s"
    parts = [f"{cardinal(whole)} {unit}{'' if whole == 1 else 's'}"] if whole or not fraction else []
    if fraction:
        parts.append(f"{cardinal(fraction)} {cent if fraction == 1 else _PLURALS.get(cent, f'{cent}s')}")
    return " and ".join(parts)


def decimal(whole: str, fraction: str | None) -> str:
    """Say a number as it is written: ``1,200`` and ``5`` → one thousand two hundred point five."""
    said = cardinal(int(whole.replace(",", "")))
    return f"{said} point {digit_by_digit(fraction)}" if fraction else said


def _clock(match: re.Match[str]) -> str:
    hour, minute = int(match["hour"]), int(match["minute"] or 0)
    half = (match["half"] or "").replace(".", "").strip().lower()
    if not half and hour == 0:
        hour, half = 12, "am"
    elif not half and hour > 12:
        hour, half = hour - 12, "pm"
    said = cardinal(hour)
    if minute:
        said += f" {'oh ' if minute < 10 else ''}{cardinal(minute)}"
    elif not half:
        said += " o'clock"
    return f"{said} {half[0].upper()} M" if half else said


def _month(name: str) -> str:
    return _SHORT_MONTHS.get(name.lower().rstrip(".")[:3], name)


def _month_day(match: re.Match[str]) -> str:
    day, years = int(match["day"]), match["year"]
    said = f"{_month(match['month'])} {ordinal(day)}" if 1 <= day <= 31 else f"{match['month']} {cardinal(day)}"
    return f"{said}, {year(int(years))}" if years else said


def date_in_figures(match: re.Match[str]) -> str:
    """Say a date whose groups ``year``, ``month`` and ``day`` are figures."""
    month = _MONTH_BY_NUMBER.get(int(match["month"]), match["month"])
    return f"{month} {ordinal(int(match['day']))}, {year(int(match['year']))}"


def _address(match: re.Match[str]) -> str:
    pieces: list[str] = re.findall(r"[A-Za-z]+|\d|[@.\-_/:+]", match.group())
    return " ".join(_SYMBOLS.get(piece, piece) if not piece.isdigit() else digit_by_digit(piece) for piece in pieces)


def _code(match: re.Match[str]) -> str:
    said: list[str] = []
    for piece in re.findall(r"[A-Za-z]+|\d+", match.group()):
        if piece.isdigit():
            said.append(digit_by_digit(piece))
        else:
            # Short capitals are letters (AB12), longer runs are words (acct, order).
            said.append(" ".join(piece) if piece.isupper() and len(piece) <= 3 else piece)
    return " ".join(said)


def _number(match: re.Match[str]) -> str:
    sign, whole, fraction = match["minus"] or "", match["whole"], match["fraction"]
    # A leading zero, or more figures than people count in, means a code and not an amount.
    is_code = (len(whole) > 1 and whole[0] == "0") or (len(whole) >= 7 and "," not in whole)
    said = digit_by_digit(whole) if is_code else decimal(whole, fraction)
    return f"{'minus ' if sign else ''}{said}{' percent' if match['percent'] else ''}"


Rule = tuple[str, Callable[[re.Match[str]], str]]
"""A pattern, and what is said for a match of it."""

RULES: tuple[Rule, ...] = (
    (r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+|(?:https?://|www\.)[\w./-]*\w", _address),
    (r"\b(?P<year>[12]\d{3})-(?P<month>0[1-9]|1[0-2])-(?P<day>0[1-9]|[12]\d|3[01])\b", date_in_figures),
    (r"\b(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?P<half>\s?[ap](?:m\b|\.m\.))?", _clock),
    (r"\b(?P<hour>1[0-2]|0?[1-9])(?P<minute>)(?P<half>\s?[ap](?:m\b|\.m\.))", _clock),
    (
        rf"\b(?P<month>{_MONTH})\s(?P<day>[0-3]?\d)(?:st|nd|rd|th)?\b(?:,?\s(?P<year>(?:19|20)\d\d)\b)?",
        _month_day,
    ),
    (
        r"(?P<sign>[$€£₹])\s?(?P<whole>\d{1,3}(?:,\d{3})+|\d+)(?:\.(?P<cents>\d{1,2})(?!\d))?"
        r"(?P<scale>\s(?:thousand|million|billion)\b)?",
        money,
    ),
    (
        r"\+\d[\d\s().-]{5,}\d|\(\d{3}\)\s?\d{3}[\s.-]?\d{4}|\b\d{3}[\s.-]\d{3}[\s.-]\d{4}\b|\b\d{10,}\b",
        lambda match: telephone(match.group()),
    ),
    (
        r"(?<=code )\d+\b|(?<=extension )\d+\b|(?<=ending in )\d+\b|(?<=number )\d{4,}\b|(?<=PIN )\d+\b",
        lambda match: digit_by_digit(match.group()),
    ),
    (r"\b\d{1,4}(?:st|nd|rd|th)\b", lambda match: ordinal(int(match.group()[:-2]))),
    (r"\b(?:[A-Za-z]+[_#-]?\d+|\d+[A-Za-z]+|[A-Za-z]+_\w+)(?:[_-]?[A-Za-z0-9]+)*\b", _code),
    (
        r"(?P<minus>(?<![\w-])-)?(?<![\w.])(?P<whole>\d{1,3}(?:,\d{3})+|\d+)(?:\.(?P<fraction>\d+))?(?P<percent>\s?%)?",
        _number,
    ),
    (
        r"(?<!\w)(?:dr|mr|mrs|ms|prof|e\.g|i\.e|etc|vs|approx|apt|dept|ext)\.|\bno\.(?=\s\d)|(?<=\s)&(?=\s)",
        lambda match: _ABBREVIATIONS[match.group().lower()],
    ),
    (r"(?<!\w)m+-?h+m+(?!\w)", lambda match: "um-hum"),  # engines spell what has no vowel: em aitch em
    (r"(?<!\w)(?<!\d\s)(?-i:[Hh]m+|[Mm]m+)(?!\w)", lambda match: "hum"),
    (r"[*_`~#<>\[\]{}|]+", lambda match: " "),
)


class Reader:
    """Reads written text by rules: whatever matches the first of them is said as it says."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._say = [(re.compile(rule, re.IGNORECASE), say) for rule, say in rules]
        nameless = (re.sub(r"[(][?]P<[a-z]+>", "(?:", rule) for rule, _ in rules)  # names may be taken only once
        alternatives = "|".join(f"(?P<rule{index}>{rule})" for index, rule in enumerate(nameless))
        self._any = re.compile(alternatives, re.IGNORECASE)

    def spoken(self, text: str) -> list[SpokenPart]:
        """Return what to say for a written text: one part per written word, several words where they belong together.

        Parts are in order and do not overlap; together they cover every word of the text. Pure.
        """
        parts: list[SpokenPart] = []
        cursor = 0
        for match in self._any.finditer(text):
            parts.extend(_words(text, cursor, match.start()))
            parts.append(SpokenPart(self._said(text, match), match.start(), match.end()))
            cursor = match.end()
        parts.extend(_words(text, cursor, len(text)))
        return [part for part in parts if part.text.strip()]

    def _said(self, text: str, match: re.Match[str]) -> str:
        """Apply the rule that matched."""
        rule, say = self._say[int((match.lastgroup or "rule0")[4:])]
        exact = rule.match(text, match.start())
        return say(exact) if exact is not None else match.group()


spoken = Reader(RULES).spoken
"""Reads what no voice can read as it stands, and nothing that may be meant otherwise."""


def spoken_text(text: str) -> str:
    """Return the same as one text, for reading and for tests."""
    return join(spoken(text))[0]


def join(parts: list[SpokenPart]) -> tuple[str, list[int]]:
    """Join parts into what the voice reads; also return where in it each part starts.

    Punctuation that stood apart from a figure is drawn to it, so that the voice still pauses there.
    """
    said, starts = "", list[int]()
    for part in parts:
        glued = part.text[0] in ",.;:!?)" and said
        said = said if glued or not said else f"{said} "
        starts.append(len(said))
        said += part.text
    return said, starts


def _words(text: str, start: int, end: int) -> list[SpokenPart]:
    """Return the plain words between two positions as they stand."""
    return [
        SpokenPart(word.group(), start + word.start(), start + word.end())
        for word in re.finditer(r"\S+", text[start:end])
    ]
