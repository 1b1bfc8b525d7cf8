"""The sandbox: a SIP user agent on loopback whose numbers are answered by built-in people."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import structlog

from dialnexa.kit.clock import Clock, SystemClock
from dialnexa.live.line import NotConnected
from dialnexa.live.lines.sip import SipLine
from dialnexa.live.media.engine import MediaEngine
from dialnexa.live.plan import CallLimits
from dialnexa.live.rtp.ports import PortRange
from dialnexa.live.sandbox.person import perform
from dialnexa.live.sandbox.scripts import PEOPLE, Answer, NoAnswer, Person, Refusal, Script
from dialnexa.live.sip.endpoint import IncomingCall, SipEndpoint

_LONGEST_RINGING_S = 180.0
"""A caller who vanished without CANCEL does not leave the phone ringing for ever (RFC 3261 section 13.3.1.1)."""

_log = structlog.get_logger(__name__)


def is_test_number(number: str) -> bool:
    """Return whether somebody of the sandbox answers this number (E.164)."""
    return number in PEOPLE


class Sandbox:
    """The people who answer test numbers, over real SIP and RTP."""

    def __init__(
        self,
        endpoint: SipEndpoint,
        calls: asyncio.Queue[IncomingCall],
        media: MediaEngine,
        ports: PortRange,
        clock: Clock,
        others: Callable[[IncomingCall], None],
    ) -> None:
        self.endpoint = endpoint
        """Where it is called; calls that were handed to others go on through it too."""
        self._others = others
        self._calls = calls
        self._media = media
        self._ports = ports
        self._clock = clock

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        media: MediaEngine,
        ports: PortRange,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Clock | None = None,
        others: Callable[[IncomingCall], None] = lambda call: call.reject(404, "Not Found"),
    ) -> AsyncGenerator[Sandbox]:
        """Answer calls at ``host:port`` (0 takes a free port) as long as the block lasts, then hang up on everybody.

        ``others`` gets the calls to numbers that none of the people has: those that somebody rented.
        """
        calls: asyncio.Queue[IncomingCall] = asyncio.Queue()
        agent = "DialNexa sandbox"
        async with SipEndpoint.open(host, port, on_invite=calls.put_nowait, user_agent=agent) as endpoint:
            sandbox = cls(endpoint, calls, media, ports, clock or SystemClock(), others)
            serving = asyncio.create_task(sandbox._serve(), name="sandbox")
            try:
                yield sandbox
            finally:
                serving.cancel()
                await asyncio.gather(serving, return_exceptions=True)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of its SIP socket."""
        return self.endpoint.address

    async def _serve(self) -> None:
        async with asyncio.TaskGroup() as people:
            while True:
                people.create_task(self._take(await self._calls.get()))

    async def _take(self, incoming: IncomingCall) -> None:
        """Let the right person deal with a call. One person's accident must not silence the others."""
        number = _dialled(incoming.to_user)
        log = _log.bind(number=number)
        try:
            await self._deal_with(incoming, PEOPLE.get(number))
        except NotConnected as why:
            log.info("sandbox call not connected", detail=why.detail)
        except Exception:  # whoever calls the others must still be answered
            log.exception("sandbox call failed")
            incoming.reject(500)

    async def _deal_with(self, incoming: IncomingCall, person: Person | None) -> None:
        if person is None:
            self._others(incoming)
            return
        match person.manner:
            case Refusal(status, reason):
                incoming.reject(status, reason)
            case NoAnswer():
                if not await self._rings(incoming, _LONGEST_RINGING_S):
                    incoming.reject(480, "Temporarily Unavailable")
            case Answer(script, rings_s):
                if not await self._rings(incoming, rings_s):
                    await self._answer(incoming, script)

    async def _rings(self, incoming: IncomingCall, seconds: float) -> bool:
        """Ring that long; return whether the caller gave up meanwhile."""
        incoming.ring()
        gave_up = asyncio.ensure_future(incoming.cancelled())
        patience = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait({gave_up, patience}, return_when=asyncio.FIRST_COMPLETED)
            return gave_up.done()
        finally:
            gave_up.cancel()
            patience.cancel()

    async def _answer(self, incoming: IncomingCall, script: Script) -> None:
        line = SipLine.answering(incoming, self.endpoint, self._media, self._ports, CallLimits())
        async with line:
            await line.connect(lambda status: None)
            end = await perform(script, line)
        _log.debug("sandbox call ended", number=_dialled(incoming.to_user), by=end.by, detail=end.detail)


def _dialled(user: str) -> str:
    """Return the E.164 number in the user part of a request; trunks often drop the plus."""
    digits = user.partition(";")[0].lstrip("+")
    return f"+{digits}"
