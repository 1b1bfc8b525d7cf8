"""Our side of RTCP in one call: when to report what, and what the far end's reports say about us (RFC 3550, 6.2–6.4).

Time comes from outside: ``tick`` every 20 ms, and the wall time with each report.
"""

from __future__ import annotations

import random
import secrets
from dataclasses import dataclass

from dialnexa.live.rtp import rtcp
from dialnexa.live.rtp.reception import Reception
from dialnexa.live.rtp.rtcp import Goodbye, Report, ReportBlock, SenderInfo

INTERVAL_TICKS = 250
"""5 s, the shortest mean interval for two parties (§6.2); each is half to one and a half of it, the first half that."""
_ENOUGH_SENT = 50
"""Packets we must have sent before a report that says nothing of them says something."""
_ALL_LOST = 255
_LONGEST_ROUND_TRIP = 30 * 65536
"""More is a far end whose clock jumped."""


@dataclass(slots=True)
class FarView:
    """What the far end says about the stream we send. ``None``: it never said."""

    reports: int = 0
    """Reports that spoke of our stream."""
    silent_reports: int = 0
    """Reports in which our stream did not appear: nothing of it arrived."""
    heard: bool = False
    """Whether by any report part of our stream arrived."""
    lost: int | None = None
    jitter: int | None = None
    """In units of our timestamp: the mean over its reports."""
    round_trip_ms: float | None = None
    """The shortest measured: the longer ones include the far end's own delays."""


class Reporter:
    """Decides when a report is due, writes it, and keeps what the far end reports."""

    def __init__(self, ssrc: int) -> None:
        self.view = FarView()
        self.ended = False
        """Whether the far end said goodbye to its stream."""
        self.ssrc = ssrc
        """Our own stream's."""
        self._cname = secrets.token_urlsafe(12)  # says nothing about us (RFC 7022)
        self._sent = 0
        self._wait = round(INTERVAL_TICKS / 2 * random.uniform(0.5, 1.5))
        self._heard_report = 0
        self._heard_at = 0.0
        self._jitter_sum = 0

    def tick(self) -> bool:
        """Note that another 20 ms passed; true when a report is due, which ``write`` then answers for."""
        self._wait -= 1
        return self._wait <= 0

    def write(self, now_s: float, *, timestamp: int, packets: int, octets: int, reception: Reception) -> bytes:
        """Return the report that is due, and wait for the next; ``now_s`` is seconds since 1970."""
        self._wait = round(INTERVAL_TICKS * random.uniform(0.5, 1.5))
        self._sent = packets
        sender = SenderInfo(rtcp.ntp(now_s), timestamp, packets, octets) if packets else None
        return rtcp.build_report(Report(self.ssrc, sender, self._blocks(now_s, reception)), self._cname)

    def goodbye(self) -> bytes:
        """Return the packet that ends our stream."""
        return rtcp.build_goodbye(self.ssrc, self._cname)

    def take(self, data: bytes, arrived_s: float, ssrc: int | None) -> None:
        """Take one RTCP datagram that came at ``arrived_s``; ``ssrc`` is the stream we hear. Never raises."""
        for packet in rtcp.parse(data):
            if isinstance(packet, Goodbye):
                self.ended = self.ended or ssrc in packet.ssrcs
                continue
            if packet.sender is not None and ssrc in (None, packet.ssrc):
                self._heard_report, self._heard_at = rtcp.middle(packet.sender.ntp), arrived_s
            about_us = next((block for block in packet.blocks if block.ssrc == self.ssrc), None)
            if about_us is not None:
                self._learn(about_us, arrived_s)
            elif self._sent > _ENOUGH_SENT:
                self.view.silent_reports += 1

    def _learn(self, block: ReportBlock, arrived_s: float) -> None:
        view = self.view
        view.reports += 1
        view.lost = max(0, block.lost)
        self._jitter_sum += block.jitter
        view.jitter = self._jitter_sum // view.reports
        view.heard = view.heard or block.fraction_lost < _ALL_LOST
        if block.last_report:
            round_trip = (rtcp.middle(rtcp.ntp(arrived_s)) - block.last_report - block.delay) & 0xFFFFFFFF
            if round_trip < _LONGEST_ROUND_TRIP:
                milliseconds = round_trip / 65.536
                view.round_trip_ms = min(milliseconds, view.round_trip_ms or milliseconds)

    def _blocks(self, now_s: float, reception: Reception) -> tuple[ReportBlock, ...]:
        if reception.ssrc is None:
            return ()
        delay = max(0, int((now_s - self._heard_at) * 65536)) if self._heard_report else 0
        return (
            ReportBlock(
                reception.ssrc,
                reception.fraction_lost(),
                reception.lost,
                reception.highest - 0x10000,  # see ``Reception``: it counts one wrap ahead
                reception.jitter,
                self._heard_report,
                delay,
            ),
        )
