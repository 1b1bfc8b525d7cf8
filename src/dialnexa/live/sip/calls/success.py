"""Our 2xx to an INVITE, until its ACK comes (RFC 3261 §13.3.1.4)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from dialnexa.live.sip.messages.message import Request, Response
from dialnexa.live.sip.stack import Stack
from dialnexa.live.sip.transactions.agenda import Appointment
from dialnexa.live.sip.transactions.layer import Exchange
from dialnexa.live.sip.transactions.repetition import Repetition
from dialnexa.live.sip.transactions.transaction import Fail, Send


class Success:
    """One 2xx of ours that waits for its ACK."""

    def __init__(
        self, stack: Stack, exchange: Exchange, response: Response, on_unacknowledged: Callable[[], None]
    ) -> None:
        self.exchange = exchange
        self.acknowledged: asyncio.Future[Request | None] = asyncio.get_running_loop().create_future()
        self._stack = stack
        self._on_unacknowledged = on_unacknowledged
        self._repetition = Repetition(response, stack.timers, stack.agenda.now(), stack.timers.t2)
        self._appointment: Appointment = self._arrange()

    def _arrange(self) -> Appointment:
        return self._stack.agenda.call_at(self._repetition.next_deadline, self._timeout)

    def _timeout(self) -> None:
        for action in self._repetition.timeout(self._stack.agenda.now()):
            if isinstance(action, Send):
                self._stack.transmit(action.message, self.exchange.reply_to)
            elif isinstance(action, Fail):
                self._on_unacknowledged()
                return
        self._appointment = self._arrange()

    def settle(self, ack: Request | None) -> None:
        """Stop repeating."""
        self._appointment.cancel()
        if not self.acknowledged.done():
            self.acknowledged.set_result(ack)
