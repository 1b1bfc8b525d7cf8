"""Reliable provisional responses (RFC 3262): the counting of both sides. Pure."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from enum import Enum

from dialnexa.live.sip.messages.message import Request, Response

TAG = "100rel"


def wants(request: Request) -> bool:
    """Whether an INVITE takes no provisional but 100 unless it is reliable (§3)."""
    return TAG in (item.lower() for item in request.headers.items_of("Require"))


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a PRACK acknowledges: its RAck (§7.2)."""

    rseq: int
    cseq: int
    method: str

    @classmethod
    def of(cls, prack: Request) -> Receipt | None:
        """Read it; ``None`` when there is none that makes sense."""
        parts = prack.headers.first("RAck").split()
        if len(parts) != 3 or _number(parts[0]) is None or _number(parts[1]) is None:
            return None
        return cls(int(parts[0]), int(parts[1]), parts[2].upper())

    def __str__(self) -> str:
        return f"{self.rseq} {self.cseq} {self.method}"


class Arrival(Enum):
    """What a provisional response is to who gets it."""

    PLAIN = "plain"
    """It wants no PRACK."""
    NEW = "new"
    """It wants a PRACK."""
    IGNORED = "ignored"
    """A repetition, or one before its turn (§4): neither acknowledged nor acted upon."""


class Order:
    """The order in which one far end's reliable responses may come."""

    def __init__(self) -> None:
        self._last: int | None = None

    def judge(self, response: Response) -> tuple[Arrival, int]:
        """Say what to do with a provisional response, and return its RSeq (0 when it has none)."""
        demands = (item.lower() for item in response.headers.items_of("Require"))
        rseq = _number(response.headers.first("RSeq").strip())
        if TAG not in demands or not rseq:
            return Arrival.PLAIN, 0
        if self._last is not None and rseq != self._last + 1:
            return Arrival.IGNORED, rseq
        self._last = rseq
        return Arrival.NEW, rseq


def first_rseq() -> int:
    """Return where to begin counting (§3: from 1 to 2**31 - 1, at random)."""
    return 1 + secrets.randbelow(2**30)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 11 else None
