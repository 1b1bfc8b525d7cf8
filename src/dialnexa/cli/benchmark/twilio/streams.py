"""The load: sockets that each carry one caller, who speaks three seconds, listens three, and notes what comes back."""

from __future__ import annotations

import asyncio
import base64
import os
import random
import secrets
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from dialnexa.cli.benchmark.callers import CYCLE_FRAMES, SPEAK_FRAMES, speech_cycle
from dialnexa.cli.benchmark.figures import Goal, spread
from dialnexa.cli.benchmark.twilio.playback import Playback
from dialnexa.cli.benchmark.twilio.wire import CONNECTED, Clear, Malformed, Mark, Media, Stream, read
from dialnexa.live.line import FRAME_S, SAMPLE_RATE

GOALS = (
    Goal("sockets refused", "refused", "", 0.0),
    Goal("sockets that broke off", "broke_off", "", 0.0),
    Goal("caller stops → agent heard, p50, ms", "reply_ms", "p50", 420.0),
    Goal("caller stops → agent heard, p95, ms", "reply_ms", "p95", 550.0),
    Goal("caller speaks → clear, p50, ms", "clear_ms", "p50", 500.0),
    Goal("pacing p99, ms", "pacing_ms", "p99", 8.0),
)
_OPEN_S = 10.0
_GOODBYE_S = 2.0


@dataclass(slots=True)
class Notes:
    """What one caller did and heard; seconds of the monotonic clock."""

    playback: Playback = field(default_factory=Playback)
    started: list[float] = field(default_factory=list[float])
    stopped: list[float] = field(default_factory=list[float])
    late: list[float] = field(default_factory=list[float])
    """How late each frame of ours left."""
    malformed: list[str] = field(default_factory=list[str])
    marks_returned: int = 0
    first_media_s: float | None = None
    """From ``start`` to the agent's first audio: its greeting."""
    trouble: str = ""
    refused: bool = False


@dataclass(frozen=True, slots=True)
class StreamsRun:
    """What all callers found."""

    url: str
    seconds: float
    notes: Sequence[Notes]
    load_average: float

    def facts(self) -> dict[str, object]:
        """Return every figure under the name it is printed with."""
        notes = self.notes
        barged = [each.playback.barge_ins(each.started) for each in notes]
        sizes = [size for each in notes for size in each.playback.sizes]
        return {
            "url": self.url,
            "sockets": len(notes),
            "seconds": round(self.seconds, 1),
            "refused": sum(each.refused for each in notes),
            "broke_off": sum(bool(each.trouble) and not each.refused for each in notes),
            "troubles": dict(Counter(each.trouble for each in notes if each.trouble).most_common(5)),
            "malformed": dict(Counter(why for each in notes for why in each.malformed).most_common(5)),
            "silent_sockets": sum(not each.playback.talks for each in notes),
            "greeting_ms": spread([each.first_media_s for each in notes if each.first_media_s is not None], 1000),
            "turns_of_the_caller": sum(len(each.stopped) for each in notes),
            "reply_ms": spread([reply for each in notes for reply in each.playback.replies(each.stopped)], 1000),
            "clear_ms": spread([clear for cleared, _ in barged for clear in cleared], 1000),
            "silent_after_ms": spread([end for _, silent in barged for end in silent], 1000),
            "talked_on": sum(len(silent) - len(cleared) for cleared, silent in barged),
            "message_ms": round(1000 * float(np.median(sizes)) / SAMPLE_RATE, 1) if sizes else 0.0,
            "pacing_ms": spread(np.abs([off for each in notes for off in each.playback.pacing]), 1000),
            "gaps": sum(each.playback.gaps for each in notes),
            "marks_wanted": sum(each.playback.marks_wanted for each in notes),
            "marks_returned": sum(each.marks_returned for each in notes),
            "talks_without_mark": sum(max(0, len(each.playback.talks) - each.playback.marks_wanted) for each in notes),
            "callers_lateness_ms": spread([late for each in notes for late in each.late], 1000),
            "load_average": round(self.load_average, 1),
        }


async def run(url: str, sockets: int, seconds: float, *, ramp_s: float = 2.0) -> StreamsRun:
    """Open that many sockets over ``ramp_s`` and let each caller talk for that long; trouble of any is in its notes."""
    cycle = [base64.b64encode(frame).decode() for frame in speech_cycle()]
    notes = [Notes() for _ in range(sockets)]
    async with asyncio.TaskGroup() as group:
        for each in notes:
            group.create_task(_call(url, cycle, seconds, each))
            await asyncio.sleep(ramp_s / sockets)
    return StreamsRun(url, seconds, notes, os.getloadavg()[0])


async def _call(url: str, cycle: Sequence[str], seconds: float, notes: Notes) -> None:
    """Carry one call; whatever goes wrong ends it and is noted."""
    try:
        async with connect(
            url, open_timeout=_OPEN_S, close_timeout=_GOODBYE_S, compression=None, max_size=1 << 22, proxy=None
        ) as socket:
            await _carry(socket, cycle, seconds, notes)
    except (OSError, WebSocketException, TimeoutError) as error:
        notes.refused = not notes.late
        notes.trouble = f"{type(error).__name__}: {error}"[:200]


async def _carry(socket: ClientConnection, cycle: Sequence[str], seconds: float, notes: Notes) -> None:
    stream = Stream(f"MZ{secrets.token_hex(16)}", f"CA{secrets.token_hex(16)}")
    await socket.send(CONNECTED)
    await socket.send(stream.start())
    began = time.monotonic()
    hearing = asyncio.create_task(_hear(socket, notes, began))
    try:
        await _speak(socket, stream, cycle, seconds, began, notes)
        await socket.send(stream.stop())
    finally:
        hearing.cancel()
        await asyncio.gather(hearing, return_exceptions=True)


async def _speak(
    socket: ClientConnection, stream: Stream, cycle: Sequence[str], seconds: float, began: float, notes: Notes
) -> None:
    """Send a frame each 20 ms on an absolute grid, and the marks that are due."""
    place = random.randrange(CYCLE_FRAMES)
    for frame in range(round(seconds / FRAME_S)):
        due = began + frame * FRAME_S
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        now = time.monotonic()
        notes.late.append(max(0.0, now - due))
        spot = (place + frame) % CYCLE_FRAMES
        if spot == 0:
            notes.started.append(now)
        elif spot == SPEAK_FRAMES:
            notes.stopped.append(now)
        await socket.send(stream.media(cycle[spot], round(frame * FRAME_S * 1000)))
        for name in notes.playback.due(now):
            await socket.send(stream.mark(name))
            notes.marks_returned += 1


async def _hear(socket: ClientConnection, notes: Notes, began: float) -> None:
    """Note what the engine sends until the socket closes."""
    playback = notes.playback
    async for message in socket:
        now = time.monotonic()
        match read(message):
            case Media(payload):
                if notes.first_media_s is None:
                    notes.first_media_s = now - began
                playback.media(payload, now)
            case Mark(name):
                playback.mark(name)
            case Clear():
                playback.clear(now)
            case Malformed(why):
                notes.malformed.append(why)
