"""Cuts a document into the passages that search finds: whole sentences, about 200 words, a little overlap."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

CHUNK_WORDS = 200
OVERLAP_WORDS = 40
_LONGEST_SENTENCE = 80
"""Words; lists and tables have no full stops, and are cut here."""
_PARAGRAPH = re.compile(r"\n\s*\n|\f")
_SENTENCE = re.compile(r"(?<=[.!?…。！？।])[\"'”’)\]]*\s+(?=\S)")
_ABBREVIATION = re.compile(r"(?:\b(?:[A-Za-z]|Dr|Mr|Mrs|Ms|St|No|Prof|approx|etc|e\.g|i\.e|vs|Nr)\.)$")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence and the page it begins on; pages count from 1."""

    text: str
    page: int


@dataclass(frozen=True, slots=True)
class Piece:
    """A passage: what is found, read to the model and cited."""

    text: str
    page: int
    """Where it begins."""


def cut(pages: Sequence[str]) -> list[Piece]:
    """Cut the text of a document, page by page, into passages."""
    found: list[Piece] = []
    kept: list[Sentence] = []
    fresh = 0
    for sentence in _sentences(pages):
        size = _size(sentence.text)
        if fresh and _total(kept) + size > CHUNK_WORDS:
            found.append(_piece(kept))
            kept, fresh = _tail(kept), 0
        kept.append(sentence)
        fresh += 1
    if fresh:
        found.append(_piece(kept))
    return found


def sentences(text: str) -> list[str]:
    """Split a text at the ends of its sentences; abbreviations end none."""
    parts: list[str] = []
    for part in _SENTENCE.split(text.strip()):
        if parts and _ABBREVIATION.search(parts[-1]):
            parts[-1] = f"{parts[-1]} {part}"
        elif part.strip():
            parts.append(part.strip())
    return parts


def _sentences(pages: Sequence[str]) -> Iterator[Sentence]:
    for number, page in enumerate(pages, 1):
        for paragraph in _PARAGRAPH.split(page):
            for text in sentences(" ".join(paragraph.split())):
                for start in range(0, _size(text), _LONGEST_SENTENCE):
                    yield Sentence(" ".join(text.split()[start : start + _LONGEST_SENTENCE]), number)


def _tail(kept: Sequence[Sentence]) -> list[Sentence]:
    """Return the last sentences of a passage, with which the next one begins, so that no thought is cut in two."""
    tail: list[Sentence] = []
    for sentence in reversed(kept):
        if _total(tail) + _size(sentence.text) > OVERLAP_WORDS:
            break
        tail.insert(0, sentence)
    return tail if len(tail) < len(kept) else []


def _piece(kept: Sequence[Sentence]) -> Piece:
    return Piece(" ".join(sentence.text for sentence in kept), kept[0].page)


def _total(kept: Sequence[Sentence]) -> int:
    return sum(_size(sentence.text) for sentence in kept)


def _size(text: str) -> int:
    return len(text.split())
