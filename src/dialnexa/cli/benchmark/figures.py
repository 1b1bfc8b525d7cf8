"""What one run found, and what it is measured against. Pure arithmetic over two measurements of the subject."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np

from dialnexa.cli.benchmark.hearing import Floats, Heard

LATE_S = 0.005
"""A beat later than this counts as late: a phase."""


class FunctionShare(TypedDict):
    """One line of a profile."""

    function: str
    own_percent: float
    within_percent: float


class Measurement(TypedDict):
    """What the subject says of itself; see ``subject.Subject``."""

    cpu_s: float
    clock_thread_s: float
    waited_s: float
    rss_kb: int
    legs: int
    dialogs: int
    """And calls on the way to one."""
    transactions: int
    ports: int
    tasks: int
    files: int
    late: list[float]
    own_late: list[float]
    turns: int
    waterfalls: list[dict[str, int]]
    profile: list[FunctionShare]


@dataclass(frozen=True, slots=True)
class Run:
    """One run: measurements before the calls, at both ends of the measured time, and after the last hang-up."""

    calls: int
    """How many were carried."""
    refused: int
    seconds: float
    before: Measurement
    start: Measurement
    end: Measurement
    after: Measurement
    setup_s: list[float]
    heard: list[Heard]
    callers_late_s: list[float]
    load_average: float

    @property
    def cpu_percent_per_call(self) -> float:
        """CPU of the subject as a share of one core, per call."""
        return 100 * (self.end["cpu_s"] - self.start["cpu_s"]) / self.seconds / self.calls

    @property
    def memory_mb_per_call(self) -> float:
        """Resident memory the calls added, per call."""
        return (self.end["rss_kb"] - self.before["rss_kb"]) / 1024 / self.calls

    def facts(self) -> dict[str, object]:
        """Return every figure under the name it is printed with."""
        packets = sum(len(heard.arrivals) for heard in self.heard)
        missing = sum(heard.missing() for heard in self.heard)
        turns = self.end["turns"] - self.start["turns"]
        return {
            "calls": self.calls,
            "refused": self.refused,
            "seconds": round(self.seconds, 1),
            "cpu_percent_per_call": round(self.cpu_percent_per_call, 3),
            "calls_per_core": round(100 / max(self.cpu_percent_per_call, 1e-6)),
            "cpu_beside_the_clock_percent": round(self._beside_the_clock(), 1),
            "memory_mb_per_call": round(self.memory_mb_per_call, 3),
            "tick_lateness_ms": spread(self.end["late"], 1000),
            "tick_lateness_of_our_own_ms": spread(self.end["own_late"], 1000),
            "late_ticks_percent": _share(self.end["late"]),
            "late_ticks_of_our_own_percent": _share(self.end["own_late"]),
            "core_taken_by_others_percent": taken_by_others(self.start, self.end, self.seconds),
            "pacing_ms": pacing_of(self.heard),
            "frames_skipped_percent": round(100 * missing / max(1, packets + missing), 3),
            "callers_lateness_ms": spread(self.callers_late_s, 1000),
            "setup_ms": spread(self.setup_s, 1000),
            "reply_ms": spread([reply for heard in self.heard for reply in heard.replies()], 1000),
            "hold_ms": spread([hold for heard in self.heard for hold in heard.holds()], 1000),
            "waterfall_p50_ms": _waterfall(self.end["waterfalls"]),
            "agent_turns": turns,
            "left_over": left_over(self.before, self.after),
            "load_average": round(self.load_average, 1),
        }

    def _beside_the_clock(self) -> float:
        """Share of the CPU that went to other threads than the clock's: the recorder."""
        whole = self.end["cpu_s"] - self.start["cpu_s"]
        clock = self.end["clock_thread_s"] - self.start["clock_thread_s"]
        return 100 * (whole - clock) / max(whole, 1e-6)


@dataclass(frozen=True, slots=True)
class Goal:
    """One line of the performance contract: a figure and the most it may be."""

    name: str
    figure: str
    part: str
    most: float

    def met(self, facts: dict[str, object]) -> bool | None:
        """Say whether the figure is within the goal; ``None`` when it was not measured."""
        value = self.value(facts)
        return None if value is None else value <= self.most

    def value(self, facts: dict[str, object]) -> float | None:
        """Return the figure."""
        found = facts.get(self.figure)
        if isinstance(found, dict):
            found = found.get(self.part)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        return float(found) if isinstance(found, int | float) else None


_HELD = ("legs", "dialogs", "ports", "tasks", "files")
NOTHING_LEFT = tuple(Goal(f"{what} left after hang-up", "left_over", what, 0.0) for what in _HELD)
GOALS = (
    Goal("calls refused", "refused", "", 0.0),
    Goal("CPU per call, % of a core", "cpu_percent_per_call", "", 0.32),
    Goal("memory per call, MB", "memory_mb_per_call", "", 0.5),
    Goal("pacing p99, ms", "pacing_ms", "p99", 3.0),
    Goal("ticks late by our own work, %", "late_ticks_of_our_own_percent", "", 0.1),
    Goal("caller stops → agent heard, p50, ms", "reply_ms", "p50", 420.0),
    Goal("caller stops → agent heard, p95, ms", "reply_ms", "p95", 550.0),
    Goal("caller speaks → agent steps back, p50, ms", "hold_ms", "p50", 180.0),
    *NOTHING_LEFT,
)


def left_over(before: Measurement, after: Measurement) -> dict[str, int]:
    """Return what the subject holds after the last call that it did not hold before the first."""
    return {what: after[what] - before[what] for what in _HELD}


def taken_by_others(start: Measurement, end: Measurement, seconds: float) -> float:
    """Return the per cent of the time in which the subject was ready to run and had no core."""
    return round(100 * (end["waited_s"] - start["waited_s"]) / seconds, 1)


def pacing_of(heard: Sequence[Heard]) -> dict[str, float]:
    """Return how far packets came from their calls' grids, in ms."""
    return spread(_joined([each.pacing() for each in heard]), 1000)


def _joined(parts: Sequence[Floats]) -> Floats:
    return np.concatenate(parts) if parts else np.zeros(0)


def spread(values: Sequence[float] | Floats, scale: float) -> dict[str, float]:
    """Return the usual percentiles and the worst of some values, scaled; nothing for no values."""
    if not len(values):
        return {}
    scaled = np.asarray(values, np.float64) * scale
    p50, p95, p99 = (round(float(value), 2) for value in np.percentile(scaled, (50, 95, 99)))
    return {"p50": p50, "p95": p95, "p99": p99, "max": round(float(scaled.max()), 2)}


def _share(late: Sequence[float]) -> float:
    """Return the per cent of beats that were late by a phase or more."""
    return round(100 * sum(each >= LATE_S for each in late) / max(1, len(late)), 3)


def _waterfall(waterfalls: Sequence[dict[str, int]]) -> dict[str, float]:
    """Return the median of each stage of a turn, ms since the caller's last voiced sample as the VAD saw it."""
    stages = sorted({stage for each in waterfalls for stage in each})
    medians = {stage: float(np.median([each[stage] for each in waterfalls if stage in each])) for stage in stages}
    return dict(sorted(medians.items(), key=lambda item: item[1]))
