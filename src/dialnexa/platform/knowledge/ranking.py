"""How well passages answer a question, as a score from 0 to 1 that means the same on every database.

A score is the share of the question that the passage speaks of, where rare words count more than common ones: 1 means
that every word that matters is there. Words nobody wrote anywhere count as fairly common ones, for they are as often
small talk as they are what was asked.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_UNKNOWN_SHARE = 1 / 6


@dataclass(frozen=True, slots=True)
class Candidate:
    """A passage that has at least one of the words."""

    number: int
    terms: str
    """Its stems, separated by spaces."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """A passage and how well it answers."""

    number: int
    score: float


def weights(terms: Sequence[str], found_in: Mapping[str, int], passages: int) -> dict[str, float]:
    """Return what each term of a question counts; ``found_in`` says in how many of all ``passages`` it stands."""
    return {term: _weight(found_in.get(term, 0), passages) for term in terms}


def rank(weighed: Mapping[str, float], candidates: Sequence[Candidate]) -> list[Ranked]:
    """Return the candidates, best first; of equals the one that says it more often in fewer words."""
    whole = sum(weighed.values())
    if not whole:
        return []
    scored = [(*_score(weighed, whole, one), one.number) for one in candidates]
    scored.sort(key=lambda entry: (-entry[0], -entry[1], entry[2]))
    return [Ranked(number, score) for score, _, number in scored if score > 0]


def _score(weighed: Mapping[str, float], whole: float, candidate: Candidate) -> tuple[float, float]:
    counted = Counter(candidate.terms.split())
    score = sum(weight for term, weight in weighed.items() if counted[term]) / whole
    length = max(counted.total(), 1)
    density = sum(weight * math.log1p(counted[term]) for term, weight in weighed.items()) / (1 + math.log1p(length))
    return round(min(score, 1.0), 4), density


def _weight(found_in: int, passages: int) -> float:
    number = found_in or max(1.0, passages * _UNKNOWN_SHARE)
    return math.log(1 + passages / number)
