"""``dialnexa bench``: how many calls one core of this machine carries, with figures anyone can repeat."""

from __future__ import annotations

import asyncio
import json
import os
import platform
import sys
import time
from dataclasses import dataclass
from importlib import metadata
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from dialnexa.cli.benchmark.callers import Load
from dialnexa.live.sip.endpoint import SipEndpoint

_SETTLE_S = 3.0


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run found."""

    calls: int
    seconds: float
    before: dict[str, Any]
    start: dict[str, Any]
    end: dict[str, Any]
    after: dict[str, Any]
    setup_s: list[float]
    pacing_ms: tuple[float, float, float]

    @property
    def cpu_percent_per_call(self) -> float:
        """CPU of the subject as a share of one core, per call."""
        return 100 * (self.end["cpu_s"] - self.start["cpu_s"]) / self.seconds / self.calls

    @property
    def memory_mb_per_call(self) -> float:
        """Resident memory the calls added, per call."""
        return (self.end["rss_kb"] - self.before["rss_kb"]) / 1024 / self.calls


def bench(
    calls: Annotated[int, typer.Option(help="Concurrent calls.")] = 100,
    seconds: Annotated[float, typer.Option(help="How long to measure.")] = 20.0,
    recording: Annotated[bool, typer.Option("--recording/--no-recording", help="Record every call.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Carry calls over real SIP and RTP on loopback with instant provider fakes, and print what they cost."""
    if sys.platform != "linux":
        typer.echo("Some figures are only known on Linux; the rest is printed.", err=True)
    figures = asyncio.run(_run(calls, seconds, recording))
    if as_json:
        typer.echo(json.dumps(_facts(figures)))
    else:
        _print(figures, Console(highlight=False))


async def _run(calls: int, seconds: float, recording: bool) -> Figures:
    arguments = [] if recording else ["--no-recording"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "dialnexa.cli.benchmark.subject", *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout
        port = json.loads(await process.stdout.readline())["port"]
        _apart(process.pid)
        async with SipEndpoint.open("127.0.0.1", 0, on_invite=lambda call: call.reject(486)) as endpoint:
            return await _drive(process, Load(port), endpoint, calls, seconds)
    finally:
        if process.stdin:
            process.stdin.close()
        await process.wait()


async def _drive(
    process: asyncio.subprocess.Process, load: Load, endpoint: SipEndpoint, calls: int, seconds: float
) -> Figures:
    before = await _measure(process)
    talking = asyncio.create_task(load.talk(seconds + 2 * _SETTLE_S + calls * 0.05))
    setup = await load.place(calls, endpoint)
    await asyncio.sleep(_SETTLE_S)
    load.forget_arrivals()
    start, began = await _measure(process), time.monotonic()
    await asyncio.sleep(seconds)
    end, lasted = await _measure(process), time.monotonic() - began
    pacing = load.pacing_ms()
    talking.cancel()
    await asyncio.gather(talking, return_exceptions=True)
    await load.hang_up()
    await asyncio.sleep(1)
    return Figures(calls, lasted, before, start, end, await _measure(process), setup, pacing)


async def _measure(process: asyncio.subprocess.Process) -> dict[str, Any]:
    assert process.stdin
    assert process.stdout
    process.stdin.write(b"{}\n")
    await process.stdin.drain()
    return json.loads(await process.stdout.readline())


def _apart(subject: int) -> None:
    """Give the subject a core of its own, so that the callers do not disturb what is measured."""
    if sys.platform == "linux" and (cores := sorted(os.sched_getaffinity(0))) and len(cores) > 1:
        os.sched_setaffinity(subject, {cores[-1]})
        os.sched_setaffinity(0, set(cores[:-1]))


def _facts(figures: Figures) -> dict[str, object]:
    setup = sorted(figures.setup_s)
    return {
        "calls": figures.calls,
        "seconds": round(figures.seconds, 1),
        "cpu_percent_per_call": round(figures.cpu_percent_per_call, 3),
        "calls_per_core": round(100 / figures.cpu_percent_per_call),
        "memory_mb_per_call": round(figures.memory_mb_per_call, 3),
        "tick_lateness_ms": {name: round(value, 2) for name, value in figures.end["lateness"].items()},
        "pacing_ms": dict(zip(("p50", "p99", "max"), (round(value, 2) for value in figures.pacing_ms), strict=True)),
        "setup_ms": {
            "p50": round(setup[len(setup) // 2] * 1000, 1),
            "p95": round(setup[int(len(setup) * 0.95)] * 1000, 1),
        },
        "agent_turns": figures.end["turns"] - figures.start["turns"],
        "reply_ms": {"p50": figures.end["reply_p50_ms"], "p95": figures.end["reply_p95_ms"]},
        "left_over": {name: figures.after[name] for name in ("legs", "tasks", "files")},
        "machine": {
            "cores": os.cpu_count(),
            "processor": _processor(),
            "load_average": round(os.getloadavg()[0], 1),
            "python": platform.python_version(),
            "dialnexa": metadata.version("dialnexa"),
            "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        },
    }


def _print(figures: Figures, console: Console) -> None:
    table = Table(show_header=False, box=None, padding=(0, 2))
    for name, value in _facts(figures).items():
        words = "  ".join(f"{key} {each}" for key, each in value.items()) if isinstance(value, dict) else str(value)  # pyright: ignore[reportUnknownVariableType]
        table.add_row(name.replace("_", " "), words)
    console.print(table)
    console.print("[dim]calls per core is 100 % divided by the CPU of one call; plan for 80 % of it.[/dim]")


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:
            return next(line.split(":", 1)[1].strip() for line in info if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown"
