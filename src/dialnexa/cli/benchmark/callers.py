"""The load: callers over real SIP and RTP that speak, fall silent, and note when each packet of the agent arrives.

One grid sends for all callers and reads what came since; the kernel stamps arrivals, so a late reader spoils no
figure. The callers' own lateness is reported, because a load that is late itself proves nothing.
"""

from __future__ import annotations

import asyncio
import random
import socket
import time
from array import array
from contextlib import closing
from dataclasses import dataclass, field, replace

import numpy as np

from dialnexa.cli.benchmark.dialler import ANCILLARY, Attempt, Dialler, Unanswered, arrival, media_of, stamped_socket
from dialnexa.cli.benchmark.hearing import Heard
from dialnexa.cli.benchmark.stories import Story
from dialnexa.live.line import FRAME_S, FRAME_SAMPLES
from dialnexa.live.media.codec import SILENCE, Codec, encode
from dialnexa.live.rtp.packet import header, parse
from dialnexa.live.sandbox.audio import phrase

SPEAK_FRAMES = 150
CYCLE_FRAMES = 300
"""Three seconds of speech, three of silence: what the peers' own benches use."""
_SLICES = 4
_GAP_S = 0.03
"""Between two calls being placed. At 100 a second setting up took a fifth of the core on top of what the running calls
take, and the last of 250 were refused (measured): that is overload, which has a mode of its own."""
_SILENCE = SILENCE[Codec.PCMU]


@dataclass(slots=True)
class Caller:
    """One call: its socket, where it sends to, and what it heard."""

    udp: socket.socket
    phase: int
    target: tuple[str, int] = ("", 0)
    sequence: int = 0
    heard: Heard = field(default_factory=Heard)
    attempt: Attempt | None = None

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
                data, extra, _, _ = self.udp.recvmsg(2048, ANCILLARY)
                if packet := parse(data):  # RTCP comes here as well
                    self.heard.note(arrival(extra), packet.timestamp, packet.payload != _SILENCE)
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

    def __init__(self, dialler: Dialler) -> None:
        self._dialler = dialler
        self._cycle = speech_cycle()
        self.callers: list[Caller] = []
        self.late = array("d")
        """How late each slice of the callers' own grid was since ``forget`` (s)."""

    async def place(self, count: int) -> list[Story]:
        """Place calls one after the other and keep them up; return what came of each."""
        stories: list[Story] = []
        for _ in range(count):
            caller = Caller(stamped_socket(), random.randrange(CYCLE_FRAMES))
            stories.append(await self._connect(caller))
            await asyncio.sleep(_GAP_S)
        return stories

    async def call(self, hold_s: float) -> Story:
        """Make one call, talk that long, hang up, and tell what came of it."""
        with closing(stamped_socket()) as udp:
            caller = Caller(udp, random.randrange(CYCLE_FRAMES))
            story = await self._connect(caller)
            if caller not in self.callers:
                return story
            await asyncio.sleep(hold_s)
            self.callers.remove(caller)
            return await self._part(caller, story)

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
        farewells = [self._dialler.hang_up(caller.attempt) for caller in callers if caller.attempt]
        for outcome in await asyncio.gather(*farewells, return_exceptions=True):
            if isinstance(outcome, BaseException) and not isinstance(outcome, Unanswered):
                raise outcome
        for caller in callers:
            caller.udp.close()

    async def _connect(self, caller: Caller) -> Story:
        attempt = self._dialler.invite(caller.udp.getsockname()[1])
        try:
            answer = await self._dialler.final(attempt)
        except Unanswered:
            return Story(0, attempt.heard, retry_after=False, repeats=attempt.repeats)
        remote = media_of(answer) if answer.status == 200 else None
        if remote:
            caller.attempt, caller.target = attempt, (remote.address, remote.port)
            self.callers.append(caller)
        else:
            caller.udp.close()
        return Story(answer.status, attempt.heard, "Retry-After" in answer.headers, attempt.repeats)

    async def _part(self, caller: Caller, story: Story) -> Story:
        assert caller.attempt is not None
        try:
            await self._dialler.hang_up(caller.attempt)
        except Unanswered:
            return replace(story, parted=False)
        return story
