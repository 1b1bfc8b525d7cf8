"""What one call costs in the media plane: real UDP on loopback, VAD and recording on, far ends in a second process.

    python bench/media.py --legs 100 --seconds 10

The far ends send continuous noise, so that no window is too quiet for the voice detector to be asked (the dearest
case), and note with the kernel's receive timestamps when each packet of ours arrived. The agent speaks two seconds
out of six. CPU time is that of the whole serving process, recorder thread included. Linux only.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import multiprocessing
import os
import platform
import resource
import select
import socket
import struct
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from dialnexa.kit.clock import SystemClock
from dialnexa.live.line import FRAME_S, FRAME_SAMPLES, SAMPLE_RATE, Samples
from dialnexa.live.media.clock import LatenessReport
from dialnexa.live.media.engine import MediaEngine, calm_garbage_collector
from dialnexa.live.media.g711 import Codec, encode
from dialnexa.live.media.leg import Leg
from dialnexa.live.media.tones import tone
from dialnexa.live.rtp.packet import RtpPacket, build
from dialnexa.live.rtp.ports import PortRange
from dialnexa.live.rtp.session import RtpSession

HOST = "127.0.0.1"
_SO_TIMESTAMPNS = 35  # Linux; the socket module has no name for it
_SLOTS = 4


@dataclass(frozen=True)
class Figures:
    """One run."""

    legs: int
    us_per_call_tick: float
    core_per_call: float
    rss_per_call_kb: float
    lateness: LatenessReport
    pacing_p50_ms: float
    pacing_p99_ms: float
    received_share: float
    """Of the frames the far ends sent, how many a listener heard unconcealed."""

    @property
    def calls_per_core(self) -> float:
        """By extrapolation to a full core; plan for 80 % of it."""
        return 1 / self.core_per_call


# --- the far ends, in a process of their own --------------------------------------------------------------------------


def far_ends(pipe: Connection, legs: int, seconds: float) -> None:
    """Send noise on every stream's 20 ms grid until told to stop; report how far arrivals were off theirs."""
    sockets = [_stamped_socket() for _ in range(legs)]
    pipe.send([each.getsockname()[1] for each in sockets])
    targets: list[int] = pipe.recv()
    poller = select.epoll()
    for each in sockets:
        poller.register(each, select.EPOLLIN)
    by_descriptor = {each.fileno(): index for index, each in enumerate(sockets)}
    arrivals: list[list[tuple[float, int]]] = [[] for _ in sockets]
    noise = _noise()
    start = time.monotonic()
    ticks = round(seconds / FRAME_S)
    for beat in range(ticks * _SLOTS):
        _drain_until(start + beat * FRAME_S / _SLOTS, poller, sockets, by_descriptor, arrivals)
        tick = beat // _SLOTS
        body = noise[tick % len(noise)]
        for index in range(beat % _SLOTS, legs, _SLOTS):
            data = build(RtpPacket(0, tick, tick * FRAME_SAMPLES, index + 1, body))
            sockets[index].sendto(data, (HOST, targets[index]))
    pipe.send((ticks, [_deviations(times) for times in arrivals if len(times) > 100]))


def _stamped_socket() -> socket.socket:
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    udp.setblocking(False)
    udp.bind((HOST, 0))
    return udp


def _noise() -> list[bytes]:
    wave = np.random.default_rng(1).normal(0, 1000, (50, FRAME_SAMPLES)).astype(np.int16)
    return [encode(Codec.PCMU, frame) for frame in wave]


def _drain_until(
    deadline: float,
    poller: select.epoll,
    sockets: list[socket.socket],
    by_descriptor: dict[int, int],
    arrivals: list[list[tuple[float, int]]],
) -> None:
    while (left := deadline - time.monotonic()) > 0:
        for descriptor, _ in poller.poll(left):
            index = by_descriptor[descriptor]
            with contextlib.suppress(BlockingIOError):
                data, extra, _, _ = sockets[index].recvmsg(2048, 64)
                whole, nano = struct.unpack("qq", extra[0][2])
                (stamp,) = struct.unpack_from("!I", data, 4)
                arrivals[index].append((whole + nano / 1e9, stamp))


def _deviations(arrivals: list[tuple[float, int]]) -> list[float]:
    """How far each packet arrived from where its own timestamp places it, in ms."""
    times = np.array([arrived for arrived, _ in arrivals])
    stamps = np.array([(stamp - arrivals[0][1]) & 0xFFFFFFFF for _, stamp in arrivals])
    offsets = times - times[0] - stamps / SAMPLE_RATE
    return (np.abs(offsets - np.median(offsets)) * 1000).tolist()


# --- the serving side -------------------------------------------------------------------------------------------------


class Talker:
    """A listener that speaks two seconds out of six and counts what it hears."""

    def __init__(self, speech: Samples, turn: int) -> None:
        self.leg: Leg | None = None
        self._speech = speech
        self._turn = turn
        self.heard = 0

    def on_audio(self, samples: Samples, at: int) -> None:
        assert self.leg
        self.heard += self.leg.missing == 0

    def on_voice(self, probability: float, at: int) -> None:
        pass

    def on_digit(self, digit: str, at: int) -> None:
        pass

    def on_tick(self, at: int) -> None:
        if self.leg and (at // FRAME_SAMPLES + self._turn) % 300 == 0:
            utterance = self.leg.say()
            utterance.push(self._speech)
            utterance.finish()


async def serve(legs: int, seconds: float, vad: bool, recording: bool, folder: Path) -> Figures:
    """Hold ``legs`` calls for that long and measure."""
    speech = tone((300, 700), 2.0, -20)
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    far = multiprocessing.get_context("spawn").Process(target=far_ends, args=(theirs, legs, seconds))
    far.start()
    ports = PortRange(20000, 29999)
    async with MediaEngine.open(clock=SystemClock(), vad=vad) as engine:
        peers: list[int] = await asyncio.to_thread(ours.recv)
        calm_garbage_collector()
        rss = _rss_kb()
        sessions = [await RtpSession.open(HOST, ports) for _ in range(legs)]
        talkers: list[Talker] = []
        for index, session in enumerate(sessions):
            session.connect((HOST, peers[index]), payload_type=0, event_payload_type=101)
            talker = Talker(speech, index * 37)
            target = folder / f"{index}.wav" if recording else None
            talker.leg = engine.open_leg(session, codec=Codec.PCMU, listener=talker, recording=target)
            session.attach(talker.leg)
            talkers.append(talker)
        ours.send([session.port for session in sessions])
        cpu, began = time.process_time(), time.monotonic()
        sent, deviations = await asyncio.to_thread(ours.recv)
        took, cpu = time.monotonic() - began, time.process_time() - cpu
        lateness, grown = engine.lateness, _rss_kb() - rss
        for talker, session in zip(talkers, sessions, strict=True):
            assert talker.leg
            await talker.leg.close()
            session.close()
    far.join()
    pacing = np.concatenate(deviations)
    share = cpu / took / legs
    heard = sum(talker.heard for talker in talkers) / (sent * legs)
    p50, p99 = (float(value) for value in np.percentile(pacing, (50, 99)))
    return Figures(legs, share * FRAME_S * 1e6, share, grown / legs, lateness, p50, p99, heard)


def _rss_kb() -> float:
    with contextlib.suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def lines(figures: Figures) -> Iterator[str]:
    """Write one run for people."""
    late = figures.lateness
    yield f"legs                    {figures.legs}"
    yield f"CPU per call-tick       {figures.us_per_call_tick:.1f} µs"
    yield f"CPU per call            {figures.core_per_call * 100:.3f} % of a core"
    yield f"calls per core          {figures.calls_per_core:.0f} (extrapolated)"
    yield f"memory per call         {figures.rss_per_call_kb:.0f} kB"
    yield f"tick lateness           p50 {late.p50_ms:.2f}  p99 {late.p99_ms:.2f}  max {late.max_ms:.2f} ms"
    yield f"time inside ticks       {late.busy * 100:.0f} %, {late.skipped} cycles skipped"
    yield f"pacing off the grid     p50 {figures.pacing_p50_ms:.2f}  p99 {figures.pacing_p99_ms:.2f} ms"
    yield f"frames heard            {figures.received_share * 100:.2f} %"


def main() -> None:
    """Run once from the command line."""
    parser = argparse.ArgumentParser(description="Measure the media plane over real UDP on loopback.")
    parser.add_argument("--legs", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--no-vad", action="store_true")
    parser.add_argument("--no-recording", action="store_true")
    options = parser.parse_args()
    with contextlib.suppress(ImportError, AttributeError):
        import uvloop  # noqa: PLC0415

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(
            serve(options.legs, options.seconds, not options.no_vad, not options.no_recording, Path(folder))
        )
    load = os.getloadavg()[0]
    print(f"{datetime.now(UTC):%Y-%m-%d}  {platform.machine()}, {os.cpu_count()} cores, load {load:.1f}")
    print("\n".join(lines(figures)))


if __name__ == "__main__":
    main()
