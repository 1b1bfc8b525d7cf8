"""One run of the bench: a subject on a core of its own, callers in this process, from warm-up to the last hang-up."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

from dialnexa.cli.benchmark.callers import Load
from dialnexa.cli.benchmark.figures import Measurement, Run
from dialnexa.live.sip.endpoint import SipEndpoint

_WARM_UP_CALLS = 4
_WARM_UP_S = 1.5
_SETTLE_S = 7.0
"""From the last call placed to the first figure: more than one cycle of a caller."""
_FAREWELL_S = 1.5
"""From the last hang-up until nothing of the calls may be left."""
_LINE_BYTES = 1 << 24


class Subject:
    """The process under test, from this side of its pipes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.port = 0

    @classmethod
    @asynccontextmanager
    async def start(cls, *, recording: bool) -> AsyncGenerator[Subject]:
        """Run a subject as long as the block lasts."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "dialnexa.cli.benchmark.subject", *([] if recording else ["--no-recording"]),
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


async def run(calls: int, seconds: float, *, recording: bool, profile: bool) -> Run:
    """Carry that many calls for that long and say what it took. Raises ``RuntimeError`` when the subject dies."""
    async with (
        Subject.start(recording=recording) as subject,
        SipEndpoint.open("127.0.0.1", 0, on_invite=lambda call: call.reject(486)) as endpoint,
    ):
        load = Load(subject.port)
        talking = asyncio.create_task(load.talk())
        try:
            await _warm_up(load, endpoint)
            found = await _measured(subject, load, endpoint, calls, seconds, profile)
            if talking.done():  # callers that fell silent would make every figure too good
                talking.result()
            return found
        finally:
            talking.cancel()
            await asyncio.gather(talking, return_exceptions=True)


async def _warm_up(load: Load, endpoint: SipEndpoint) -> None:
    """Carry a few calls first: what only the first call costs (imports, caches) is nobody's figure."""
    await load.place(_WARM_UP_CALLS, endpoint)
    await asyncio.sleep(_WARM_UP_S)
    await load.hang_up()
    await asyncio.sleep(_FAREWELL_S)


async def _measured(
    subject: Subject, load: Load, endpoint: SipEndpoint, calls: int, seconds: float, profile: bool
) -> Run:
    before = await subject.measure()
    setup = await load.place(calls, endpoint)
    await asyncio.sleep(_SETTLE_S)
    await subject.ask("forget")
    load.forget()
    start, began = await subject.measure(), time.monotonic()
    if profile:
        await subject.ask("profile")
    await asyncio.sleep(seconds)
    end, lasted = await subject.measure(), time.monotonic() - began
    heard, late = [caller.heard for caller in load.callers], list(load.late)
    await load.hang_up()
    await asyncio.sleep(_FAREWELL_S)
    after = await subject.measure()
    return Run(calls, lasted, before, start, end, after, setup, heard, late, os.getloadavg()[0])


def _apart(subject: int) -> None:
    """Give the subject a core of its own, so that the callers do not disturb what is measured."""
    if sys.platform == "linux" and len(cores := sorted(os.sched_getaffinity(0))) > 1:
        os.sched_setaffinity(subject, {cores[-1]})
        os.sched_setaffinity(0, set(cores[:-1]))
