"""Whose move it is, what is being waited for, and the agent turn under way."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from dialnexa.live.conversation.actions import SayKind
from dialnexa.live.conversation.events import ToolStarted


class State(StrEnum):
    """Whose move it is."""

    OPENING = "opening"
    """Answered, nothing said yet by the agent: the pause before the first words, and the question who answered."""
    LISTENING = "listening"
    """Nobody speaks; the silence timers run."""
    CALLER_SPEAKING = "caller_speaking"
    ENDPOINTING = "endpointing"
    """The caller fell silent: is the turn over, and what was said?"""
    THINKING = "thinking"
    """A reply is asked for; nothing of it is on the wire."""
    SPEAKING = "speaking"
    DECIDING = "deciding"
    """The caller speaks while it is the agent's turn: an interruption, or just "mhm"?"""
    VOICEMAIL = "voicemail"
    """A machine answered; its greeting is awaited to the end."""
    CLOSING = "closing"
    """Everything is said; the far end's buffer plays out."""
    ENDED = "ended"


class Timer(StrEnum):
    """What the machine may be waiting for."""

    OPENING = "opening"
    COMMIT = "commit"
    LISTENING = "listening"
    DECIDE = "decide"
    REMIND = "remind"
    SILENCE = "silence"
    KEYPAD = "keypad"
    FIRST_TOKEN = "first_token"
    AUDIO = "audio"
    STALL = "stall"
    TOOL_FILLER = "tool_filler"
    TOOL_LIMIT = "tool_limit"
    MESSAGE = "message"
    MESSAGE_LIMIT = "message_limit"
    HANG_UP = "hang_up"


@dataclass(slots=True)
class Reply:
    """The agent turn under way."""

    number: int
    kind: SayKind | None
    """``None``: the model speaks."""
    interruptible: bool
    asked_at: int
    begun: bool = False
    """The first words of the present request went to the voice."""
    finished: bool = False
    """No more text will come."""
    began_at: int | None = None
    """When its first sample left; ``None`` before that."""
    stalled: bool = False
    held: bool = False
    filler: bool = False
    retried: bool = False
    voice_retried: bool = False
    tool: ToolStarted | None = None
    tool_fillers: int = 0
    """How often the caller was asked to wait for the present function."""

    @property
    def playing(self) -> bool:
        """Whether its audio has begun."""
        return self.began_at is not None

    @property
    def audible(self) -> bool:
        """Whether its audio is on the wire now."""
        return self.playing and not self.stalled

    @property
    def yields(self) -> bool:
        """Whether the caller may interrupt now: not while a function runs, for its effect cannot be taken back."""
        return self.interruptible and self.tool is None
