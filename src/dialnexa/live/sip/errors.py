"""How a call can fail to come about, and how an established one ends."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from dialnexa.live.sip.messages.fields import readable
from dialnexa.live.sip.messages.message import Response
from dialnexa.live.sip.messages.sdp import SessionDescription


class CallError(Exception):
    """A call did not come about."""


class CallRejected(CallError):
    """The far end, or something on the way, said no."""

    def __init__(self, status: int, reason: str, retry_after: int | None = None, detail: str = "") -> None:
        """Carry the final status, its words, the seconds asked to wait, and a sentence for the operator."""
        super().__init__(f"{status} {reason}" + (f": {detail}" if detail else ""))
        self.status = status
        self.reason = reason
        self.retry_after = retry_after
        self.detail = detail


def rejection(response: Response, detail: str = "") -> CallRejected:
    """Return what a refusal means; without a ``detail`` of ours the peer's Reason or Warning serves as one."""
    words = detail or response.headers.first("Reason") or response.headers.first("Warning")
    return CallRejected(response.status, response.reason, retry_after(response), readable(words[:300]))


def retry_after(response: Response) -> int | None:
    """Return how many seconds the peer wants to be left alone (RFC 3261 §20.33), if it says."""
    text = response.headers.first("Retry-After").partition(";")[0].partition("(")[0].strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


class CallTimedOut(CallError):
    """Nobody answered at all (to an INVITE), or the answer was never acknowledged (to our 200)."""


class CallCancelled(CallError):
    """The caller gave up before we answered."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A provisional answer. ``sdp`` is set when it carries early media, or moves it."""

    status: int
    reason: str
    sdp: SessionDescription | None = None
    tag: str = ""
    """Which fork says it: the far end's tag; empty when it gives none."""


class EndedBy(StrEnum):
    """Who ended an established call."""

    FAR = "far"
    NEAR = "near"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class DialogEnd:
    """How an established call ended; ``reason`` is a sentence for the operator, with the peer's own Reason if given."""

    by: EndedBy
    reason: str = ""
