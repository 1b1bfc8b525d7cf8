"""Places a call over the public API and shows its talk as it happens; what ``dialnexa call`` and ``up`` share."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import httpx
from rich.console import Console
from rich.markup import escape

FINAL = frozenset({"completed", "failed", "no_answer", "busy", "voicemail", "cancelled"})
_WAIT_S = 10


class ApiRefused(Exception):
    """The API answered with an error; carries its own sentence."""


async def place_call(http: httpx.AsyncClient, body: Mapping[str, object]) -> dict[str, Any]:
    """Place a call and return its record; raises ``ApiRefused``."""
    return _checked(await http.post("/v1/calls", json=body))


async def follow_call(http: httpx.AsyncClient, call_id: str, console: Console) -> dict[str, Any]:
    """Print what happens on a call, line by line, until it is over; return the final record."""
    after = 0
    while True:
        answer = await http.get(
            f"/v1/calls/{call_id}/timeline", params={"after": after, "wait": _WAIT_S}, timeout=_WAIT_S + 20
        )
        page = _checked(answer)
        for entry in page["data"]:
            after = max(after, int(entry["seq"]))
            if line := describe(entry):
                console.print(line, soft_wrap=True)
        if page["status"] in FINAL and not page["data"]:
            return _checked(await http.get(f"/v1/calls/{call_id}"))
        if not page["data"]:
            await asyncio.sleep(0.1)


def describe(entry: Mapping[str, Any]) -> str:
    """Say one line of the timeline in words; empty for what only machines care about."""
    detail: Mapping[str, Any] = entry.get("detail") or {}
    match entry["event"]:
        case "turn":
            return _turn(detail)
        case "ringing":
            return "  [dim]… ringing[/dim]"
        case "call_answered":
            return "  [dim]… answered[/dim]"
        case "dtmf":
            return f"  [dim]… {detail['role']} pressed {escape(str(detail['digits']))}[/dim]"
        case "tool":
            return f"  [dim]… function {escape(str(detail['name']))}: {'done' if detail['ok'] else 'failed'}[/dim]"
        case "reminder":
            return "  [dim]… silence, the agent asks[/dim]"
        case "voicemail_detected":
            return f"  [dim]… a machine answered ({escape(str(detail['evidence']))})[/dim]"
        case "trouble":
            return f"  [yellow]! {escape(str(detail['part']))}: {escape(str(detail['message']))}[/yellow]"
        case "call_ended":
            return f"  [dim]… ended: {detail.get('status')}, {detail.get('end_reason')}[/dim]"
        case _:
            return ""


def _turn(detail: Mapping[str, Any]) -> str:
    who, colour = ("Agent", "cyan") if detail["role"] == "agent" else ("User ", "green")
    seconds = int(detail["start_ms"]) / 1000
    cut = " [dim](cut off)[/dim]" if detail.get("interrupted") else ""
    text = escape(str(detail["text"])) or "[dim](not understood)[/dim]"
    return f"  [dim]{seconds:5.1f} s[/dim]  [bold {colour}]{who}[/bold {colour}]  {text}{cut}"


def _checked(answer: httpx.Response) -> dict[str, Any]:
    if answer.is_success:
        return answer.json()
    try:
        message: str | list[str] = answer.json()["message"]
    except (ValueError, KeyError, TypeError):
        message = answer.text[:300]
    if answer.status_code == HTTPStatus.UNAUTHORIZED:
        message = "the API does not know this key. `dialnexa keys` prints those of the installation."
    raise ApiRefused(f"{answer.status_code}: {message if isinstance(message, str) else '; '.join(message)}")
