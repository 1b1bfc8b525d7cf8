"""Capacity: a number of concurrent calls for a while, and what each costs."""

from __future__ import annotations

import asyncio
import os
import time

from dialnexa.cli.benchmark.figures import Run
from dialnexa.cli.benchmark.running import Stage, stage

_SETTLE_S = 7.0
"""From the last call placed to the first figure: more than one cycle of a caller."""


async def run(calls: int, seconds: float, *, recording: bool, profile: bool) -> Run:
    """Carry that many calls for that long and say what it took. Raises ``RuntimeError`` when the subject dies."""
    async with stage(recording=recording) as made:
        return await _measured(made, calls, seconds, profile)


async def _measured(made: Stage, calls: int, seconds: float, profile: bool) -> Run:
    subject, load = made.subject, made.load
    before = await subject.measure()
    setup = [story.heard[200] for story in await load.place(calls) if 200 in story.heard]
    carried = len(load.callers)
    await asyncio.sleep(_SETTLE_S)
    await made.forget()
    start, began = await subject.measure(), time.monotonic()
    if profile:
        await subject.ask("profile")
    await asyncio.sleep(seconds)
    end, lasted = await subject.measure(), time.monotonic() - began
    heard, late = [caller.heard for caller in load.callers], list(load.late)
    await load.hang_up()
    after, others = await made.quiet(), os.getloadavg()[0]
    return Run(carried, calls - carried, lasted, before, start, end, after, setup, heard, late, others)
