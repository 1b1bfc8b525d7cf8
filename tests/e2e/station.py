"""A station of lines on one endpoint: answers every call, places calls, and keeps an account of each.

It is a worker's live wing without a conversation: SIP, RTP, the clock with voice activity, recordings. Each line hums,
waits for the keys of its far end, presses keys of its own, and waits until the far end's echo brings those back.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dialnexa.kit.clock import SystemClock
from dialnexa.live.line import EndedBy, LineEnd, Samples
from dialnexa.live.lines.sip import SipLine
from dialnexa.live.media.engine import MediaEngine
from dialnexa.live.media.tones import tone
from dialnexa.live.outcome import RecordingResult
from dialnexa.live.plan import CallLimits, SipRoute
from dialnexa.live.rtp.ports import PortRange
from dialnexa.live.sip.endpoint import IncomingCall, SipEndpoint, TlsSettings
from dialnexa.live.sip.messages.hop import Address
from dialnexa.live.sip.messages.message import Request, Response, SipMessage

THEIR_KEYS = "12#"
OUR_KEYS = "45"
_HUM = tone((500,), 1.0)
_AFTER_TICKS = 25
"""Half a second: a key is over by then, so that the echo of ours does not mix with it, and a key heard twice shows."""
_LIMITS = CallLimits(ring_s=60, duration_s=40)


@dataclass
class Account:
    """One call as its line saw it."""

    keys: str = ""
    hum_heard: bool = False
    voices: int = 0
    end: LineEnd | None = None
    recording: RecordingResult | None = None


class _Ear:
    """Listens to one line and answers keys with keys."""

    def __init__(self, line: SipLine, account: Account) -> None:
        self._line = line
        self._account = account
        self._quiet = 0
        self.satisfied = asyncio.Event()

    def on_audio(self, samples: Samples, at: int) -> None:
        if not self._account.hum_heard:
            self._account.hum_heard = int(abs(samples).max()) > 1000

    def on_voice(self, probability: float, at: int) -> None:
        self._account.voices += 1

    def on_digit(self, digit: str, at: int) -> None:
        self._account.keys += digit
        self._quiet = 0

    def on_tick(self, at: int) -> None:
        self._quiet += 1
        if self._quiet != _AFTER_TICKS:
            return
        if self._account.keys == THEIR_KEYS:
            self._line.press(OUR_KEYS)
        elif len(self._account.keys) >= len(THEIR_KEYS + OUR_KEYS):
            self.satisfied.set()


class Station:
    """One endpoint with its media, and the accounts of its calls."""

    def __init__(self, endpoint: SipEndpoint, media: MediaEngine, ports: PortRange, folder: Path) -> None:
        self.endpoint = endpoint
        self.media = media
        self.ports = ports
        self._folder = folder
        self._recorded = 0
        self._calls: set[asyncio.Task[None]] = set()
        self.answered: list[Account] = []
        self.placed: list[Account] = []
        self.messages: Counter[str] = Counter()
        """How many of each kind went over the wire, such as ``in INVITE`` and ``out 200 BYE``."""

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: Path, tls: TlsSettings) -> AsyncGenerator[Station]:
        """Open on free loopback ports, over UDP, TCP and TLS."""
        async with (
            MediaEngine.open(clock=SystemClock()) as media,
            SipEndpoint.open(
                "127.0.0.1",
                0,
                on_invite=lambda incoming: station._take(incoming),
                tcp=True,
                tls=tls,
                on_message=lambda *seen: station.note(*seen),
            ) as endpoint,
        ):
            station = cls(endpoint, media, PortRange(50000, 52999), folder)
            yield station

    def begin(self) -> None:
        """Start the accounts anew."""
        self.answered, self.placed = [], []
        self.messages = Counter()

    async def place(self, port: int, transport: str, *, calls: int, per_second: float) -> None:
        """Place calls at a steady rate, each to its end."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.TaskGroup() as group:
            for number in range(calls):
                await asyncio.sleep(max(0.0, began + number / per_second - loop.time()))
                group.create_task(self._place(SipRoute("127.0.0.1", port, transport=transport)))  # type: ignore[arg-type]

    async def idle(self) -> None:
        """Wait until every answered call is over."""
        while self._calls:
            await asyncio.wait(self._calls)

    def note(self, way: str, _peer: Address, message: SipMessage) -> None:
        if isinstance(message, Request):
            self.messages[f"{way} {message.method}"] += 1
        elif isinstance(message, Response):
            self.messages[f"{way} {message.status} {message.cseq.method}"] += 1

    def _take(self, incoming: IncomingCall) -> None:
        call = asyncio.create_task(self._answer(incoming))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)

    async def _answer(self, incoming: IncomingCall) -> None:
        account = Account()
        self.answered.append(account)
        line = SipLine.answering(
            incoming, self.endpoint, self.media, self.ports, _LIMITS, self._folder / self._next_name()
        )
        await self._hold(line, account, hang_up=False)

    async def _place(self, route: SipRoute) -> None:
        account = Account()
        self.placed.append(account)
        line = SipLine.dialling(
            "+16505550199", from_user="+14155550100", route=route, endpoint=self.endpoint, media=self.media,
            ports=self.ports, limits=_LIMITS, recording=self._folder / self._next_name(),
        )  # fmt: skip
        await self._hold(line, account, hang_up=True)

    async def _hold(self, line: SipLine, account: Account, *, hang_up: bool) -> None:
        """Talk to the end: ours once the keys went both ways, or the far end's."""
        ear = _Ear(line, account)
        async with line:
            await line.connect(lambda _status: None)
            line.listen(ear)
            hum = line.say()
            hum.push(_HUM)
            hum.finish()
            if hang_up:
                await _either(ear.satisfied.wait(), line.ended())
                await line.hang_up()
            account.end = await line.ended()
        account.recording = line.recording()

    def _next_name(self) -> str:
        self._recorded += 1
        return f"{self._recorded}.wav"


async def _either(*ways: Coroutine[Any, Any, object]) -> None:
    tasks = [asyncio.ensure_future(way) for way in ways]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


def complaint(account: Account, by: EndedBy) -> str:
    """Return what was wrong with a call; nothing when it went as it should."""
    if account.end is None or account.end.by is not by:
        return f"ended {account.end}"
    if account.keys != THEIR_KEYS + OUR_KEYS:
        return f"heard the keys {account.keys!r}"
    if not account.hum_heard or not account.voices:
        return "heard nothing"
    if account.recording is None or account.recording.lost or account.recording.duration_ms < 1000:
        return f"recorded {account.recording}"
    return ""
