"""Delivering webhooks: what an event costs the process that pumps, with a receiver that fails now and then.

The pump runs in this process, the receiver on a core of its own. Everything is real but the waits before retries, which
are short, so that a run shows what retries cost without waiting out five minutes. What is still undelivered after its
retries is sent again from the dead letters until the receiver has everything: the figure that must be zero is the loss.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import exists, select

from dialnexa.cli.benchmark.figures import Goal
from dialnexa.cli.installation import vault_of
from dialnexa.cli.preparing import prepare
from dialnexa.kit.clock import SystemClock
from dialnexa.kit.logging import configure_logging
from dialnexa.kit.outgoing import Allowance, Outgoing
from dialnexa.platform.database import Database
from dialnexa.platform.tenancy import repository as tenancy
from dialnexa.platform.tenancy.principal import Principal
from dialnexa.platform.webhooks import samples, service
from dialnexa.platform.webhooks.models import Delivery, Event
from dialnexa.platform.webhooks.outbox import emit
from dialnexa.platform.webhooks.pump import Pump
from dialnexa.platform.webhooks.schemas import WebhookIn
from dialnexa.platform.webhooks.sending import Sender
from dialnexa.settings import Settings

GOALS = (
    Goal("events lost", "lost", "", 0.0),
    Goal("CPU per event, ms (300 a second)", "cpu_ms_per_event", "", 1000 / 300),
)
_KINDS = ("call.initiated", "call.started", "call.completed", "call.failed", "call.no_answer")
"""One webhook for each, so that several endpoints are served at once."""
_RETRY_AFTER_S = (0.2, 0.4, 0.8)
_AT_ONCE = 500
_POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class WebhookRun:
    """What one run found."""

    database: str
    events: int
    failures: float
    seconds: float
    cpu_s: float
    received: dict[str, int]
    dead: int
    load_average: float

    def facts(self) -> dict[str, object]:
        """Return every figure under the name it is printed with."""
        return {
            "database": self.database,
            "events": self.events,
            "failures_percent": round(100 * self.failures, 1),
            "attempts": self.received["attempts"],
            "repeated": self.received["repeated"],
            "sent_again_from_dead_letters": self.dead,
            "lost": self.events - self.received["delivered"],
            "events_per_second": round(self.events / self.seconds, 1),
            "cpu_ms_per_event": round(1000 * self.cpu_s / self.events, 3),
            "events_per_second_of_one_core": round(self.events / self.cpu_s, 1),
            "load_average": round(self.load_average, 1),
        }


async def run(database_url: str, events: int, failures: float) -> WebhookRun:
    """Deliver so many events; ``database_url`` empty: SQLite in a fresh folder."""
    configure_logging(level="ERROR")  # failed deliveries are what this is about, not what anybody wants to read
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data=Path(folder), database_url=database_url)
        await prepare(settings)
        async with _receiver(failures) as (port, process), Database.open(settings.resolved_database_url) as database:
            outgoing = Outgoing(Allowance.parse("127.0.0.0/8"))
            who = await _subscribe(database, settings, port)
            await _happen(database, who, events)
            sender = Sender(outgoing, vault_of(settings), SystemClock())
            pump = Pump(database, sender, SystemClock(), str, retry_after_s=_RETRY_AFTER_S)
            began, used = time.monotonic(), _cpu_s()
            dead = await _deliver(database, who, pump)
            lasted, used = time.monotonic() - began, _cpu_s() - used
            received = await _ask(process)
            await outgoing.aclose()
    kind = "sqlite" if not database_url else database_url.partition(":")[0]
    return WebhookRun(kind, events, failures, lasted, used, received, dead, os.getloadavg()[0])


async def _subscribe(database: Database, settings: Settings, port: int) -> Principal:
    async with database.write() as session:
        workspace = await tenancy.first_workspace(session)
        assert workspace is not None  # preparing made it
        account = await tenancy.default_account(session, workspace.id, livemode=True)
        who = Principal(workspace.id, account.id, "key_bench", livemode=True, kind="secret")
        for kind in _KINDS:
            wanted = WebhookIn(url=f"http://127.0.0.1:{port}/{kind}", events=[kind])
            await service.create(session, vault_of(settings), who, wanted, now=SystemClock().now())
    return who


async def _happen(database: Database, who: Principal, events: int) -> None:
    """Write the events, each about a call of its own, before the clock starts."""
    payloads = {kind: samples.payload(kind, who.workspace_id) for kind in _KINDS}
    for first in range(0, events, _AT_ONCE):
        async with database.write() as session:
            for number in range(first, min(first + _AT_ONCE, events)):
                await emit(
                    session,
                    workspace_id=who.workspace_id,
                    account_id=who.account_id,
                    livemode=True,
                    type_=_KINDS[number % len(_KINDS)],
                    payload=payloads[_KINDS[number % len(_KINDS)]],
                    call_id=f"call_{number}",
                    at=SystemClock().now(),
                )


async def _deliver(database: Database, who: Principal, pump: Pump) -> int:
    """Pump until everything is delivered; return how often a dead letter had to be sent again."""
    pumping, dead = asyncio.create_task(pump.run()), 0
    try:
        while True:
            await asyncio.sleep(_POLL_S)
            if pumping.done():
                pumping.result()
            async with database.read() as session:
                waiting = exists().where(Delivery.status == "pending"), exists().where(Event.position.is_(None))
                if await session.scalar(select(waiting[0] | waiting[1])):
                    continue
            async with database.write() as session:
                again = await service.retry_dead(session, who, now=SystemClock().now())
            if not again:
                return dead
            dead += again
    finally:
        pumping.cancel()
        await asyncio.gather(pumping, return_exceptions=True)


@asynccontextmanager
async def _receiver(failures: float) -> AsyncGenerator[tuple[int, asyncio.subprocess.Process]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "dialnexa.cli.benchmark.receiver", "--failures", str(failures),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield int((await _read(process))["port"]), process
    finally:
        if process.stdin:
            process.stdin.close()
        await process.wait()


async def _ask(process: asyncio.subprocess.Process) -> dict[str, int]:
    assert process.stdin is not None  # started with a pipe
    process.stdin.write(b"facts\n")
    return await _read(process)


async def _read(process: asyncio.subprocess.Process) -> dict[str, int]:
    if process.stdout is None or not (line := await process.stdout.readline()):
        raise RuntimeError("the receiver ended before its time; its own words are above")
    return json.loads(line)


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
