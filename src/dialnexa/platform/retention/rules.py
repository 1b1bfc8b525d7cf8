"""What is kept for how long: the operator's rule, unless a workspace has its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

Kind = Literal["recordings", "transcripts", "events", "deliveries", "ladders", "audit"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""Audio; what was said and what was made of it; events; the delivery log; SIP messages and refused calls; who changed
what."""
FOR_EVER = 0
LONGEST = 36_500
SHORTEST_AUDIT = 30
"""Days a workspace keeps its audit log at least: whoever holds a key must not make its traces disappear."""

Overrides = Mapping[str, Mapping[str, int]]
"""Kind → workspace → days."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """The operator's rules, in days; 0 means for ever."""

    days: Mapping[Kind, int] = field(default_factory=lambda: dict.fromkeys(KINDS, FOR_EVER))


@dataclass(frozen=True, slots=True)
class Reach:
    """Whose things a rule is about: one workspace's, or everybody's who has no rule of its own."""

    only: str | None = None
    but_not: frozenset[str] = frozenset()


def spans(kind: Kind, defaults: Defaults, overrides: Overrides) -> list[tuple[Reach, int]]:
    """Return, for one kind, after how many days whose things go; rules that keep them for ever are left out."""
    own = overrides.get(kind, {})
    found = [(Reach(but_not=frozenset(own)), defaults.days[kind])]
    found += [(Reach(only=workspace), days) for workspace, days in sorted(own.items())]
    return [(reach, days) for reach, days in found if days != FOR_EVER]
