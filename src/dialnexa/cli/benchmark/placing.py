"""Placing calls over HTTP: what ``POST /v1/calls`` costs one api process, from the socket to the commit.

The process is a real ``dialnexa api`` with nobody to carry the calls out, so only placing is measured: admission,
slots, the call's row, its outbox event and its place in the queue, in one transaction. The slots of what was placed are
given back meanwhile, as ending calls would, so that the limit's rows stay as few as in life.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from dialnexa.cli.benchmark.figures import Goal, spread
from dialnexa.cli.benchmark.http import Connection
from dialnexa.cli.installation import Installation
from dialnexa.cli.preparing import prepare
from dialnexa.platform.database import Database
from dialnexa.settings import Settings

GOALS = (
    Goal("calls not accepted", "not_accepted", "", 0.0),
    Goal("CPU of the api process per call, ms (500 a second)", "cpu_ms_per_call", "", 2.0),
    Goal("POST /v1/calls, p99, ms", "answered_ms", "p99", 50.0),
)
_WARM_UP_CALLS = 100
_UNLIMITED = 1_000_000
_RELEASE_S = 0.25
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class PlacingRun:
    """What one run found."""

    database: str
    connections: int
    seconds: float
    answered_s: Sequence[float]
    statuses: Counter[int]
    cpu_s: float
    load_average: float

    def facts(self) -> dict[str, object]:
        """Return every figure under the name it is printed with."""
        calls = len(self.answered_s)
        return {
            "database": self.database,
            "connections": self.connections,
            "calls": calls,
            "calls_per_second": round(calls / self.seconds, 1),
            "cpu_ms_per_call": round(1000 * self.cpu_s / calls, 3),
            "calls_per_second_of_one_core": round(calls / self.cpu_s, 1),
            "answered_ms": spread(self.answered_s, 1000),
            "not_accepted": sum(self.statuses.values()) - self.statuses[201],
            "answers": {str(status): count for status, count in sorted(self.statuses.items())},
            "load_average": round(self.load_average, 1),
        }


async def run(database_url: str, connections: int, seconds: float) -> PlacingRun:
    """Place calls over this many connections for that long; ``database_url`` empty: SQLite in a fresh folder."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            data=Path(folder),
            database_url=database_url,
            concurrency_limit=_UNLIMITED,
            http_port=0,
            log_level="WARNING",
        )
        home = await prepare(settings)
        async with _api(settings) as (port, pid), Database.open(settings.resolved_database_url) as database:
            releasing = asyncio.create_task(_release(database))
            try:
                await _place(port, home, connections, calls=_WARM_UP_CALLS)
                before, began = _cpu_s(pid), time.monotonic()
                answered, statuses = await _place(port, home, connections, until=began + seconds)
                lasted, cpu = time.monotonic() - began, _cpu_s(pid) - before
            finally:
                releasing.cancel()
                await asyncio.gather(releasing, return_exceptions=True)
    kind = "sqlite" if not database_url else database_url.partition(":")[0]
    return PlacingRun(kind, connections, lasted, answered, statuses, cpu, os.getloadavg()[0])


@asynccontextmanager
async def _api(settings: Settings) -> AsyncGenerator[tuple[int, int]]:
    """Run an api process on a core of its own; yields its port and process id."""
    ready = settings.data / "ready.json"
    environment = {
        **os.environ,
        "DIALNEXA_DATA": str(settings.data),
        "DIALNEXA_DATABASE_URL": settings.database_url,
        "DIALNEXA_HTTP_PORT": "0",
        "DIALNEXA_LOG_LEVEL": settings.log_level,
        "DIALNEXA_RATE_LIMIT_KEY_PER_MINUTE": "0",
        "DIALNEXA_RATE_LIMIT_CALLS_PER_MINUTE": "0",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "dialnexa.cli.main", "api", "--ready-file", str(ready), env=environment
    )
    try:
        while not ready.exists():
            if process.returncode is not None:
                raise RuntimeError("the api process ended before its time; its own words are above")
            await asyncio.sleep(0.05)
        _apart(process.pid)
        yield json.loads(ready.read_text())["port"], process.pid
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _place(
    port: int, home: Installation, connections: int, *, calls: int = 0, until: float = 0.0
) -> tuple[list[float], Counter[int]]:
    """Place so many calls, or calls until that moment; return how long each answer took, in s, and every status."""
    body = json.dumps(
        {
            "from_number": home.from_number,
            "to_number": "+16505550199",
            "agent_version_id": home.agent_version_id,
            "variables": {"customer_name": "Ada"},
            "metadata": {"order": "4711"},
        }
    ).encode()
    answered, statuses, left = list[float](), Counter[int](), calls

    async def caller() -> None:
        nonlocal left
        async with Connection.open(port, home.secret_key) as connection:
            while left > 0 or time.monotonic() < until:
                left -= 1
                asked = time.monotonic()
                statuses[await connection.post("/v1/calls", body)] += 1
                answered.append(time.monotonic() - asked)

    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(caller())
    return answered, statuses


async def _release(database: Database) -> None:
    """Give slots back all the time; the calls' rows stay where they are."""
    while True:
        await asyncio.sleep(_RELEASE_S)
        async with database.write() as session:
            await session.execute(text("DELETE FROM slots"))


def _cpu_s(pid: int) -> float:
    """Return the CPU time of a process so far, in user and kernel mode."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _apart(pid: int) -> None:
    if sys.platform == "linux" and len(cores := sorted(os.sched_getaffinity(0))) > 1:
        os.sched_setaffinity(pid, {cores[-1]})
        os.sched_setaffinity(0, set(cores[:-1]))
