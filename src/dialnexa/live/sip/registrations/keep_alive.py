"""Keeps the way to a peer open through NATs and firewalls (RFC 5626 §3.5.1, §4.4): two line ends now and then."""

from __future__ import annotations

from dialnexa.live.sip.messages.framing import PING
from dialnexa.live.sip.messages.hop import Hop
from dialnexa.live.sip.stack import Stack
from dialnexa.live.sip.transactions.agenda import Appointment

DATAGRAM_S = 25.0
"""Over UDP. Many home routers forget a binding after 30 s without a packet (RFC 5626 §4.4.2 wants 24 to 29 s)."""
STREAM_S = 110.0
"""Over TCP and TLS, where bindings live for minutes (§4.4.1 wants 95 to 120 s)."""


class KeepAlive:
    """One flow that is kept open until ``stop``."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._appointment: Appointment | None = None

    def start(self, hop: Hop) -> None:
        """Keep the way to this peer open, instead of any other."""
        self.stop()
        self._arrange(hop)

    def stop(self) -> None:
        """Send nothing more."""
        if self._appointment is not None:
            self._appointment.cancel()
            self._appointment = None

    def _arrange(self, hop: Hop) -> None:
        wait = STREAM_S if hop.is_reliable else DATAGRAM_S
        self._appointment = self._stack.agenda.call_later(wait, lambda: self._ping(hop))

    def _ping(self, hop: Hop) -> None:
        wire = self._stack.wires.get(hop.transport)
        if wire is not None and wire.reaches(hop):  # a connection that is gone is for the registration to make anew
            wire.send(PING, hop)
        self._arrange(hop)
