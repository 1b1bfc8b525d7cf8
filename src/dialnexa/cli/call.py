"""``dialnexa call``: place a call from the shell and watch its transcript."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.console import Console

from dialnexa.cli.follow import ApiRefused, follow_call, place_call
from dialnexa.cli.installation import Installation, NotPrepared, read
from dialnexa.cli.options import Data, settings_with
from dialnexa.live.sandbox.sandbox import TEST_NUMBERS

_PEOPLE = "\n\n".join(f"{number}  {who}" for number, who in sorted(TEST_NUMBERS.items()))


def call(
    to: Annotated[str, typer.Argument(help="Number to call, in E.164 form such as +16505550199.")],
    from_number: Annotated[str | None, typer.Option("--from", help="Caller id; the installation's own number.")] = None,
    agent_version: Annotated[str | None, typer.Option("--agent-version", help="av_… id; the demo agent.")] = None,
    variable: Annotated[list[str] | None, typer.Option("--var", help="name=value for the prompt; repeatable.")] = None,
    api_url: Annotated[str, typer.Option("--api-url", envvar="DIALNEXA_API_URL")] = "",
    api_key: Annotated[str, typer.Option("--api-key", envvar="DIALNEXA_API_KEY")] = "",
    data: Data = None,
) -> None:
    """Place a call and print what is said, line by line, until it is over."""
    console = Console(highlight=False)
    settings = settings_with(data=data)
    try:
        home = asyncio.run(read(settings))
        body: dict[str, object] = {
            "to_number": to,
            "from_number": from_number or _of(home, "from_number"),
            "agent_version_id": agent_version or _of(home, "agent_version_id"),
            "variables": _variables(variable or []),
        }
        url = api_url or f"http://{settings.http_host}:{_running_port(settings.data, settings.http_port)}"
        ok = asyncio.run(_call(url, api_key or _of(home, "secret_key"), body, console))
    except (ApiRefused, NotPrepared, ValueError) as error:
        console.print(f"[red]{error}[/red]")
        sys.exit(1)
    except httpx.ConnectError:
        console.print("[red]Nothing answers there.[/red] Start DialNexa with `dialnexa up`, or give --api-url.")
        sys.exit(1)
    sys.exit(0 if ok else 2)


call.__doc__ = f"{call.__doc__}\n\nThese test numbers are answered by built-in people:\n\n{_PEOPLE}"


async def _call(url: str, key: str, body: dict[str, object], console: Console) -> bool:
    async with httpx.AsyncClient(
        base_url=url, headers={"Authorization": f"Bearer {key}"}, trust_env=False, timeout=30
    ) as http:
        placed = await place_call(http, body)
        console.print(f"[dim]{placed['call_id']}[/dim]")
        record = await follow_call(http, placed["call_id"], console)
    console.print(f"[bold]{record['status']}[/bold] ({record['end_reason']}), {record['duration_seconds']} s")
    if record.get("recording_url"):
        console.print(f"recording: {record['recording_url']}", soft_wrap=True)
    return record["status"] == "completed"


def _of(home: Installation | None, name: str) -> str:
    if home is None:
        option = {"secret_key": "--api-key"}.get(name, f"--{name.replace('_', '-').removesuffix('-id')}")
        raise NotPrepared(f"No installation in this folder: give {option}, or --data with the folder of `dialnexa up`.")
    return str(getattr(home, name))


def _variables(pairs: list[str]) -> dict[str, str]:
    for pair in pairs:
        if "=" not in pair:
            raise ValueError(f"--var {pair}: write it as name=value, such as --var customer_name=Alex")
    return dict(pair.split("=", 1) for pair in pairs)


def _running_port(data: Path, fallback: int) -> int:
    """The port of the API that runs on this folder now, from the file it leaves there."""
    ready = data / "logs" / "api.ready.json"
    return int(json.loads(ready.read_text())["port"]) if ready.exists() else fallback
