"""What the caller of one stream hears: the carrier's buffer, played in real time, with its marks and clears. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from dialnexa.live.line import SAMPLE_RATE
from dialnexa.live.media.codec import Codec, decode

_VOICED = 200
"""Mean amplitude (of 32767) from which audio counts as speech: −44 dBFS."""
_PAUSE_S = 0.3
"""A pause between words, not the end of a talk."""
_JITTER_S = 0.02
"""Lateness that a carrier's own jitter buffer hides."""


@dataclass(slots=True)
class Talk:
    """A stretch in which the agent was heard; seconds of any clock."""

    start: float
    end: float


@dataclass(slots=True)
class Playback:
    """Plays what the engine sends the moment it comes, or after what still waits."""

    talks: list[Talk] = field(default_factory=list[Talk])
    clears: list[float] = field(default_factory=list[float])
    pacing: list[float] = field(default_factory=list[float])
    """How far each message came from where the audio before it places it (s); of a burst, how far ahead."""
    sizes: list[int] = field(default_factory=list[int])
    """Samples in each message."""
    gaps: int = 0
    """Times the buffer ran dry within a talk: a hole that the caller hears."""
    marks_wanted: int = 0
    _plays_until: float = float("-inf")
    _base: float = 0.0
    _sent: int = 0
    _marks: deque[tuple[float, str]] = field(default_factory=deque[tuple[float, str]])

    def media(self, payload: bytes, now: float) -> None:
        """Take audio that arrived now."""
        seconds = len(payload) / SAMPLE_RATE
        idle = now - self._plays_until
        if idle > _PAUSE_S:
            self._base, self._sent = now, 0
        elif idle > _JITTER_S and self.talks and self.talks[-1].end >= self._plays_until:
            self.gaps += 1
        self.pacing.append(now - self._base - self._sent / SAMPLE_RATE)
        self.sizes.append(len(payload))
        self._sent += len(payload)
        begins = max(now, self._plays_until)
        self._plays_until = begins + seconds
        if _voiced(payload):
            self._hear(begins, self._plays_until)

    def mark(self, name: str) -> None:
        """Take a mark; ``due`` returns it when what came before it was played."""
        self.marks_wanted += 1
        self._marks.append((self._plays_until, name))

    def clear(self, now: float) -> None:
        """Throw away what was not played yet; its marks are due at once."""
        self.clears.append(now)
        self._plays_until = min(self._plays_until, now)
        self._marks = deque((min(at, now), name) for at, name in self._marks)
        while self.talks and self.talks[-1].start >= now:
            self.talks.pop()
        if self.talks:
            self.talks[-1].end = min(self.talks[-1].end, now)
        self._base, self._sent = now, 0

    def due(self, now: float) -> list[str]:
        """Return the marks that are to be sent back by now."""
        names: list[str] = []
        while self._marks and self._marks[0][0] <= now:
            names.append(self._marks.popleft()[1])
        return names

    def replies(self, stopped: list[float]) -> list[float]:
        """Return, for each time the caller fell silent before a silent agent, how long until the agent was heard."""
        found: list[float] = []
        for moment, limit in zip(stopped, [*stopped, float("inf")][1:], strict=True):
            if self._talk_at(moment) is None:
                later = [talk.start for talk in self.talks if moment < talk.start < limit]
                found += [later[0] - moment] if later else []
        return found

    def barge_ins(self, started: list[float]) -> tuple[list[float], list[float]]:
        """Return, for each time the caller spoke into a talk, how long until a clear, and until the agent was silent.

        A talk that simply ended counts among the second only.
        """
        cleared: list[float] = []
        silent: list[float] = []
        for moment in started:
            if (talk := self._talk_at(moment)) is None:
                continue
            silent.append(talk.end - moment)
            first = next((at for at in self.clears if moment <= at), None)
            if first is not None and first <= talk.end + _PAUSE_S:
                cleared.append(first - moment)
        return cleared, silent

    def _talk_at(self, moment: float) -> Talk | None:
        return next((talk for talk in self.talks if talk.start <= moment < talk.end), None)

    def _hear(self, begins: float, ends: float) -> None:
        if self.talks and begins - self.talks[-1].end <= _PAUSE_S:
            self.talks[-1].end = ends
        else:
            self.talks.append(Talk(begins, ends))


def _voiced(payload: bytes) -> bool:
    return bool(payload) and float(np.abs(decode(Codec.PCMU, payload).astype(np.int32)).mean()) > _VOICED
