"""Overload: more calls are offered than the subject can carry; those that run must not notice."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass

from dialnexa.cli.benchmark.figures import (
    NOTHING_LEFT,
    FunctionShare,
    Goal,
    Measurement,
    left_over,
    pacing_of,
    spread,
)
from dialnexa.cli.benchmark.hearing import Heard
from dialnexa.cli.benchmark.running import stage
from dialnexa.cli.benchmark.stories import Story, answers, repeated, times

GOALS = (
    Goal("refusals other than 503", "refused_otherwise", "", 0.0),
    Goal("503s without Retry-After", "without_retry_after", "", 0.0),
    Goal("calls without any answer", "unanswered", "", 0.0),
    Goal("running calls lost", "running_lost", "", 0.0),
    Goal("pacing of running calls during overload, p99, ms", "pacing_during_ms", "p99", 8.0),
    *NOTHING_LEFT,
)
_SETTLE_S = 2.0


@dataclass(frozen=True, slots=True)
class OverloadRun:
    """What a run found."""

    running: int
    per_second: float
    stories: Sequence[Story]
    calm: Sequence[Heard]
    pressed: Sequence[Heard]
    """What the running calls heard before and during the overload."""
    lost: int
    most_legs: int
    before: Measurement
    end: Measurement
    after: Measurement
    callers_late_s: Sequence[float]
    load_average: float

    def facts(self) -> dict[str, object]:
        """Return every figure under the name it is printed with."""
        refused = [story for story in self.stories if story.status >= 300]
        return {
            "running_calls": self.running,
            "running_lost": self.lost,
            "offered": len(self.stories),
            "offered_per_second": self.per_second,
            "answers": answers(self.stories),
            "most_calls_at_once": self.most_legs,
            "refused_otherwise": sum(story.status != 503 for story in refused),
            "without_retry_after": sum(story.status == 503 and not story.retry_after for story in refused),
            "unanswered": sum(not story.status for story in self.stories),
            "invites_repeated": repeated(self.stories),
            "refused_after_ms": times(self.stories, 503),
            "setup_ms": times(self.stories, 200),
            "pacing_before_ms": pacing_of(self.calm),
            "pacing_during_ms": pacing_of(self.pressed),
            "frames_skipped_during": sum(heard.missing() for heard in self.pressed),
            "tick_lateness_ms": spread(self.end["late"], 1000),
            "tick_lateness_of_our_own_ms": spread(self.end["own_late"], 1000),
            "callers_lateness_ms": spread(self.callers_late_s, 1000),
            "left_over": left_over(self.before, self.after),
            "load_average": round(self.load_average, 1),
        }

    @property
    def profile(self) -> list[FunctionShare]:
        """The functions that took the CPU time of the overload, if they were asked for."""
        return self.end["profile"]


async def run(
    running: int,
    per_second: float,
    seconds: float,
    *,
    calm_s: float = 8.0,
    hold_s: float = 10.0,
    profile: bool = False,
) -> OverloadRun:
    """Carry some calls, then offer that many more a second. Raises ``RuntimeError`` when the subject dies.

    ``calm_s``: how long the running calls are watched before. ``hold_s``: how long an offered call stays once it is let
    in; longer than the flood needs to fill every place.
    """
    async with stage() as made:
        subject, load = made.subject, made.load
        before = await subject.measure()
        await load.place(running)
        watched = list(load.callers)
        await asyncio.sleep(_SETTLE_S)
        await made.forget()
        await asyncio.sleep(calm_s)
        calm = [caller.heard for caller in watched]
        for caller in watched:
            caller.heard = Heard()
        await made.forget()
        if profile:
            await subject.ask("profile")
        offering = asyncio.create_task(made.stream(round(per_second * seconds), per_second, hold_s))
        await asyncio.sleep(seconds)
        end, pressed = await subject.measure(), [caller.heard for caller in watched]
        late = list(load.late)
        stories = await offering
        lost = sum(caller.attempt is None or caller.attempt.gone.done() for caller in watched)
        await load.hang_up()
        after = await made.quiet()
    return OverloadRun(
        len(watched), per_second, stories, calm, pressed, lost, end["legs"], before, end, after, late,
        os.getloadavg()[0],
    )  # fmt: skip
