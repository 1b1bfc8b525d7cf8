"""What came of the calls of a load, each by itself and all together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from dialnexa.cli.benchmark.figures import spread


@dataclass(frozen=True, slots=True)
class Story:
    """What came of one call of the load."""

    status: int
    """The final status; 0: none came."""
    heard: dict[int, float]
    """Status → seconds after the INVITE."""
    retry_after: bool
    """Whether a refusal said when to come again."""
    repeats: int
    """INVITEs sent again because nobody answered."""
    parted: bool = True
    """Whether the far end confirmed the hang-up."""


def at_a_rate(stories: Sequence[Story], per_second: float, hold_s: float) -> dict[str, object]:
    """Return what any run of calls at a steady rate tells of them."""
    return {
        "calls": len(stories),
        "calls_per_second": per_second,
        "seconds_per_call": hold_s,
        "not_answered": sum(story.status != 200 for story in stories),
        "answers": answers(stories),
        "invites_repeated": repeated(stories),
    }


def times(stories: Sequence[Story], status: int) -> dict[str, float]:
    """Return how soon a status came, in ms."""
    return spread([story.heard[status] for story in stories if status in story.heard], 1000)


def answers(stories: Sequence[Story]) -> dict[str, int]:
    """Return how many calls got each final status; ``none``: no answer at all."""
    counted = Counter(str(story.status or "none") for story in stories)
    return dict(sorted(counted.items()))


def repeated(stories: Sequence[Story]) -> int:
    """Return how many INVITEs had to be sent again."""
    return sum(story.repeats for story in stories)
