"""Soak: thousands of short calls, after which everything must be where it was before the first."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dialnexa.cli.benchmark.figures import NOTHING_LEFT, Goal, Measurement, left_over
from dialnexa.cli.benchmark.running import Stage, stage
from dialnexa.cli.benchmark.stories import Story, at_a_rate, times

GOALS = (
    Goal("calls not answered", "not_answered", "", 0.0),
    Goal("hang-ups not confirmed", "not_parted", "", 0.0),
    Goal("memory that grows, MB per 1000 calls", "growth_mb_per_1000_calls", "", 0.1),
    *NOTHING_LEFT,
    Goal("transactions left", "transactions_left", "", 0.0),
)
_SAMPLES = 40
"""Measurements over the run."""


@dataclass(frozen=True, slots=True)
class SoakRun:
    """What a soak found."""

    per_second: float
    hold_s: float
    stories: Sequence[Story]
    samples: Sequence[tuple[int, Measurement]]
    """How many calls were over, and what the subject held then."""
    before: Measurement
    after: Measurement
    load_average: float

    def facts(self) -> dict[str, object]:
        """Return every figure under the name it is printed with."""
        return {
            **at_a_rate(self.stories, self.per_second, self.hold_s),
            "not_parted": sum(story.status == 200 and not story.parted for story in self.stories),
            "setup_ms": times(self.stories, 200),
            "memory_mb": {
                "before": _mb(self.before),
                "middle": _mb(self.samples[len(self.samples) // 2][1]) if self.samples else _mb(self.before),
                "end": _mb(self.samples[-1][1]) if self.samples else _mb(self.before),
                "after": _mb(self.after),
            },
            "growth_mb_per_1000_calls": self._growth(),
            "left_over": left_over(self.before, self.after),
            "transactions_left": self.after["transactions"],
            "load_average": round(self.load_average, 1),
        }

    def _growth(self) -> float:
        """Return the slope of memory over the second half, when every pool has its size."""
        late = self.samples[len(self.samples) // 2 :]
        if len(late) < 3:
            return 0.0
        calls, memory = [float(done) for done, _ in late], [_mb(held) for _, held in late]
        return round(1000 * float(np.polyfit(calls, memory, 1)[0]), 3)


async def run(calls: int, per_second: float, hold_s: float, *, t1_s: float | None = None) -> SoakRun:
    """Make that many calls and wait until SIP has forgotten them. Raises ``RuntimeError`` when the subject dies."""
    async with stage(t1_s=t1_s) as made:
        before = await made.subject.measure()
        samples: list[tuple[int, Measurement]] = []
        sampling = asyncio.create_task(_sample(made, calls / per_second / _SAMPLES, per_second, samples))
        try:
            stories = await made.stream(calls, per_second, hold_s)
        finally:
            sampling.cancel()
            await asyncio.gather(sampling, return_exceptions=True)
        after = await made.forgotten()
    return SoakRun(per_second, hold_s, stories, samples, before, after, os.getloadavg()[0])


async def _sample(made: Stage, every_s: float, per_second: float, samples: list[tuple[int, Measurement]]) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    while True:
        await asyncio.sleep(every_s)
        await made.forget()  # else the notes of the bench itself would grow
        samples.append((round((loop.time() - began) * per_second), await made.subject.measure()))


def _mb(held: Measurement) -> float:
    return round(held["rss_kb"] / 1024, 2)
