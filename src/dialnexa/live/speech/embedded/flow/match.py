"""Compare what was said with what was meant: normalise, then exact phrase, pattern, and token similarity.

Results are cached, because a dialogue is replayed from its beginning at every turn.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from rapidfuzz import fuzz

_LONGEST = 1000
"""Characters of one utterance that are looked at; nobody says more in one turn, and patterns stay cheap."""
_CLOSE: Final = 80.0
"""Similarity (0-100) from which two sentences are taken for the same."""
_TOO_COMMON: Final = frozenset(
    (
        "what",
        "sorry",
        "wait",
        "hi",
        "hey",
        "hello",
        "speaking",
        "okay",
        "fine",
        "right",
        "oh",
        "no",
        "yes",
        "sure",
        "great",
    )
)
"""Single words that mean something only when they are the whole answer."""
_FILLERS: Final = frozenset(("um", "uh", "er", "erm", "hmm", "well", "oh", "ah", "please", "thanks"))
_NEGATIONS: Final = frozenset(("no", "not", "never"))
"""Sentences alike but for one of these mean the opposite."""

_CONTRACTIONS: Final[Mapping[str, str]] = {
    "can't": "can not", "cannot": "can not", "won't": "will not", "let's": "let us", "i'm": "i am", "ok": "okay",
    "gonna": "going to", "wanna": "want to", "alright": "all right", "dont": "do not", "doesnt": "does not",
    "cant": "can not", "thats": "that is", "im": "i am",
}  # fmt: skip
_ENDINGS: Final[Mapping[str, str]] = {
    "n't": " not", "'re": " are", "'ve": " have", "'ll": " will", "'d": " would", "'s": " is",
}  # fmt: skip

_HALF_DAY = re.compile(r"\b([ap])[.\s]+m\b\.?")
_GLUED_HALF_DAY = re.compile(r"(?<=\d)\s*([ap])\.?m\b\.?")
_WORD = re.compile(r"\+?\d[\d:./-]*\d(?:st|nd|rd|th)?|\+?\d(?:st|nd|rd|th)?|[#*]|[^\W\d_]+(?:'[^\W\d_]+)*|\w")


@lru_cache(maxsize=4096)
def words(text: str) -> tuple[str, ...]:
    """Split into lower-case words without punctuation or contractions; ``2:30`` and ``3rd`` stay whole."""
    text = unicodedata.normalize("NFKC", text[:_LONGEST]).lower().replace("’", "'").replace("-", " ")
    text = _GLUED_HALF_DAY.sub(r" \1m", _HALF_DAY.sub(r"\1m", text))
    return tuple(part for word in _WORD.findall(text) for part in _expand(word).split())


def normalise(text: str) -> str:
    """Return the words joined by single spaces: the form in which all comparison is done."""
    return " ".join(words(text))


def _expand(word: str) -> str:
    """Write a contraction in full."""
    if word in _CONTRACTIONS:
        return _CONTRACTIONS[word]
    for ending, full in _ENDINGS.items():
        if word.endswith(ending) and len(word) > len(ending):
            return word[: -len(ending)] + full
    return word


@lru_cache(maxsize=8192)
def _meant(phrase: str) -> tuple[tuple[str, ...], str]:
    """Return the bare words of a phrase, and the same as one text: phrases are compared over and over."""
    wanted = bare(words(phrase))
    return wanted, " ".join(wanted)


def bare(said: Sequence[str]) -> tuple[str, ...]:
    """Drop filler words at both ends, unless nothing else was said."""
    start, end = 0, len(said)
    while start < end and said[start] in _FILLERS:
        start += 1
    while end > start and said[end - 1] in _FILLERS:
        end -= 1
    return tuple(said[start:end]) or tuple(said)


def contains(said: Sequence[str], phrase: Sequence[str]) -> bool:
    """Tell whether the phrase occurs in what was said, word by word."""
    size = len(phrase)
    said, phrase = tuple(said), tuple(phrase)
    return size > 0 and any(said[at : at + size] == phrase for at in range(len(said) - size + 1))


def similarity(said: str, phrase: str) -> float:
    """Return 0-100 for two normalised texts.

    The token-set ratio alone gives 100 to any part of a phrase, so the order-free full ratio has half a say.
    """
    return (fuzz.token_set_ratio(said, phrase) + fuzz.token_sort_ratio(said, phrase)) / 2


@lru_cache(maxsize=4096)
def equals(text: str, phrases: tuple[str, ...]) -> bool:
    """Tell whether the whole utterance is one of the phrases (or patterns between slashes), fillers aside."""
    said, joined = _meant(text[:_LONGEST])
    return any(_whole(said, joined, phrase) for phrase in phrases)


def _whole(said: tuple[str, ...], joined: str, phrase: str) -> bool:
    if is_pattern(phrase):
        return compiled(phrase).fullmatch(joined) is not None
    wanted, text = _meant(phrase)
    return said == wanted or (len(wanted) > 1 and fuzz.ratio(joined, text, score_cutoff=90) > 0)


@lru_cache(maxsize=4096)
def matches(text: str, phrases: tuple[str, ...]) -> bool:
    """Tell whether the utterance means one of the phrases: same words, part of it, pattern, or similar."""
    return max((score(text, phrase) for phrase in phrases), default=0.0) >= _CLOSE


@lru_cache(maxsize=4096)
def mentions(text: str, keywords: tuple[str, ...]) -> bool:
    """Tell whether one of the words or phrases occurs literally, or a pattern matches somewhere."""
    said = words(text)
    return any(
        compiled(keyword).search(" ".join(said)) is not None if is_pattern(keyword) else contains(said, words(keyword))
        for keyword in keywords
    )


def score(text: str, phrase: str) -> float:
    """Rate one phrase, 0-100: whole utterance 100, pattern 99, contained 90-98 (longer is better), else similarity."""
    said, joined = _meant(text[:_LONGEST])
    if is_pattern(phrase):
        return 99.0 if compiled(phrase).search(joined) else 0.0
    wanted, meant = _meant(phrase)
    if not said or not wanted:
        return 0.0
    if said == wanted:
        return 100.0
    if contains(said, wanted):
        too_common = len(wanted) == 1 and wanted[0] in _TOO_COMMON
        return 0.0 if too_common else min(98.0, 89.0 + len(wanted))
    if (len(said) == 1 and len(wanted) > 1) or bool(_NEGATIONS & {*said}) != bool(_NEGATIONS & {*wanted}):
        return 0.0
    return min(89.0, similarity(joined, meant))


def best(text: str, options: Mapping[str, Sequence[str]]) -> str | None:
    """Return the option whose phrases fit best; ``None`` when none is close or two fit equally well."""
    scores = {name: max((score(text, phrase) for phrase in phrases), default=0.0) for name, phrases in options.items()}
    ranked = sorted(scores.items(), key=lambda item: -item[1])
    if not ranked or ranked[0][1] < _CLOSE:
        return None
    if len(ranked) > 1 and ranked[0][1] == ranked[1][1]:
        return None
    return ranked[0][0]


# --- patterns --------------------------------------------------------------------------------------------------------

_NESTED = re.compile(r"\([^()]*[+*{][^()]*\)[+*{]")
_LONGEST_PATTERN = 300


def is_pattern(phrase: str) -> bool:
    """Tell whether a phrase is a regular expression: ``/…/``, applied to the normalised text."""
    return len(phrase) > 2 and phrase[0] == phrase[-1] == "/"


@lru_cache(maxsize=1024)
def compiled(phrase: str) -> re.Pattern[str]:
    """Compile ``/…/``. Raises ``ValueError`` for a bad pattern, or one that could hang the call."""
    body = phrase[1:-1]
    if len(body) > _LONGEST_PATTERN or _NESTED.search(body):
        raise ValueError(f"the pattern {phrase!r} repeats a repeated group or is too long; write it more simply")
    try:
        return re.compile(body)
    except re.error as error:
        raise ValueError(f"the pattern {phrase!r} is not a regular expression: {error}") from None
