"""Durable execution: the only module that speaks to DBOS.

One queue, ``calls``, carries calls: ``run_call(call_id)``. The workflow's id is the call's id, so asking twice is
asking once. The engine only promises that *some* worker runs the workflow *at least* once; that a phone is dialled *at
most* once is the fence of ``platform.calls`` (a conditional UPDATE), which makes every repeated run short.

What is left to do with a recording waits in a queue of the folder it lies in: ``finish_recording(call_id)``. Workers
that share the folder share the queue; those of other machines could not reach the file.

Whatever else must be done sooner or later is a *chore*, in a queue of its kind: reading ``documents``, for one.

DBOS keeps its tables in the application's own database, so a call's row and its place in the queue commit together.
It lives in threads of its own: a workflow hands its call over to the worker's event loop and waits there, so nothing of
DBOS ever runs on the loop that keeps the 20 ms clock.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
import structlog
from dbos import DBOS, DBOSClient, DBOSConfig, EnqueueOptions
from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

RunCall = Callable[[str], Awaitable[None]]
"""Runs one call, by its id, to its end."""


@dataclass(frozen=True, slots=True)
class RecordingWork:
    """The recordings a worker finishes."""

    queue: str
    """Of the folder they lie in."""
    finish: RunCall
    """Finishes the recording of one call, by its id; may be asked again for one that is finished."""


_APPLICATION = "dialnexa"
_QUEUE = "calls"
_WORKFLOW = "run_call"
_RECORDING_WORKFLOW = "finish_recording"
_SCHEMA_VERSION = "1"
"""Raised only when the *form* of a workflow changes: work of one version waits for a worker of that version."""
_POLL_S = 0.1
"""How often a worker looks into the queue; half of it is what a call waits on average before it is dialled."""
_RECORDING_POLL_S = 1.0
_CHORE_POLL_S = 0.5
_CHORES_AT_ONCE = 2
_RECORDINGS_AT_ONCE = 2
"""So that one store that does not answer, or one long file, holds up nothing else."""
_TRIES = 3
_RETRY_S = 0.5
"""A database that is away for a moment must not leave a call waiting until the sweep gives up on it."""

log = structlog.get_logger(__name__)


class EngineClient:
    """Puts calls into the queue; runs nothing. For processes that only enqueue (``api``)."""

    def __init__(self, engine: sa.Engine) -> None:
        _quiet()
        self._client = DBOSClient(system_database_engine=engine, application_name=_APPLICATION, lazy=True)

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> AsyncGenerator[EngineClient]:
        """Be ready to enqueue into the database at ``url``, which ``migrate`` has prepared."""
        engine = _sync_engine(url)
        try:
            yield cls(engine)
        finally:
            await asyncio.to_thread(engine.dispose)

    async def enqueue_in_transaction(self, session: AsyncSession, *call_ids: str) -> None:
        """Queue calls as part of the session's transaction: they are in the queue if and only if that commits."""

        def enqueue(sync: Session) -> None:
            connection = sync.connection()  # spares each statement the way through the session
            for call_id in call_ids:
                options: EnqueueOptions = {"workflow_name": _WORKFLOW, "queue_name": _QUEUE, "workflow_id": call_id}
                self._client.enqueue_in_transaction(connection, options, call_id)

        await session.run_sync(enqueue)

    async def enqueue_recording_in_transaction(self, session: AsyncSession, call_id: str, queue: str) -> None:
        """Queue the finishing of a call's recording as part of the session's transaction."""
        options: EnqueueOptions = {
            "workflow_name": _RECORDING_WORKFLOW,
            "queue_name": queue,
            "workflow_id": f"recording:{call_id}",
        }
        await self._enqueue(session, options, call_id)

    async def enqueue_chore_in_transaction(self, session: AsyncSession, chore: str, subject_id: str) -> None:
        """Queue work of some kind for a subject as part of the session's transaction; asking twice is asking once."""
        options: EnqueueOptions = {
            "workflow_name": chore,
            "queue_name": chore,
            "workflow_id": f"{chore}:{subject_id}",
        }
        await self._enqueue(session, options, subject_id)

    async def _enqueue(self, session: AsyncSession, options: EnqueueOptions, call_id: str) -> None:
        def enqueue(sync: Session) -> None:
            self._client.enqueue_in_transaction(sync, options, call_id)

        await session.run_sync(enqueue)


class Engine:
    """A worker's share of the queue: takes calls while it has room and runs each on the worker's own event loop."""

    def __init__(
        self,
        dbos: DBOS,
        loop: asyncio.AbstractEventLoop,
        run_call: RunCall,
        recordings: RecordingWork | None,
        chores: Mapping[str, RunCall],
    ) -> None:
        self._dbos = dbos
        self._loop = loop
        self._run_call = run_call
        self._recordings = recordings
        self._chores = chores
        self._running: set[asyncio.Task[Any]] = set()

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        url: str,
        *,
        executor_id: str,
        capacity: int,
        run_call: RunCall,
        recordings: RecordingWork | None = None,
        chores: Mapping[str, RunCall] | None = None,
    ) -> AsyncGenerator[Engine]:
        """Take calls from the queue until left; ``run_call`` is awaited on the loop that opened the engine.

        ``recordings``: which of them to finish besides; none by default. ``chores``: further kinds of work that this
        process does, each by the name it is queued under; it must bear to be done again.

        ``executor_id`` must be unique per process (never reuse a dead process's: the take-over sweep tells processes
        apart by it). ``capacity`` caps the calls of one worker; the queue knows one value, so workers that share a
        database should share it too. Leaving cancels calls that still run; drain first with ``stop_taking``.
        """
        engine = await asyncio.to_thread(_sync_engine, url)
        try:
            dbos = await asyncio.to_thread(_build, engine, executor_id)
            self = cls(dbos, asyncio.get_running_loop(), run_call, recordings, chores or {})
            self._register()
            try:
                # Launched off the loop on purpose: DBOS would otherwise adopt ours and run its own work on it.
                await asyncio.to_thread(_launch, capacity, recordings.queue if recordings else "", tuple(self._chores))
                yield self
            finally:
                await self._close()
        finally:
            await asyncio.to_thread(engine.dispose)

    @property
    def running(self) -> int:
        """How many calls run, and recordings are finished, here now."""
        return len(self._running)

    async def stop_taking(self) -> None:
        """Take no more calls from the queue; those that run go on. Cannot be undone."""
        for stop in self._dbos.background_thread_stop_events:
            stop.set()

    async def adopt(self, dead_executor_id: str) -> list[str]:
        """Give the unfinished work of a dead process back to the queue; return their ids."""
        return await asyncio.to_thread(_hand_back, [dead_executor_id])

    async def adopt_strays(self, alive: Collection[str]) -> list[str]:
        """Give back to the queue whatever is held by a process that is not among ``alive``; return their ids.

        Wider than ``adopt``: it also finds work of processes that died before anybody knew them, or that shut down
        between taking a call and running it.
        """
        return await asyncio.to_thread(_hand_back_strays, frozenset(alive))

    def _register(self) -> None:
        @DBOS.workflow(name=_WORKFLOW, max_recovery_attempts=None)
        async def _run_call(call_id: str) -> None:  # pyright: ignore[reportUnusedFunction]  # DBOS calls it by name
            # On DBOS's loop: wait here while the call runs on the worker's.
            await self._elsewhere(self._run_call, call_id)

        for chore, work in self._chores.items():
            self._register_chore(chore, work)
        recordings = self._recordings
        if recordings is None:
            return

        @DBOS.workflow(name=_RECORDING_WORKFLOW, max_recovery_attempts=None)
        async def _finish(call_id: str) -> None:  # pyright: ignore[reportUnusedFunction]  # DBOS calls it by name
            await self._elsewhere(recordings.finish, call_id)

    def _register_chore(self, chore: str, work: RunCall) -> None:
        @DBOS.workflow(name=chore, max_recovery_attempts=None)
        async def _do(subject_id: str) -> None:  # pyright: ignore[reportUnusedFunction]  # DBOS calls it by name
            await self._elsewhere(work, subject_id)

    async def _elsewhere(self, work: RunCall, call_id: str) -> None:
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._on_our_loop(work, call_id), self._loop))

    async def _on_our_loop(self, work: RunCall, call_id: str) -> None:
        task = asyncio.current_task()
        assert task is not None  # a coroutine that runs has a task
        self._running.add(task)
        try:
            await self._persist(work, call_id)
        finally:
            self._running.discard(task)

    async def _persist(self, work: RunCall, call_id: str) -> None:
        """Do the work; try again when that fails, which the fence makes safe: a call that was dialled is not again."""
        for attempt in range(1, _TRIES + 1):
            try:
                return await work(call_id)
            except Exception:  # whatever it was, the other calls go on
                log.exception("call_workflow_failed", call_id=call_id, attempt=attempt)
                if attempt == _TRIES:
                    raise
                await asyncio.sleep(_RETRY_S)
        return None

    async def _close(self) -> None:
        await self.stop_taking()
        for task in tuple(self._running):
            task.cancel()
        if self._running:
            await asyncio.wait(tuple(self._running))
        await asyncio.to_thread(DBOS.destroy, destroy_registry=True)


def migrate(url: str) -> None:
    """Create or update the engine's own tables in the database at ``url``. Blocking; safe to repeat."""
    _quiet()
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = _sync_engine(url)
        with engine.connect():  # puts the file into WAL mode before DBOS touches it
            pass
        engine.dispose()
    driver = "sqlite" if parsed.get_backend_name() == "sqlite" else "postgresql"
    DBOS.migrate(parsed.set(drivername=driver).render_as_string(hide_password=False))


def _build(engine: sa.Engine, executor_id: str) -> DBOS:
    _quiet()
    config: DBOSConfig = {
        "name": _APPLICATION,
        "system_database_engine": engine,
        "executor_id": executor_id,
        "application_version": _SCHEMA_VERSION,
        "enable_otlp": False,
        "log_level": "WARNING",
        "use_listen_notify": engine.dialect.name == "postgresql",
        "notification_listener_polling_interval_sec": 0.2,  # polls for nothing of ours; closing waits this long for it
    }
    return DBOS(config=config)


def _launch(capacity: int, recordings_queue: str, chores: tuple[str, ...]) -> None:
    DBOS.listen_queues([name for name in (_QUEUE, recordings_queue, *chores) if name])
    DBOS.launch()
    for chore in chores:
        DBOS.register_queue(
            chore, worker_concurrency=_CHORES_AT_ONCE, polling_interval_sec=_CHORE_POLL_S, on_conflict="always_update"
        )
    if recordings_queue:
        DBOS.register_queue(
            recordings_queue,
            worker_concurrency=_RECORDINGS_AT_ONCE,
            polling_interval_sec=_RECORDING_POLL_S,
            on_conflict="always_update",
        )
    DBOS.register_queue(_QUEUE, worker_concurrency=capacity, polling_interval_sec=_POLL_S, on_conflict="always_update")


def _hand_back(executor_ids: list[str]) -> list[str]:
    stranded = DBOS.list_workflows(status="PENDING", executor_id=executor_ids, load_input=False, load_output=False)
    ids = [workflow.workflow_id for workflow in stranded]
    for queue in sorted({workflow.queue_name or _QUEUE for workflow in stranded}):
        theirs = [workflow.workflow_id for workflow in stranded if (workflow.queue_name or _QUEUE) == queue]
        DBOS.resume_workflows(theirs, queue_name=queue)
    if ids:
        log.info("work_taken_over", executors=executor_ids, work=ids)
    return ids


def _hand_back_strays(alive: frozenset[str]) -> list[str]:
    pending = DBOS.list_workflows(status="PENDING", load_input=False, load_output=False)
    holders = {workflow.executor_id for workflow in pending if workflow.executor_id}
    dead = sorted(holders - alive)
    return _hand_back(dead) if dead else []


def _sync_engine(url: str) -> sa.Engine:
    """Open the engine DBOS works on: its own small pool on the application's database."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        # One connection: SQLite has one writer, and threads queue better on a pool than on its file lock.
        engine = sa.create_engine(parsed.set(drivername="sqlite"), pool_size=1, max_overflow=0, pool_timeout=60)
        event.listen(engine, "connect", _prepare_sqlite)
        return engine
    return sa.create_engine(parsed.set(drivername="postgresql+psycopg"), pool_size=4, pool_pre_ping=True)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """Use WAL, as the application does, and take the write lock when a transaction begins to write, as DBOS expects."""
    connection.isolation_level = "IMMEDIATE"
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=30000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _quiet() -> None:
    """Keep DBOS from printing; its warnings go where all logs go."""
    logger = logging.getLogger("dbos")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    logger.propagate = True
    logger.setLevel(logging.WARNING)
