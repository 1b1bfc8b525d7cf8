"""Symmetric RTP: where the far end's packets really come from, and whom to believe (RFC 4961, RFC 7362).

The rules, in order:
1. A packet from the address that was signalled is believed at once.
2. Before any packet was believed, a stranger (a phone behind NAT) is believed after a run of four packets with
   consecutive sequence numbers from one source and one SSRC. Those four are not lost.
3. From then on only the believed source counts.
4. When it was silent for a second, a run of four from elsewhere is believed again, but only if it goes on with the
   same SSRC (the NAT gave the phone a new port): nobody takes over a quiet call by guessing its port.
"""

from __future__ import annotations

from dialnexa.live.rtp.packet import RtpPacket

Address = tuple[str, int]

_RUN = 4
_QUIET_POLLS = 50
"""Ticks of 20 ms without a believed packet, after which rule 4 applies."""


class Latch:
    """Decides which packets of a session's socket belong to its call."""

    def __init__(self, signalled: Address) -> None:
        self.target = signalled
        """Where to send."""
        self.signalled = signalled
        """What the far end's SDP said."""
        self._believed: Address | None = None
        self._ssrc: int | None = None
        self._quiet = 0
        self._candidate: Address | None = None
        self._run: list[RtpPacket] = []

    def tick(self) -> None:
        """Note that another 20 ms passed."""
        self._quiet += 1

    def admit(self, packet: RtpPacket, source: Address) -> list[RtpPacket]:
        """Return the packets that may now be heard: this one, none, or the run that just proved itself."""
        if source == self._believed:  # nearly every packet
            self._quiet = 0
            self._ssrc = packet.ssrc
            return [packet]
        if source == self.signalled and self._may_switch(packet):
            self._believe(packet, source)
            return [packet]
        if not self._may_switch(packet):
            return []
        expected = self._run[-1] if self._run else None
        follows = (
            expected is not None
            and source == self._candidate
            and packet.ssrc == expected.ssrc
            and packet.sequence == (expected.sequence + 1) & 0xFFFF
        )
        self._run = [*self._run, packet] if follows else [packet]
        self._candidate = source
        if len(self._run) < _RUN:
            return []
        run = self._run
        self._believe(packet, source)
        return run

    def _may_switch(self, packet: RtpPacket) -> bool:
        if self._believed is None:
            return True
        return self._quiet >= _QUIET_POLLS and packet.ssrc == self._ssrc

    def _believe(self, packet: RtpPacket, source: Address) -> None:
        self._quiet = 0
        self._ssrc = packet.ssrc
        self._believed = self.target = source
        self._run, self._candidate = [], None
