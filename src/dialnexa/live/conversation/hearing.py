"""What is known of the caller's present turn: when they spoke, and what the recogniser made of it."""

from __future__ import annotations

from dataclasses import dataclass

from dialnexa.live.conversation.events import EarsLost, Event, FinalHeard, PartialHeard, VoiceStarted, VoiceStopped

_LATE_MS = 3000
"""How long a final of a turn that is closed already may still come."""


@dataclass(frozen=True, slots=True)
class HeardTurn:
    """One turn of the caller, complete."""

    text: str
    start_ms: int
    end_ms: int
    voiced_ms: int
    confidence: float | None
    engine: str
    final_ms: int | None


@dataclass(frozen=True, slots=True)
class LateFinal:
    """The words of a turn that was closed without waiting for them."""

    text: str
    turn: HeardTurn


class Hearing:
    """Gathers voice and words until the machine takes the turn. Times in ms of the call clock."""

    def __init__(self) -> None:
        self.speaking = False
        self.deaf = False
        self.awaiting = 0
        """Finals asked for and not received."""
        self.ended = 0
        """The caller's last voiced moment."""
        self._since = 0
        self._late = 0
        self._late_until = 0
        self._late_turn: HeardTurn | None = None
        self._clear()

    def _clear(self) -> None:
        self._texts: list[str] = []
        self.partial = ""
        self.matched = False
        self._start: int | None = self._since if self.speaking else None
        self._voiced = 0
        self._confidence: float | None = None
        self._engine = ""
        self._final_at: int | None = None

    @property
    def text(self) -> str:
        """The best belief about the whole turn so far."""
        return " ".join(part for part in (*self._texts, self.partial) if part)

    @property
    def settled(self) -> bool:
        """Whether every word so far is final."""
        return self.awaiting == 0 and not self.partial

    @property
    def pending(self) -> bool:
        """Whether there are words, or words to be expected."""
        return bool(self._texts or self.partial or self.awaiting)

    def update(self, event: Event) -> LateFinal | None:
        """Take in what concerns the caller's speech; return words that belong to a turn taken before."""
        match event:
            case VoiceStarted():
                self.speaking = True
                self._since = event.since
                self._start = event.since if self._start is None else self._start
            case VoiceStopped():
                self.speaking = False
                self.ended = event.until
                self._voiced += max(0, event.until - self._since)
                self.awaiting += 0 if self.deaf else 1
            case PartialHeard():
                self.partial = event.text.strip()
            case FinalHeard():
                return self._final(event)
            case EarsLost():
                self.deaf = True
                self.awaiting = self._late = 0
            case _:
                pass
        return None

    def take(self, now: int) -> HeardTurn:
        """Hand the turn over and start the next one; finals still owed then belong to the one taken."""
        end = now if self.speaking else self.ended
        start = self._start if self._start is not None else end
        turn = HeardTurn(
            self.text, start, max(start, end), self._voiced, self._confidence, self._engine, self._final_at
        )
        if self.awaiting:
            self._late, self.awaiting = self.awaiting, 0
            self._late_until = now + _LATE_MS
            self._late_turn = turn
        self._clear()
        return turn

    def _final(self, event: FinalHeard) -> LateFinal | None:
        text = event.text.strip()
        if self._late and event.at <= self._late_until and self._late_turn is not None:
            self._late -= 1
            return LateFinal(text, self._late_turn)
        self._late = 0
        self.awaiting = max(0, self.awaiting - 1)
        self.partial = ""
        if not text:
            return None
        if self._start is None:  # words without any voice the VAD noticed
            self._start = event.at
            self.ended = event.at
        self._texts.append(text)
        self.matched = event.matched
        self._final_at = event.at
        self._engine = event.engine
        if event.confidence is not None:
            self._confidence = min(event.confidence, 1.0 if self._confidence is None else self._confidence)
        return None
