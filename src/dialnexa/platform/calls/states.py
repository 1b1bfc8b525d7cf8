"""The states of a call: one table says which may follow which. Nothing writes ``calls.state`` except through it.

``dialing`` is ours alone: it is the fence between "queued" and the first sign of life from the far end. Outside it
reads as ``queued``, because to a caller nothing has happened yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class CallState(StrEnum):
    """Where a call is. The last six are final."""

    QUEUED = "queued"
    DIALING = "dialing"
    """A node has taken the call and dials; no other node ever will."""
    RINGING = "ringing"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    VOICEMAIL = "voicemail"
    CANCELLED = "cancelled"


_UNANSWERED = frozenset(
    {CallState.FAILED, CallState.NO_ANSWER, CallState.BUSY, CallState.VOICEMAIL, CallState.CANCELLED}
)

NEXT: Mapping[CallState, frozenset[CallState]] = {
    CallState.QUEUED: frozenset({CallState.DIALING, CallState.FAILED, CallState.CANCELLED}),
    CallState.DIALING: _UNANSWERED | {CallState.RINGING, CallState.IN_PROGRESS},
    CallState.RINGING: _UNANSWERED | {CallState.IN_PROGRESS},
    CallState.IN_PROGRESS: frozenset({CallState.COMPLETED, CallState.FAILED, CallState.VOICEMAIL}),
    CallState.COMPLETED: frozenset(),
    CallState.FAILED: frozenset(),
    CallState.NO_ANSWER: frozenset(),
    CallState.BUSY: frozenset(),
    CallState.VOICEMAIL: frozenset(),
    CallState.CANCELLED: frozenset(),
}
"""The state machine (contract B.3.4): state → the states that may follow."""

FINAL = frozenset(state for state, following in NEXT.items() if not following)
TAKEN = frozenset({CallState.DIALING, CallState.RINGING, CallState.IN_PROGRESS})
"""A node owns the call."""


def before(state: CallState) -> frozenset[CallState]:
    """Return the states from which ``state`` may be entered."""
    return frozenset(earlier for earlier, following in NEXT.items() if state in following)


def settle(current: CallState, wanted: CallState) -> CallState:
    """Return the final state a call in ``current`` ends in when its worker reports ``wanted``.

    A call must always be able to end, so a report the table forbids is mapped, never refused: somebody who stops a
    conversation has completed it, anything else that cannot be true is a failure. A final state stays what it is.
    """
    if current in FINAL or wanted in NEXT[current]:
        return current if current in FINAL else wanted
    if current is CallState.IN_PROGRESS and wanted is CallState.CANCELLED:
        return CallState.COMPLETED
    return CallState.FAILED


# --- the words of the wire (contract H.3) ----------------------------------------------------------------------------

SHOWN: Mapping[CallState, str] = {state: "queued" if state is CallState.DIALING else str(state) for state in CallState}
"""The status word every answer uses."""

PROVIDER_WORDS: Mapping[CallState, str] = {
    **SHOWN,
    CallState.QUEUED: "initiated",
    CallState.DIALING: "sent",
    CallState.RINGING: "sent",
    CallState.IN_PROGRESS: "received",
    CallState.NO_ANSWER: "did_not_pick",
}
"""The finer word ``/call-logs`` items carry as ``provider_status``."""

_WAITING = frozenset({CallState.QUEUED, CallState.DIALING})
WORDS: Mapping[str, frozenset[CallState]] = {
    **{str(state): frozenset({state}) for state in CallState if state is not CallState.DIALING},
    "queued": _WAITING,
    "created": _WAITING,
    "initiated": _WAITING | {CallState.RINGING},
    "sent": frozenset({CallState.DIALING, CallState.RINGING}),
    "received": frozenset({CallState.IN_PROGRESS}),
    "did_not_pick": frozenset({CallState.NO_ANSWER}),
    "canceled": frozenset({CallState.CANCELLED}),
    "retry_expired": frozenset(),
}
"""Every word a filter may use → the states it means (B.3.4, all three vocabularies)."""


def states_named(words: str) -> frozenset[CallState] | None:
    """Read a comma list of status words, in any of the vocabularies; ``None`` when one is unknown.

    Case does not matter, and ``-`` is ``_``.
    """
    meant: frozenset[CallState] = frozenset()
    for word in words.split(","):
        states = WORDS.get(word.strip().lower().replace("-", "_"))
        if states is None:
            return None
        meant |= states
    return meant
