"""Those whom nobody knows: what becomes of their requests, and a count of them that an operator can read.

A scanner sends thousands of requests, from one address or with many forged ones. Here they cost a counter each, and a
line per address and minute in ``GET /v1/refused-calls``; the rest is one more line.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from dialnexa.live.sip.gate.defence import RequestBudget, SourceLimiter
from dialnexa.live.sip.gate.policy import Judgement, Passage, Treatment
from dialnexa.live.sip.messages.message import Request
from dialnexa.platform.calls.rejections import NOBODY_KNOWS, TurnedAway

Policy = Literal["drop", "challenge", "refuse"]

_KEPT = 1024
_LINES = 20
"""Lines written at once; what came from further addresses is one more."""
_SETTLED_S = 5.0
"""A challenge counts as turning away when no login has followed by then."""
_BUDGET = RequestBudget(per_second=1.0, burst=30)
"""How many answers an unknown address gets; a phone needs two for a call, a scanner wants thousands."""
_TREATMENTS = {"drop": Treatment.DROP, "challenge": Treatment.CHALLENGE, "refuse": Treatment.REFUSE}
_ADD = "If it is a carrier's, add it to the trunk's sources."
_MANY = f"The requests came from many further addresses that {NOBODY_KNOWS}: a scan or a flood."
_REASONS = {
    Passage.DROPPED: (None, f"The request came from an address {NOBODY_KNOWS}, and got no answer. {_ADD}"),
    Passage.CHALLENGED: (401, f"The request came from an address {NOBODY_KNOWS}, and no valid login followed. {_ADD}"),
    Passage.REFUSED: (403, f"The request came from an address {NOBODY_KNOWS}, and was refused. {_ADD}"),
}


@dataclass(slots=True)
class _Count:
    since: float
    request: Request
    passage: Passage
    attempts: int = 0


class Strangers:
    """The policy for unknown sources. ``knows`` tells whether an address is anybody's; ``now`` are steady seconds."""

    def __init__(self, policy: Policy, knows: Callable[[str], bool], now: Callable[[], float]) -> None:
        self._treatment = _TREATMENTS[policy]
        self._knows = knows
        self._now = now
        self._limiter = SourceLimiter(_BUDGET)
        self._counts: OrderedDict[str, _Count] = OrderedDict()
        self._overflow = 0

    def treat(self, request: Request, host: str) -> Treatment:
        """Judge a request by its source's address."""
        if self._knows(host):
            return Treatment.ADMIT
        if self._treatment is not Treatment.DROP and not self._limiter.admits(host, self._now()):
            return Treatment.DROP
        return self._treatment

    def note(self, request: Request, host: str, judgement: Judgement) -> None:
        """Count what the gate said; a login that is good makes up for the challenges before it."""
        if judgement.passage is Passage.OPEN:
            self._counts.pop(host, None)
            return
        count = self._counts.get(host)
        if count is None:
            if len(self._counts) >= _KEPT:
                self._overflow += 1
                return
            count = self._counts[host] = _Count(self._now(), request, judgement.passage)
        count.request, count.passage = request, judgement.passage
        count.attempts += 1

    def take(self) -> list[TurnedAway]:
        """Return who was turned away since the last time, the most insistent first, and forget it."""
        due = self._now() - _SETTLED_S
        settled = [(host, count) for host, count in self._counts.items() if count.since <= due]
        for host, _ in settled:
            del self._counts[host]
        settled.sort(key=lambda each: -each[1].attempts)
        rest = sum(count.attempts for _, count in settled[_LINES:]) + self._overflow
        self._overflow = 0
        lines = [_line(host, count) for host, count in settled[:_LINES]]
        if rest:
            lines.append(TurnedAway("various", rest, _MANY))
        return lines


def _line(host: str, count: _Count) -> TurnedAway:
    status, reason = _REASONS[count.passage]
    request = count.request
    return TurnedAway(host, count.attempts, reason, status, request.sender.user, request.recipient.user)
