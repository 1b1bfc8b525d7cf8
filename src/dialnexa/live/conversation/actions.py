"""What the turn machine wants done, as plain values. ``reply`` numbers the agent's turns within a call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dialnexa.live.outcome import Ending, EndReason

SayKind = Literal["opening", "reminder", "apology", "voicemail"]


@dataclass(frozen=True, slots=True)
class FinalizeStt:
    """Ask the recogniser for the final of what it was sent."""


@dataclass(frozen=True, slots=True)
class CommitTurn:
    """The caller's turn is complete: record it, and let the model see it."""

    text: str
    start_ms: int
    end_ms: int
    confidence: float | None = None
    engine: str = ""


@dataclass(frozen=True, slots=True)
class NoteInaudible:
    """The caller said something nobody understood: the model sees a mark, the record nothing."""

    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class NoteAside:
    """The caller said something that changed nothing ("mhm"): the record has it, the model does not."""

    text: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class StartReply:
    """Ask the model for the next agent turn; ``speech_end_ms`` is the caller's last voiced moment, if there was one."""

    reply: int
    speech_end_ms: int | None = None
    final_ms: int | None = None
    """When the recogniser's last word on the turn came."""


@dataclass(frozen=True, slots=True)
class RetryReply:
    """Drop the request under way and ask the model again, as the same agent turn."""

    reply: int


@dataclass(frozen=True, slots=True)
class AbandonReply:
    """Stop asking the model; what was handed to the voice is still said."""

    reply: int


@dataclass(frozen=True, slots=True)
class Say:
    """Speak this text as an agent turn of its own, without the model."""

    reply: int
    text: str
    kind: SayKind
    speech_end_ms: int | None = None


@dataclass(frozen=True, slots=True)
class SayFiller:
    """Speak this inside the turn under way, before whatever comes."""

    reply: int
    text: str


@dataclass(frozen=True, slots=True)
class SayBackchannel:
    """Let the caller, who goes on speaking, hear that somebody listens. It is nobody's turn."""

    text: str


@dataclass(frozen=True, slots=True)
class StopFiller:
    """What was waited for is here: the filler ends with the word it is at."""

    reply: int


@dataclass(frozen=True, slots=True)
class SpeakReminder:
    """Ask whether the caller is still there."""

    reply: int
    text: str
    number: int


@dataclass(frozen=True, slots=True)
class HoldAgent:
    """Hold the reply where it is, at its beginning: the caller started to speak."""

    reply: int


@dataclass(frozen=True, slots=True)
class ReleaseAgent:
    """Let a held reply go on from the exact sample."""

    reply: int


@dataclass(frozen=True, slots=True)
class CutAgent:
    """Stop the agent at this very sample and forget the rest of the reply.

    ``by_caller``: the caller interrupted; otherwise the conversation took another course.
    """

    reply: int
    by_caller: bool = True


@dataclass(frozen=True, slots=True)
class CancelTool:
    """The function ran out of time; the model is told so."""

    reply: int


@dataclass(frozen=True, slots=True)
class RestartVoice:
    """Open the voice anew and let it speak what it still owes."""

    reply: int


@dataclass(frozen=True, slots=True)
class NoteDigits:
    """The caller keyed these in."""

    digits: str


@dataclass(frozen=True, slots=True)
class NoteVoicemail:
    """A machine answered."""

    evidence: str


@dataclass(frozen=True, slots=True)
class EnableKeypad:
    """A menu answered: the model may press keys from now on."""

    evidence: str


@dataclass(frozen=True, slots=True)
class Report:
    """Something went wrong that the call survives."""

    part: str
    message: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """The conversation is over."""

    ending: Ending
    reason: EndReason
    detail: str = ""

    @classmethod
    def by_agent(cls, *, transferred: bool) -> HangUp:
        """Return how a call ends that the agent has done with, or handed on."""
        reason = EndReason.CALL_TRANSFERRED if transferred else EndReason.AGENT_DISCONNECTED
        return cls(Ending.COMPLETED, reason)

    @property
    def stands(self) -> bool:
        """Whether it stays true when the line goes down before we hang up."""
        return self.ending is not Ending.COMPLETED or self.reason is EndReason.CALL_TRANSFERRED


Action = (
    FinalizeStt
    | CommitTurn
    | NoteInaudible
    | NoteAside
    | StartReply
    | RetryReply
    | AbandonReply
    | Say
    | SayFiller
    | SayBackchannel
    | StopFiller
    | SpeakReminder
    | HoldAgent
    | ReleaseAgent
    | CutAgent
    | CancelTool
    | RestartVoice
    | NoteDigits
    | NoteVoicemail
    | EnableKeypad
    | Report
    | HangUp
)
