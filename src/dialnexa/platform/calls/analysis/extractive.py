"""The analysis without a language model: it quotes what was said and counts words. It understands nothing.

A field's value is taken from the caller's answer to the agent's question that is most like the field, and only where
the two clearly belong together; everything else is null.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from dialnexa.platform.agents.analysis_fields import AnalysisField, FieldType
from dialnexa.platform.calls.analysis.case import EXTRACTIVE, Case, Findings, Mood, Said
from dialnexa.platform.calls.analysis.values import find_moment, read_value

_SENTENCES = 3
_LONGEST_SUMMARY = 600
_LEAST_LIKENESS = 0.34
"""Share of a field's words that a question must have, for its answer to be the field's."""
_WORD = re.compile(r"[^\W\d_]{2,}", re.UNICODE)


def _words_of(text: str) -> list[str]:
    """Read a list of words that is written as a text."""
    return text.split()


_COMMON = frozenset(
    _words_of("""
    the and you your for are was were with this that have has had will would can could what when where which who
    how not but our their they them she him his her its from there here about been being did does doing than then
    also just like well okay yes yeah right sure please thank thanks hello hi hey bye goodbye whether customer
    caller user person agent call said says say tell did field value name of to in on at it is do be me my we us
    as an or if so no any all get got am up out by
""")
)
_GOOD = frozenset(
    _words_of("""
    great good perfect excellent wonderful happy glad love lovely awesome fantastic thanks thank appreciate
    helpful pleased nice amazing brilliant super delighted works sure absolutely definitely
""")
)
_BAD = frozenset(
    _words_of("""
    bad terrible awful horrible angry upset frustrated frustrating annoyed annoying disappointed disappointing
    useless hate worst wrong problem complaint complain unacceptable ridiculous cancel refund broken stop scam
    rude waste sue unhappy never
""")
)
_NOT = frozenset(
    _words_of("""
    not no never don't isn't wasn't can't didn't doesn't won't
""")
)
_YES = re.compile(
    r"\b(yes|yeah|yep|yup|sure|correct|right|of course|absolutely|definitely|i do|i am|please do)\b", re.IGNORECASE
)
_NO = re.compile(r"\b(no|nope|nah|not|never|don't|doesn't|can't|won't|i'm afraid)\b", re.IGNORECASE)
_NUMBER_WORDS = _words_of("""
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
    seventeen eighteen nineteen twenty
""")


def analyse(case: Case, trouble: str = "") -> Findings:
    """Return what can be quoted and counted. Blocking: some milliseconds, more where dates are read."""
    mood, score = _mood(case.turns)
    values = {field.field_name: _value(field, case) for field in case.fields}
    return Findings(EXTRACTIVE, _summary(case.turns), mood, score, values, trouble=trouble)


# --- the summary -----------------------------------------------------------------------------------------------------


def _summary(turns: Sequence[Said]) -> str | None:
    """Return the sentences whose words the call came back to most, in their order."""
    said = [(turn, sentence) for turn in turns for sentence in re.split(r"(?<=[.!?])\s+", turn.text) if sentence]
    weight = Counter(word for _, sentence in said for word in set(_words(sentence)))
    ranked = sorted(range(len(said)), key=lambda at: (-_salience(said[at][1], weight), at))
    chosen = sorted(at for at in ranked[:_SENTENCES] if _words(said[at][1]))
    text = " ".join(str(Said(said[at][0].role, said[at][1])) for at in chosen)
    return text[:_LONGEST_SUMMARY] or None


def _salience(sentence: str, weight: Counter[str]) -> float:
    words = _words(sentence)
    return sum(weight[word] for word in words) / (len(words) + 3) if words else 0.0


# --- the mood --------------------------------------------------------------------------------------------------------


def _mood(turns: Sequence[Said]) -> tuple[Mood, float | None]:
    """Count the caller's good and bad words; one after a "not" counts the other way round."""
    balance = seen = spoken = 0
    for turn in turns:
        if turn.role == "agent":
            continue
        words = re.findall(r"[\w']+", turn.text.lower())
        spoken += len(words)
        for at, word in enumerate(words):
            sign = (word in _GOOD) - (word in _BAD)
            if sign:
                turned = any(before in _NOT for before in words[max(0, at - 2) : at])
                balance += -sign if turned else sign
                seen += 1
    if not spoken:
        return "unknown", None
    score = balance / (seen + 1) if seen else 0.0
    return ("positive" if score > 0.2 else "negative" if score < -0.2 else "neutral"), round(score, 2)


# --- fields ----------------------------------------------------------------------------------------------------------


def _value(field: AnalysisField, case: Case) -> object:
    answers = _answers(field, case.turns)
    for answer in answers:
        if (value := _of_answer(field, answer, case)) is not None:
            return value
    if field.field_type is FieldType.SELECTOR:
        return _named_option(field, [turn.text for turn in case.turns if turn.role != "agent"])
    return None


def _answers(field: AnalysisField, turns: Sequence[Said]) -> list[str]:
    """Return what the caller said to the questions that are like the field, the likeliest first."""
    wanted = set(_words(f"{field.field_name.replace('_', ' ')} {field.field_description}"))
    found: list[tuple[float, str]] = []
    for question, answer in pairwise(turns):
        if question.role != "agent" or answer.role == "agent" or not wanted:
            continue
        alike = len(wanted & set(_words(question.text))) / min(len(wanted), 6)
        if alike >= _LEAST_LIKENESS:
            found.append((alike, answer.text))
    return [text for _, text in sorted(found, key=lambda each: -each[0])]


def _of_answer(field: AnalysisField, answer: str, case: Case) -> object:
    match field.field_type:
        case FieldType.TEXT:
            return answer
        case FieldType.BOOLEAN:
            yes, no = _YES.search(answer), _NO.search(answer)
            return None if bool(yes) == bool(no) else bool(yes)
        case FieldType.NUMBER:
            return read_value(field, _digits(answer), case.moment)
        case FieldType.SELECTOR:
            return _named_option(field, [answer])
        case FieldType.DATETIME:
            return find_moment(answer, case.moment)


def _named_option(field: AnalysisField, texts: Sequence[str]) -> str | None:
    """Return the only option that is named; of several, none: they may have been weighed."""
    words = " ".join(texts).lower()
    named = [option for option in field.options if re.search(rf"\b{re.escape(option.lower())}\b", words)]
    return named[0] if len(named) == 1 else None


def _digits(text: str) -> str:
    found = re.search(r"-?\d[\d,.]*", text)
    if found:
        return found[0].rstrip(",.")
    words = [word for word in re.findall(r"\w+", text.lower()) if word in _NUMBER_WORDS]
    return str(_NUMBER_WORDS.index(words[0])) if len(words) == 1 else ""


def _words(text: str) -> list[str]:
    """Return the words that mean something, without the endings that only grammar wants."""
    return [re.sub(r"(ing|ed|es|s|ment)$", "", word) for word in _WORD.findall(text.lower()) if word not in _COMMON]
