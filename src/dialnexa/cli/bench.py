"""``dialnexa bench``: what one core of this machine carries, with figures anyone can repeat."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from inspect import Signature, signature
from typing import Annotated, ParamSpec
from urllib.parse import urlsplit

import typer
import uvloop

from dialnexa.cli.benchmark import capacity as capacity_mode
from dialnexa.cli.benchmark import figures
from dialnexa.cli.benchmark import history as history_mode
from dialnexa.cli.benchmark import overload as overload_mode
from dialnexa.cli.benchmark import placing as placing_mode
from dialnexa.cli.benchmark import rate as rate_mode
from dialnexa.cli.benchmark import soak as soak_mode
from dialnexa.cli.benchmark import webhooks as webhooks_mode
from dialnexa.cli.benchmark.report import RESULTS, Manner, Result
from dialnexa.cli.benchmark.twilio import streams

app = typer.Typer(
    help="Measure what one core of this machine carries, over real SIP and RTP on loopback with instant provider "
    "fakes. Without a mode: all of them, in a few minutes.",
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_PER_CORE = (
    "calls per core: 100 % divided by the CPU of one call; plan for 80 % of it. Lateness of our own: what waiting for "
    "a core that others used does not explain."
)
_STAMPED = "Answers are stamped by the kernel as they arrive, so the load's own lateness is in no figure."

_PLACED = "The api process has a core of its own; nobody carries the calls out, their slots are given back meanwhile."
_LISTED = "Each request finds a page, counts the list and reads the calls, as GET /calls does; without HTTP and JSON."

Calls = Annotated[int, typer.Option(min=1, help="How many calls.")]
Seconds = Annotated[float, typer.Option(min=1, help="How long to measure.")]
Rate = Annotated[float, typer.Option(min=0.1, help="New calls per second.")]
Hold = Annotated[float, typer.Option(min=0, help="How long each call lasts, in seconds.")]
Database = Annotated[
    str, typer.Option("--database-url", help="An empty PostgreSQL database; SQLite in a fresh folder if not given.")
]
Profile = Annotated[bool, typer.Option("--profile", help="Also say which functions take the CPU time.")]
Json = Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")]
Save = Annotated[bool, typer.Option("--save", help=f"Also write them as JSON under {RESULTS}/.")]

P = ParamSpec("P")


def _mode(measure: Callable[P, Result]) -> Callable[P, Result]:
    """Make a command of a measurement, with options beside its own for the manner in which its result is told."""

    def command(as_json: Json = False, save: Save = False, *args: P.args, **options: P.kwargs) -> None:
        Manner(as_json, save).tell(measure(*args, **options))

    own, manner = (list(signature(each, eval_str=True).parameters.values()) for each in (measure, command))
    vars(command)["__signature__"] = Signature([*own, *manner[:2]])
    app.command(measure.__name__, help=measure.__doc__)(command)
    return measure


@app.callback()
def everything(context: typer.Context, as_json: Json = False, save: Save = False) -> None:
    """Run every mode with its defaults, when none is named."""
    if context.invoked_subcommand is None:
        manner = Manner(as_json, save)
        for measure in (capacity, rate, overload, place, partial(soak, calls=2000)):
            manner.tell(measure())


@_mode
def capacity(
    calls: Calls = 100,
    seconds: Seconds = 20.0,
    repeat: Annotated[int, typer.Option(min=1, help="How many runs, each with a fresh process.")] = 1,
    recording: Annotated[bool, typer.Option("--recording/--no-recording", help="Record every call.")] = True,
    profile: Profile = False,
) -> Result:
    """Carry a number of concurrent calls and print what each costs."""
    runs = [uvloop.run(capacity_mode.run(calls, seconds, recording=recording, profile=profile)) for _ in range(repeat)]
    facts = [{"recording": recording, **each.facts()} for each in runs]
    name = f"capacity {calls} calls"
    return Result(name, facts, figures.GOALS, runs[-1].end["profile"], _PER_CORE)


@_mode
def rate(
    per_second: Rate = 75.0,
    seconds: Seconds = 20.0,
    hold: Hold = 1.0,
    profile: Profile = False,
) -> Result:
    """Place calls at a steady rate and print how soon each is tried, rings and is answered."""
    found = uvloop.run(rate_mode.run(per_second, seconds, hold, profile=profile))
    name = f"rate {per_second:g} per second"
    return Result(name, [found.facts()], rate_mode.GOALS, found.profile, _STAMPED)


@_mode
def overload(
    running: Annotated[int, typer.Option(min=1, help="Calls that run before and must not notice.")] = 150,
    per_second: Rate = 150.0,
    seconds: Seconds = 15.0,
    profile: Profile = False,
) -> Result:
    """Offer more calls than the core can carry and print what the running ones notice of it."""
    found = uvloop.run(overload_mode.run(running, per_second, seconds, profile=profile))
    name = f"overload {per_second:g} per second"
    return Result(name, [found.facts()], overload_mode.GOALS, found.profile, _STAMPED)


@_mode
def soak(
    calls: Calls = 10_000,
    per_second: Rate = 30.0,
    hold: Hold = 2.0,
) -> Result:
    """Make thousands of short calls and print what is left of them."""
    found = uvloop.run(soak_mode.run(calls, per_second, hold))
    return Result(f"soak {calls} calls", [found.facts()], soak_mode.GOALS)


@_mode
def place(
    connections: Annotated[int, typer.Option(min=1, help="Connections that post at the same time.")] = 16,
    seconds: Seconds = 15.0,
    database_url: Database = "",
) -> Result:
    """Place calls over HTTP as fast as one api process takes them and print what each costs."""
    found = uvloop.run(placing_mode.run(database_url, connections, seconds))
    return Result(f"place calls {found.database}", [found.facts()], placing_mode.GOALS, note=_PLACED)


@_mode
def webhooks(
    events: Annotated[int, typer.Option(min=1, help="How many events.")] = 5000,
    failures: Annotated[float, typer.Option(min=0, max=0.9, help="The share of attempts the receiver fails.")] = 0.2,
    database_url: Database = "",
) -> Result:
    """Deliver events to a receiver that fails now and then and print what each costs and whether any is lost."""
    found = uvloop.run(webhooks_mode.run(database_url, events, failures))
    return Result(f"webhooks {found.database}", [found.facts()], webhooks_mode.GOALS)


@_mode
def history(
    rows: Annotated[int, typer.Option(min=1000, help="How many calls there are.")] = 1_000_000,
    rounds: Annotated[int, typer.Option(min=1, help="How often each kind of list is asked for.")] = 20,
    database_url: Database = "",
) -> Result:
    """Fill a workspace with a million calls and print how soon lists of them come, filter by filter."""
    found = uvloop.run(history_mode.run(rows, rounds, database_url))
    name = f"history {found.rows} calls {found.database}"
    return Result(name, [found.facts()], history_mode.GOALS, note=_LISTED)


@_mode
def twilio(
    url: Annotated[str, typer.Option(help="Where the engine takes Media Streams: ws://… or wss://….")],
    sockets: Annotated[int, typer.Option(min=1, help="Callers at once.")] = 20,
    seconds: Seconds = 30.0,
) -> Result:
    """Call any engine that speaks Twilio Media Streams and print how it answers, listens and keeps time."""
    if urlsplit(url).scheme not in ("ws", "wss"):
        raise typer.BadParameter(f"{url} is no WebSocket address; it begins with ws:// or wss://.", param_hint="--url")
    found = uvloop.run(streams.run(url, sockets, seconds))
    return Result(f"twilio {sockets} sockets", [found.facts()], streams.GOALS)
