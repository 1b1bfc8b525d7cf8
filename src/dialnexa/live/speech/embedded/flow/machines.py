"""Recognise machines that answer a call: keypad menus and call-screening assistants."""

from __future__ import annotations

import re
from typing import Final

from dialnexa.live.speech.embedded.flow.match import normalise
from dialnexa.live.speech.embedded.flow.numerals import digits

_KEY = r"(zero|one|two|three|four|five|six|seven|eight|nine|star|pound|hash|[0-9*#])"
_PRESS: Final = re.compile(rf"\b(?:press|dial|push)(?: the number| key)? {_KEY}(?= |$)")
_PRESS_FIRST: Final = re.compile(rf"{_PRESS.pattern} (?:for|to|if) (.+?)(?=\b(?:press|dial|push)\b|$)")
_PRESS_LAST: Final = re.compile(rf"\b(?:for|to) (.+?) (?:please )?{_PRESS.pattern}")
_SIGNS: Final = {"star": "*", "pound": "#", "hash": "#"}
_PERSON: Final = re.compile(
    r"operator|representative|reception|agent|person|someone|speak|talk|connect|accept|appointment|schedul"
    r"|customer service|continue"
)
_SCREENING: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"\b(?:state|say|record|tell me|give) (?:me )?your name\b.*\b(?:reason|calling|call|why)\b",
        r"\b(?:state|say|record) your name\b",
        r"\b(?:reason|purpose) (?:for|of) (?:your|the|this) call",
        r"\bwho is calling and why\b",
        r"\bcall assist(?:ant)?\b.*\b(?:name|who|why)\b",
        r"\bsee if (?:this person|they are|he is|she is) available\b",
    )
)


def menu_key(text: str) -> str | None:
    """Return the key to press in a spoken menu: the one that leads to a person, else the first; ``None``: no menu."""
    said = normalise(text)
    keys = list(_PRESS.finditer(said))
    if not keys:
        return None
    # "press one for sales" or "for sales press one"? Without punctuation, only what follows the last key tells.
    if re.match(r" (?:for|to|if) ", said[keys[-1].end() :]):
        entries = [(found[1], found[2]) for found in _PRESS_FIRST.finditer(said)]
    else:
        entries = [(found[2], found[1]) for found in _PRESS_LAST.finditer(said)]
    # A menu heard in pieces still names its keys.
    key = next((key for key, label in entries if _PERSON.search(label)), entries[0][0] if entries else keys[0][1])
    return _SIGNS.get(key) or digits((key,)) or None


def asks_who_calls(text: str) -> bool:
    """Tell whether a screening assistant wants to know who is calling and why."""
    said = normalise(text)
    return any(pattern.search(said) for pattern in _SCREENING)
