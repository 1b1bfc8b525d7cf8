"""Two lines become one call: what one side says the other hears, keys included. Both tick on the same media clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from dialnexa.live.line import SAMPLE_RATE, Line, LineListener, Samples, Utterance

_BACKLOG = SAMPLE_RATE // 5
"""Samples a side may wait to be heard. Beyond that it is dropped: a side that is on hold must not hear the past."""
_ROTATE = SAMPLE_RATE * 10
"""Samples in one utterance: it keeps its audio, and a bridge may stand for hours."""


class _Relay:
    """Listens to one line and says it all on another."""

    def __init__(self, towards: Line, on_tick: Callable[[int], None] = lambda _: None) -> None:
        self._towards = towards
        self._on_tick = on_tick
        self._utterance: Utterance | None = None

    def on_audio(self, samples: Samples, at: int) -> None:
        """Pass 20 ms on."""
        utterance = self._utterance
        if utterance is None or utterance.pushed >= _ROTATE:
            if utterance is not None:
                utterance.finish()
            utterance = self._utterance = self._towards.say()
        if utterance.pushed - utterance.played < _BACKLOG:
            utterance.push(samples)

    def on_voice(self, probability: float, at: int) -> None:
        """Nobody waits for a turn here."""

    def on_digit(self, digit: str, at: int) -> None:
        """Pass a key on."""
        self._towards.press(digit)

    def on_tick(self, at: int) -> None:
        """Tell whoever times the call."""
        self._on_tick(at)

    def finish(self) -> None:
        """Let the last words out, and nothing after them."""
        if self._utterance is not None:
            self._utterance.finish()


async def bridge(near: Line, far: Line, back: LineListener, on_tick: Callable[[int], None] = lambda _: None) -> None:
    """Let two connected lines talk until one of them is down; ``near`` then listens to ``back`` again.

    The agent's background ends here: who hears a person now hears them as they are. ``on_tick`` is told the ticks of
    ``near`` meanwhile, as its listener is.
    """
    await near.underlay(None)
    relays = _Relay(far, on_tick), _Relay(near)
    near.listen(relays[0])
    far.listen(relays[1])
    ends = [asyncio.ensure_future(line.ended()) for line in (near, far)]
    try:
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for end in ends:
            end.cancel()
        await asyncio.gather(*ends, return_exceptions=True)
        near.listen(back)
        for relay in relays:
            relay.finish()
