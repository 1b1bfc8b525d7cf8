"""What can be watched, and when a figure has crossed its threshold: pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Metric = Literal[
    "failure_rate", "no_answer_rate", "latency_p95_ms", "concurrency_use", "spend_today", "undelivered_events"
]
State = Literal["ok", "triggered"]

_EASE = 0.9
"""Of the threshold: a figure that swings about it triggers once."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A figure."""

    description: str
    unit: str
    least: float
    most: float
    """Thresholds lie from ``least`` to ``most``."""
    of_agents: bool = True
    """Whether it can be had for one agent alone."""
    of_window: bool = True
    """Whether it counts what happened within the window, and not how things stand."""


METRICS: Mapping[Metric, Kind] = {
    "failure_rate": Kind("Of the calls that ended, those that failed.", "percent", 0.1, 100),
    "no_answer_rate": Kind("Of the calls that ended, those nobody picked up.", "percent", 0.1, 100),
    "latency_p95_ms": Kind("How long the agent took to answer in all but the slowest 5 % of calls.", "ms", 1, 60_000),
    "concurrency_use": Kind(
        "Of the calls the workspace may hold at once, those it holds.",
        "percent",
        1,
        100,
        of_agents=False,
        of_window=False,
    ),
    "spend_today": Kind("What calls cost since midnight, UTC.", "currency", 0.01, 1_000_000, of_window=False),
    "undelivered_events": Kind("Webhook deliveries that were given up.", "deliveries", 1, 1_000_000, of_agents=False),
}
"""What each figure is called, and what it is."""


def resolves_below(threshold: float, resolve_threshold: float | None) -> float:
    """Return below which value an alert is over."""
    return round(threshold * _EASE, 6) if resolve_threshold is None else resolve_threshold


def judge(state: State, value: float | None, threshold: float, resolve_threshold: float | None) -> State:
    """Return how an alert stands now. Too little to measure, or between both thresholds, leaves it as it is."""
    if value is None:
        return state
    if value >= threshold:
        return "triggered"
    return "ok" if value < resolves_below(threshold, resolve_threshold) else state
