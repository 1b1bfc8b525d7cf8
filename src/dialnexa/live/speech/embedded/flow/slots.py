"""Understand an answer to a question of a known kind: yes or no, digits, a day and time, a name, one of several."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from dialnexa.live.speech.embedded import vocabulary
from dialnexa.live.speech.embedded.flow import numerals
from dialnexa.live.speech.embedded.flow.match import bare, best, contains, words
from dialnexa.live.speech.embedded.flow.moments import Span, find_day, find_time
from dialnexa.live.speech.ports import ExpectationKind


@dataclass(frozen=True, slots=True)
class Option:
    """One answer of a ``choice``: its value, the phrases that mean it, and how it is said back."""

    value: str
    phrases: tuple[str, ...]
    say: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was understood: ``value`` for programs, ``spoken`` to say it back, ``parts`` of compound values."""

    value: str
    spoken: str
    parts: Mapping[str, str] = field(default_factory=dict[str, str])


_KEYPAD = re.compile(r"^\W*(?:dtmf|keypad|pressed|digits?)\s*[:=]?\W*([0-9*#a-d ]+?)[\s\].)]*$", re.IGNORECASE)


def keypad(text: str) -> str:
    """Return the keys of a user turn such as ``DTMF: 1``; empty for spoken turns."""
    pressed = _KEYPAD.match(text.strip()[:80])
    return pressed[1].replace(" ", "") if pressed else ""


def understand(kind: ExpectationKind, text: str, options: Sequence[Option] = ()) -> Answer | None:
    """Read an utterance, or keys, as an answer of that kind; ``None`` when it is not one."""
    keys = keypad(text)
    if keys:
        return _pressed(kind, keys, options)
    if kind == "free_text":
        return Answer(text.strip(), text.strip()) if words(text) else None
    if kind == "choice":
        return _chosen(best(text, {option.value: option.phrases for option in options}), options)
    return _READERS[kind](words(text))


# --- yes or no -------------------------------------------------------------------------------------------------------

_YES = Answer("yes", "yes")
_NO = Answer("no", "no")
_YES_PHRASES: Final = frozenset(bare(words(phrase)) for phrase in vocabulary.YES)
_NO_PHRASES: Final = frozenset(bare(words(phrase)) for phrase in vocabulary.NO)
_UNSURE: Final = frozenset(words(phrase) for phrase in (*vocabulary.UNSURE, "do not know", "not sure"))
_YES_WORDS: Final = frozenset(words("yes yeah yep yup ya aye yea sure okay correct absolutely definitely"))
_NO_WORDS: Final = frozenset(words("no nope nah negative"))
_NEGATIONS: Final = frozenset({"not", "never", "no", "wrong", "incorrect", "unfortunately"})
_POSITIVE: Final = frozenset(words("works work fine good great perfect right correct yes sure okay like love please"))
_POSITIVE_PHRASES: Final = tuple(
    words(phrase)
    for phrase in ("of course", "i do", "i would", "i will", "i can", "i guess so", "i think so", "all right")
)
_MODEST_NO: Final = tuple(
    words(phrase) for phrase in ("no problem", "no worries", "why not", "not a problem", "no doubt")
)
_OTHERWISE: Final = frozenset({"better", "instead", "rather"})
_QUESTIONS: Final = frozenset(words("what when where who which whose how why"))


def _yes_no(said: Sequence[str]) -> Answer | None:
    """Read consent or refusal; contradictions, questions and doubts are neither."""
    said = bare(said)
    if not said or any(contains(said, phrase) for phrase in _UNSURE):
        return None
    if said in _YES_PHRASES or any(contains(said, phrase) for phrase in _MODEST_NO):
        return _YES
    if said in _NO_PHRASES:
        return _NO
    first, rest = said[0], bare(said[1:])
    if first in _YES_WORDS:
        return None if rest and rest[0] in _NO_WORDS else _YES
    if first in _NO_WORDS:
        return None if rest in _YES_PHRASES and rest[0] != "thank" else _NO
    return None if first in _QUESTIONS else _leaning(said)


def _leaning(said: tuple[str, ...]) -> Answer | None:
    """Judge a sentence without a plain yes or no by its words: ``that would be great``, ``it does not work``."""
    if _NEGATIONS & set(said):
        return _NO
    if _OTHERWISE & set(said):
        return None
    positive = _POSITIVE & set(said) or any(contains(said, phrase) for phrase in _POSITIVE_PHRASES)
    return _YES if positive else None


# --- numbers ---------------------------------------------------------------------------------------------------------


def _number(said: Sequence[str]) -> Answer | None:
    value = numerals.number(said)
    if value is None:
        return None
    text = str(int(value)) if value == int(value) else str(value)
    return Answer(text, text)


def _digits(said: Sequence[str]) -> Answer | None:
    found = numerals.digits(said)
    return Answer(found, _spell(found)) if found else None


def _phone(said: Sequence[str]) -> Answer | None:
    found = re.sub(r"\D", "", numerals.digits(said))
    if not 7 <= len(found) <= 15:
        return None
    plus = "plus" in said or any(word.startswith("+") for word in said)
    return Answer(f"+{found}" if plus else found, _spell(found))


def _spell(found: str) -> str:
    """Write digits so that a voice says them one by one, in groups as on paper."""
    tail = [found[-4:]] if len(found) > 4 else [found]
    head = found[: -len(tail[0])]
    while head:
        tail.insert(0, head[-3:])
        head = head[:-3]
    return ", ".join(" ".join(group) for group in tail)


# --- days and times --------------------------------------------------------------------------------------------------


def _date(said: Sequence[str]) -> Answer | None:
    day = find_day(said)
    return _moment(day, None) if day else None


def _time(said: Sequence[str]) -> Answer | None:
    time = find_time(said, alone=True)
    return _moment(None, time) if time else None


def _datetime(said: Sequence[str]) -> Answer | None:
    """Read a day and a time in any order; one alone is an answer too, with the other part empty."""
    day = find_day(said)
    if day is None:
        time = find_time(bare(said))
        return _moment(None, time) if time else None
    # The day's own words must not be read as a time ("the third at two"), so they are cut out first.
    left = (*said[: day.start], *said[day.end :])
    return _moment(day, find_time(left, near=day.start))


def _moment(day: Span | None, time: Span | None) -> Answer:
    """Return the answer made of a day, a time, or both."""
    parts = {
        "day": day.spoken if day else "",
        "time": time.spoken if time else "",
        "day_value": day.value if day else "",
        "time_value": time.value if time else "",
    }
    return _of_parts(parts)


def _of_parts(parts: Mapping[str, str]) -> Answer:
    both = parts["day"] and parts["time"]
    link = "" if not both else " " if parts["time"].startswith("in the ") else " at "
    value = f"{parts['day_value']} {parts['time_value']}".strip()
    return Answer(value, f"{parts['day']}{link}{parts['time']}", parts)


def completed(known: Answer | None, answer: Answer) -> Answer:
    """Return a moment with the part that is missing taken from the one known before: a time joins a day."""
    if known is None or "day" not in known.parts or "day" not in answer.parts:
        return answer
    taken = answer.parts if answer.parts["day"] else known.parts
    timed = answer.parts if answer.parts["time"] else known.parts
    day, time = ("day", "day_value"), ("time", "time_value")
    return _of_parts({key: taken[key] for key in day} | {key: timed[key] for key in time})


# --- names -----------------------------------------------------------------------------------------------------------

_MORE_LEADS: Final = (
    "the name's", "you can call me", "please call me", "my name", "here is", "hello", "hi", "yes", "sure", "okay",
    "and", "well",
)  # fmt: skip
_NAME_LEADS: Final = sorted({words(lead) for lead in (*vocabulary.NAME_LEADS, *_MORE_LEADS)}, key=len, reverse=True)
_NAME_TAILS: Final = sorted({words(tail) for tail in (*vocabulary.TAILS, "speaking", "here")}, key=len, reverse=True)
_NO_NAMES: Final = (
    _YES_WORDS
    | _NO_WORDS
    | _QUESTIONS
    | frozenset(words("the a an my your i you it that this not do does can could is are"))
)
_LONGEST_NAME = 4


def _name(said: Sequence[str]) -> Answer | None:
    """Read a name of up to four words, said or spelled; sentences are no names."""
    left = bare(said)
    while lead := next((lead for lead in _NAME_LEADS if left[: len(lead)] == lead and len(left) > len(lead)), None):
        left = bare(left[len(lead) :])
    while tail := next((tail for tail in _NAME_TAILS if left[-len(tail) :] == tail and len(left) > len(tail)), None):
        left = bare(left[: -len(tail)])
    if len(left) > 1 and all(len(word) == 1 for word in left):
        left = ("".join(left),)
    if not 0 < len(left) <= _LONGEST_NAME or any(word in _NO_NAMES or not word[0].isalpha() for word in left):
        return None
    if any(contains(said, words(phrase)) for phrase in vocabulary.UNSURE):
        return None
    name = " ".join(word.capitalize() for word in left)
    return Answer(name, name)


# --- one of several --------------------------------------------------------------------------------------------------


def _chosen(value: str | None, options: Sequence[Option]) -> Answer | None:
    option = next((option for option in options if option.value == value), None)
    return Answer(option.value, option.say or option.value) if option else None


# --- keys ------------------------------------------------------------------------------------------------------------


def _pressed(kind: ExpectationKind, keys: str, options: Sequence[Option]) -> Answer | None:
    """Read keypad digits: 1 and 2 for yes and no, the number of a choice, ``MMDD``, ``HHMM``, or digits as such."""
    plain = keys.strip("#*")
    if kind == "yes_no":
        return {"1": _YES, "2": _NO}.get(plain)
    if kind == "choice":
        nth = int(plain) - 1 if plain.isdecimal() and len(plain) <= 2 else -1
        return _chosen(options[nth].value, options) if 0 <= nth < len(options) else None
    if kind in {"date", "time", "datetime"}:
        return _pressed_moment(kind, plain)
    if kind == "number" and plain.isdecimal():
        return Answer(str(int(plain)), str(int(plain)))
    return _phone((plain,)) if kind == "phone" else None if kind in {"name", "number"} else Answer(keys, _spell(keys))


def _pressed_moment(kind: ExpectationKind, keys: str) -> Answer | None:
    """Read ``0603`` as June 3rd, ``1430`` or ``2`` as a time, both together as a moment."""
    if not keys.isdecimal():
        return None
    day, time = (keys, "") if kind == "date" else ("", keys)
    if kind == "datetime" and len(keys) > 2:
        day, time = keys[:4], keys[4:]
    date = find_day((f"{day[:2]}/{day[2:]}",)) if day else None
    clock = _pressed_clock(time) if time else None
    if (day and date is None) or (time and clock is None):
        return None
    return _moment(date, clock)


def _pressed_clock(keys: str) -> Span | None:
    """Read ``2``, ``14``, ``230`` and ``1430``."""
    hour, minute = (keys, "00") if len(keys) <= 2 else (keys[:-2], keys[-2:])
    return find_time((f"{int(hour)}:{minute}",))


_READERS: Final[Mapping[ExpectationKind, Callable[[Sequence[str]], Answer | None]]] = {
    "yes_no": _yes_no,
    "number": _number,
    "digits": _digits,
    "phone": _phone,
    "date": _date,
    "time": _time,
    "datetime": _datetime,
    "name": _name,
}
