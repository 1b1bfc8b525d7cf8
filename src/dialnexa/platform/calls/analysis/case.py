"""What there is to analyse, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from dialnexa.platform.agents.analysis_fields import AnalysisField
from dialnexa.platform.costs.usage import Tokens

Mood = Literal["positive", "neutral", "negative", "unknown"]
MOODS: tuple[Mood, ...] = ("positive", "neutral", "negative", "unknown")
EXTRACTIVE = "builtin/extractive"
"""The embedded engine: it quotes and counts, it understands nothing."""


@dataclass(frozen=True, slots=True)
class Said:
    """One turn."""

    role: str
    """``agent`` or ``user``."""
    text: str

    def __str__(self) -> str:
        """Return the turn as a line of a transcript."""
        return f"{'Agent' if self.role == 'agent' else 'User'}: {self.text}"


@dataclass(frozen=True, slots=True)
class Case:
    """A finished call, as its analysis sees it."""

    call_id: str
    agent: str
    direction: str
    moment: datetime
    """When the people spoke, in the agent's time zone: what "tomorrow" counts from."""
    turns: Sequence[Said]
    fields: Sequence[AnalysisField]
    """Their descriptions have every variable rendered."""
    llm_id: str | None
    """The model that the agent names; ``None``: the installation's."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What an analysis found. A field without evidence is ``None``."""

    engine: str
    summary: str | None
    mood: Mood
    score: float | None
    """From -1 to 1; ``None``: unknown."""
    values: Mapping[str, object]
    tokens: Tokens = field(default_factory=Tokens)
    trouble: str = ""
    """Why it was not made by the model it was to be made by."""
