"""Calls: place, read, follow, wait for, hang up, listen."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from dialnexa_client.decoding import reader
from dialnexa_client.errors import StillRunning
from dialnexa_client.exchange import Core, Plan, Request, Sleep, part
from dialnexa_client.models.calls import Call, PlacedCall, Timeline
from dialnexa_client.paging import Search

_LONGEST_POLL_S = 5.0
_SLOWING = 1.5


def create(
    core: Core,
    *,
    to_number: str,
    from_number: str | None = None,
    agent_version_id: str | None = None,
    agent_id: str | None = None,
    agent_version_number: int | None = None,
    variables: Mapping[str, object] | None = None,
    metadata: Mapping[str, object] | None = None,
    notes: Mapping[str, object] | None = None,
    retry: Mapping[str, object] | None = None,
    idempotency_key: str | None = None,
) -> Plan[PlacedCall]:
    """Queue an outbound call and return at once; ``wait`` for its outcome.

    Name the agent by ``agent_version_id`` together with ``from_number``, or by ``agent_id`` (then its live version
    talks, and its outbound number calls). ``variables`` fill ``{{name}}`` in the agent's texts; ``metadata`` is kept on
    the record. Numbers are E.164.

    Raises ``BadRequest`` for malformed fields, ``Forbidden`` for a number or version one may not use, ``Conflict`` when
    the workspace holds as many calls as it may (then nothing was stored).
    """
    body = {
        "to_number": to_number,
        "from_number": from_number,
        "agent_version_id": agent_version_id,
        "agent_id": agent_id,
        "agent_version_number": agent_version_number,
        "variables": _dict(variables),
        "metadata": _dict(metadata),
        "notes": _dict(notes),
        "retry": _dict(retry),
    }
    sent = {name: value for name, value in body.items() if value is not None}
    return core.ask(Request("POST", "/calls", reader(PlacedCall), body=sent, idempotency_key=idempotency_key))


def get(core: Core, call_id: str) -> Plan[Call]:
    """Return a call as it is now."""
    return core.ask(Request("GET", f"/calls/{part(call_id)}", reader(Call)))


def search(
    core: Core,
    *,
    status: str | None = None,
    agent_id: str | None = None,
    agent_version_id: str | None = None,
    from_: str | datetime | None = None,
    to: str | datetime | None = None,
    type: str | None = None,
    call_direction: str | None = None,
    end_reason: str | None = None,
    sentiment: str | None = None,
    start_date: str | None = None,
    end_date: str | None = None,
    limit: int = 100,
) -> Search[Call]:
    """List calls, newest first, without transcripts.

    ``status``, ``agent_id``, ``end_reason`` and the like take one value or several joined by commas. ``from_`` and
    ``to`` are phone numbers, or bounds in time. ``limit`` is the size of a page (1 to 200), not of the list.
    """
    query = {
        "status": status,
        "agent_id": agent_id,
        "agent_version_id": agent_version_id,
        "from": from_,
        "to": to,
        "type": type,
        "call_direction": call_direction,
        "end_reason": end_reason,
        "sentiment": sentiment,
        "start_date": start_date,
        "end_date": end_date,
    }
    return Search(core, "/calls", Call, query, limit)


def hang_up(core: Core, call_id: str) -> Plan[Call]:
    """End a call: a queued one at once, a live one within a second. Raises ``Conflict`` when it has ended already."""
    return core.ask(Request("POST", f"/calls/{part(call_id)}/hangup", reader(Call)))


def timeline(core: Core, call_id: str, *, after: int = 0, wait: float = 0) -> Plan[Timeline]:
    """Return what happened after line ``after``. With ``wait`` (at most 25 s) the server holds the answer for news."""
    query = {"after": after, "wait": wait}
    return core.ask(Request("GET", f"/calls/{part(call_id)}/timeline", reader(Timeline), query))


def wait(core: Core, call_id: str, *, timeout: float | None = None, poll_seconds: float = 1.0) -> Plan[Call]:
    """Return the call once it has ended.

    Asks after ``poll_seconds`` (at least 1), then ever less often, up to every 5 seconds. Raises ``StillRunning`` after
    ``timeout`` seconds; the call goes on.
    """
    started = core.monotonic()
    pause = max(1.0, poll_seconds)
    while not (call := (yield from get(core, call_id))).is_final:
        waited = core.monotonic() - started
        if timeout is not None and waited >= timeout:
            raise StillRunning(call, waited)
        yield Sleep(pause if timeout is None else min(pause, timeout - waited))
        pause = max(pause, min(_LONGEST_POLL_S, pause * _SLOWING))
    return call


def download_recording(core: Core, call_id: str, to: str | os.PathLike[str]) -> Plan[Path]:
    """Save a call's stereo recording (left: the person, right: the agent) as the WAV file ``to``, and return its path.

    The file appears when it is complete. Raises ``NotFound`` when there is no recording.
    """
    path = Path(to)
    return core.ask(Request("GET", f"/calls/{part(call_id)}/recording", lambda _: path, save_to=path))


def _dict(values: Mapping[str, object] | None) -> dict[str, object] | None:
    return None if values is None else dict(values)
