"""When does the other side speak, and when is it our turn? Told from voice probabilities alone, on the call clock."""

from __future__ import annotations

from dataclasses import dataclass

from dialnexa.live.line import SAMPLE_RATE
from dialnexa.live.media.vad import WINDOW_SAMPLES

VOICE = 0.5
"""Probability from which a window counts as speech."""
TURN_SILENCE = round(0.7 * SAMPLE_RATE)
"""Silence after speech that hands the turn over: longer than the pause of a voice between two sentences."""
SHORTEST_TURN = round(0.15 * SAMPLE_RATE)
"""Less speech than this is a click, or the last syllable of someone we interrupted."""


@dataclass(slots=True)
class TurnListener:
    """Follows the other side's speech since the last ``start_over``. Times are samples on the call clock."""

    voiced: int = 0
    """Speech heard, pauses not counted."""
    began_at: int = 0
    """Where that speech began, when there is any."""
    quiet_since: int = 0
    """End of the last speech, or where listening started."""

    def start_over(self, at: int) -> None:
        """Forget what was said: a new turn of the other side is awaited from here on."""
        self.voiced = 0
        self.quiet_since = at

    def hear(self, probability: float, at: int) -> None:
        """Take the word of the voice detector on the window that ends at ``at``."""
        if probability < VOICE:
            return
        if not self.voiced:
            self.began_at = at - WINDOW_SAMPLES
        self.voiced += WINDOW_SAMPLES
        self.quiet_since = max(self.quiet_since, at)

    def silence(self, at: int) -> int:
        """Return how long nothing has been said."""
        return max(0, at - self.quiet_since)

    def spoke(self) -> bool:
        """Return whether more than a click was heard."""
        return self.voiced >= SHORTEST_TURN

    def turn_over(self, at: int) -> bool:
        """Return whether the other side has spoken and now waits for us."""
        return self.spoke() and self.silence(at) >= TURN_SILENCE

    def speaking_for(self, at: int) -> int:
        """Return how long the other side has been speaking; 0 once its turn is over or before it began."""
        return at - self.began_at if self.spoke() and self.silence(at) < TURN_SILENCE else 0
