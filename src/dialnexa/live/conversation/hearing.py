"""What is known of the caller's present turn: when they spoke, and what the recogniser made of it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

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


@dataclass(slots=True)
class _Owed:
    """Finals that were asked for, and the turn that was closed without them."""

    until: int
    turn: HeardTurn
    finals: int
    texts: list[str] = field(default_factory=list[str])


class Hearing:
    """Gathers voice and words until the machine takes the turn. Times in ms of the call clock."""

    def __init__(self) -> None:
        self.speaking = False
        self.deaf = False
        self.awaiting = 0
        """Finals asked for and not received."""
        self.ended = 0
        """The caller's last voiced moment."""
        self.partial = ""
        self._since = 0
        self._partial_since = 0
        """The stretch of voice that the partial is a guess at, by its beginning."""
        self._owed: deque[_Owed] = deque()
        self._clear()

    def _clear(self) -> None:
        self._texts: list[str] = []
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
    def began(self) -> int | None:
        """When the turn's first voiced moment was; ``None`` before that."""
        return self._start

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
            case PartialHeard() if self._owes(event.at):
                pass  # a guess that comes late as well: the turn it belongs to is closed
            case PartialHeard():
                self.partial = event.text.strip()
                self._partial_since = self._since
            case FinalHeard():
                return self._final(event)
            case EarsLost():
                self.deaf = True
                self.awaiting = 0
                self._owed.clear()
            case _:
                pass
        return None

    def take(self, now: int) -> HeardTurn:
        """Hand the turn over and start the next one; finals still owed then belong to the one taken.

        A stretch of voice that still lasts belongs to the next turn, guesses at its words included: its final will
        bring them all, and would say them twice otherwise.
        """
        lasting = self.speaking and not self.deaf
        kept = self.partial if lasting and self._partial_since == self._since else ""
        if kept:
            self.partial = ""
        turn = self._whole(self.ended if lasting and self._start != self._since else now)
        if self.awaiting:
            self._owed.append(_Owed(now + _LATE_MS, turn, self.awaiting))
        self.awaiting, self.partial = 0, kept
        self._clear()
        return turn

    def take_all(self, now: int) -> HeardTurn:
        """Hand everything over, also the guesses at a stretch that lasts: nothing will be heard any more."""
        turn = self._whole(now)
        self.awaiting, self.partial = 0, ""
        self._owed.clear()
        self._clear()
        return turn

    def _whole(self, speaking_until: int) -> HeardTurn:
        end = speaking_until if self.speaking else self.ended
        start = self._start if self._start is not None else end
        return HeardTurn(
            self.text, start, max(start, end), self._voiced, self._confidence, self._engine, self._final_at
        )

    def _final(self, event: FinalHeard) -> LateFinal | None:
        text = event.text.strip()
        if self._owes(event.at):
            return self._late_final(text)
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

    def _owes(self, at: int) -> bool:
        """Tell whether what the recogniser says now is still about a turn that was closed without it."""
        while self._owed and self._owed[0].until < at:
            self._owed.popleft()
        return bool(self._owed)

    def _late_final(self, text: str) -> LateFinal:
        """Return all the words of a closed turn at once, when the last of them came; none before."""
        owed = self._owed[0]
        owed.texts.append(text)
        owed.finals -= 1
        if owed.finals:
            return LateFinal("", owed.turn)
        self._owed.popleft()
        return LateFinal(" ".join(filter(None, owed.texts)), owed.turn)
