"""One call's RTP, and its RTCP beside it. Read when its leg ticks, so a packet costs no wake-up of the event loop."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import secrets
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from dialnexa.live.line import FRAME_SAMPLES, SAMPLE_RATE
from dialnexa.live.media.codec import Codec
from dialnexa.live.media.leg import Leg
from dialnexa.live.rtp import event, packet
from dialnexa.live.rtp.arrival import receive, stamp_arrivals
from dialnexa.live.rtp.control import ControlChannel
from dialnexa.live.rtp.latch import Address, Latch
from dialnexa.live.rtp.packet import RtpPacket
from dialnexa.live.rtp.ports import NoPortsLeft, PortRange
from dialnexa.live.rtp.reception import Reception
from dialnexa.live.rtp.reporting import FarView
from dialnexa.live.rtp.rtcp import is_rtcp
from dialnexa.live.rtp.srtp import Srtp, SrtpKeys

log = structlog.get_logger(__name__)

_RECEIVE_BYTES = 2048
_MOST_PER_POLL = 200
"""Packets read in one tick, four seconds' worth: a flood must not hold the clock."""
_MOST_AT_ATTACH = 4096
_COMFORT_NOISE = 13
_G711 = {0: Codec.PCMU, 8: Codec.PCMA}
_GAP_S = 0.06
"""A pause between two packets of ours that a listener may notice: two are missing when he wants them."""


@dataclass(slots=True)
class RtpStatistics:
    """What went through a session."""

    sent: int = 0
    received: int = 0
    """Packets that belonged to the call."""
    refused: int = 0
    """Packets that were not RTP, not of a known payload type, or not from the far end."""
    undecipherable: int = 0
    """Encrypted packets that were tampered with, replayed, in clear, or under a key not agreed on."""
    unsent: int = 0
    """Packets the network would not take."""
    octets: int = 0
    """Sent, without headers."""
    gaps: int = 0
    """Pauses of more than 60 ms between two packets of ours in an unbroken stream: a stall of this machine."""
    longest_gap_s: float = 0.0


class RtpSession:
    """A UDP socket on an even port, and one for RTCP beside it: a ``FrameTransport`` for one leg."""

    def __init__(self, udp: socket.socket, control: socket.socket, ports: PortRange) -> None:
        self._socket = udp
        self._ports = ports
        self.port = int(udp.getsockname()[1])
        self.statistics = RtpStatistics()
        self._leg: Leg | None = None
        self._latch: Latch | None = None
        self._srtp: Srtp | None = None
        self._payload_type = 0
        self._factor = 1
        """Timestamp units per sample of the call clock; Opus counts at 48 kHz."""
        self._event_type: int | None = None
        self._event_factor = 1
        self._arriving: dict[int, Codec] = dict(_G711)
        self._arriving_events: frozenset[int] = frozenset()
        self._understood = frozenset((*_G711, _COMFORT_NOISE))
        self._ssrc = secrets.randbits(32)
        self._sequence = secrets.randbits(
            15
        )  # far from its wrap, whose loss would cost SRTP its counter (RFC 3711 §3.3.1)
        self._clock_start = secrets.randbits(32)
        self._keys = event.KeyReceiver()
        self.reception = Reception()
        """What arrived of the far end's stream."""
        self._control = ControlChannel(udp, control, self._ssrc)
        self._last_at = 0
        self._last_sent_s = 0.0
        self._mute = False
        self._closed = False

    @classmethod
    async def open(cls, host: str, ports: PortRange) -> RtpSession:
        """Bind the first usable port of the range on this numeric address.

        Raises ``NoPortsLeft`` when none is left, ``OSError`` when the address is not ours or no file is left to open.
        """
        for _ in range(ports.free):
            port = ports.take()
            try:
                return cls(*_bind_pair(host, port), ports)
            except OSError as error:
                ports.release(port)
                if error.errno != errno.EADDRINUSE:  # else another program's port: try the next one
                    raise
        raise NoPortsLeft("no media port of the range is usable: all taken by calls or by other programs")

    @property
    def events(self) -> bool:
        """Whether the far end takes telephone-events."""
        return self._event_type is not None

    @property
    def remote(self) -> Address | None:
        """Where packets go now: the signalled address, or the one the far end really sends from."""
        return self._latch.target if self._latch else None

    @property
    def far_view(self) -> FarView:
        """What the far end reported of the stream we send (RTCP)."""
        return self._control.view

    def connect(
        self,
        remote: Address,
        *,
        payload_type: int,
        event_payload_type: int | None,
        clock_rate: int = SAMPLE_RATE,
        event_clock_rate: int = SAMPLE_RATE,
        arriving: Mapping[int, Codec | None] | None = None,
        rtcp_port: int | None = None,
        rtcp_mux: bool = False,
    ) -> None:
        """Send to this numeric address from now on, and believe packets as ``Latch`` says; repeat after a re-INVITE.

        ``payload_type`` and ``clock_rate`` (Hz of its timestamps) are for sending; ``event_payload_type`` is the
        negotiated telephone-event type, ``None`` when keys must go as tones. ``arriving`` says what the numbers of
        packets that come mean, a codec or ``None`` for telephone-event: both sides may use numbers of their own
        (RFC 3264 §5.1). PCMU (0) and PCMA (8) are always understood. RTCP goes to ``rtcp_port``, or to the port after
        RTP's when there is none, or with ``rtcp_mux`` to RTP's own.
        Raises ``ValueError`` for a host name or an impossible port.
        """
        host, port = ipaddress.ip_address(remote[0]), remote[1]
        if not 0 <= port <= 65535:
            raise ValueError(f"{port} is no UDP port")
        self._mute = host.is_unspecified or not port  # 0.0.0.0 is hold, the old way
        self._payload_type = payload_type
        if clock_rate != self._factor * SAMPLE_RATE:
            # A source keeps one clock (RFC 7160 §4.1): another one makes it a new source.
            self._factor = clock_rate // SAMPLE_RATE
            self._ssrc = secrets.randbits(32)
            self._control.begin_anew(self._ssrc)
        self.reception.clock_rate = clock_rate
        self._event_type = event_payload_type
        if event_clock_rate != self._event_factor * SAMPLE_RATE:
            self._event_factor = event_clock_rate // SAMPLE_RATE
            self._keys = event.KeyReceiver(event_clock_rate)
        numbers = dict(arriving or {})
        self._arriving = _G711 | {number: codec for number, codec in numbers.items() if codec}
        events = {number for number, codec in numbers.items() if codec is None}
        if event_payload_type is not None and not arriving:
            events.add(event_payload_type)
        self._arriving_events = frozenset(events)
        self._understood = frozenset((*self._arriving, *self._arriving_events, payload_type, _COMFORT_NOISE))
        if self._latch is None or self._latch.signalled != remote:
            self._latch = Latch(remote)
        self._control.aim(remote, rtcp_port, rtcp_mux)

    def secure(self, keys: SrtpKeys | None) -> None:
        """Encrypt with these keys from now on and take only what is encrypted with them; ``None``: in clear."""
        if keys is None:
            self._srtp = None
        elif self._srtp is None:
            self._srtp = Srtp(keys)
        else:
            self._srtp.rekey(keys)

    @property
    def suite(self) -> str:
        """How the call is encrypted, by its suite's name in SDP; empty: in clear."""
        return self._srtp.suite if self._srtp else ""

    def attach(self, leg: Leg) -> None:
        """Give everything that arrives from now on to this leg; what waited before is thrown away.

        A leg before the answer may have sent something: to the far end it is one stream, whose timestamps go on.
        """
        if self.statistics.sent:
            self._clock_start += (self._last_at + FRAME_SAMPLES) * self._factor
            self._last_at = 0
        with contextlib.suppress(OSError):
            for _ in range(_MOST_AT_ATTACH):
                self._socket.recv(_RECEIVE_BYTES)
        self._leg = leg

    def poll(self) -> None:
        """Read what the socket holds and hand it to the leg."""
        leg, latch = self._leg, self._latch
        if leg is None or latch is None or self._closed:
            return
        latch.tick()
        srtp = self._srtp
        if self._control.tick(latch.target, srtp, self.reception.ssrc):
            self._report(latch.target)
        for _ in range(_MOST_PER_POLL):
            try:
                data, source, arrived_s = receive(self._socket)
            except OSError:  # nothing more to read, or an ICMP error about an earlier packet
                return
            if srtp is not None:
                opened = srtp.open(data)
                if opened is None:
                    self._take_other(data, source, arrived_s, latch)
                    continue
                data = opened
            parsed = packet.parse(data)
            if parsed is None:
                self._take_other(data, source, arrived_s, latch)
                continue
            if parsed.payload_type not in self._understood:
                self.statistics.refused += 1
                continue
            admitted = latch.admit(parsed, source)
            if not admitted:
                self.statistics.refused += 1
            for each in admitted:
                self._hear(each, leg, arrived_s, len(admitted) == 1)

    def send(self, payload: bytes, at: int, marker: bool) -> None:
        """Send one frame; its RTP timestamp follows the call clock, so a pause shows in it."""
        now_s = time.monotonic()
        gap_s, self._last_sent_s, self._last_at = now_s - self._last_sent_s, now_s, at
        if gap_s > _GAP_S and not marker:
            self.statistics.gaps += 1
            self.statistics.longest_gap_s = max(self.statistics.longest_gap_s, gap_s)
        self._send(
            packet.header(
                self._payload_type, self._sequence, self._clock_start + at * self._factor, self._ssrc, marker
            ),
            payload,
        )

    def send_event(self, digit: str, started_at: int, duration: int, end: bool, marker: bool) -> None:
        """Send one packet of a key press; all packets of one press carry the timestamp of its start."""
        if self._event_type is None:
            return
        self._send(
            packet.header(
                self._event_type,
                self._sequence,
                self._clock_start + started_at * self._event_factor,
                self._ssrc,
                marker,
            ),
            event.build(digit, duration * self._event_factor, end),
        )

    def close(self) -> None:
        """Give socket and port back; idempotent, and everything else does nothing afterwards."""
        if not self._closed:
            if self._latch is not None and self._leg is not None:
                self._control.say_goodbye(self._latch.target, self._srtp, self.reception.ssrc)
            self._closed = True
            self._leg = None
            self._control.close()
            self._socket.close()
            self._ports.release(self.port)

    def _send(self, head: bytes, body: bytes) -> None:
        if self._latch is None or self._closed or self._mute:
            return
        self._sequence = (self._sequence + 1) & 0xFFFF
        try:
            data = head + body
            self._socket.sendto(self._srtp.seal(data) if self._srtp else data, self._latch.target)
            self.statistics.sent += 1
            self.statistics.octets += len(body)
            self._control.note_sent()
        except OSError as error:  # buffer full or no route: like a packet lost on the way, but worth one line
            if not self.statistics.unsent:
                log.warning("rtp.not_sent", port=self.port, why=error.strerror)
            self.statistics.unsent += 1

    def _report(self, target: Address) -> None:
        """Tell the far end what we sent and heard."""
        self._control.report(
            target,
            self._srtp,
            timestamp=self._clock_start + self._last_at * self._factor,
            packets=self.statistics.sent,
            octets=self.statistics.octets,
            reception=self.reception,
        )

    def _take_other(self, data: bytes, source: Address, arrived_s: float, latch: Latch) -> None:
        """Take what is no RTP of this call: RTCP on RTP's port, or nothing to us."""
        if is_rtcp(data) and source == latch.target:
            self._control.take(data, arrived_s, self._srtp, self.reception.ssrc)
        elif self._srtp is not None:
            self.statistics.undecipherable += 1
        elif data:  # empty datagrams keep NATs open (RFC 6263 §4.1)
            self.statistics.refused += 1

    def _hear(self, heard: RtpPacket, leg: Leg, arrived_s: float, alone: bool) -> None:
        self.statistics.received += 1
        is_event = heard.payload_type in self._arriving_events
        paced = alone and not is_event and not heard.marker
        self.reception.note(heard.sequence, heard.timestamp, heard.ssrc, arrived_s, paced)
        if is_event:
            leg.on_alive()
            if digit := self._keys.feed(heard.payload, heard.timestamp, heard.ssrc):
                leg.on_key(digit)
        elif codec := self._arriving.get(heard.payload_type):
            leg.on_frame(heard.payload, heard.timestamp, heard.ssrc, codec)
        elif heard.payload_type == _COMFORT_NOISE:
            leg.on_noise(heard.payload)
        else:
            leg.on_alive()


def _bind_pair(host: str, port: int) -> tuple[socket.socket, socket.socket]:
    """Bind a port and the next one. Raises ``OSError``, and then leaves none bound."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.ExitStack() as undo:
        pair = (_open(family, undo), _open(family, undo))
        for offset, udp in enumerate(pair):
            udp.bind((host, port + offset))
        undo.pop_all()
        return pair


def _open(family: socket.AddressFamily, undo: contextlib.ExitStack) -> socket.socket:
    udp = undo.enter_context(socket.socket(family, socket.SOCK_DGRAM))
    udp.setblocking(False)
    stamp_arrivals(udp)
    return udp
