"""The RTCP of one session: on the port after RTP's, or on RTP's own when both sides agreed to that (RFC 5761)."""

from __future__ import annotations

import contextlib
import socket
import time

from dialnexa.live.rtp.arrival import receive
from dialnexa.live.rtp.latch import Address
from dialnexa.live.rtp.reception import Reception
from dialnexa.live.rtp.reporting import FarView, Reporter
from dialnexa.live.rtp.srtp import Srtp

_READ_EVERY = 25
"""Ticks (half a second) between two looks at the socket of its own: nothing there is in a hurry."""
_MOST_PER_LOOK = 20
_KEEP_ALIVE_TICKS = 750
"""15 s without a packet of ours, as on hold, and a NAT may forget us (RFC 6263 §4.6)."""


class ControlChannel:
    """Sends our reports and takes the far end's. Driven by its session's ticks."""

    def __init__(self, shared: socket.socket, own: socket.socket, ssrc: int) -> None:
        """Take RTP's socket, and the one beside it."""
        self._shared = shared
        self._own = own
        self._reporter = Reporter(ssrc)
        self._muxed = False
        self._signalled: Address | None = None
        self._heard_from: Address | None = None
        self._ticks = 0
        self._quiet = 0
        self.refused = 0
        """RTCP packets of strangers, or undecipherable ones."""

    @property
    def view(self) -> FarView:
        """What the far end reported of our stream."""
        return self._reporter.view

    def aim(self, rtp: Address, port: int | None, muxed: bool) -> None:
        """Send reports to this peer: to RTP's port if ``muxed``, else to ``port`` or the one after RTP's."""
        self._muxed = muxed
        self._signalled = (rtp[0], port or min(rtp[1] + 1, 65535))
        self._heard_from = None

    def begin_anew(self, ssrc: int) -> None:
        """Report under this name from now on: our stream has become a new source."""
        self._reporter.ssrc = ssrc

    def note_sent(self) -> None:
        """Note that an RTP packet of ours left: no keep-alive is needed."""
        self._quiet = 0

    def tick(self, target: Address, srtp: Srtp | None, ssrc: int | None) -> bool:
        """Note that 20 ms passed, and read what came; true when a report is due."""
        self._ticks += 1
        self._quiet += 1
        if self._ticks % _READ_EVERY == 0:
            self._read(target, srtp, ssrc)
        if self._quiet >= _KEEP_ALIVE_TICKS:
            self._quiet = 0
            with contextlib.suppress(OSError):  # the next one is in 15 s
                self._shared.sendto(b"", target)
        return self._reporter.tick()

    def report(
        self, target: Address, srtp: Srtp | None, *, timestamp: int, packets: int, octets: int, reception: Reception
    ) -> None:
        """Send the report that is due."""
        data = self._reporter.write(
            time.time(), timestamp=timestamp, packets=packets, octets=octets, reception=reception
        )
        self._send(data, target, srtp)

    def say_goodbye(self, target: Address, srtp: Srtp | None, ssrc: int | None) -> None:
        """Take the last reports, and tell the far end that our stream ends."""
        self._read(target, srtp, ssrc)
        self._send(self._reporter.goodbye(), target, srtp)

    def take(self, data: bytes, arrived_s: float, srtp: Srtp | None, ssrc: int | None) -> None:
        """Take one RTCP packet of the far end, from whichever socket."""
        opened = data if srtp is None else srtp.open_control(data)
        if opened is None:
            self.refused += 1
        else:
            self._reporter.take(opened, arrived_s, ssrc)

    def close(self) -> None:
        """Give the socket back."""
        self._own.close()

    def _read(self, target: Address, srtp: Srtp | None, ssrc: int | None) -> None:
        for _ in range(_MOST_PER_LOOK):
            try:
                data, source, arrived_s = receive(self._own)
            except OSError:  # nothing there, or an ICMP error about a report of ours: many peers have no RTCP
                return
            if source[0] != target[0]:
                self.refused += 1
                continue
            self._heard_from = source
            self.take(data, arrived_s, srtp, ssrc)

    def _send(self, data: bytes, target: Address, srtp: Srtp | None) -> None:
        # A report lost on the way is nothing: the next one says it all again.
        with contextlib.suppress(OSError):
            sealed = data if srtp is None else srtp.seal_control(data)
            if self._muxed:
                self._shared.sendto(sealed, target)
            else:
                self._own.sendto(sealed, self._destination(target))

    def _destination(self, target: Address) -> Address:
        """Where reports go: whence they come, else as signalled, else beside where RTP really comes from."""
        if self._heard_from is not None and self._heard_from[0] == target[0]:
            return self._heard_from
        if self._signalled is not None and self._signalled[0] == target[0]:
            return self._signalled
        return target[0], min(target[1] + 1, 65535)
