"""A response of ours that is repeated until the peer shows that it came: a 2xx, a reliable provisional. Pure."""

from __future__ import annotations

import math

from dialnexa.live.sip.messages.message import Response
from dialnexa.live.sip.transactions.timers import Timers
from dialnexa.live.sip.transactions.transaction import Action, Fail, Failure, Send


class Repetition:
    """Repeats at T1 and then twice as long each time, for 64*T1 (§13.3.1.4, RFC 3262 §3), over every transport.

    The server transaction does not do it: the hop after next may lose what ours delivered.
    """

    def __init__(self, response: Response, timers: Timers, now: float, longest_gap: float = math.inf) -> None:
        """``longest_gap``: seconds between repetitions, at most; T2 for a 2xx."""
        self.response = response
        self._longest_gap = longest_gap
        self._gap = timers.t1
        self._next = now + self._gap
        self._give_up = now + timers.give_up

    @property
    def next_deadline(self) -> float:
        """When ``timeout`` wants to be called."""
        return min(self._next, self._give_up)

    def timeout(self, now: float) -> list[Action]:
        """Repeat the response, or give up after 64*T1."""
        if now >= self._give_up:
            return [Fail(Failure.TIMEOUT)]
        if now < self._next:
            return []
        self._gap = min(self._gap * 2, self._longest_gap)
        self._next = now + self._gap
        return [Send(self.response)]
