"""What happens in a call: ``CallEvent``s, the lines of its timeline, told while it runs.

Frozen values, one of the three that cross between the wings (beside ``live.plan`` and ``live.outcome``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Literal


@dataclass(frozen=True, slots=True)
class Ringing:
    """The far end rings (180) or sends early media (183)."""

    kind: ClassVar[str] = "ringing"
    sip_status: int = 180


@dataclass(frozen=True, slots=True)
class Answered:
    """The call is up; the call clock, and with it the recording, starts here."""

    kind: ClassVar[str] = "call_answered"


@dataclass(frozen=True, slots=True)
class Citation:
    """Where something that the agent knew in a turn comes from."""

    knowledge_base_id: str
    document_id: str
    title: str
    page: int
    chunk_id: str
    score: float
    """From 0 to 1."""


@dataclass(frozen=True, slots=True)
class Passage(Citation):
    """A piece of a document, found for what the caller said."""

    text: str

    @property
    def citation(self) -> Citation:
        """Where it comes from, without what it says."""
        return Citation(self.knowledge_base_id, self.document_id, self.title, self.page, self.chunk_id, self.score)


@dataclass(frozen=True, slots=True)
class TurnSpoken:
    """One side said something. Times are ms since the answer, the same as positions in the recording."""

    kind: ClassVar[str] = "turn"
    role: Literal["agent", "user"]
    text: str
    """For the agent: what was really played."""
    start_ms: int
    end_ms: int
    intended: str = ""
    """For the agent: what it meant to say, when it was cut short."""
    interrupted: bool = False
    confidence: float | None = None
    engine: str = ""
    latency: Mapping[str, int] = field(default_factory=dict[str, int])
    """The waterfall of an agent turn: stage → ms since the caller stopped (endpoint, stt_final, llm_first_token, …)."""
    citations: tuple[Citation, ...] = ()
    """For the agent: the passages it had for this turn."""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The caller cut the agent off."""

    kind: ClassVar[str] = "interrupted"
    at_ms: int
    heard: str


@dataclass(frozen=True, slots=True)
class ToolCalled:
    """The agent used a function."""

    kind: ClassVar[str] = "tool"
    name: str
    arguments: str
    result: str
    ok: bool
    took_ms: int


@dataclass(frozen=True, slots=True)
class DigitsPressed:
    """Keypad digits: from the person (``user``) or sent by the agent."""

    kind: ClassVar[str] = "dtmf"
    role: Literal["agent", "user"]
    digits: str


@dataclass(frozen=True, slots=True)
class SilenceReminder:
    """Nobody spoke for the reminder interval, so the agent asked."""

    kind: ClassVar[str] = "reminder"
    number: int


@dataclass(frozen=True, slots=True)
class VoicemailDetected:
    """A machine answered; ``evidence`` says what gave it away."""

    kind: ClassVar[str] = "voicemail_detected"
    evidence: str


class TransferState(StrEnum):
    """Where a transfer stands (contract C.7); the last six are final."""

    INITIATED = "initiated"
    HUNTING = "hunting"
    CONNECTED = "connected"
    """Both people hear each other, through us."""
    COMPLETED = "completed"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    HUNT_TIMEOUT = "hunt_timeout"
    CUSTOMER_DISCONNECTED = "customer_disconnected"
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        """Whether nothing follows."""
        return self not in {TransferState.INITIATED, TransferState.HUNTING, TransferState.CONNECTED}


@dataclass(frozen=True, slots=True)
class TransferLeg:
    """One destination that was tried."""

    destination: str
    status: str
    """``dialing``, ``ringing``, ``answered``, ``bridged``, ``no_answer``, ``busy``, ``rejected``, ``failed`` or
    ``cancelled`` (contract C.7)."""
    sip_status: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class TransferMoved:
    """A transfer took a step; it is told whole each time, so the last one says all."""

    kind: ClassVar[str] = "transfer"
    id: str
    status: TransferState
    method: Literal["", "refer", "bridge", "followed"] = ""
    """``refer``: the carrier connects them and our call ends. ``bridge``: both legs stay with us. ``followed``: not the
    agent but the far end handed the call on, and the agent goes on with whom it was handed to."""
    legs: tuple[TransferLeg, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True)
class AudioCacheUsed:
    """How often the voice could play a phrase it had spoken before; told once, at the end."""

    kind: ClassVar[str] = "audio_cache"
    status: Literal["enabled", "disabled"]
    lookups: int = 0
    hits: int = 0
    misses: int = 0
    new_entries: int = 0
    hit_rate: float = 0.0
    """Hits among the lookups, 0 to 1."""


@dataclass(frozen=True, slots=True)
class FlowNodeEntered:
    """The conversation came to a node of its graph."""

    kind: ClassVar[str] = "flow_node"
    node_id: str
    label: str
    type: str
    by: Literal["start", "edge", "global", "return"]
    """``global``: the person asked for it; ``return``: back from there to where the conversation was."""
    edge_id: str = ""


@dataclass(frozen=True, slots=True)
class TextMessage:
    """The agent sent a text message, or could not."""

    kind: ClassVar[str] = "sms"
    to: str
    text: str
    sent: bool
    detail: str = ""
    """Why not."""


@dataclass(frozen=True, slots=True)
class TextMessageSkipped:
    """A text message was due on a web call, where nobody has a number to send it to."""

    kind: ClassVar[str] = "sms_skipped_web"
    text: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something went wrong that the call survived: a lost recording, a late model, a dead recogniser."""

    kind: ClassVar[str] = "trouble"
    part: str
    message: str


@dataclass(frozen=True, slots=True)
class Signalled:
    """What SIP said since the last such event, a line per message: one at the end of set-up, one at the end."""

    kind: ClassVar[str] = "sip"
    phase: Literal["set_up", "end"]
    steps: tuple[str, ...]
    """Such as ``→ INVITE``, ``← 180 Ringing +12 ms``; times count from the first message of the call."""


Happening = (
    Ringing
    | Answered
    | TurnSpoken
    | Interrupted
    | ToolCalled
    | DigitsPressed
    | SilenceReminder
    | VoicemailDetected
    | TransferMoved
    | AudioCacheUsed
    | FlowNodeEntered
    | TextMessage
    | TextMessageSkipped
    | Trouble
    | Signalled
)


@dataclass(frozen=True, slots=True)
class CallEvent:
    """One line of the call's timeline."""

    at: datetime
    what: Happening
