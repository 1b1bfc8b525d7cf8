"""Words as search sees them: lower case, their stems, without those that mean nothing.

The databases index what this makes and never stem by themselves, so SQLite and PostgreSQL find the very same passages.
"""

from __future__ import annotations

import unicodedata
from functools import cache, lru_cache
from typing import Protocol

import snowballstemmer  # pyright: ignore[reportMissingTypeStubs]

_MOST_TERMS = 16
"""Terms of one question; what people say beyond that is not part of the question."""
_LONGEST = 40
_WORD = {"L", "N", "M"}
"""Unicode categories that words are made of; marks belong to them in Hindi, Thai and others."""
_LANGUAGES = {
    "ar": "arabic", "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish", "et": "estonian",
    "fi": "finnish", "fr": "french", "hi": "hindi", "hu": "hungarian", "id": "indonesian", "it": "italian",
    "lt": "lithuanian", "ne": "nepali", "nl": "dutch", "no": "norwegian", "pt": "portuguese", "ro": "romanian",
    "ru": "russian", "sr": "serbian", "sv": "swedish", "ta": "tamil", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip
_ENGLISH_STOP = frozenset(
    """a about actually am an and any are as ask asking at be because been but by call calling can could did do does
    doing don for from get give go going good got had has have hello help hey hi how i if im in information into is it
    its just kind know let like ll looking may maybe me might much many my need no not of oh ok okay on one or our out
    please question re right s say should so some something sorry sure t tell than thank thanks that the their them then
    there these they thing think this those to too uh um up us very wait want wanted was wasn we well were what when
    where whether which who whom why will with wonder wondering would yeah yes you your""".split()  # noqa: SIM905
)


class _Stemmer(Protocol):
    def stemWord(self, word: str) -> str: ...


@cache
def _stemmer(language: str) -> _Stemmer | None:
    name = _LANGUAGES.get(language)
    return snowballstemmer.stemmer(name) if name else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


@lru_cache(maxsize=20_000)
def _stem(word: str, language: str) -> str:
    stemmer = _stemmer(language)
    return stemmer.stemWord(word) if stemmer else word


def words(text: str) -> list[str]:
    """Return the words of a text in lower case, in their order; ``don't`` is two, as is ``2:30``."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    kept = "".join(letter if unicodedata.category(letter)[0] in _WORD else " " for letter in folded)
    return [word[:_LONGEST] for word in kept.split()]


def terms(text: str, language: str = "en") -> list[str]:
    """Return what a passage is found by: a stem for each of its words, in order. ``language`` is a code such as ``en``.

    Languages without a stemmer are found by their words as they are.
    """
    code = _code(language)
    return [_stem(word, code) for word in words(text)]


def question_terms(text: str, language: str = "en") -> list[str]:
    """Return what a question asks for, each term once: politeness and grammar left out.

    A question of nothing else ("who are you") keeps its words, for they are all there is.
    """
    code = _code(language)
    said = words(text)
    meant = [word for word in said if word not in _ENGLISH_STOP] if code == "en" else said
    return list(dict.fromkeys(_stem(word, code) for word in meant or said))[:_MOST_TERMS]


def _code(language: str) -> str:
    """Return ``en`` of ``en-US``."""
    return language.partition("-")[0].lower()
