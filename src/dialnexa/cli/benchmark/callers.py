"""The load: callers over real SIP and RTP that speak, fall silent, and note when each packet of the agent arrives."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from dialnexa.live.media.g711 import Codec, encode
from dialnexa.live.sandbox.audio import phrase
from dialnexa.live.sip.endpoint import Dialog, SipEndpoint
from dialnexa.live.sip.sdp import make_offer

_FRAME = 160
_FRAME_S = 0.02
_SPEAK_FRAMES = 150
_CYCLE_FRAMES = 300
"""Three seconds of speech, three of silence: what the peers' own benches use."""


@dataclass(slots=True)
class Caller:
    """One call: its socket, where it sends to, and the arrival times of what it hears (s, monotonic)."""

    udp: socket.socket
    phase: int
    target: tuple[str, int] = ("", 0)
    sequence: int = 0
    arrivals: array[float] = field(default_factory=lambda: array("d"))
    dialog: Dialog | None = None


def speech_cycle() -> list[bytes]:
    """Return one cycle of speech and silence as µ-law frames."""
    spoken = np.concatenate([phrase(name) for name in ("time_works", "by_text", "thanks_goodbye")])
    loud = np.resize(spoken, _SPEAK_FRAMES * _FRAME)
    samples = np.concatenate([loud, np.zeros((_CYCLE_FRAMES - _SPEAK_FRAMES) * _FRAME, np.int16)]).astype(np.int16)
    encoded = encode(Codec.PCMU, samples)
    return [encoded[start : start + _FRAME] for start in range(0, len(encoded), _FRAME)]


class Load:
    """All callers of a run, on one grid of their own."""

    def __init__(self, subject_port: int) -> None:
        self._port = subject_port
        self._cycle = speech_cycle()
        self.callers: list[Caller] = []

    async def place(self, count: int, endpoint: SipEndpoint) -> list[float]:
        """Place calls one after the other; return each set-up time (INVITE to 200), in seconds."""
        times: list[float] = []
        loop = asyncio.get_running_loop()
        for _ in range(count):
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            udp.setblocking(False)
            udp.bind(("127.0.0.1", 0))
            caller = Caller(udp, random.randrange(_CYCLE_FRAMES))
            started = time.monotonic()
            call = endpoint.dial(
                "+14155550100",
                from_user="+12025550100",
                host="127.0.0.1",
                port=self._port,
                offer=make_offer("127.0.0.1", udp.getsockname()[1]),
            )
            caller.dialog = await call.answered(lambda _progress: None)
            times.append(time.monotonic() - started)
            remote = caller.dialog.remote_sdp
            caller.target = (remote.address, remote.port)
            loop.add_reader(udp.fileno(), _hear, caller)
            self.callers.append(caller)
            await asyncio.sleep(0.005)
        return times

    async def talk(self, seconds: float) -> None:
        """Keep all callers on their grid; spread within each 20 ms so that the load has no bursts of its own."""
        start = time.monotonic()
        for tick in range(int(seconds / _FRAME_S)):
            slices = _slices(self.callers, 4)
            for part, callers in enumerate(slices):
                due = start + tick * _FRAME_S + part * _FRAME_S / 4
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                for caller in callers:
                    self._send(caller)

    def _send(self, caller: Caller) -> None:
        frame = self._cycle[(caller.sequence + caller.phase) % _CYCLE_FRAMES]
        header = struct.pack("!BBHII", 0x80, 0, caller.sequence & 0xFFFF, caller.sequence * _FRAME & 0xFFFFFFFF, 1)
        caller.sequence += 1
        try:
            caller.udp.sendto(header + frame, caller.target)
        except BlockingIOError:
            return  # our own buffer is full: counts as loss on the way

    async def hang_up(self) -> None:
        """End all calls."""
        loop = asyncio.get_running_loop()
        dialogs = [caller.dialog for caller in self.callers if caller.dialog]
        await asyncio.gather(*(dialog.hang_up() for dialog in dialogs))
        for caller in self.callers:
            loop.remove_reader(caller.udp.fileno())
            caller.udp.close()

    def forget_arrivals(self) -> None:
        """Start the pacing figures anew: set-up is over."""
        for caller in self.callers:
            del caller.arrivals[:]

    def pacing_ms(self) -> tuple[float, float, float]:
        """Return median, p99 and largest deviation of all packets from their call's 20 ms grid, in ms."""
        deviations = [_deviations(caller.arrivals) for caller in self.callers if len(caller.arrivals) > 10]
        if not deviations:
            return (0.0, 0.0, 0.0)
        merged = np.concatenate(deviations) * 1000
        return float(np.median(merged)), float(np.percentile(merged, 99)), float(merged.max())


def _hear(caller: Caller) -> None:
    now = time.monotonic()
    try:
        while True:
            caller.udp.recv(2048)
            caller.arrivals.append(now)
    except BlockingIOError:
        return


def _deviations(arrivals: Sequence[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """How far each packet is from the grid that fits the call best."""
    offsets = np.asarray(arrivals, np.float64) - np.arange(len(arrivals)) * _FRAME_S
    return np.abs(offsets - np.median(offsets))


def _slices(callers: Sequence[Caller], parts: int) -> list[Sequence[Caller]]:
    return [callers[part::parts] for part in range(parts)]
