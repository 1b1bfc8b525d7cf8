"""A call to us, not answered yet: its 180s, reliable where the caller insists, and what it may ask meanwhile."""

from __future__ import annotations

from collections.abc import Callable

from dialnexa.live.sip.calls.order import in_order
from dialnexa.live.sip.calls.reliable import TAG, Receipt, first_rseq, wants
from dialnexa.live.sip.dialogs.dialog import DialogState
from dialnexa.live.sip.messages.message import Request
from dialnexa.live.sip.stack import ACCEPT, ALLOW, SUPPORTED, Stack
from dialnexa.live.sip.transactions.agenda import Appointment
from dialnexa.live.sip.transactions.layer import Exchange
from dialnexa.live.sip.transactions.repetition import Repetition
from dialnexa.live.sip.transactions.transaction import Fail, Send, State

STILL_RINGING_S = 55.0
"""A provisional answer is repeated at least every minute (§13.3.1.1)."""


class Ringing:
    """An early dialog on the callee's side; in the table of dialogs until the call is answered or refused."""

    def __init__(self, stack: Stack, exchange: Exchange, tag: str, contact: str, on_end: Callable[[int], None]) -> None:
        """``on_end``: the INVITE is to be refused with this status, for the caller left or never acknowledged."""
        self.state = DialogState.of_callee(exchange.request, tag)
        self._stack = stack
        self._exchange = exchange
        self._contact = ("Contact", contact)
        self._on_end = on_end
        self._is_reliable = wants(exchange.request)
        self._rseq = first_rseq()
        self._unacknowledged: Repetition | None = None
        self._repetition: Appointment | None = None
        self._reminder: Appointment | None = None
        stack.dialogs[self.state.id] = self

    def say(self) -> None:
        """Say 180, and again every minute."""
        if self._exchange.state is not State.PROCEEDING:
            return
        if self._is_reliable and not self._exchange.request.body:
            return  # it would have to carry our offer (RFC 3262 §5), which only the answer has: so nothing but 100
        if self._unacknowledged is None:
            self._send()
        if self._reminder is not None:
            self._reminder.cancel()
        self._reminder = self._stack.agenda.call_later(STILL_RINGING_S, self.say)

    def _send(self) -> None:
        headers = [("Record-Route", route) for route in self._exchange.request.headers.all("Record-Route")]
        headers.append(self._contact)
        if self._is_reliable:
            self._rseq += 1
            headers += [("Require", TAG), ("RSeq", str(self._rseq)), ALLOW]
        response = self._stack.answer(self._exchange, 180, to_tag=self.state.local.tag, headers=headers)
        if self._is_reliable:
            self._unacknowledged = Repetition(response, self._stack.timers, self._stack.agenda.now())
            self._arrange(self._unacknowledged)

    def _arrange(self, waiting: Repetition) -> None:
        self._repetition = self._stack.agenda.call_at(waiting.next_deadline, lambda: self._repeat(waiting))

    def _repeat(self, waiting: Repetition) -> None:
        for action in waiting.timeout(self._stack.agenda.now()):
            if isinstance(action, Send):
                self._exchange.respond(waiting.response)
            elif isinstance(action, Fail):
                self._on_end(504)  # §3: a 5xx, for the caller insists on being heard and is not
                return
        self._arrange(waiting)

    def settle(self) -> None:
        """Stop: the INVITE has its final answer. A PRACK under way still gets its 200."""
        for appointment in (self._repetition, self._reminder):
            if appointment is not None:
                appointment.cancel()
        self.close()

    def close(self) -> None:
        """Leave the table."""
        if self._stack.dialogs.get(self.state.id) is self:
            del self._stack.dialogs[self.state.id]

    # --- requests of the caller ------------------------------------------------------------------------------------

    def receive(self, exchange: Exchange) -> None:
        """Take a request inside the early dialog."""
        request = exchange.request
        if not in_order(self._stack, self.state, exchange):
            return
        if request.method == "PRACK":
            self.receive_prack(exchange)
        elif request.method == "BYE":  # a caller may leave this way, too (RFC 3261 §15)
            self._stack.answer(exchange, 200)
            self._on_end(487)
        elif request.method == "UPDATE" and not request.body:
            self.state.refresh_target(request)
            self._stack.answer(exchange, 200, headers=[self._contact, ALLOW, SUPPORTED])
        elif request.method in ("INVITE", "UPDATE"):
            # The caller's first offer is not answered yet (§14.2, RFC 3311 §5.2).
            self._stack.answer(exchange, 500, headers=[("Retry-After", "1")])
        elif request.method in ("INFO", "OPTIONS"):
            self._stack.answer(exchange, 200, headers=[ALLOW, ACCEPT])
        else:
            self._stack.answer(exchange, 481 if request.method == "NOTIFY" else 405, headers=[ALLOW])

    def receive_prack(self, exchange: Exchange) -> None:
        """Take the PRACK to our 180; one that fits none is refused (RFC 3262 §3)."""
        receipt = Receipt.of(exchange.request)
        fits = Receipt(self._rseq, self._exchange.request.cseq.number, "INVITE")
        if self._unacknowledged is None or receipt != fits:
            self._stack.answer(exchange, 481)
            return
        self._unacknowledged = None
        if self._repetition is not None:
            self._repetition.cancel()
        self._stack.answer(exchange, 200)

    def receive_ack(self, ack: Request) -> None:
        """Drop an ACK: our 2xx, if any, is another's."""
