"""What every mode of the bench runs on: a subject on a core of its own, and callers in this process."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

from dialnexa.cli.benchmark.callers import Load
from dialnexa.cli.benchmark.dialler import Dialler
from dialnexa.cli.benchmark.figures import Measurement
from dialnexa.cli.benchmark.stories import Story
from dialnexa.live.sip.transactions.timers import Timers

_WARM_UP_CALLS = 4
_WARM_UP_S = 1.5
_FAREWELL_S = 1.5
"""From the last hang-up until nothing of the calls may be left, but what absorbs repetitions."""
_LINE_BYTES = 1 << 24


class Subject:
    """The process under test, from this side of its pipes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.port = 0

    @classmethod
    @asynccontextmanager
    async def start(cls, *, recording: bool, t1_s: float) -> AsyncGenerator[Subject]:
        """Run a subject as long as the block lasts; ``t1_s`` is its SIP timer T1."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "dialnexa.cli.benchmark.subject",
            "--t1", str(t1_s), *([] if recording else ["--no-recording"]),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=_LINE_BYTES,
        )  # fmt: skip
        subject = cls(process)
        try:
            subject.port = int(cast("int", (await subject._read())["port"]))
            _apart(process.pid)
            yield subject
        finally:
            if process.stdin:
                process.stdin.close()
            await process.wait()

    async def ask(self, command: str) -> dict[str, object]:
        """Send a command and return the answer."""
        if self._process.stdin is None:
            raise RuntimeError("the subject was started without a pipe")
        self._process.stdin.write(f"{command}\n".encode())
        await self._process.stdin.drain()
        return await self._read()

    async def measure(self) -> Measurement:
        """Return the figures so far."""
        return cast("Measurement", await self.ask("measure"))

    async def _read(self) -> dict[str, object]:
        if self._process.stdout is None or not (line := await self._process.stdout.readline()):
            raise RuntimeError("the process under test ended before its time; its own words are above")
        return json.loads(line)


@dataclass(frozen=True, slots=True)
class Stage:
    """A subject that is warm, and a load whose callers talk."""

    subject: Subject
    load: Load
    t1_s: float

    async def forget(self) -> None:
        """Start the figures of both anew."""
        await self.subject.ask("forget")
        self.load.forget()

    async def quiet(self) -> Measurement:
        """Return what is left shortly after the last hang-up."""
        await asyncio.sleep(_FAREWELL_S)
        return await self.subject.measure()

    async def forgotten(self) -> Measurement:
        """Return what is left once SIP may have forgotten the last call: 64*T1 later (RFC 3261 §17)."""
        await asyncio.sleep(Timers(self.t1_s).give_up)
        return await self.quiet()

    async def stream(self, count: int, per_second: float, hold_s: float) -> list[Story]:
        """Make calls at a steady rate, whatever becomes of them; return the story of each once all are over."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.TaskGroup() as group:
            calls: list[asyncio.Task[Story]] = []
            for number in range(count):
                await asyncio.sleep(max(0.0, began + number / per_second - loop.time()))
                calls.append(group.create_task(self.load.call(hold_s)))
        return [call.result() for call in calls]


@asynccontextmanager
async def stage(*, recording: bool = True, t1_s: float | None = None) -> AsyncGenerator[Stage]:
    """Set the stage for one run. Raises ``RuntimeError`` when the subject dies."""
    t1_s = t1_s or Timers().t1
    async with Subject.start(recording=recording, t1_s=t1_s) as subject, Dialler.open(subject.port) as dialler:
        load = Load(dialler)
        talking = asyncio.create_task(load.talk())
        try:
            made = Stage(subject, load, t1_s)
            await _warm_up(made)
            yield made
            if talking.done():  # callers that fell silent would make every figure too good
                talking.result()
        finally:
            talking.cancel()
            await asyncio.gather(talking, return_exceptions=True)


async def _warm_up(made: Stage) -> None:
    """Carry a few calls first: what only the first call costs (imports, caches) is nobody's figure."""
    await made.load.place(_WARM_UP_CALLS)
    await asyncio.sleep(_WARM_UP_S)
    await made.load.hang_up()
    await asyncio.sleep(_FAREWELL_S)


def _apart(subject: int) -> None:
    """Give the subject a core of its own, so that the callers do not disturb what is measured."""
    if sys.platform == "linux" and len(cores := sorted(os.sched_getaffinity(0))) > 1:
        os.sched_setaffinity(subject, {cores[-1]})
        os.sched_setaffinity(0, set(cores[:-1]))
