"""From VAD probabilities to "the caller speaks" and "the caller fell silent". Pure: windows in, events out."""

from __future__ import annotations

from dataclasses import dataclass

from dialnexa.live.conversation.events import BreathTaken, VoiceLasted, VoiceStarted, VoiceStopped

WINDOW_MS = 32


@dataclass(frozen=True, slots=True)
class VoiceSettings:
    """Thresholds; probabilities 0..1, times in ms."""

    on: float = 0.5
    off: float = 0.35
    """Speech goes on down to here once it is on (hysteresis)."""
    start_ms: int = 192
    """Voice this long is speech: six windows."""
    stop_ms: int = 192
    """Silence this long ends it; the wait for the end of the turn is the machine's."""
    breath_ms: int | None = None
    """Silence this long inside speech is a breath, told once the voice is back; ``None``: not told."""
    lasting_ms: int = 425
    """Voice this long is meant to be heard."""
    starved_ms: int = 1000
    """No verdict for this long (mute, lost packets) ends speech."""


class VoiceDetector:
    """Follows one caller's voice.

    Short dips inside the start run do not restart it: one low window is forgiven, two are not.
    """

    def __init__(self, settings: VoiceSettings | None = None) -> None:
        self._settings = settings or VoiceSettings()
        self.speaking = False
        self._since: int | None = None
        self._voiced_until = 0
        self._lasted = False
        self._last_window = 0

    def feed(self, probability: float, at: int) -> VoiceStarted | VoiceLasted | BreathTaken | VoiceStopped | None:
        """Take the verdict on the 32 ms window that ends at ``at`` (ms); at most one thing happens per window."""
        settings = self._settings
        self._last_window = at
        if probability >= (settings.on if self._since is None else settings.off):
            if self._since is None:
                self._since = at - WINDOW_MS
            silent, self._voiced_until = at - WINDOW_MS - self._voiced_until, at
            return self._grown(self._since, at) or self._went_on(silent, at)
        if self._since is None:
            return None
        silent = at - self._voiced_until
        if self.speaking:
            return self._stopped(at) if silent >= settings.stop_ms else None
        if silent > WINDOW_MS:
            self._since = None
        return None

    def starve(self, at: int) -> VoiceStopped | None:
        """Say what time it is, for the case that no more windows come."""
        if self.speaking and at - self._last_window >= self._settings.starved_ms:
            return self._stopped(at)
        return None

    def silence(self, at: int) -> VoiceStopped | None:
        """Say that no more of this voice will come: what follows is somebody, or something, else."""
        self._since = self._since if self.speaking else None
        return self._stopped(at) if self.speaking else None

    def _grown(self, since: int, at: int) -> VoiceStarted | VoiceLasted | None:
        voiced = at - since
        if not self.speaking:
            if voiced < self._settings.start_ms:
                return None
            self.speaking = True
            return VoiceStarted(at, since)
        if not self._lasted and voiced >= self._settings.lasting_ms:
            self._lasted = True
            return VoiceLasted(at, since)
        return None

    def _went_on(self, silent: int, at: int) -> BreathTaken | None:
        breath = self._settings.breath_ms
        return BreathTaken(at) if self._lasted and breath is not None and silent >= breath else None

    def _stopped(self, at: int) -> VoiceStopped:
        self.speaking = False
        self._lasted = False
        self._since = None
        return VoiceStopped(at, self._voiced_until)
