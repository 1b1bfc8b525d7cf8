"""How a call ended: a ``CallOutcome``, with what there is to keep of it.

Frozen values, one of the three that cross between the wings (beside ``live.plan`` and ``live.timeline``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Literal

from dialnexa.live.timeline import TurnSpoken

# --- what was signalled ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SipMessageSeen:
    """One SIP message of a call, as it was on the wire but for its secrets."""

    at: datetime
    way: Literal["in", "out"]
    local: str
    """Our ``address:port``."""
    peer: str
    """Theirs."""
    transport: str
    """``UDP``, ``TCP`` or ``TLS``."""
    text: str
    """Whole; bytes that are no UTF-8 are surrogates (``surrogateescape``)."""
    repeated: bool = False
    """A retransmission, byte for byte."""


@dataclass(frozen=True, slots=True)
class SipLadder:
    """All SIP messages of a call, in order."""

    messages: tuple[SipMessageSeen, ...] = ()
    left_out: int = 0
    """How many are missing, for there were too many to keep."""
    gap_at: int = 0
    """How many of ``messages`` come before those that are missing."""


# --- how it ended ----------------------------------------------------------------------------------------------------


class Ending(StrEnum):
    """The final call states of seed 001, and ``cancelled``."""

    COMPLETED = "completed"
    FAILED = "failed"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    VOICEMAIL = "voicemail"
    CANCELLED = "cancelled"


class EndReason(StrEnum):
    """Why it ended (contract B.3.5)."""

    USER_DISCONNECTED = "user_disconnected"
    AGENT_DISCONNECTED = "agent_disconnected"
    USER_DID_NOT_PICK_UP = "user_did_not_pick_up"
    USER_BUSY = "user_busy"
    USER_DECLINED = "user_declined"
    USER_UNREACHABLE = "user_unreachable"
    INVALID_PHONE_NUMBER = "invalid_phone_number"
    DESTINATION_FORBIDDEN = "destination_forbidden"
    NETWORK_FAILURE = "network_failure"
    VOICEMAIL_DETECTED = "voicemail_detected"
    SYSTEM_AT_CAPACITY = "system_at_capacity"
    SILENCE_TIMEOUT = "silence_timeout"
    MAX_DURATION_REACHED = "max_duration_reached"
    CALL_TRANSFERRED = "call_transferred"
    CANCELLED = "cancelled"
    WORKER_LOST = "worker_lost"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class RecordingResult:
    """A finished recording: stereo WAV, left caller, right agent."""

    path: Path
    duration_ms: int
    size_bytes: int
    lost: str = ""
    """Why part of it is missing (disk full, …); empty when whole."""


@dataclass(frozen=True, slots=True)
class HeardAudio:
    """The far end's audio, as it reached us."""

    packets: int
    """That arrived, each counted once."""
    lost: int
    """That never came; reordering is no loss."""
    duplicates: int
    late: int
    """That came too late to be played."""
    jitter_ms: float
    """Mean of the estimate of RFC 3550, A.8."""
    worst_jitter_ms: float
    concealed_ms: int
    """Audio that was missing when it was to be heard, and made up instead."""
    undecipherable: int
    """Packets under a key not agreed on, tampered with or replayed."""
    mos: float | None
    """Estimated by the E-model (ITU-T G.107), 1 to 4.5; ``None`` when too little arrived to tell."""


@dataclass(frozen=True, slots=True)
class SentAudio:
    """Our audio, as it left, and as the far end says it arrived (RTCP; ``None`` when it says nothing)."""

    packets: int
    unsent: int
    """That this machine's network would not take."""
    gaps: int
    """Pauses of more than 60 ms between two packets: this machine stalled."""
    longest_gap_ms: int
    arrived: bool | None
    """Whether the far end heard any of it."""
    lost: int | None
    jitter_ms: float | None
    mos: float | None


@dataclass(frozen=True, slots=True)
class MediaQuality:
    """How good the audio of a call was, each way."""

    codec: str
    encryption: str
    """The SRTP suite; empty: in clear."""
    round_trip_ms: float | None
    """By RTCP; ``None`` when the far end sent no reports."""
    heard: HeardAudio
    sent: SentAudio


@dataclass(frozen=True, slots=True)
class LegUsed:
    """A second leg of a call: somebody else who was called for it, and answered."""

    to: str
    """Whom: E.164 or a SIP URI."""
    ms: int
    """From the answer to the end."""


@dataclass(frozen=True, slots=True)
class Used:
    """What a call used of its ears, mouth and mind."""

    stt: str = ""
    stt_ms: int = 0
    """Audio that was sent to the recogniser."""
    stt_fallback: str = ""
    """The recogniser that was asked when the first understood nothing; empty: it was never needed."""
    stt_fallback_ms: int = 0
    tts: str = ""
    tts_characters: int = 0
    """Characters that were given to the voice, whether or not they were heard."""
    llm: str = ""
    llm_requests: int = 0
    llm_input_tokens: int = 0
    llm_output_tokens: int = 0
    legs: tuple[LegUsed, ...] = ()
    """Further calls out that the caller was handed to, and that went through us."""
    llm_estimated: bool = False
    """Whether the endpoint told no counts for some request, so that they are guessed from lengths."""


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """How the call ended and what there is to keep."""

    ending: Ending
    reason: EndReason
    answered_at: datetime | None
    ended_at: datetime
    duration_ms: int
    """From the answer to the end; 0 when nobody answered."""
    turns: tuple[TurnSpoken, ...] = ()
    recording: RecordingResult | None = None
    sip_status: int | None = None
    detail: str = ""
    """A sentence for the operator, when something went wrong."""
    ladder: SipLadder = field(default_factory=SipLadder)
    quality: MediaQuality | None = None
    """``None`` when no audio was set up."""
    collected: Mapping[str, str] = field(default_factory=dict[str, str])
    """What a flow learned: answers by their slot or variable, values set on the way, what functions told."""
    used: Used = field(default_factory=Used)
