"""The names of events: one canonical vocabulary, and the older ones that subscribers may use instead (contract E.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

PING = "ping"
EVERYTHING = "*"

CANONICAL = {
    "call.initiated": "An attempt to call begins.",
    "call.started": "Somebody answered.",
    "call.completed": "A call ended normally, or at a voicemail box.",
    "call.failed": "An attempt failed; busy lines too, unless `call.busy` is subscribed.",
    "call.no_answer": "Nobody picked up.",
    "call.busy": "The line was busy. Who does not subscribe to it hears `call.failed`.",
    "call.transferred": "A transfer reached its final state.",
    "call.transcript_ready": "The transcript is complete.",
    "call.analysis_ready": "The post-call analysis is done.",
    "call.function_error": "A function of the agent failed.",
    "campaign.completed": "All leads of a campaign were called.",
    "campaign.paused": "A campaign was paused.",
    "workflow.lead.completed": "A lead finished all steps of a workflow.",
    "alert.triggered": "The figure of an alert reached its threshold.",
    PING: "A test; sent whenever a webhook is saved.",
}
"""Canonical name → when it is sent."""
_ENDINGS = ("call.completed", "call.failed", "call.no_answer", "call.busy")
ALIASES: Mapping[str, Sequence[str]] = {
    "call.ended": _ENDINGS,
    "call_ended": _ENDINGS,
    "call_initiated": ("call.initiated",),
    "transfer_completed": ("call.transferred",),
}
"""Older name → the canonical ones it covers."""
_LEGACY = {**dict.fromkeys(_ENDINGS, "call_ended"), "call.transferred": "transfer_completed"}


def unknown(names: Sequence[str]) -> list[str]:
    """Return those names that mean nothing."""
    return [name for name in names if name != EVERYTHING and name not in CANONICAL and name not in ALIASES]


def valid() -> str:
    """List every name that may be subscribed."""
    return ", ".join([*CANONICAL, *ALIASES, EVERYTHING])


def legacy(event: str) -> str:
    """Return what readers of ``event_type`` expect: ``call_ended`` for all ends, else the name with underscores."""
    return _LEGACY.get(event, event.replace(".", "_"))


def chosen(subscribed: Sequence[str], event: str, *, busy: bool = False) -> str | None:
    """Return the name under which a subscriber wants to hear of an event; ``None`` when it does not.

    ``busy`` marks a ``call.failed`` whose reason is a busy line: those who subscribed to ``call.busy`` get it as that.
    """
    if busy and event == "call.failed" and "call.busy" in subscribed:
        return "call.busy"
    if event in subscribed:
        return event
    for alias, covered in ALIASES.items():
        if alias in subscribed and event in covered:
            return alias
    return event if EVERYTHING in subscribed else None
