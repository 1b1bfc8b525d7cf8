"""When a listener says "mhm": while somebody speaks at length, where they paused and are sure to go on. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

_BREATH_MS = 128
"""Four windows of the voice detector: the closure of a "t" is shorter, and after six it hears silence."""


@dataclass(frozen=True, slots=True)
class ListenerSettings:
    """How the agent shows that it listens; without words it does not."""

    words: tuple[str, ...] = ()
    chance: float = 0.5
    """0 to 1: how many of the occasions are taken."""
    seed: int = 0
    """Decides which ones, and what is said: the same for the same call."""
    after_ms: int = 4000
    """How long the caller must have had the floor."""
    gap_ms: int = 5000
    """From one to the next."""
    pause_ms: int = 350
    """Into a pause that follows an unfinished sentence."""

    @property
    def breath_ms(self) -> int | None:
        """The shortest pause inside speech that is an occasion, once it is over."""
        return _BREATH_MS if self.words else None


class Listener:
    """Decides on every occasion whether to say something, and what; never the same word twice in a row."""

    def __init__(self, settings: ListenerSettings) -> None:
        self.settings = settings
        self._random = Random(settings.seed)
        self._free_at = 0
        self._last = ""

    def word(self, now: int, turn_began: int | None) -> str:
        """Return what to say now (ms) in a turn that began then; empty for nothing."""
        settings = self.settings
        early = turn_began is None or now - turn_began < settings.after_ms
        if not settings.words or early or now < self._free_at:
            return ""
        if self._random.random() >= settings.chance:
            return ""
        self._free_at = now + settings.gap_ms
        others = [word for word in settings.words if word != self._last] or settings.words
        self._last = self._random.choice(others)
        return self._last
