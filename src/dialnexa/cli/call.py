"""``dialnexa call``: place a call from the shell and watch its transcript."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from typing import Annotated

import httpx
import typer
from rich.console import Console
from rich.markup import escape

from dialnexa.cli.follow import ApiRefused, follow_call, place_call
from dialnexa.cli.installation import Installation, NotPrepared, read
from dialnexa.cli.options import Data, settings_with
from dialnexa.cli.running import running_api
from dialnexa.kit.phone import likely, to_e164
from dialnexa.live.sandbox.scripts import TEST_NUMBERS
from dialnexa.settings import Settings

_PEOPLE = "\n".join(f"{number}  {who}" for number, who in sorted(TEST_NUMBERS.items()))
_INTERRUPTED = 130
"""The exit code of a command that was ended with Ctrl-C."""


class _Mistyped(Exception):
    """The command line cannot be right; says how it is written."""


@dataclass(frozen=True, slots=True)
class _Target:
    """Where the call is placed, and with which key."""

    url: str
    key: str


def call(
    to: Annotated[
        str, typer.Argument(metavar="NUMBER", help="Number to call, with + and country code, such as +16505550199.")
    ],
    from_number: Annotated[
        str | None, typer.Option("--from", help="Caller id; the installation's own number if not given.")
    ] = None,
    agent_version: Annotated[
        str | None, typer.Option("--agent-version", help="Published version, av_…; the demo agent's if not given.")
    ] = None,
    variable: Annotated[
        list[str] | None, typer.Option("--var", help="name=value for the agent's texts; may be repeated.")
    ] = None,
    api_url: Annotated[
        str,
        typer.Option(
            "--api-url",
            envvar="DIALNEXA_API_URL",
            help="Address of the API; the one that runs on the data folder if not given.",
        ),
    ] = "",
    api_key: Annotated[
        str,
        typer.Option("--api-key", envvar="DIALNEXA_API_KEY", help="Secret key; the installation's own if not given."),
    ] = "",
    data: Data = None,
) -> None:
    """Place a call and print what is said, line by line, until it is over. Ctrl-C hangs up.

    Exit code: 0 the call completed, 2 it ended otherwise, 1 it was not placed.
    """
    console, complaints = Console(highlight=False), Console(stderr=True, highlight=False, soft_wrap=True)
    settings = settings_with(data=data)
    try:
        home = asyncio.run(read(settings))
        body: dict[str, object] = {
            "to_number": _number(to, home),
            "from_number": _number(from_number, home) if from_number else _of(home, settings, "from_number", "--from"),
            "agent_version_id": agent_version or _of(home, settings, "agent_version_id", "--agent-version"),
            "variables": _variables(variable or []),
        }
        key = api_key or _of(home, settings, "secret_key", "--api-key")
        target = _Target(api_url or running_api(settings) or _configured(settings), key)
        ok = asyncio.run(_call(target, body, console))
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except (ApiRefused, NotPrepared, _Mistyped) as error:
        complaints.print(f"[red]{escape(str(error))}[/red]")
        sys.exit(1)
    sys.exit(0 if ok else 2)


call.__doc__ = f"{call.__doc__}\n\n    These test numbers are answered by built-in people:\n\n    \b\n" + "".join(
    f"    {line}\n" for line in _PEOPLE.splitlines()
)


async def _call(target: _Target, body: dict[str, object], console: Console) -> bool:
    headers = {"Authorization": f"Bearer {target.key}"}
    try:
        async with httpx.AsyncClient(base_url=target.url, headers=headers, trust_env=False, timeout=30) as http:
            return await _place_and_follow(http, body, console)
    except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        raise _Mistyped(f"{target.url} is no address of an API: write it as http://127.0.0.1:8080") from error
    except httpx.ConnectError as error:
        raise NotPrepared(
            f"Nothing answers at {target.url}. Start DialNexa with `dialnexa up`, or give --api-url."
        ) from error
    except httpx.HTTPError as error:
        raise NotPrepared(
            f"{target.url} stopped answering ({type(error).__name__}). Does DialNexa still run?"
        ) from error


async def _place_and_follow(http: httpx.AsyncClient, body: dict[str, object], console: Console) -> bool:
    placed = await place_call(http, body)
    console.print(f"[dim]{placed['call_id']}[/dim]")
    try:
        record = await follow_call(http, placed["call_id"], console)
    except asyncio.CancelledError:
        console.print("[dim]hanging up[/dim]")
        await http.post(f"/v1/calls/{placed['call_id']}/hangup")
        raise
    console.print(f"[bold]{record['status']}[/bold] ({record['end_reason']}), {record['duration_seconds'] or 0} s")
    if record["detail"]:
        console.print(escape(record["detail"]), soft_wrap=True)
    if not record["answered_at"]:
        await _show_ladder(http, placed["call_id"], console)
    if record["recording_url"]:
        console.print(f"recording: {record['recording_url']}", soft_wrap=True)
    return record["status"] == "completed"


async def _show_ladder(http: httpx.AsyncClient, call_id: str, console: Console) -> None:
    """Print what was said over SIP: whoever watches a call that never came up wants to know why."""
    ladder = await http.get(f"/v1/calls/{call_id}/ladder", params={"format": "text"})
    if ladder.is_success:
        console.print(escape(ladder.text.rstrip()), soft_wrap=True)


def _number(text: str, home: Installation | None) -> str:
    """Read a number as people type it; raises ``_Mistyped`` with the likely correction."""
    if number := to_e164(text):
        return number
    meant = likely(text, home.from_number if home else None)
    advice = f"Did you mean {meant}?" if meant else "Write it with + and country code, such as +16505550199."
    raise _Mistyped(f"{text} is not a phone number. {advice}")


def _of(home: Installation | None, settings: Settings, name: str, option: str) -> str:
    if home is None:
        raise NotPrepared(
            f"No installation in {settings.data}. Run `dialnexa up` first, name its folder with --data, "
            f"or give {option}."
        )
    return str(getattr(home, name))


def _variables(pairs: list[str]) -> dict[str, str]:
    for pair in pairs:
        if not pair.partition("=")[0].strip() or "=" not in pair:
            raise _Mistyped(f"--var {pair}: write it as name=value, such as --var customer_name=Alex")
    return dict(pair.split("=", 1) for pair in pairs)


def _configured(settings: Settings) -> str:
    return f"http://{settings.http_host}:{settings.http_port}"
