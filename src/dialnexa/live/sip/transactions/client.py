"""Client transactions: our requests and what comes back (RFC 3261 §17.1, RFC 6026 §7.2)."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from dialnexa.live.sip.messages.message import Request, Response
from dialnexa.live.sip.transactions.timers import Timers
from dialnexa.live.sip.transactions.transaction import Action, Deliver, Fail, Failure, Send, State, Transaction


class ClientTransaction(Transaction):
    """One request of ours over an unreliable transport (``reliable``: TCP, TLS need no retransmission)."""

    def __init__(self, request: Request, timers: Timers, *, reliable: bool = False) -> None:
        super().__init__()
        self.request = request
        self.timers = timers
        self.reliable = reliable
        self._gap = timers.t1

    def start(self, now: float) -> list[Action]:
        """Send the request and start its timers."""
        retransmit = {} if self.reliable else {"retransmit": now + self._gap}
        self._enter(self.first_state, **retransmit, give_up=now + self.timers.give_up)
        return [Send(self.request)]

    @abstractmethod
    def receive(self, response: Response, now: float) -> list[Action]:
        """Take a response that belongs to this transaction."""

    def stop_repeating(self) -> None:
        """Send the request no more, yet take what still answers it until the transaction gives up."""
        self._deadlines.pop("retransmit", None)

    def _lingering(self, now: float, seconds: float) -> float:
        """Return when to stop absorbing retransmissions: at once where there can be none."""
        return now if self.reliable else now + seconds


class InviteClientTransaction(ClientTransaction):
    """§17.1.1. States: calling → proceeding → accepted (2xx) or completed (3xx–6xx) → terminated."""

    first_state: ClassVar[State] = State.CALLING

    def receive(self, response: Response, now: float) -> list[Action]:
        """Deliver what is new, acknowledge refusals, and absorb their repetitions."""
        waiting = self.state in (State.CALLING, State.PROCEEDING)
        if response.status < 200:
            if not waiting:
                return []
            # No timer runs while it rings: how long that may last is the user's business.
            self._enter(State.PROCEEDING)
            return [Deliver(response)]
        if response.status < 300:
            if waiting:
                self._enter(State.ACCEPTED, linger=now + self.timers.give_up)  # timer M
            return [Deliver(response)] if self.state is State.ACCEPTED else []
        if waiting:
            self._enter(State.COMPLETED, linger=self._lingering(now, self.timers.give_up))  # timer D
            return [Send(acknowledge(self.request, response)), Deliver(response)]
        return [Send(acknowledge(self.request, response))] if self.state is State.COMPLETED else []

    def _fire(self, name: str, now: float) -> list[Action]:
        if name == "retransmit":  # timer A
            self._gap *= 2
            self._deadlines["retransmit"] = now + self._gap
            return [Send(self.request)]
        self._enter(State.TERMINATED)
        return [Fail(Failure.TIMEOUT)] if name == "give_up" else []  # timer B


class NonInviteClientTransaction(ClientTransaction):
    """§17.1.2. States: trying → proceeding → completed → terminated."""

    first_state: ClassVar[State] = State.TRYING

    def receive(self, response: Response, now: float) -> list[Action]:
        """Deliver the first final response and every provisional before it."""
        if self.state not in (State.TRYING, State.PROCEEDING):
            return []
        if response.status >= 200:
            self._enter(State.COMPLETED, linger=self._lingering(now, self.timers.t4))  # timer K
        else:
            self._enter(State.PROCEEDING, **self._deadlines)
        return [Deliver(response)]

    def _fire(self, name: str, now: float) -> list[Action]:
        if name == "retransmit":  # timer E
            doubled = min(self._gap * 2, self.timers.t2)
            self._gap = self.timers.t2 if self.state is State.PROCEEDING else doubled
            self._deadlines["retransmit"] = now + self._gap
            return [Send(self.request)]
        self._enter(State.TERMINATED)
        return [Fail(Failure.TIMEOUT)] if name == "give_up" else []  # timer F


def acknowledge(invite: Request, response: Response) -> Request:
    """Build the ACK for a refusal: same hop, same branch, To as the response says (§17.1.1.3)."""
    ack = _same_hop(invite, "ACK")
    ack.headers.set("To", response.headers.first("To"))
    return ack


def cancel(invite: Request) -> Request:
    """Build the CANCEL for an INVITE of ours (§9.1)."""
    return _same_hop(invite, "CANCEL")


def _same_hop(invite: Request, method: str) -> Request:
    request = Request(method=method, uri=invite.uri)
    request.headers.set("Via", invite.headers.items_of("Via")[0])
    for name in ("Route", "From", "To", "Call-ID"):
        request.headers.set(name, *invite.headers.all(name))
    request.headers.set("CSeq", f"{invite.cseq.number} {method}")
    request.headers.set("Max-Forwards", "70")
    return request
