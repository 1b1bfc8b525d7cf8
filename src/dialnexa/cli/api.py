"""``dialnexa api``: the HTTP role, one process each, any number of them on any machine."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import structlog
import uvicorn
import uvloop

from dialnexa.api.app import create_app
from dialnexa.cli.options import Data, HttpPort, ReadyFile, settings_with
from dialnexa.cli.role import role, write_ready_file
from dialnexa.settings import Settings

log = structlog.get_logger(__name__)


def api(data: Data = None, http_port: HttpPort = None, ready_file: ReadyFile = None) -> None:
    """Serve the HTTP API."""
    settings = settings_with(data=data, http_port=http_port)
    with role("api", settings):
        uvloop.run(_serve_api(settings, ready_file))


async def _serve_api(settings: Settings, ready_file: Path | None) -> None:
    async with create_app(settings) as app:
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                host=settings.http_host,
                port=settings.http_port,
                log_config=None,
                access_log=False,
                proxy_headers=False,  # the application itself believes the operator's proxies, and nobody else
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
