"""One worker process: opens its parts, keeps its lease, takes calls, drains."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import datetime

import structlog

from dialnexa.engine import Engine, EngineClient, RecordingWork
from dialnexa.kit.clock import Clock, SystemClock
from dialnexa.kit.ids import ulid
from dialnexa.kit.outgoing import Allowance, Outgoing
from dialnexa.kit.secrets import Vault
from dialnexa.live.media.converter import Converter
from dialnexa.live.media.engine import MediaEngine
from dialnexa.live.rtp.ports import PortRange
from dialnexa.live.sandbox.sandbox import Sandbox
from dialnexa.live.sip.endpoint import IncomingCall, SipEndpoint
from dialnexa.live.speech.services import SpeechServices
from dialnexa.platform.calls import nodes, service
from dialnexa.platform.calls.analysis.service import ANALYSING
from dialnexa.platform.calls.records import NodeLease
from dialnexa.platform.database import Database
from dialnexa.platform.knowledge.embedding import EMBEDDING, Embedding
from dialnexa.platform.knowledge.extraction import Extractor
from dialnexa.platform.knowledge.reading import Reader
from dialnexa.platform.knowledge.service import READING
from dialnexa.settings import Settings
from dialnexa.worker.analysing import Analysing
from dialnexa.worker.directory import Directory
from dialnexa.worker.documents import Documents
from dialnexa.worker.finishing import Finishing, Wishes
from dialnexa.worker.holding import CallHolder
from dialnexa.worker.knowledge import embeddings_of, search_over
from dialnexa.worker.metrics import Snapshot, WorkerMetrics, served
from dialnexa.worker.parts import Parts
from dialnexa.worker.patience import one_round
from dialnexa.worker.phones import Phones
from dialnexa.worker.plans import ModelDefaults
from dialnexa.worker.reception import Reception
from dialnexa.worker.registrations import Registrations
from dialnexa.worker.scribe import Scribe
from dialnexa.worker.signalling import by_dns, meters, open_endpoint, report_strangers

log = structlog.get_logger(__name__)

_LOOPBACK = "127.0.0.1"
_HEARTBEAT_S = 1.0
_SWEEP_EVERY = 3
"""Heartbeats between two sweeps for dead workers."""
_HANG_UP_POLL_S = 0.25
_NOTICED_S = 3.0
"""How long a draining worker stays even without calls when an edge stands before it: by then the edge has asked how it
is, heard 503, and sends nobody any more, while silence would cost its next callers a moment each."""
_LAST_WORDS_S = 3.0
"""After the drain time: how long calls that were told to end may take to say goodbye to the network."""


class Worker:
    """A worker that is up. Made by ``Worker.open``."""

    def __init__(
        self, parts: Parts, holder: CallHolder, reception: Reception, engine: Engine, registrations: Registrations
    ) -> None:
        self._parts = parts
        self._holder = holder
        self._reception = reception
        self._engine = engine
        self._registrations = registrations
        self._lost = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings) -> AsyncGenerator[Worker]:
        """Bring a worker up; leaving ends its calls, gives up its lease and closes everything."""
        async with AsyncExitStack() as stack:
            gate = _Gate()
            parts = await _open_parts(settings, stack, gate)
            scribing = asyncio.create_task(parts.scribe.run())
            stack.push_async_callback(_ended, scribing)
            holder = CallHolder(parts)
            reception = Reception(parts, holder)
            stack.push_async_callback(reception.close)
            await _register(parts, settings)
            stack.push_async_callback(_give_up_lease, parts)
            reader = Reader(parts.database, Extractor(), parts.clock.now, parts.embedding.promise)
            documents = Documents(reader, parts.embedding, parts.clock)
            engine = await stack.enter_async_context(
                Engine.open(
                    settings.resolved_database_url,
                    executor_id=parts.node_id,
                    capacity=settings.capacity,
                    run_call=holder.dial,
                    recordings=RecordingWork(parts.finishing.queue, parts.finishing.finish),
                    chores={READING: documents.read, EMBEDDING: documents.embed, ANALYSING: parts.analysing.analyse},
                )
            )
            keeper = Registrations(
                parts.database, parts.vault, parts.node_id, parts.endpoint, parts.clock, settings.sip_edge
            )
            worker = cls(parts, holder, reception, engine, keeper)
            parts.metrics.show(worker.snapshot)
            stack.enter_context(served(parts.metrics, settings.worker_metrics_host, settings.worker_metrics_port))
            gate.reception = reception
            running = (worker._keep_lease(), worker._obey(), keeper.run(), parts.phones.run(), parts.embedding.run())
            loops = [asyncio.create_task(loop) for loop in running]
            stack.push_async_callback(keeper.close)
            stack.push_async_callback(_ended, *loops)
            stack.push_async_callback(worker._end_calls)
            yield worker

    @property
    def id(self) -> str:
        """The node's id."""
        return self._parts.node_id

    @property
    def sip_uri(self) -> str:
        """Where calls come in."""
        host, port = self._parts.endpoint.advertised
        return f"sip:{host}:{port}"

    def snapshot(self) -> Snapshot:
        """Return how the worker is now, for a scrape of its metrics."""
        parts = self._parts
        return Snapshot(
            live_calls=self._holder.live,
            capacity=parts.settings.capacity,
            draining=not self._reception.open,
            clock=parts.media.lateness,
            counts=meters(parts.endpoint),
        )

    async def lost(self) -> None:
        """Wait until the lease is lost: then others have ended our calls, and we must go (the zombie rule)."""
        await self._lost.wait()

    async def drain(self, seconds: float) -> None:
        """Take no new calls; give live ones this long to finish, then end them properly."""
        log.info("draining", live_calls=self._holder.live, seconds=seconds)
        self._reception.open = False
        await asyncio.gather(self._engine.stop_taking(), self._registrations.close())
        if self._parts.settings.sip_edge or self._parts.settings.sip_edge_sources:
            await self._parts.clock.sleep(min(_NOTICED_S, seconds))
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._holder.idle()
        await self._end_calls()

    async def _end_calls(self) -> None:
        self._reception.open = False
        self._holder.hang_up_all("The worker was shut down while the call was live.")
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS_S):
                await self._holder.idle()

    async def _keep_lease(self) -> None:
        """Renew the lease each second, and now and then end the calls of workers that lost theirs."""
        beats = 0
        while not self._lost.is_set():
            with one_round("heartbeat"):
                await self._beat(sweep=beats % _SWEEP_EVERY == 0)
            beats += 1
            await self._parts.clock.sleep(_HEARTBEAT_S)

    async def _beat(self, *, sweep: bool) -> None:
        now = self._parts.clock.now()
        async with self._parts.database.write() as session:
            alive = await nodes.heartbeat(
                session,
                self.id,
                now=now,
                live_calls=self._holder.live,
                draining=not self._reception.open,
                meters=meters(self._parts.endpoint),
            )
            unheld = await nodes.drop_unheld(session, self.id, self._holder.held, now=now) if alive else list[str]()
            swept = await nodes.sweep(session, now=now) if alive and sweep else None
            for call_id in (*unheld, *(swept.calls if swept else ())):
                await self._parts.analysing.promise(session, call_id)
            living = [node.id for node in await nodes.living(session)] if swept else []
        if not alive:
            log.error("lease_lost", node=self.id)
            self._holder.hang_up_all("This worker lost its lease.")
            self._lost.set()
        elif swept:
            await self._engine.adopt_strays(living)
            await self._parts.finishing.salvage(swept.calls)

    async def _obey(self) -> None:
        """Pass on what the API was asked: hang-ups of our calls."""
        while True:
            with one_round("hang_ups"):
                async with self._parts.database.read() as session:
                    unwanted = await service.hang_ups(session, self.id)
                for call_id in unwanted:
                    self._holder.hang_up(call_id, "Ended by an API request.")
            await self._parts.clock.sleep(_HANG_UP_POLL_S)


class _Gate:
    """Stands before the reception until the worker is ready: SIP binds early, calls are let in last."""

    def __init__(self) -> None:
        self.reception: Reception | None = None

    def on_invite(self, incoming: IncomingCall) -> None:
        if self.reception:
            self.reception.on_invite(incoming)
        else:
            incoming.reject(503, "Service Unavailable", [("Retry-After", "2")])

    def on_sandbox_invite(self, incoming: IncomingCall) -> None:
        if self.reception:
            self.reception.on_sandbox_invite(incoming)
        else:
            incoming.reject(404, "Not Found")

    def accepting(self) -> bool:
        return self.reception is not None and self.reception.open


async def _open_parts(settings: Settings, stack: AsyncExitStack, gate: _Gate) -> Parts:
    clock = SystemClock()
    node_id = f"node_{ulid()}"
    settings.recordings.mkdir(parents=True, exist_ok=True)
    database = await stack.enter_async_context(Database.open(settings.resolved_database_url))
    media = await stack.enter_async_context(MediaEngine.open(clock=clock))
    ports = PortRange.parse(settings.rtp_ports)
    vault = Vault.from_file(settings.data / "master.key")
    phones = Phones(database, vault, node_id, clock)
    stack.push_async_callback(phones.close)
    outgoing = Outgoing(Allowance.parse(settings.outgoing_allow))
    stack.push_async_callback(outgoing.aclose)
    directory = Directory(database, vault, clock, by_dns())
    stack.push_async_callback(directory.close)
    await directory.refresh()
    endpoint, strangers = await stack.enter_async_context(
        open_endpoint(settings, directory, phones, gate.on_invite, gate.accepting)
    )
    following = (directory.run(), report_strangers(strangers, database, clock))
    stack.push_async_callback(_ended, *map(asyncio.create_task, following))
    queue = await stack.enter_async_context(EngineClient.open(settings.resolved_database_url))
    speech = await stack.enter_async_context(SpeechServices.open())
    embeddings = embeddings_of(settings)
    search = search_over(database, embeddings)
    stack.push_async_callback(search.aclose)
    return Parts(
        node_id=node_id,
        settings=settings,
        clock=clock,
        vault=vault,
        database=database,
        media=media,
        ports=ports,
        endpoint=endpoint,
        directory=directory,
        loopback=await stack.enter_async_context(
            SipEndpoint.open(_LOOPBACK, 0, on_invite=lambda call: call.reject(404, "Not Found"))
        ),
        sandbox=await stack.enter_async_context(Sandbox.open(media, ports, others=gate.on_sandbox_invite)),
        phones=phones,
        speech=speech,
        scribe=Scribe(database, node_id, clock),
        finishing=await _open_finishing(settings, stack, database, clock, queue),
        analysing=Analysing(
            database,
            clock,
            queue,
            speech,
            ModelDefaults(settings.llm_base_url, settings.llm_api_key, settings.llm_model),
        ),
        search=search,
        embedding=Embedding(database, clock, queue, embeddings),
        metrics=WorkerMetrics(clock),
        outgoing=outgoing,
    )


async def _open_finishing(
    settings: Settings, stack: AsyncExitStack, database: Database, clock: Clock, queue: EngineClient
) -> Finishing:
    return Finishing(
        database,
        clock,
        queue,
        await stack.enter_async_context(Converter.open()),
        settings.recordings,
        Wishes(settings.recording_format, settings.recordings_url),
    )


async def _register(parts: Parts, settings: Settings) -> None:
    now: datetime = parts.clock.now()
    lease = NodeLease(parts.node_id, settings.capacity, f"{socket.gethostname()}/{os.getpid()}")
    async with parts.database.write() as session:
        await nodes.register(session, lease, now=now)


async def _give_up_lease(parts: Parts) -> None:
    async with parts.database.write() as session:
        await nodes.leave(session, parts.node_id)


async def _ended(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
