"""``dialnexa api`` and ``dialnexa worker``: the two roles, one process each, any number of them on any machine."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import structlog
import uvicorn
import uvloop

from dialnexa.api.app import create_app
from dialnexa.cli.options import Data, DrainSeconds, HttpPort, ReadyFile, SipPort, settings_with
from dialnexa.cli.supervisor import write_ready_file
from dialnexa.kit.logging import configure_logging
from dialnexa.kit.process import die_with_parent, go_first
from dialnexa.live.media.engine import favour_the_clock
from dialnexa.settings import Settings
from dialnexa.worker.node import Worker

log = structlog.get_logger(__name__)


def api(data: Data = None, http_port: HttpPort = None, ready_file: ReadyFile = None) -> None:
    """Serve the HTTP API."""
    settings = settings_with(data=data, http_port=http_port)
    _begin(settings)
    uvloop.run(_serve_api(settings, ready_file))


def worker(
    data: Data = None, sip_port: SipPort = None, ready_file: ReadyFile = None, drain_seconds: DrainSeconds = None
) -> None:
    """Carry calls: SIP, RTP and conversations."""
    settings = settings_with(data=data, sip_port=sip_port, drain_seconds=drain_seconds)
    _begin(settings)
    uvloop.run(_serve_worker(settings, ready_file))


def _begin(settings: Settings) -> None:
    configure_logging(level=settings.log_level, as_json=settings.log_json)
    if supervisor := os.environ.get("DIALNEXA_SUPERVISOR"):
        die_with_parent(int(supervisor))


async def _serve_api(settings: Settings, ready_file: Path | None) -> None:
    async with create_app(settings) as app:
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                host=settings.http_host,
                port=settings.http_port,
                log_config=None,
                access_log=False,
                lifespan="off",
                timeout_graceful_shutdown=5,
            )
        )

        def drain() -> None:
            app.state.draining = True

        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, drain)
        serving = asyncio.create_task(server.serve())
        while not server.started and not serving.done():  # noqa: ASYNC110  (uvicorn has no event for it)
            await asyncio.sleep(0.01)
        if server.started:
            port = server.servers[0].sockets[0].getsockname()[1]
            url = settings.public_url or f"http://{settings.http_host}:{port}"
            log.info("api is up", url=url)
            if ready_file:
                write_ready_file(ready_file, {"api_url": url, "port": port, "pid": os.getpid()})
        await serving


async def _serve_worker(settings: Settings, ready_file: Path | None) -> None:
    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    async with Worker.open(settings) as node:
        favour_the_clock()
        preferred = go_first()
        log.info("worker is up", sip=node.sip_uri, node=node.id, preferred=preferred)
        if ready_file:
            write_ready_file(ready_file, {"sip_uri": node.sip_uri, "node": node.id, "pid": os.getpid()})
        lost = asyncio.create_task(node.lost())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({lost, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            await node.drain(settings.drain_seconds)
        for task in (lost, stopping):
            task.cancel()
        await asyncio.gather(lost, stopping, return_exceptions=True)
