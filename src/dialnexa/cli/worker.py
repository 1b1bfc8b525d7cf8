"""``dialnexa worker``: the role that carries calls, one process for each core, on any number of machines."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import structlog
import uvloop

from dialnexa.cli.options import Data, DrainSeconds, ReadyFile, SipPort, settings_with
from dialnexa.cli.role import role, write_ready_file
from dialnexa.kit.process import go_first
from dialnexa.live.media.engine import favour_the_clock
from dialnexa.settings import Settings
from dialnexa.worker.node import Worker

log = structlog.get_logger(__name__)


def worker(
    data: Data = None, sip_port: SipPort = None, ready_file: ReadyFile = None, drain_seconds: DrainSeconds = None
) -> None:
    """Carry calls: SIP, RTP and conversations."""
    settings = settings_with(data=data, sip_port=sip_port, drain_seconds=drain_seconds)
    with role("worker", settings):
        uvloop.run(_serve_worker(settings, ready_file))


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
