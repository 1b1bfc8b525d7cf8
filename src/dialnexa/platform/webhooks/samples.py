"""Samples of what arrives, for people who write receivers: made by the code that makes the real thing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from dialnexa.platform.calls.fields import call_fields
from dialnexa.platform.calls.models import Call
from dialnexa.platform.calls.schemas import TurnOut
from dialnexa.platform.calls.states import CallState
from dialnexa.platform.webhooks import wire
from dialnexa.platform.webhooks.models import Event
from dialnexa.platform.webhooks.names import ALIASES, CANONICAL, PING, legacy

_BEGAN = datetime(2026, 5, 23, 12, tzinfo=UTC)
_ULID = "01k9ah5e7w3m8q2r4t6v8x0z2b"
_CALL = f"call_{_ULID}"
_TURNS = (
    TurnOut(role="agent", content="Hello, this is Ada from the clinic.", start=0.4, end=2.9),
    TurnOut(role="user", content="Hi. Tuesday is fine.", start=3.3, end=5.1),
)
_OUTCOMES: dict[str, tuple[CallState, str | None]] = {
    "call.initiated": (CallState.QUEUED, None),
    "call.started": (CallState.IN_PROGRESS, None),
    "call.failed": (CallState.FAILED, "network_failure"),
    "call.no_answer": (CallState.NO_ANSWER, "user_did_not_pick_up"),
    "call.busy": (CallState.BUSY, "user_busy"),
    "call.function_error": (CallState.IN_PROGRESS, None),
}
"""How the call stands that an event tells of; the other events tell of a call that was completed."""
_BESIDES: dict[str, dict[str, Any]] = {
    "call.transferred": {"call_transfer": {"status": "completed", "to": "+12025550147", "kind": "warm"}},
    "call.function_error": {"function": {"name": "book_slot", "ok": False, "result": "The server answered 500."}},
    "campaign.completed": {"campaign": {"id": f"cmp_{_ULID}", "status": "completed", "total_leads": 120}},
    "campaign.paused": {"campaign": {"id": f"cmp_{_ULID}", "status": "paused", "total_leads": 120}},
    "workflow.lead.completed": {
        "workflow": {"id": f"wfl_{_ULID}"},
        "lead": {"id": f"wlead_{_ULID}", "status": "completed", "phone_number": "+16505550199"},
    },
    "alert.triggered": {
        "alert": {
            "id": f"alert_{_ULID}",
            "name": "Too many calls fail",
            "metric": "failure_rate",
            "unit": "percent",
            "threshold": 10.0,
            "value": 12.5,
            "window_minutes": 60,
            "agent_id": f"agent_{_ULID}",
            "triggered_at": "2026-05-23T12:01:00.000Z",
        }
    },
}
"""What the payload of an event has besides the call."""


def catalogue(workspace_id: str, *, livemode: bool) -> Iterator[dict[str, Any]]:
    """Yield every kind of event: its names, when it is sent, and a sample as a workspace would get it."""
    for name, description in CANONICAL.items():
        yield {
            "name": name,
            "description": description,
            "event_type": legacy(name),
            "aliases": [alias for alias, covered in ALIASES.items() if name in covered],
            "sample": sample(name, workspace_id, livemode=livemode),
        }


def sample(name: str, workspace_id: str, *, livemode: bool) -> dict[str, Any]:
    """Return what a webhook receives for an event of this name."""
    event_id, at = f"evt_{_ULID}", _BEGAN + timedelta(seconds=60)
    if name == PING:
        return wire.ping(event_id, workspace_id, f"webhook_{_ULID}", livemode=livemode, now=at)
    event = Event(
        id=event_id,
        workspace_id=workspace_id,
        livemode=livemode,
        type="call.failed" if name == "call.busy" else name,
        call_id=_CALL if name.startswith("call.") else None,
        payload=payload(name, workspace_id),
        position=812,
        created_at=at,
    )
    return wire.message(event, name, lambda call_id: f"https://dialnexa.example/v1/calls/{call_id}/recording")


def payload(name: str, workspace_id: str) -> dict[str, Any]:
    """Return what an event of this name keeps in the outbox."""
    about = {"call": _call(name, workspace_id)} if name.startswith("call.") else {}
    return {**about, **_BESIDES.get(name, {})}


def _call(name: str, workspace_id: str) -> dict[str, Any]:
    state, reason = _OUTCOMES.get(name, (CallState.COMPLETED, "user_disconnected"))
    began, talked = state is not CallState.QUEUED, state in {CallState.COMPLETED, CallState.IN_PROGRESS}
    over = reason is not None
    call = Call(
        id=_CALL,
        workspace_id=workspace_id,
        livemode=True,
        channel="phone",
        direction="outbound",
        origin="api",
        agent_id=f"agent_{_ULID}",
        agent_version_id=f"av_{_ULID}",
        from_number="+14155550100",
        to_number="+16505550199",
        state=str(state),
        end_reason=reason,
        variables={"customer_name": "Alex Rivera"},
        metadata_={"crm_contact_id": "cont_99123"},
        unresolved_variables=[],
        attempt=1,
        created_at=_BEGAN,
        started_at=_BEGAN + timedelta(seconds=1) if began else None,
        answered_at=_BEGAN + timedelta(seconds=9) if talked else None,
        ended_at=_BEGAN + timedelta(seconds=51) if over else None,
        duration_ms=(42_000 if talked else 0) if over else None,
    )
    turns = _TURNS if over and talked else None
    fields = call_fields(call, version_number=3, turns=turns)
    if turns is not None:
        fields["transcript_turns"] = [turn.model_dump() for turn in turns]
    return fields
