"""What the four state machines of RFC 3261 §17 share: what they ask for, and how messages find them.

A transaction does no I/O and knows no clock: ``start``, ``receive``, ``respond`` and ``timeout`` take ``now`` and
return actions; ``next_deadline`` says when ``timeout`` wants to be called.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import ClassVar

from dialnexa.live.sip.messages.message import Request, Response, SipMessage

MAGIC_COOKIE = "z9hG4bK"
"""Branches of RFC 3261 peers start with this (§8.1.1.7)."""


class State(Enum):
    """The states of all four machines; each uses some."""

    CALLING = "calling"
    TRYING = "trying"
    PROCEEDING = "proceeding"
    ACCEPTED = "accepted"
    """A 2xx went by; its retransmissions still belong here (RFC 6026)."""
    COMPLETED = "completed"
    CONFIRMED = "confirmed"
    TERMINATED = "terminated"


class Failure(StrEnum):
    """Why a transaction ended without what it was for."""

    TIMEOUT = "timeout"
    """Nobody answered (timers B, F), or nobody acknowledged (timer H)."""
    TRANSPORT = "transport"
    """The message could not be sent at all."""


@dataclass(frozen=True, slots=True)
class Send:
    """Put this message on the wire."""

    message: SipMessage


@dataclass(frozen=True, slots=True)
class Deliver:
    """Pass this message up to the transaction user."""

    message: Request | Response


@dataclass(frozen=True, slots=True)
class Fail:
    """Tell the transaction user that this ended without result."""

    failure: Failure


Action = Send | Deliver | Fail


class Transaction(ABC):
    """Named timers over one deadline, common to the four machines."""

    first_state: ClassVar[State]

    def __init__(self) -> None:
        self.state = self.first_state
        self._deadlines: dict[str, float] = {}

    @property
    def next_deadline(self) -> float | None:
        """When ``timeout`` wants to be called next; ``None`` when nothing runs."""
        return min(self._deadlines.values(), default=None)

    def timeout(self, now: float) -> list[Action]:
        """Fire every timer that is due."""
        actions: list[Action] = []
        for name, deadline in list(self._deadlines.items()):
            if deadline <= now and name in self._deadlines:
                del self._deadlines[name]
                actions += self._fire(name, now)
        return actions

    def abort(self, failure: Failure) -> list[Action]:
        """End at once and say why."""
        if self.state is State.TERMINATED:
            return []
        self._enter(State.TERMINATED)
        return [Fail(failure)]

    def _enter(self, state: State, **deadlines: float) -> None:
        """Change state; the timers of the old one stop, the given ones start."""
        self.state = state
        self._deadlines = deadlines

    @abstractmethod
    def _fire(self, name: str, now: float) -> list[Action]: ...


ClientKey = tuple[str, str]
ServerKey = tuple[str, ...]


def client_key(message: SipMessage) -> ClientKey:
    """Return what a response and its request have in common (§17.1.3)."""
    return message.via.branch, message.cseq.method


def server_key(request: Request) -> ServerKey:
    """Return what a request, its retransmissions, its ACK and (with method INVITE) its CANCEL share (§17.2.3)."""
    method = "INVITE" if request.method == "ACK" else request.method
    return invite_key(request) if method == "INVITE" else (*_identity(request), method)


def invite_key(request: Request) -> ServerKey:
    """Return the key of the INVITE that a CANCEL or ACK belongs to."""
    return (*_identity(request), "INVITE")


def _identity(request: Request) -> tuple[str, ...]:
    via = request.via
    if via.branch.startswith(MAGIC_COOKIE) and via.branch != MAGIC_COOKIE:
        return via.branch, via.sent_by
    # A peer of RFC 2543 gives no unique branch, so the request itself must do.
    return "2543", request.uri, request.sender.tag, request.call_id, str(request.cseq.number), via.sent_by
