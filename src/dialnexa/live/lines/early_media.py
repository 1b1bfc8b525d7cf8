"""What is heard before the answer: the network's own tones, some of which say that there will be none."""

from __future__ import annotations

from collections.abc import Callable

from dialnexa.live.line import NotConnected, Samples
from dialnexa.live.media.progress_tones import ProgressTone, ToneEar
from dialnexa.live.outcome import Ending, EndReason

_MEANING = {
    ProgressTone.BUSY: (Ending.BUSY, EndReason.USER_BUSY, "It is busy: the network played a busy tone"),
    ProgressTone.CONGESTION: (
        Ending.FAILED,
        EndReason.NETWORK_FAILURE,
        "The network found no way through and played a congestion tone (fast busy); try again, or by another trunk",
    ),
    ProgressTone.UNOBTAINABLE: (
        Ending.FAILED,
        EndReason.INVALID_PHONE_NUMBER,
        "The network played the three rising tones of a number that is not in service; check the number",
    ),
    ProgressTone.NO_CIRCUIT: (
        Ending.FAILED,
        EndReason.NETWORK_FAILURE,
        "The network played the three rising tones of a network without a free circuit; try again, or by another trunk",
    ),
}


class EarlyMedia:
    """Listens to one call from its first early media to its answer; a ``LineListener``.

    Whatever is said there is heard by nobody else: the call has not begun, so nothing is recorded and nothing counts.
    """

    def __init__(self, on_verdict: Callable[[], None]) -> None:
        """Take whom to tell, once, that there is a verdict."""
        self._on_verdict = on_verdict
        self._ear = ToneEar()
        self._listening = True
        self.verdict: NotConnected | None = None
        """Why the call will not come about, once a tone has said so."""

    def stop(self) -> None:
        """Tell nobody anything any more."""
        self._listening = False

    def on_audio(self, samples: Samples, at: int) -> None:
        """Look for a tone that ends the call."""
        tone = self._ear.feed(samples) if self._listening else None
        if tone is not None and tone in _MEANING:
            ending, reason, words = _MEANING[tone]
            self.verdict = NotConnected(ending, reason, f"{words}.")
            self.stop()
            self._on_verdict()

    def on_voice(self, probability: float, at: int) -> None:
        """Ignore voices: announcements are no conversation."""

    def on_digit(self, digit: str, at: int) -> None:
        """Ignore keys."""

    def on_tick(self, at: int) -> None:
        """Do nothing."""
