"""Keys a person presses, each counted once however many ways tell of it: telephone-event, SIP INFO, sound."""

from __future__ import annotations

from dataclasses import dataclass

from dialnexa.live.line import FRAME_SAMPLES, SAMPLE_RATE

_PATIENCE = 5 * FRAME_SAMPLES
"""Samples a key heard in the audio waits for another way to say the same."""
_MOST = 32
"""Presses that are remembered: nobody has more fingers, and a flood of them shall cost no more than a few."""
_SAME_PRESS = 3 * SAMPLE_RATE // 2
"""Samples within which the same key by another way is the same press: INFO comes at its end, or again when lost."""


@dataclass(frozen=True, slots=True)
class _Report:
    digit: str
    way: str
    at: int


class KeyAccount:
    """The keys of one leg; positions are of its call clock."""

    def __init__(self) -> None:
        self._counted: list[str] = []
        self._recent: list[_Report] = []
        """What was counted lately, until another way has said the same."""
        self._heard: list[_Report] = []
        self._told = False
        """Whether the far end tells its keys; then their sound is no news, and speech can imitate none."""

    @property
    def busy(self) -> bool:
        """Whether ``due`` may have something to say, now or soon."""
        return bool(self._counted or self._heard)

    def event(self, digit: str, at: int) -> None:
        """Take a key from a telephone-event (RFC 4733)."""
        self._tell(_Report(digit, "event", at))

    def info(self, digit: str, at: int) -> None:
        """Take a key from a SIP INFO."""
        self._tell(_Report(digit, "info", at))

    def sound(self, digit: str, at: int) -> None:
        """Take a key heard in the audio; it counts a moment later, unless the far end turns out to tell its keys."""
        if not self._told:
            self._heard.append(_Report(digit, "sound", at))

    def due(self, at: int) -> list[str]:
        """Return the keys that are certain by now, each once."""
        while self._heard and self._heard[0].at + _PATIENCE <= at:
            self._count(self._heard.pop(0))
        digits, self._counted = self._counted, []
        return digits

    def _tell(self, report: _Report) -> None:
        self._told = True
        self._heard.clear()
        self._count(report)

    def _count(self, report: _Report) -> None:
        self._recent = [past for past in self._recent[-_MOST:] if report.at - past.at <= _SAME_PRESS]
        others = (past for past in self._recent if past.digit == report.digit and past.way != report.way)
        same = next(others, None)
        if same is not None:
            self._recent.remove(same)
            return
        self._recent.append(report)
        self._counted.append(report.digit)
