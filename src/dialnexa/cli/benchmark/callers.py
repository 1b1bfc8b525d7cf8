"""The load: callers over real SIP and RTP that speak, fall silent, and note when each packet of the agent arrives.

One grid sends for all callers and reads what came since; the kernel stamps arrivals, so a late reader spoils no
figure. The callers' own lateness is reported, because a load that is late itself proves nothing.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import time
from array import array
from dataclasses import dataclass, field

import numpy as np

from dialnexa.cli.benchmark.hearing import Heard
from dialnexa.live.line import FRAME_S, FRAME_SAMPLES
from dialnexa.live.media.g711 import SILENCE, Codec, encode
from dialnexa.live.rtp.packet import HEADER_BYTES, header
from dialnexa.live.sandbox.audio import phrase
from dialnexa.live.sip.endpoint import Dialog, SipEndpoint
from dialnexa.live.sip.sdp import make_offer

SPEAK_FRAMES = 150
CYCLE_FRAMES = 300
"""Three seconds of speech, three of silence: what the peers' own benches use."""
_SLICES = 4
_GAP_S = 0.005
"""Between two calls being placed."""
_STAMP = 35
"""``SO_TIMESTAMPNS`` of Linux; the socket module has no name for it."""
_ANCILLARY = socket.CMSG_SPACE(16)
_SILENCE = SILENCE[Codec.PCMU]


@dataclass(slots=True)
class Caller:
    """One call: its socket, where it sends to, and what it heard."""

    udp: socket.socket
    phase: int
    target: tuple[str, int] = ("", 0)
    sequence: int = 0
    heard: Heard = field(default_factory=Heard)
    dialog: Dialog | None = None

    def send(self, cycle: list[bytes]) -> None:
        """Send the next frame of the cycle, and note where speech begins and ends."""
        place = (self.sequence + self.phase) % CYCLE_FRAMES
        if place == 0:
            self.heard.started.append(time.time())
        elif place == SPEAK_FRAMES:
            self.heard.stopped.append(time.time())
        head = header(0, self.sequence, self.sequence * FRAME_SAMPLES, 1, marker=False)
        self.sequence += 1
        try:
            self.udp.sendto(head + cycle[place], self.target)
        except OSError:
            return  # our buffer is full, or an earlier packet came before its port was open: lost on the way

    def read(self) -> None:
        """Take what arrived since the last look."""
        try:
            while True:
                data, extra, _, _ = self.udp.recvmsg(2048, _ANCILLARY)
                arrived = _seconds(extra[0][2]) if extra else time.time()
                (stamp,) = struct.unpack_from("!I", data, 4)
                self.heard.note(arrived, stamp, data[HEADER_BYTES:] != _SILENCE)
        except OSError:  # nothing more to read
            return


def speech_cycle() -> list[bytes]:
    """Return one cycle of speech and silence as µ-law frames."""
    spoken = np.concatenate([phrase(name) for name in ("time_works", "by_text", "thanks_goodbye")])
    loud = np.resize(spoken, SPEAK_FRAMES * FRAME_SAMPLES)
    samples = np.concatenate([loud, np.zeros((CYCLE_FRAMES - SPEAK_FRAMES) * FRAME_SAMPLES, np.int16)])
    encoded = encode(Codec.PCMU, samples.astype(np.int16))
    return [encoded[start : start + FRAME_SAMPLES] for start in range(0, len(encoded), FRAME_SAMPLES)]


class Load:
    """All callers of a run, on one grid of their own."""

    def __init__(self, subject_port: int) -> None:
        self._port = subject_port
        self._cycle = speech_cycle()
        self.callers: list[Caller] = []
        self.late = array("d")
        """How late each slice of the callers' own grid was since ``forget`` (s)."""

    async def place(self, count: int, endpoint: SipEndpoint) -> list[float]:
        """Place calls one after the other; return each set-up time (INVITE to 200), in seconds."""
        times: list[float] = []
        for _ in range(count):
            caller = Caller(_stamped_socket(), random.randrange(CYCLE_FRAMES))
            began = time.monotonic()
            call = endpoint.dial(
                "+14155550100",
                from_user="+12025550100",
                host="127.0.0.1",
                port=self._port,
                offer=make_offer("127.0.0.1", caller.udp.getsockname()[1]),
            )
            caller.dialog = await call.answered(lambda _progress: None)
            times.append(time.monotonic() - began)
            remote = caller.dialog.remote_sdp
            caller.target = (remote.address, remote.port)
            self.callers.append(caller)
            await asyncio.sleep(_GAP_S)
        return times

    async def talk(self) -> None:
        """Keep all callers on their grid until cancelled; spread over each 20 ms, so that the load has no bursts."""
        start = time.monotonic()
        beat = 0
        while True:
            due = start + beat * FRAME_S / _SLICES
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self.late.append(max(0.0, time.monotonic() - due))
            for caller in self.callers[beat % _SLICES :: _SLICES]:
                caller.send(self._cycle)
                caller.read()
            beat += 1

    def forget(self) -> None:
        """Start the figures anew: set-up is over."""
        del self.late[:]
        for caller in self.callers:
            caller.heard.forget()

    async def hang_up(self) -> None:
        """End all calls."""
        callers, self.callers = self.callers, []
        await asyncio.gather(*(caller.dialog.hang_up() for caller in callers if caller.dialog))
        for caller in callers:
            caller.udp.close()


def _stamped_socket() -> socket.socket:
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.setblocking(False)
    if hasattr(socket, "SO_DOMAIN"):  # Linux
        udp.setsockopt(socket.SOL_SOCKET, _STAMP, 1)
    udp.bind(("127.0.0.1", 0))
    return udp


def _seconds(timespec: bytes) -> float:
    whole, nanoseconds = struct.unpack("qq", timespec)
    return whole + nanoseconds / 1e9
