"""``dialnexa up``: the whole installation on one machine, and its first call."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.markup import escape

from dialnexa.cli.follow import ApiRefused, follow_call, place_call
from dialnexa.cli.installation import Installation
from dialnexa.cli.options import Data, DrainSeconds, HttpPort, ReadyFile, SipPort, Workers, settings_with
from dialnexa.cli.ports import settle_http, settle_sip, spaced
from dialnexa.cli.preparing import prepare
from dialnexa.cli.role import write_ready_file
from dialnexa.cli.running import worker_names
from dialnexa.cli.supervisor import Role, RoleFailed
from dialnexa.kit.process import AlreadyRunning, hold
from dialnexa.live.sandbox.scripts import TEST_NUMBERS
from dialnexa.settings import Settings

DEMO_NUMBER = "+16505550199"
_DEMO_VARIABLES = {
    "customer_name": "Alex Rivera",
    "appointment_date": "June 3rd at 2 PM",
    "account_id": "acct_7842",
}
_STOP_MARGIN_S = 10.0


def up(
    data: Data = None,
    http_port: HttpPort = None,
    sip_port: SipPort = None,
    ready_file: ReadyFile = None,
    demo: Annotated[bool, typer.Option("--demo/--no-demo", help="Place the demo call first.")] = True,
    drain_seconds: DrainSeconds = None,
    workers: Workers = None,
) -> None:
    """Start everything on this machine, place a demo call, and stay up until Ctrl-C or SIGTERM."""
    settings = settings_with(
        data=data, http_port=http_port, sip_port=sip_port, drain_seconds=drain_seconds, workers=workers
    )
    console, complaints = Console(highlight=False), Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        with hold(settings.data):
            asyncio.run(_run(settings, ready_file, demo, console))
    except AlreadyRunning as running:
        complaints.print(
            f"[red]DialNexa already runs on {settings.data} (pid {running}).[/red] "
            "Stop it first, or give another folder with --data."
        )
        sys.exit(1)
    except RoleFailed as failure:
        complaints.print(
            f"[red]DialNexa did not come up.[/red] {escape(str(failure))}\nThe logs are in {settings.data / 'logs'}."
        )
        sys.exit(1)


@dataclass(frozen=True, slots=True)
class _Running:
    """The installation as it answers now."""

    installation: Installation
    api_url: str
    sip_uris: list[str]
    """One for each worker; without an edge before them, calls come in at the first."""
    api: Role
    workers: list[Role]

    def facts(self) -> dict[str, object]:
        """What the ready file says."""
        return {
            "api_url": self.api_url,
            "sip_uri": self.sip_uris[0],
            "sip_uris": self.sip_uris,
            **self.installation.facts(),
            "test_numbers": sorted(TEST_NUMBERS),
            "pid": os.getpid(),
            "api_pid": self.api.pid,
            "worker_pid": self.workers[0].pid,
            "worker_pids": [worker.pid for worker in self.workers],
        }


async def _run(settings: Settings, ready_file: Path | None, demo: bool, console: Console) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    api, workers = _roles(settings, console)
    installation = await prepare(settings)
    try:
        api_facts, *worker_facts = await asyncio.gather(api.start(), *(worker.start() for worker in workers))
        sip_uris = [str(facts["sip_uri"]) for facts in worker_facts]
        running = _Running(installation, str(api_facts["api_url"]), sip_uris, api, workers)
        if ready_file:
            write_ready_file(ready_file, running.facts())
        if demo:
            await _demo_call(running, console, stop)
        if not stop.is_set():
            _say_where(running, settings, console)
        await stop.wait()
        console.print("[dim]stopping: new calls are refused, live calls may finish…[/dim]")
    finally:
        api.signal(signal.SIGUSR1)  # from now on the API refuses new calls but still answers questions
        await asyncio.gather(*(worker.stop(settings.drain_seconds + _STOP_MARGIN_S) for worker in workers))
        await api.stop(_STOP_MARGIN_S)
        _forget(ready_file)


def _forget(ready_file: Path | None) -> None:
    if ready_file:
        ready_file.unlink(missing_ok=True)


def _roles(settings: Settings, console: Console) -> tuple[Role, list[Role]]:
    """Settle every port now, so that a restarted role comes back on the same one, and make the roles."""
    folder = settings.data / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    http_port = settle_http(settings.http_host, settings.http_port, console)
    sip_ports = settle_sip(settings.sip_host, settings.sip_port, settings.workers, console)
    common = ["--data", str(settings.data)]
    public = {"DIALNEXA_PUBLIC_URL": settings.public_url or f"http://{settings.http_host}:{http_port}"}
    api = Role("api", [*common, "--http-port", str(http_port)], folder, public)
    drain = ["--drain-seconds", str(settings.drain_seconds)]
    workers: list[Role] = []
    for number, name in enumerate(worker_names(settings.workers)):
        arguments = [*common, *drain, "--sip-port", str(sip_ports[number])]
        ports = {
            "DIALNEXA_SIP_TLS_PORT": str(spaced(settings.sip_tls_port, number)),
            "DIALNEXA_WORKER_METRICS_PORT": str(settings.worker_metrics_port and settings.worker_metrics_port + number),
        }
        workers.append(Role("worker", arguments, folder, public | ports, name=name))
    return api, workers


async def _demo_call(running: _Running, console: Console, stop: asyncio.Event) -> None:
    console.print(f"\n[bold]A first call[/bold]: {running.installation.from_number} dials {DEMO_NUMBER}\n")
    following = asyncio.ensure_future(_follow_demo(running, console))
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait({following, stopping}, return_when=asyncio.FIRST_COMPLETED)
    for task in (following, stopping):
        task.cancel()
    await asyncio.gather(following, stopping, return_exceptions=True)


async def _follow_demo(running: _Running, console: Console) -> None:
    keys = running.installation
    body = {
        "from_number": keys.from_number,
        "to_number": DEMO_NUMBER,
        "agent_version_id": keys.agent_version_id,
        "variables": _DEMO_VARIABLES,
        "metadata": {"placed_by": "dialnexa up"},
    }
    headers = {"Authorization": f"Bearer {keys.secret_key}"}
    async with httpx.AsyncClient(base_url=running.api_url, headers=headers, trust_env=False) as http:
        try:
            record = await follow_call(http, (await place_call(http, body))["call_id"], console)
        except (ApiRefused, httpx.HTTPError) as error:
            console.print(f"[red]The demo call did not work:[/red] {error}")
            return
    _say_recording(record, console)


def _say_recording(record: dict[str, Any], console: Console) -> None:
    console.print(f"\n  status [bold]{record['status']}[/bold], {record['duration_seconds']} s", soft_wrap=True)
    if record.get("recording_url"):
        console.print(f"  recording: {record['recording_url']}", soft_wrap=True)


def _say_where(running: _Running, settings: Settings, console: Console) -> None:
    """Print addresses, keys and the curl of seed 001, ready to paste."""
    keys = running.installation
    body = {
        "from_number": keys.from_number,
        "to_number": DEMO_NUMBER,
        "agent_version_id": keys.agent_version_id,
        "variables": _DEMO_VARIABLES,
        "metadata": {"crm_contact_id": "cont_99123"},
    }
    print_ = partial(console.print, soft_wrap=True)
    print_(f"\n[bold]DialNexa is up[/bold]   data in {settings.data.resolve()}")
    print_(f"  API          {running.api_url}/v1      reference: {running.api_url}/docs")
    for number, uri in enumerate(running.sip_uris):
        print_(f"  {'SIP' if number == 0 else '   '}          {uri}")
    print_(f"  secret key   {keys.secret_key}")
    print_(f"  test key     {keys.test_secret_key}")
    print_(f"  publishable  {keys.publishable_key}")
    print_("\n[bold]Place a call yourself[/bold] (people who answer: dialnexa call --help)\n")
    indented = json.dumps(body, indent=2).replace("\n", "\n  ")
    console.print(
        f"curl -X POST {running.api_url}/v1/calls \\\n"
        f'  -H "Authorization: Bearer {keys.secret_key}" \\\n'
        f'  -H "Content-Type: application/json" \\\n'
        f"  -d '{indented}'\n",
        soft_wrap=True,
        markup=False,
    )
    print_("[dim]Ctrl-C stops it; live calls may finish first.[/dim]")
