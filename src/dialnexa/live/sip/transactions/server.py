"""Server transactions: requests from others and what we answer (RFC 3261 §17.2, RFC 6026 §7.1)."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from dialnexa.live.sip.messages.message import Request, Response
from dialnexa.live.sip.transactions.timers import Timers
from dialnexa.live.sip.transactions.transaction import Action, Deliver, Fail, Failure, Send, State, Transaction


class ServerTransaction(Transaction):
    """One request from a peer over an unreliable transport (``reliable``: TCP, TLS need no retransmission)."""

    def __init__(self, request: Request, timers: Timers, *, reliable: bool = False) -> None:
        super().__init__()
        self.request = request
        self.timers = timers
        self.reliable = reliable
        self._last: Response | None = None

    @abstractmethod
    def start(self, now: float) -> list[Action]:
        """Pass the request up."""

    @abstractmethod
    def receive(self, request: Request, now: float) -> list[Action]:
        """Take a repetition of the request, or its ACK."""

    @abstractmethod
    def respond(self, response: Response, now: float) -> list[Action]:
        """Send a response of the transaction user; one that comes too late is dropped."""

    def _repeat(self) -> list[Action]:
        return [Send(self._last)] if self._last else []


class InviteServerTransaction(ServerTransaction):
    """§17.2.1. States: proceeding → accepted (2xx) or completed → confirmed → terminated."""

    first_state: ClassVar[State] = State.PROCEEDING

    def start(self, now: float) -> list[Action]:
        """Say 100 at once, so the caller stops repeating, then pass the request up."""
        return [*self.respond(self.request.reply(100), now), Deliver(self.request)]

    def receive(self, request: Request, now: float) -> list[Action]:
        """Answer repetitions with what was last said; an ACK ends the retransmission of a refusal."""
        if request.method == "ACK":
            if self.state is State.COMPLETED:
                linger = now if self.reliable else now + self.timers.t4
                self._enter(State.CONFIRMED, linger=linger)  # timer I
                return []
            # An ACK to a 2xx with the INVITE's own branch is wrong, yet sent by some; the dialog wants it.
            return [Deliver(request)] if self.state is State.ACCEPTED else []
        return self._repeat() if self.state in (State.PROCEEDING, State.COMPLETED) else []

    def respond(self, response: Response, now: float) -> list[Action]:
        """Send it; 2xx hands retransmission to the transaction user, refusals are retransmitted here."""
        final = response.status >= 200
        if self.state is State.ACCEPTED and 200 <= response.status < 300:
            return [Send(response)]
        if self.state is not State.PROCEEDING:
            return []
        self._last = response
        if final and response.status < 300:
            self._enter(State.ACCEPTED, linger=now + self.timers.give_up)  # timer L
        elif final:
            self._gap = self.timers.t1
            retransmit = {} if self.reliable else {"retransmit": now + self._gap}
            self._enter(State.COMPLETED, **retransmit, give_up=now + self.timers.give_up)  # timers G, H
        return [Send(response)]

    def _fire(self, name: str, now: float) -> list[Action]:
        if name == "retransmit":
            self._gap = min(self._gap * 2, self.timers.t2)
            self._deadlines["retransmit"] = now + self._gap
            return self._repeat()
        self._enter(State.TERMINATED)
        return [Fail(Failure.TIMEOUT)] if name == "give_up" else []


class NonInviteServerTransaction(ServerTransaction):
    """§17.2.2. States: trying → proceeding → completed → terminated."""

    first_state: ClassVar[State] = State.TRYING

    def start(self, now: float) -> list[Action]:
        """Pass the request up; nothing is said before the answer is known (RFC 4320)."""
        return [Deliver(self.request)]

    def receive(self, request: Request, now: float) -> list[Action]:
        """Answer repetitions with what was last said."""
        return self._repeat()

    def respond(self, response: Response, now: float) -> list[Action]:
        """Send it; the final response is kept for repetitions of the request."""
        if self.state not in (State.TRYING, State.PROCEEDING):
            return []
        self._last = response
        if response.status < 200:
            self._enter(State.PROCEEDING)
        else:
            self._enter(State.COMPLETED, linger=now if self.reliable else now + self.timers.give_up)  # timer J
        return [Send(response)]

    def _fire(self, name: str, now: float) -> list[Action]:
        self._enter(State.TERMINATED)
        return []
