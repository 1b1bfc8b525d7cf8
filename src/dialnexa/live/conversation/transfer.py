"""Handing the caller to a person (contract C.7): destinations in turn, by REFER where the far end can, else bridged.

The caller is never dropped for a transfer that fails: it comes back as words for the model, and the talk goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

from dialnexa.kit.ids import new_id
from dialnexa.live.conversation.bridge import bridge
from dialnexa.live.conversation.functions import FunctionError
from dialnexa.live.line import FRAME_SAMPLES, SAMPLE_RATE, Line, LineListener, NotConnected, NotTransferred
from dialnexa.live.outcome import LegUsed
from dialnexa.live.timeline import Happening, TransferLeg, TransferMoved, TransferState, Trouble

MOST_DESTINATIONS = 7
_RING_S = 25.0
_HUNT_S = 120.0
_LEG_STATES = {
    **dict.fromkeys((486, 600), "busy"),
    **dict.fromkeys((403, 603, 607), "rejected"),
    **dict.fromkeys((408, 480, 487), "no_answer"),
}
_NOWHERE = (
    "A transfer has no destination that may be called. Check the function's destinations, the variable "
    "agent_transfer_destinations, and Telephony Config."
)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Hunt:
    """Whom to try, and how long; read from the function's configuration, already rendered."""

    destinations: tuple[str, ...]
    ring_s: float = _RING_S
    """For each destination."""
    limit_s: float = _HUNT_S
    """For all of them."""

    @classmethod
    def of(cls, config: Mapping[str, object]) -> Hunt:
        """Read a configuration as the platform writes it."""
        listed = config.get("destinations")
        found = cast("list[object]", listed) if isinstance(listed, list) else []
        names = tuple(dict.fromkeys(str(one).strip() for one in found if str(one).strip()))
        return cls(
            names[:MOST_DESTINATIONS],
            _positive(config.get("ring_timeout_sec"), _RING_S),
            _positive(config.get("hunt_timeout_sec"), _HUNT_S),
        )


class _Session:
    """One transfer as the timeline shows it."""

    def __init__(self, emit: Callable[[Happening], None]) -> None:
        self._emit = emit
        self._told = TransferMoved(new_id("xfer"), TransferState.INITIATED)
        self._emit(self._told)

    @property
    def legs(self) -> tuple[TransferLeg, ...]:
        """Whom was tried."""
        return self._told.legs

    def move(self, status: TransferState, detail: str = "") -> None:
        """Take a step; a final one is the last."""
        if not self._told.status.is_final:
            self._told = replace(self._told, status=status, detail=detail)
            self._emit(self._told)

    def dial(self, destination: str, method: str) -> None:
        """Try somebody."""
        legs = (*self.legs, TransferLeg(destination, "dialing"))
        self._told = replace(self._told, status=TransferState.HUNTING, legs=legs, method=method)
        self._emit(self._told)

    def leg(self, status: str, sip_status: int | None = None, detail: str = "") -> None:
        """Say how the one who is tried now takes it; told with the next step."""
        last = replace(self.legs[-1], status=status, sip_status=sip_status, detail=detail)
        self._told = replace(self._told, legs=(*self.legs[:-1], last))


@dataclass(slots=True)
class _Second:
    """A second leg that was answered, by the call clock."""

    to: str
    answered_ms: int
    ended_ms: int | None = None

    def end(self, now_ms: int) -> None:
        """Note when it was let go."""
        self.ended_ms = now_ms


class CallTransfer:
    """Transfers of one call. ``on_tick`` tells it the call clock, by which everything here is timed."""

    def __init__(
        self,
        line: Line,
        *,
        emit: Callable[[Happening], None],
        said: Callable[[], Awaitable[None]],
        give_way: Callable[[], None],
        back: LineListener,
    ) -> None:
        """``said`` waits until the agent's words are played, ``give_way`` ends what it still says on the line."""
        self._line = line
        self._emit = emit
        self._said = said
        self._give_way = give_way
        self._back = back
        self._now_ms = 0
        self._alarms: list[tuple[int, asyncio.Future[None]]] = []
        self._refers = True
        self._answered: list[_Second] = []

    @property
    def used(self) -> tuple[LegUsed, ...]:
        """The second legs that were answered, and how long each was up so far."""
        return tuple(
            LegUsed(leg.to, (self._now_ms if leg.ended_ms is None else leg.ended_ms) - leg.answered_ms)
            for leg in self._answered
        )

    def on_tick(self, now_ms: int) -> None:
        """Take the call clock."""
        self._now_ms = now_ms
        for at, alarm in self._alarms:
            if now_ms >= at and not alarm.done():
                alarm.set_result(None)

    def _on_bridge_tick(self, at: int) -> None:
        """Go on with the call clock, which the conversation does not tell while people talk."""
        self.on_tick((at + FRAME_SAMPLES) * 1000 // SAMPLE_RATE)

    async def run(self, config: Mapping[str, object]) -> str:
        """Transfer the caller and return words for the model; the call is over then. Raises ``FunctionError``."""
        hunt = Hunt.of(config)
        if not hunt.destinations:
            self._emit(Trouble("transfer", _NOWHERE))
            raise FunctionError("This transfer has no destination. Tell the caller, and go on.")
        session = _Session(self._emit)
        try:
            await self._said()
            async with AsyncExitStack() as stack:
                far = await self._hunt(session, hunt, stack)
                if far is not None:
                    self._give_way()
                    session.leg("bridged")
                    session.move(TransferState.CONNECTED)
                    await bridge(self._line, far, self._back, self._on_bridge_tick)
            session.move(TransferState.COMPLETED)
        except asyncio.CancelledError:
            done = session.legs and session.legs[-1].status == "bridged"
            session.move(TransferState.COMPLETED if done else TransferState.CUSTOMER_DISCONNECTED)
            raise
        return "The caller was transferred."

    async def _hunt(self, session: _Session, hunt: Hunt, stack: AsyncExitStack) -> Line | None:
        """Try one after the other; return the second leg, or ``None`` when the far end connected itself."""
        give_up = self._now_ms + round(hunt.limit_s * 1000)
        for destination in hunt.destinations:
            left = (give_up - self._now_ms) / 1000
            if left < 1:
                session.move(TransferState.HUNT_TIMEOUT)
                raise FunctionError(_words(session))
            try:
                return await self._try(session, destination, min(hunt.ring_s, left), stack)
            except NotTransferred as failure:
                status = _LEG_STATES.get(failure.sip_status or 0, "failed")
                session.leg(status, failure.sip_status, failure.detail)
        session.move(_verdict(session.legs))
        raise FunctionError(_words(session))

    async def _try(self, session: _Session, destination: str, ring_s: float, stack: AsyncExitStack) -> Line | None:
        """Raise ``NotTransferred`` unless this destination answers."""
        if self._refers:
            session.dial(destination, "refer")
            try:
                referred = self._line.transfer(destination, lambda status: session.leg("ringing", status))
                await self._within(ring_s, referred)
                session.leg("bridged")
                return None
            except TimeoutError:
                raise NotTransferred(f"Nobody answered within {ring_s:g} s.", 408) from None
            except NotTransferred as failure:
                if not failure.unable:
                    raise
                session.leg("failed", failure.sip_status, failure.detail)
                self._refers = False
        session.dial(destination, "bridge")
        return await self._dial(session, destination, ring_s, stack)

    async def _dial(self, session: _Session, destination: str, ring_s: float, stack: AsyncExitStack) -> Line:
        second = self._line.onward(destination, ring_s)
        if second is None:
            raise NotTransferred(f"{destination} cannot be called over this call's trunk.")
        # A leg that is not answered goes at once, the one that is lives as long as the bridge.
        async with AsyncExitStack() as attempt:
            far = await attempt.enter_async_context(second)
            try:
                await far.connect(lambda status: session.leg("ringing", status))
            except NotConnected as refusal:
                raise NotTransferred(refusal.detail, refusal.sip_status or 408) from refusal
            self._answered.append(leg := _Second(destination, self._now_ms))
            stack.callback(lambda: leg.end(self._now_ms))
            stack.push_async_exit(attempt.pop_all())
        return far

    async def _within(self, seconds: float, job: Coroutine[Any, Any, _T]) -> _T:
        """Wait for a job so long on the call clock. Raises ``TimeoutError``; the job has ended in any case."""
        task = asyncio.ensure_future(job)
        alarm: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._alarms.append((self._now_ms + round(seconds * 1000), alarm))
        try:
            await asyncio.wait({task, alarm}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise TimeoutError
            return task.result()
        finally:
            self._alarms = [each for each in self._alarms if each[1] is not alarm]
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def _verdict(legs: tuple[TransferLeg, ...]) -> TransferState:
    last = {leg.destination: leg.status for leg in legs}  # the way that was tried last for each
    if "no_answer" in last.values():
        return TransferState.NO_ANSWER
    return TransferState.REJECTED if {"busy", "rejected"} & set(last.values()) else TransferState.FAILED


def _words(session: _Session) -> str:
    last = {leg.destination: leg.status.replace("_", " ") for leg in session.legs}
    tried = ", ".join(f"{destination}: {status}" for destination, status in last.items())
    return f"Nobody could be reached ({tried}). The caller is still on the line: tell them, and go on."


def _positive(value: object, usual: float) -> float:
    return float(value) if isinstance(value, int | float) and value > 0 else usual
