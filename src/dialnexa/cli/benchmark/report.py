"""How results are told: a table of figures, the contract beside them, the machine, and a file to keep."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from dialnexa.cli.benchmark.figures import FunctionShare, Goal

RESULTS = Path("bench/results")
_LIBRARIES = ("dialnexa", "uvloop", "numpy", "onnxruntime")

Facts = dict[str, object]


@dataclass(frozen=True, slots=True)
class Result:
    """What one mode found: the figures of each of its runs, and what they are measured against."""

    mode: str
    runs: Sequence[Facts]
    goals: Sequence[Goal]
    profile: Sequence[FunctionShare] = ()
    note: str = ""
    """How to read the figures."""

    def report(self) -> Facts:
        """Return everything as it is kept."""
        runs = [
            {**facts, "goals_missed": [goal.name for goal in self.goals if goal.met(facts) is False]}
            for facts in self.runs
        ]
        return {"mode": self.mode, "machine": machine(), "runs": runs, "profile": list(self.profile)}


@dataclass(frozen=True, slots=True)
class Manner:
    """What becomes of results: printed for people or as JSON, and kept or not."""

    as_json: bool = False
    save: bool = False

    def tell(self, result: Result) -> None:
        """Print a result and keep it if that is wanted."""
        report = result.report()
        if self.as_json:
            typer.echo(json.dumps(report))
        else:
            _print(result, Console(highlight=False))
        if self.save:
            typer.echo(f"Saved as {_save(report, result)}.", err=True)


def machine() -> Facts:
    """Return where and when this is, and with which versions."""
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "cores": os.cpu_count(),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in _LIBRARIES},
    }


def _print(result: Result, console: Console) -> None:
    console.print(f"[bold]{result.mode}[/bold]")
    table = Table(show_header=len(result.runs) > 1, box=None, padding=(0, 2))
    table.add_column("")
    for number in range(len(result.runs)):
        table.add_column(f"run {number + 1}")
    for name in result.runs[0]:
        table.add_row(name.replace("_", " "), *(_words(facts[name]) for facts in result.runs))
    console.print(table)
    console.print()
    _print_goals(result, console)
    if result.profile:
        _print_profile(result.profile, console)
    console.print(f"[dim]{_words(machine())}[/dim]")
    if result.note:
        console.print(f"[dim]{result.note}[/dim]")
    console.print()


def _print_goals(result: Result, console: Console) -> None:
    table = Table(box=None, padding=(0, 2))
    for title in ("contract", "at most", "measured", ""):
        table.add_column(title)
    for goal in result.goals:
        values = [value for facts in result.runs if (value := goal.value(facts)) is not None]
        met = all(value <= goal.most for value in values)
        verdict = ("met" if met else "missed") if values else "not measured"
        table.add_row(goal.name, f"{goal.most:g}", "  ".join(f"{value:g}" for value in values), verdict)
    console.print(table)
    console.print()


def _print_profile(profile: Sequence[FunctionShare], console: Console) -> None:
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


def _save(report: Facts, result: Result) -> Path:
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{time.strftime('%Y-%m-%d-%H%M', time.gmtime())}-{result.mode.replace(' ', '-')}.json"
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return path


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:
            return next(line.split(":", 1)[1].strip() for line in info if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown"
