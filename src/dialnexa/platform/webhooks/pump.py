"""The pump: takes events from the outbox to their receivers. One runs in every api process; they share the work.

Each round writes down how finished attempts went, hands out fresh events and takes what is due, in short transactions;
the sending itself happens in tasks of its own, outside any transaction. A receiver that fails gets one delivery at a
time, one that answers well gets more and more at once: so the bad ones occupy nearly nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from random import Random

import structlog
from sqlalchemy.exc import SQLAlchemyError

from dialnexa.kit.clock import Clock
from dialnexa.platform.database import Database
from dialnexa.platform.webhooks import fanout, queue, wire
from dialnexa.platform.webhooks.queue import Attempt, Job, Room
from dialnexa.platform.webhooks.sending import Message, Outcome, Sender

RETRY_AFTER_S = (10.0, 60.0, 300.0)
"""Waits before the first, second and third retry (contract E.5), each varied by up to a fifth."""
_JITTER = 0.2
_POLL_S = 0.2
_GATHER_S = 0.01
"""How long a round waits for more attempts to finish, so that one transaction writes many down."""
_AFTER_TROUBLE_S = 2.0
_FAREWELL_S = 3.0
_AT_ONCE = 400
_AT_ONCE_PER_WORKSPACE = 100
_FIRST_PACE = 4
_BEST_PACE = 16
_SLOW_PACE = 4
_SLOW_MS = 2000

log = structlog.get_logger(__name__)


class Pump:
    """Delivers events. ``run()`` goes on until cancelled; tests go round by round."""

    def __init__(
        self,
        database: Database,
        sender: Sender,
        clock: Clock,
        link: wire.Link,
        *,
        dice: Random | None = None,
        retry_after_s: Sequence[float] = RETRY_AFTER_S,
    ) -> None:
        self._database = database
        self._sender = sender
        self._clock = clock
        self._link = link
        self._dice = dice or Random()
        self._retry_after_s = retry_after_s
        self._sending: dict[asyncio.Task[None], Job] = {}
        self._finished: list[Attempt] = []
        self._pace: dict[str, int] = {}
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Go round and round until cancelled; a database that is away for a while is waited for."""
        try:
            while True:
                self._news.clear()
                try:
                    if not await self.round():
                        await self._nap()
                except (SQLAlchemyError, OSError) as error:
                    log.warning("webhooks wait for the database", error=repr(error))
                    await self._clock.sleep(_AFTER_TROUBLE_S)
        finally:
            await self._stop()

    async def round(self) -> bool:
        """Write down what finished, hand out what is fresh, begin what is due; tell whether to go on at once."""
        await self._settle()
        async with self._database.read() as session:
            fresh = await fanout.anything_fresh(session)
            if not fresh and not await queue.anything_due(session, self._clock.now()):
                return False
        more = False
        if fresh:
            async with self._database.write() as session:
                more = await fanout.hand_out(session, now=self._clock.now()) == fanout.BATCH
        async with self._database.write() as session:
            jobs, again = await queue.take(session, self._room(), now=self._clock.now())
        for job in jobs:
            self._begin(job)
        return more or again

    async def idle(self) -> None:
        """Wait until all that is being sent has been, and write it down."""
        while self._sending:
            await asyncio.wait(list(self._sending))
        await self._settle()

    def _room(self) -> Room:
        sending = Counter(job.webhook.id for job in self._sending.values())
        crowds = Counter(job.webhook.workspace_id for job in self._sending.values())
        return Room(
            total=_AT_ONCE - len(self._sending),
            default=_FIRST_PACE,
            per_webhook={
                webhook: self._pace.get(webhook, _FIRST_PACE) - sending[webhook] for webhook in {*self._pace, *sending}
            },
            full_workspaces=[workspace for workspace, many in crowds.items() if many >= _AT_ONCE_PER_WORKSPACE],
        )

    def _begin(self, job: Job) -> None:
        task = asyncio.create_task(self._send(job))
        self._sending[task] = job
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        job = self._sending.pop(task)
        self._news.set()
        if not task.cancelled() and (bug := task.exception()) is not None:
            log.error("delivery lost sight of until its lease ends", delivery_id=job.delivery.id, exc_info=bug)

    async def _send(self, job: Job) -> None:
        name = job.delivery.event
        message = Message(job.delivery.id, job.event.id, name, wire.body(job.event, name, self._link))
        outcome = await self._sender.send(job.webhook, job.shared, message, timeout_s=job.webhook.timeout_ms / 1000)
        self._adapt(job.webhook.id, outcome)
        self._finished.append(self._attempt(job, outcome))

    def _attempt(self, job: Job, outcome: Outcome) -> Attempt:
        now, done = self._clock.now(), job.delivery.retry_attempt
        retry_at = None
        if not outcome.ok and done < min(job.webhook.retry_count, len(self._retry_after_s)):
            wait = self._retry_after_s[done] * self._dice.uniform(1 - _JITTER, 1 + _JITTER)
            retry_at = now + timedelta(seconds=wait)
        if not outcome.ok:
            log.warning(
                "webhook delivery failed",
                webhook_id=job.webhook.id,
                delivery_id=job.delivery.id,
                event_id=job.event.id,
                retry_attempt=done,
                dead=retry_at is None,
                why=outcome.error,
            )
        return Attempt(
            job.delivery,
            "succeeded" if outcome.ok else "failed",
            now,
            outcome.duration_ms,
            outcome.status,
            outcome.answer,
            outcome.error,
            job.webhook.url,
            retry_at,
        )

    def _adapt(self, webhook_id: str, outcome: Outcome) -> None:
        """Send more at once to those who answer well, less to those who fail."""
        pace = self._pace.get(webhook_id, _FIRST_PACE)
        most = _SLOW_PACE if outcome.duration_ms > _SLOW_MS else _BEST_PACE
        self._pace[webhook_id] = min(pace * 2, most) if outcome.ok else max(1, pace // 2)

    async def _settle(self) -> None:
        finished, self._finished = self._finished, []
        if not finished:
            return
        try:
            async with self._database.write() as session:
                await queue.settle(session, finished)
        except BaseException:
            self._finished = finished + self._finished
            raise

    async def _nap(self) -> None:
        """Sleep until it is time to look again, or something finished."""
        sleeping = asyncio.ensure_future(self._clock.sleep(_POLL_S))
        waking = asyncio.ensure_future(self._news.wait())
        try:
            await asyncio.wait({sleeping, waking}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            waking.cancel()
        if self._news.is_set():
            await self._clock.sleep(_GATHER_S)

    async def _stop(self) -> None:
        """Let what is being sent finish for a moment, and give the rest back, so that others need not wait for it."""
        if self._sending:
            await asyncio.wait(list(self._sending), timeout=_FAREWELL_S)
        left = dict(self._sending)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        try:
            await self._settle()
            async with self._database.write() as session:
                await queue.give_back(session, [job.delivery.id for job in left.values()], now=self._clock.now())
        except (SQLAlchemyError, OSError) as error:
            log.warning("deliveries are tried again when their leases end", error=repr(error))
