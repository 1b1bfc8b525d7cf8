"""Call rate: new calls at a steady pace, and how soon each is tried, rings and is answered."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

from dialnexa.cli.benchmark.figures import (
    NOTHING_LEFT,
    FunctionShare,
    Goal,
    Measurement,
    left_over,
    spread,
    taken_by_others,
)
from dialnexa.cli.benchmark.running import stage
from dialnexa.cli.benchmark.stories import Story, at_a_rate, times

GOALS = (
    Goal("calls not answered", "not_answered", "", 0.0),
    Goal("100 Trying, p95, ms", "trying_ms", "p95", 5.0),
    Goal("180 Ringing, p95, ms", "ringing_ms", "p95", 50.0),
    Goal("set-up (INVITE → 200), p95, ms", "setup_ms", "p95", 20.0),
    Goal("CPU to set up and end a call, ms", "setup_cpu_ms_per_call", "", 3.0),
    *NOTHING_LEFT,
)
_PROBE_CALLS = 100
_PROBE_PER_SECOND = 20.0


@dataclass(frozen=True, slots=True)
class RateRun:
    """What a run at one rate found."""

    per_second: float
    hold_s: float
    seconds: float
    stories: Sequence[Story]
    probed_cpu_s: float
    """CPU of the calls of the probe: hung up as soon as they were answered, at a low rate."""
    before: Measurement
    start: Measurement
    end: Measurement
    after: Measurement
    callers_late_s: Sequence[float]
    load_average: float

    def facts(self) -> dict[str, object]:
        """Return every figure under the name it is printed with."""
        return {
            **at_a_rate(self.stories, self.per_second, self.hold_s),
            "trying_ms": times(self.stories, 100),
            "ringing_ms": times(self.stories, 180),
            "setup_ms": times(self.stories, 200),
            "setup_cpu_ms_per_call": round(1000 * self.probed_cpu_s / _PROBE_CALLS, 2),
            "cpu_percent_of_a_core": round(100 * (self.end["cpu_s"] - self.start["cpu_s"]) / self.seconds, 1),
            "tick_lateness_ms": spread(self.end["late"], 1000),
            "tick_lateness_of_our_own_ms": spread(self.end["own_late"], 1000),
            "core_taken_by_others_percent": taken_by_others(self.start, self.end, self.seconds),
            "callers_lateness_ms": spread(self.callers_late_s, 1000),
            "left_over": left_over(self.before, self.after),
            "load_average": round(self.load_average, 1),
        }

    @property
    def profile(self) -> list[FunctionShare]:
        """The functions that took the CPU time, if they were asked for."""
        return self.end["profile"]


async def run(per_second: float, seconds: float, hold_s: float, *, profile: bool = False) -> RateRun:
    """Place calls at this rate for that long, each held for ``hold_s``."""
    async with stage() as made:
        before = await made.subject.measure()
        await made.stream(_PROBE_CALLS, _PROBE_PER_SECOND, 0.0)
        probed = await made.subject.measure()
        await made.forget()
        start, began = await made.subject.measure(), time.monotonic()
        if profile:
            await made.subject.ask("profile")
        stories = await made.stream(round(per_second * seconds), per_second, hold_s)
        end, lasted = await made.subject.measure(), time.monotonic() - began
        late = list(made.load.late)
        after = await made.quiet()
    cpu = probed["cpu_s"] - before["cpu_s"]
    return RateRun(per_second, hold_s, lasted, stories, cpu, before, start, end, after, late, os.getloadavg()[0])
