"""What arrived of an RTP stream, told from sequence numbers and arrival times (RFC 3550, A.1, A.3 and A.8).

A packet overtaken by another is not lost, one that comes twice counts once, and a stream that begins anew (another
SSRC, a jump of the sequence) loses nothing by it.
"""

from __future__ import annotations

_MOST_SKIPPED = 3000
"""A step forward of more than this is a new beginning, if the next packet follows it."""
_MOST_OVERTAKEN = 1000
_REMEMBERED = 256
"""Packets back in which a duplicate is recognised."""
_REMEMBER = (1 << _REMEMBERED) - 1


class Reception:
    """Counts one direction of a call. ``clock_rate`` is the RTP clock's, in Hz."""

    def __init__(self, clock_rate: int = 8000) -> None:
        self.clock_rate = clock_rate
        self.ssrc: int | None = None
        self.received = 0
        """Packets, each counted once."""
        self.duplicates = 0
        self.reordered = 0
        """Packets that came after a later one."""
        self.highest = 0
        """The highest sequence number, wraps included."""
        self._first = 0
        self._received_before = 0
        """``received`` when the present stream began."""
        self._lost_before = 0
        self._seen = 0
        """Bit *n*: the packet *n* before the beginning of the run has come."""
        self._run = 0
        """Packets that came one after the other up to the highest: told apart, because nearly all do."""
        self._suspect = -1
        self._last_timestamp = 0
        self._last_arrival: float | None = None
        self._jitter = 0.0
        self._jitter_sum = 0.0
        self._jitter_count = 0
        self._worst_jitter = 0.0
        self._expected_reported = self._received_reported = 0

    def note(self, sequence: int, timestamp: int, ssrc: int, arrival_s: float, paced: bool) -> None:
        """Count one packet; ``paced``: its timestamp tells when it was sent, so it counts for the jitter.

        That is not so for telephone-events, which repeat the time of their beginning, and after a pause.
        """
        step = (sequence - self.highest) & 0xFFFF
        if ssrc != self.ssrc:
            self._begin(sequence, ssrc)
        elif step == 1:  # nearly every packet
            self.highest += 1
            self._run += 1
        elif not self._place(sequence, step):
            return
        self.received += 1
        if paced and self._last_arrival is not None:
            moved = ((timestamp - self._last_timestamp + 0x80000000) & 0xFFFFFFFF) - 0x80000000
            deviation = abs((arrival_s - self._last_arrival) * self.clock_rate - moved)
            if deviation < self.clock_rate:  # more is a timestamp that jumped
                self._jitter += (deviation - self._jitter) / 16
                self._jitter_sum += self._jitter
                self._jitter_count += 1
                if self._jitter > self._worst_jitter:
                    self._worst_jitter = self._jitter
        self._last_timestamp, self._last_arrival = timestamp, arrival_s

    @property
    def lost(self) -> int:
        """Packets that never came, gaps at the end of a stream apart."""
        return max(0, self._lost_before + self._expected_here - self._received_here)

    @property
    def jitter_ms(self) -> float:
        """The mean of the running estimate of A.8 over all packets."""
        return self._jitter_sum / self._jitter_count * 1000 / self.clock_rate if self._jitter_count else 0.0

    @property
    def worst_jitter_ms(self) -> float:
        """The highest the running estimate ever was."""
        return self._worst_jitter * 1000 / self.clock_rate

    @property
    def jitter(self) -> int:
        """The running estimate as it is now, in timestamp units, for reports."""
        return int(self._jitter)

    def fraction_lost(self) -> int:
        """Return the share lost since this was asked last, of 256 (A.3)."""
        expected, received = self._expected_here, self._received_here
        missed = expected - self._expected_reported - (received - self._received_reported)
        asked_for = expected - self._expected_reported
        self._expected_reported, self._received_reported = expected, received
        return min(255, missed * 256 // asked_for) if asked_for > 0 and missed > 0 else 0

    @property
    def _expected_here(self) -> int:
        return self.highest - self._first + 1 if self.ssrc is not None else 0

    @property
    def _received_here(self) -> int:
        return self.received - self._received_before

    def _begin(self, sequence: int, ssrc: int) -> None:
        self._lost_before = self.lost
        self._received_before = self.received
        self.ssrc, self._seen, self._run, self._suspect = ssrc, 0, 1, -1
        # One wrap ahead, so that a packet overtaken by the very first one has a number above zero.
        self.highest = self._first = sequence + 0x10000
        self._last_arrival = None
        self._expected_reported = self._received_reported = 0

    def _place(self, sequence: int, step: int) -> bool:
        """Find the place of a packet that is not the next one; ``False`` when it does not count."""
        run, self._run = min(self._run, _REMEMBERED), 0
        self._seen = (self._seen << run | (1 << run) - 1) & _REMEMBER
        if 0 < step < _MOST_SKIPPED:
            self.highest += step
            self._seen = self._seen << step & _REMEMBER | 1
            return True
        back = -step & 0xFFFF
        if back < _MOST_OVERTAKEN:
            return self._overtaken(back)
        if sequence == self._suspect:
            # Two in a row far from where we were: the far end began anew under the same name. Both count.
            ssrc = self.ssrc
            assert ssrc is not None
            self._begin(sequence - 1 & 0xFFFF, ssrc)
            self.highest += 1
            self._run = 2
            self.received += 1
            return True
        self._suspect = (sequence + 1) & 0xFFFF
        return False

    def _overtaken(self, back: int) -> bool:
        bit = 1 << back
        if back < _REMEMBERED and self._seen & bit:
            self.duplicates += 1
            return False
        self._seen |= bit & _REMEMBER
        self._first = min(self._first, self.highest - back)
        self.reordered += 1
        return True
