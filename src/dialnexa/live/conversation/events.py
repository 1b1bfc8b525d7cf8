"""What can happen in a conversation, as plain values: the turn machine's whole input, and therefore its log.

``at`` is the call clock in ms at which the machine learnt of it. A log of events replays to the same actions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

# --- the call --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Began:
    """The line is answered; the conversation starts."""

    at: int


@dataclass(frozen=True, slots=True)
class LineEnded:
    """The line is down, or the conversation was called off from outside."""

    at: int


@dataclass(frozen=True, slots=True)
class TickReached:
    """The call clock passed ``TurnMachine.deadline``; ticks before it are not told."""

    at: int


@dataclass(frozen=True, slots=True)
class HoldBegan:
    """The far end put us on hold: it hears nothing, and what it sends is not the caller."""

    at: int


@dataclass(frozen=True, slots=True)
class HoldEnded:
    """The caller is back."""

    at: int


# --- the caller ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class VoiceStarted:
    """The caller speaks, and has done so since ``since``."""

    at: int
    since: int


@dataclass(frozen=True, slots=True)
class VoiceLasted:
    """The caller has now spoken long enough to mean it; told once per stretch of voice."""

    at: int
    since: int


@dataclass(frozen=True, slots=True)
class BreathTaken:
    """The caller paused for a moment in the middle of their speech, and goes on already."""

    at: int


@dataclass(frozen=True, slots=True)
class VoiceStopped:
    """The caller fell silent; ``until`` is the last voiced moment."""

    at: int
    until: int


@dataclass(frozen=True, slots=True)
class PartialHeard:
    """The recogniser's belief about the present stretch of speech changed."""

    at: int
    text: str


@dataclass(frozen=True, slots=True)
class FinalHeard:
    """A stretch of speech is understood for good; empty text: nothing was."""

    at: int
    text: str
    confidence: float | None = None
    engine: str = ""
    matched: bool = False


@dataclass(frozen=True, slots=True)
class EarsLost:
    """The recogniser is gone for good: no final will ever come."""

    at: int
    detail: str


@dataclass(frozen=True, slots=True)
class DigitPressed:
    """The caller pressed a key."""

    at: int
    digit: str


@dataclass(frozen=True, slots=True)
class BeepHeard:
    """A steady tone was heard, as answering machines make."""

    at: int


# --- the agent's mind ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReplyStarted:
    """The model's first token of a request arrived."""

    at: int
    reply: int


@dataclass(frozen=True, slots=True)
class ReplyText:
    """A clause of the reply was handed to the voice."""

    at: int
    reply: int
    text: str


@dataclass(frozen=True, slots=True)
class ReplyFinished:
    """The model has said all of this reply."""

    at: int
    reply: int


@dataclass(frozen=True, slots=True)
class ReplyFailed:
    """The model broke off, its own retries used up."""

    at: int
    reply: int
    detail: str


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """The agent uses a function, which may take ``limit_ms``; ``filler`` is said when it takes noticeably long.

    ``silent``: nothing is, because whoever set it up wants it so. ``once``: it is not repeated, for others may be
    talking by then.
    """

    at: int
    reply: int
    name: str
    limit_ms: int
    filler: str = ""
    silent: bool = False
    once: bool = False


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """The function answered or failed; the model is asked to go on."""

    at: int
    reply: int
    name: str


@dataclass(frozen=True, slots=True)
class EndRequested:
    """The agent wants to hang up once everything said so far is played; ``transferred``: to somebody else."""

    at: int
    reply: int
    transferred: bool = False


# --- the agent's mouth -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PlayoutStarted:
    """The first sample of the reply is on the wire."""

    at: int
    reply: int


@dataclass(frozen=True, slots=True)
class PlayoutStalled:
    """The reply is not over, but there is no audio to send."""

    at: int
    reply: int


@dataclass(frozen=True, slots=True)
class PlayoutResumed:
    """Audio flows again."""

    at: int
    reply: int


@dataclass(frozen=True, slots=True)
class PlayoutFinished:
    """The last sample of the reply left, or it turned out to have none."""

    at: int
    reply: int


@dataclass(frozen=True, slots=True)
class MouthFailed:
    """The voice engine broke, its own retries used up."""

    at: int
    detail: str


ReplyEvent = (
    ReplyStarted
    | ReplyText
    | ReplyFinished
    | ReplyFailed
    | ToolStarted
    | ToolFinished
    | EndRequested
    | PlayoutStarted
    | PlayoutStalled
    | PlayoutResumed
    | PlayoutFinished
)
"""What happens to one agent turn."""

Event = (
    Began
    | LineEnded
    | HoldBegan
    | HoldEnded
    | TickReached
    | VoiceStarted
    | VoiceLasted
    | BreathTaken
    | VoiceStopped
    | PartialHeard
    | FinalHeard
    | EarsLost
    | DigitPressed
    | BeepHeard
    | MouthFailed
    | ReplyEvent
)

_KINDS: Mapping[str, type[Event]] = {kind.__name__: kind for kind in Event.__args__}


def to_record(event: Event) -> dict[str, object]:
    """Write an event as a JSON object, its kind under ``event``."""
    return {"event": type(event).__name__, **asdict(event)}


def from_record(record: Mapping[str, object]) -> Event:
    """Read an event that ``to_record`` wrote. Raises ``ValueError`` for an unknown kind."""
    values = dict(record)
    kind = _KINDS.get(str(values.pop("event", "")))
    if kind is None:
        raise ValueError(f"No such conversation event: {record.get('event')!r}.")
    return kind(**values)  # type: ignore[arg-type]


def to_records(log: Iterable[Event]) -> list[dict[str, object]]:
    """Write a whole log."""
    return [to_record(event) for event in log]
