"""One live call from dialling to outcome. Nothing outlives ``hold_call``: not a task, not a port, not the far end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from dialnexa.kit.clock import Clock
from dialnexa.live.conversation.conversation import Conversation, ConversationResult
from dialnexa.live.conversation.functions import FunctionRunner
from dialnexa.live.conversation.knowledge import Library
from dialnexa.live.line import EndedBy, Line, LineEnd, NotConnected
from dialnexa.live.media.quality import complaints
from dialnexa.live.outcome import CallOutcome, Ending, EndReason, SipLadder, Used
from dialnexa.live.plan import CallPlan
from dialnexa.live.sip.ladder import in_short
from dialnexa.live.speech.ports import Providers, SpeechError
from dialnexa.live.timeline import Answered, CallEvent, Happening, Ringing, Signalled, Trouble, TurnSpoken


class CallControl:
    """How the outside ends a live call: the API's hang-up, or a worker that drains."""

    def __init__(self) -> None:
        self._wish: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def hang_up(self, detail: str) -> None:
        """Ask for the end, saying why; asking twice changes nothing."""
        if not self._wish.done():
            self._wish.set_result(detail)

    async def wished(self) -> str:
        """Wait until the end is asked for and return why."""
        return await asyncio.shield(self._wish)


@dataclass(frozen=True, slots=True)
class _End:
    """How the talk stopped, before the paperwork."""

    ending: Ending
    reason: EndReason
    turns: tuple[TurnSpoken, ...] = ()
    detail: str = ""
    sip_status: int | None = None
    collected: Mapping[str, str] = field(default_factory=dict[str, str])
    used: Used = field(default_factory=Used)


_BY_LINE = {
    EndedBy.FAR: (Ending.COMPLETED, EndReason.USER_DISCONNECTED),
    EndedBy.NEAR: (Ending.COMPLETED, EndReason.AGENT_DISCONNECTED),
    EndedBy.LOST: (Ending.FAILED, EndReason.NETWORK_FAILURE),
    EndedBy.MOVED: (Ending.COMPLETED, EndReason.CALL_TRANSFERRED),
    EndedBy.CAP: (Ending.COMPLETED, EndReason.MAX_DURATION_REACHED),
}


class _Reporter:
    """Stamps what happens with the wall time and passes it on."""

    def __init__(self, emit: Callable[[CallEvent], None], clock: Clock) -> None:
        self._emit = emit
        self._clock = clock

    def __call__(self, what: Happening) -> None:
        self._emit(CallEvent(self._clock.now(), what))


class _Signalling:
    """Puts the line's signalling on the timeline in short, each message once."""

    def __init__(self, line: Line, report: _Reporter) -> None:
        self._line = line
        self._report = report
        self._told = 0

    def tell(self, phase: Literal["set_up", "end"]) -> SipLadder:
        """Report what is new, if anything is; return all there is."""
        ladder = self._line.ladder()
        seen = len(ladder.messages) + ladder.left_out
        if seen > self._told:
            fresh = ladder.messages[-(seen - self._told) :]
            self._report(Signalled(phase, in_short(fresh, ladder.messages[0].at)))
            self._told = seen
        return ladder


@dataclass(frozen=True, slots=True)
class _Outside:
    """What the agent may reach beyond the call."""

    functions: FunctionRunner | None
    library: Library | None


async def hold_call(
    plan: CallPlan,
    line: Line,
    speech: Providers,
    emit: Callable[[CallEvent], None],
    *,
    clock: Clock,
    control: CallControl,
    functions: FunctionRunner | None = None,
    library: Library | None = None,
) -> CallOutcome:
    """Dial (or answer), let the agent talk, hang up, and say how it went.

    Only cancellation and bugs raise; everything a network or a person can do ends in an outcome.
    """
    report = _Reporter(emit, clock)
    answered_at: datetime | None = None

    def answered() -> None:
        nonlocal answered_at
        answered_at = clock.now()
        report(Answered())

    signalling = _Signalling(line, report)
    async with line:
        end = await _live(plan, line, speech, report, control, _Outside(functions, library), answered, signalling)
    ladder = signalling.tell("end")
    recording, quality = line.recording(), line.quality()
    if recording is not None and recording.lost:
        report(Trouble("recording", recording.lost))
    for complaint in complaints(quality) if quality is not None else ():
        report(Trouble("audio", complaint))
    ended_at = clock.now()
    return CallOutcome(
        ending=end.ending,
        reason=end.reason,
        answered_at=answered_at,
        ended_at=ended_at,
        duration_ms=round((ended_at - answered_at).total_seconds() * 1000) if answered_at else 0,
        turns=end.turns,
        recording=recording,
        sip_status=end.sip_status,
        detail=end.detail,
        ladder=ladder,
        quality=quality,
        collected=end.collected,
        used=end.used,
    )


async def _live(
    plan: CallPlan,
    line: Line,
    speech: Providers,
    report: _Reporter,
    control: CallControl,
    outside: _Outside,
    answered: Callable[[], None],
    signalling: _Signalling,
) -> _End:
    """Connect, talk and hang up; an agent whose parts do not exist disturbs nobody."""
    try:
        conversation = Conversation(plan, line, speech, report, functions=outside.functions, library=outside.library)
    except (SpeechError, ValueError) as error:  # ValueError: a graph that cannot be run
        return _End(Ending.FAILED, EndReason.ERROR, detail=f"The agent cannot talk: {error}")
    if refused := await _connect(line, report, control):
        return refused
    answered()
    signalling.tell("set_up")
    end = await _talk(conversation, line, control)
    await line.hang_up()
    return end


async def _connect(line: Line, report: _Reporter, control: CallControl) -> _End | None:
    """Bring the line up; ``None`` when it is, else how the call ended without an answer."""
    connecting = asyncio.ensure_future(line.connect(lambda status: report(Ringing(status))))
    unwanted = asyncio.ensure_future(control.wished())
    try:
        await asyncio.wait({connecting, unwanted}, return_when=asyncio.FIRST_COMPLETED)
        if not connecting.done():
            return _End(Ending.CANCELLED, EndReason.CANCELLED, detail=unwanted.result())
        connecting.result()
    except NotConnected as refusal:
        return _End(refusal.ending, refusal.reason, detail=refusal.detail, sip_status=refusal.sip_status)
    finally:
        await _end_tasks(connecting, unwanted)
    return None


async def _talk(conversation: Conversation, line: Line, control: CallControl) -> _End:
    """Run the conversation until it, the far end, a cap or the outside ends it; whoever is first decides."""
    talking = asyncio.ensure_future(conversation.run())
    down = asyncio.ensure_future(line.ended())
    unwanted = asyncio.ensure_future(control.wished())
    try:
        await asyncio.wait({talking, down, unwanted}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        finished = talking.done() and not talking.cancelled()
        ended_line = down.result() if down.done() and not down.cancelled() else None
        wish = unwanted.result() if unwanted.done() and not unwanted.cancelled() else ""
        await _end_tasks(talking, down, unwanted)
    if finished:
        return _of_conversation(talking.result())
    so_far = conversation.result()
    if ended_line is not None:
        return _of_line(ended_line, so_far)
    return _End(
        Ending.COMPLETED, EndReason.AGENT_DISCONNECTED, so_far.turns, wish, collected=so_far.collected, used=so_far.used
    )


def _of_conversation(result: ConversationResult) -> _End:
    return _End(result.ending, result.reason, result.turns, result.detail, collected=result.collected, used=result.used)


def _of_line(end: LineEnd, so_far: ConversationResult) -> _End:
    """The line went down under the conversation; a machine that hung up on our message is still a voicemail."""
    ending, reason = _BY_LINE[end.by]
    if so_far.ending is Ending.VOICEMAIL:
        ending, reason = Ending.VOICEMAIL, EndReason.VOICEMAIL_DETECTED
    return _End(ending, reason, so_far.turns, end.detail, end.sip_status, so_far.collected, so_far.used)


async def _end_tasks(*tasks: asyncio.Future[Any]) -> None:
    """Cancel what still runs and wait until it has stopped; results and errors stay with their tasks."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for task in tasks:
        if task.cancelled():
            _disentangle(task)


def _disentangle(task: asyncio.Future[Any]) -> None:
    """Free the frames of a cancelled task: they and its error refer to each other (TaskGroup's do).

    Else they would keep the whole call until a full garbage collection.
    """
    try:
        task.result()
    except asyncio.CancelledError as error:
        error.__traceback__ = None
