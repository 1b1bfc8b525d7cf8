"""``dialnexa bench``: how many calls one core of this machine carries, with figures anyone can repeat."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console
from rich.table import Table

from dialnexa.cli.benchmark.figures import GOALS, FunctionShare, Run
from dialnexa.cli.benchmark.running import run

_RESULTS = Path("bench/results")
_LIBRARIES = ("dialnexa", "uvloop", "numpy", "onnxruntime")

Facts = dict[str, object]


def bench(
    calls: Annotated[int, typer.Option(min=1, help="Concurrent calls.")] = 100,
    seconds: Annotated[float, typer.Option(min=1, help="How long to measure.")] = 20.0,
    repeat: Annotated[int, typer.Option(min=1, help="How many runs, each with a fresh process.")] = 1,
    recording: Annotated[bool, typer.Option("--recording/--no-recording", help="Record every call.")] = True,
    profile: Annotated[bool, typer.Option("--profile", help="Also say which functions take the CPU time.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
    save: Annotated[bool, typer.Option("--save", help=f"Also write them as JSON under {_RESULTS}/.")] = False,
) -> None:
    """Carry calls over real SIP and RTP on loopback with instant provider fakes, and print what they cost."""
    if sys.platform != "linux":
        typer.echo("Some figures are only known on Linux; the rest is printed.", err=True)
    runs = [uvloop.run(run(calls, seconds, recording=recording, profile=profile)) for _ in range(repeat)]
    report: Facts = {"machine": _machine(), "recording": recording, "runs": [_facts(each) for each in runs]}
    if as_json:
        typer.echo(json.dumps(report))
    else:
        _print(report, runs, Console(highlight=False))
    if save:
        typer.echo(f"Saved as {_save(report, calls)}.", err=True)


def _facts(each: Run) -> Facts:
    facts = each.facts()
    facts["goals_missed"] = [goal.name for goal in GOALS if goal.met(facts) is False]
    if each.end["profile"]:
        facts["profile"] = each.end["profile"]
    return facts


def _machine() -> dict[str, object]:
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "cores": os.cpu_count(),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in _LIBRARIES},
    }


def _print(report: Facts, runs: list[Run], console: Console) -> None:
    table = Table(show_header=len(runs) > 1, box=None, padding=(0, 2))
    table.add_column("")
    for number in range(len(runs)):
        table.add_column(f"run {number + 1}")
    every = [each.facts() for each in runs]
    for name in every[0]:
        table.add_row(name.replace("_", " "), *(_words(facts[name]) for facts in every))
    console.print(table)
    console.print()
    _print_goals(every, console)
    if profile := runs[-1].end["profile"]:
        _print_profile(profile, console)
    console.print(f"[dim]{_words(report['machine'])}[/dim]")
    console.print(
        "[dim]calls per core: 100 % divided by the CPU of one call; plan for 80 % of it. Lateness of our own: what "
        "waiting for a core that others used does not explain.[/dim]"
    )


def _print_goals(every: list[Facts], console: Console) -> None:
    table = Table(box=None, padding=(0, 2))
    for title in ("contract", "at most", "measured", ""):
        table.add_column(title)
    for goal in GOALS:
        values = [value for facts in every if (value := goal.value(facts)) is not None]
        met = all(value <= goal.most for value in values)
        verdict = ("met" if met else "missed") if values else "not measured"
        table.add_row(goal.name, f"{goal.most:g}", "  ".join(f"{value:g}" for value in values), verdict)
    console.print(table)
    console.print()


def _print_profile(profile: list[FunctionShare], console: Console) -> None:
    table = Table(box=None, padding=(0, 2))
    for title in ("own %", "within %", "function"):
        table.add_column(title)
    for line in profile:
        table.add_row(f"{line['own_percent']:g}", f"{line['within_percent']:g}", line["function"])
    console.print(table)
    console.print()


def _words(value: object) -> str:
    if isinstance(value, dict):
        return "  ".join(f"{key} {each}" for key, each in value.items())  # pyright: ignore[reportUnknownVariableType]
    return str(value)


def _save(report: Facts, calls: int) -> Path:
    _RESULTS.mkdir(parents=True, exist_ok=True)
    path = _RESULTS / time.strftime(f"%Y-%m-%d-%H%M-{calls}-calls.json", time.gmtime())
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return path


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:
            return next(line.split(":", 1)[1].strip() for line in info if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown"
