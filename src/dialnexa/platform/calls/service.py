"""The life of a call, as the worker that holds it reports it. Every function works inside the caller's transaction.

``placing`` makes calls, ``nodes`` watches the workers, ``reading`` shows the record; here is what happens in between:
claim (the dial fence), ringing, answered, timeline, hang-up, and the end, which is one transaction for the final state,
the freed slots, the transcript, the recording and the event.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from statistics import median
from typing import Any, Literal, cast

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.errors import Conflict
from dialnexa.kit.ids import new_id
from dialnexa.platform.agents.config import AgentConfig
from dialnexa.platform.calls import redaction, repository
from dialnexa.platform.calls.admission import Refused, admit, scopes_of
from dialnexa.platform.calls.charging import charge
from dialnexa.platform.calls.fields import call_fields
from dialnexa.platform.calls.ladder.packing import pack
from dialnexa.platform.calls.models import Call, CallLadder, Recording, Transcript
from dialnexa.platform.calls.records import ClaimedCall, InboundCall, RecordingFile, Result, TimelineEntry, Turn
from dialnexa.platform.calls.schemas import TurnOut, transcript_text
from dialnexa.platform.calls.states import FINAL, SHOWN, CallState, settle
from dialnexa.platform.costs.usage import Usage
from dialnexa.platform.webhooks import outbox

log = structlog.get_logger(__name__)

ENDED_AS = {
    **dict.fromkeys(FINAL, "call.failed"),
    CallState.COMPLETED: "call.completed",
    CallState.VOICEMAIL: "call.completed",
    CallState.NO_ANSWER: "call.no_answer",
}
"""Final state → the event that tells of it (contract E.2); the payload's ``status`` has the exact word."""
_LONGEST = 255
"""What a column holds; callers choose their own names."""
_TRANSFER_ENDS = frozenset(
    {"completed", "no_answer", "rejected", "hunt_timeout", "customer_disconnected", "bridge_failed", "failed"}
)
"""Final states of a transfer (contract C.7)."""
_WRITTEN_HERE = {"ringing", "call_started", "call_answered", "call_ended"}

# --- dialling --------------------------------------------------------------------------------------------------------


async def claim(session: AsyncSession, call_id: str, node_id: str, *, now: datetime) -> ClaimedCall | None:
    """Pass the dial fence: make this node the only one that will ever dial the call, and return what it needs.

    ``None`` means stop: another node took the call, it was cancelled, or this node has lost its lease.
    """
    if not await repository.advance(session, call_id, CallState.DIALING, node_id=node_id, values={"started_at": now}):
        log.info("call_not_ours", call_id=call_id, node_id=node_id)
        return None
    await repository.append(session, call_id, [TimelineEntry(now, "call_started", {"node": node_id})])
    return await _claimed(session, call_id)


async def ringing(session: AsyncSession, call_id: str, node_id: str, *, now: datetime, sip_status: int = 180) -> bool:
    """Note that the far end rings; false when the call is no longer this node's, or already further."""
    moved = await repository.advance(session, call_id, CallState.RINGING, node_id=node_id)
    if moved:
        await repository.append(session, call_id, [TimelineEntry(now, "ringing", {"sip_status": sip_status})])
    return moved


async def answered(session: AsyncSession, call_id: str, node_id: str, *, now: datetime) -> bool:
    """Note that the call is up; false when it is no longer this node's: then hang up."""
    moved = await repository.advance(
        session, call_id, CallState.IN_PROGRESS, node_id=node_id, values={"answered_at": now, "connected_at": now}
    )
    if moved:
        await repository.append(session, call_id, [TimelineEntry(now, "call_answered")])
        call = await repository.get(session, call_id)
        if call is not None:
            await tell(session, call, "call.started", now)
    return moved


async def append_events(session: AsyncSession, call_id: str, entries: Sequence[TimelineEntry]) -> None:
    """Write what happened to the call's timeline.

    A failed function also becomes the event ``call.function_error``, a transfer at its end ``call.transferred``.

    Lines that ``claim``, ``ringing``, ``answered`` and ``finish`` write themselves are left out, so a worker may hand
    over every event it hears of.
    """
    fresh = [entry for entry in entries if entry.kind not in _WRITTEN_HERE]
    await repository.append(session, call_id, fresh)
    notable = [(entry, event) for entry in fresh if (event := _event_of(entry))]
    call = await repository.get(session, call_id) if notable else None
    if call is not None:
        for entry, (event, name) in notable:
            line: dict[str, Any] = {name: dict(entry.detail)}
            await tell(session, call, event, entry.at, **line)


def _event_of(entry: TimelineEntry) -> tuple[str, str] | None:
    """Return the event that a line of the timeline is to subscribers as well, and what its payload calls the line."""
    if entry.kind == "tool" and entry.detail.get("ok") is False:
        return "call.function_error", "function"
    if entry.kind == "transfer" and entry.detail.get("status") in _TRANSFER_ENDS:
        return "call.transferred", "call_transfer"
    return None


async def admit_inbound(
    session: AsyncSession, inbound: InboundCall, node_id: str, *, now: datetime
) -> ClaimedCall | Refused:
    """Let someone in who calls one of our numbers: a call of this node, ringing, with its slots.

    ``Refused`` means a full scope: answer 486 Busy Here; no record is kept of it but the log line.
    """
    call_id = new_id("call")
    scopes = scopes_of(
        inbound.workspace_id, inbound.account_id, number_id=inbound.phone_number_id, trunk_id=inbound.trunk_id
    )
    verdict = await admit(session, call_id=call_id, scopes=scopes, now=now)
    if isinstance(verdict, Refused):
        log.warning("inbound_refused", scope=verdict.scope, limit=verdict.limit, to_number=inbound.to_number)
        return verdict
    call = Call(
        id=call_id,
        workspace_id=inbound.workspace_id,
        account_id=inbound.account_id,
        livemode=inbound.livemode,
        channel="phone",
        direction="inbound",
        origin="inbound",
        agent_id=inbound.agent_id,
        agent_version_id=inbound.agent_version_id,
        phone_number_id=inbound.phone_number_id,
        trunk_id=inbound.trunk_id,
        from_number=inbound.from_number[:_LONGEST],
        from_label=inbound.from_label,
        to_number=inbound.to_number[:_LONGEST],
        state=str(CallState.RINGING),
        node_id=node_id,
        variables={},
        metadata_={},
        unresolved_variables=[],
        attempt=1,
        created_at=now,
        started_at=now,
    )
    await repository.add(session, call)
    detour: dict[str, Any] = {"diverted_from": list(inbound.diverted_from)} if inbound.diverted_from else {}
    await repository.append(session, call_id, [TimelineEntry(now, "call_started", {"node": node_id, **detour})])
    await tell(session, call, "call.initiated", now)
    return await _claimed(session, call_id)


# --- ending ----------------------------------------------------------------------------------------------------------


async def finish(session: AsyncSession, call_id: str, result: Result, *, node_id: str | None = None) -> bool:
    """End a call: final state, reason, slots, transcript, recording and event, all or nothing.

    False, and nothing written, when it has ended already or belongs to another node than ``node_id``.
    """
    call = await repository.get(session, call_id, lock=True)
    if call is None or (node_id is not None and call.node_id != node_id):
        return False
    current = CallState(call.state)
    if result.answered_at is not None and current in {CallState.DIALING, CallState.RINGING}:
        await answered(session, call_id, call.node_id or "", now=result.answered_at)
        current = CallState.IN_PROGRESS
    final = settle(current, result.state)
    if final is not result.state:
        log.warning("call_end_corrected", call_id=call_id, current=current, reported=result.state, written=final)
    values: dict[str, object] = {
        "end_reason": result.end_reason,
        "ended_at": result.ended_at,
        "duration_ms": result.duration_ms,
        "sip_status": result.sip_status,
        "hangup_cause": result.hangup_cause,
        "latency_ms": result.latency_ms if result.latency_ms is not None else _latency(result.turns),
        "detail": result.detail or None,
    }
    if result.media_quality is not None:
        values["media_quality"] = dict(result.media_quality)
    if result.collected_variables:
        values["collected_variables"] = dict(result.collected_variables)
    if result.unresolved_variables:
        values["unresolved_variables"] = list(result.unresolved_variables)
    if not await repository.advance(session, call_id, final, values=values):
        return False
    await _keep(session, call, result)
    if call.answered_at is not None or result.answered_at is not None:
        await charge(session, call, result.usage or Usage(talk_seconds=(result.duration_ms or 0) / 1000))
    await _close(session, call_id, result.ended_at)
    return True


async def request_hang_up(session: AsyncSession, call: Call, *, now: datetime) -> Call:
    """End a call on request: one that waits is cancelled at once, a live one by the worker that holds it.

    Raises ``Conflict`` when it has ended already.
    """
    cancelled = await repository.advance(
        session,
        call.id,
        CallState.CANCELLED,
        only_from=CallState.QUEUED,
        values={"end_reason": "cancelled", "ended_at": now, "duration_ms": 0},
    )
    if cancelled:
        await _close(session, call.id, now)
    elif not await repository.flag_hang_up(session, call.id, now):
        raise Conflict(f"Call {call.id} has already ended.", code="call_ended")
    return await repository.get(session, call.id) or call


async def hang_ups(session: AsyncSession, node_id: str) -> list[str]:
    """Return the calls of a node that somebody asked to end; a worker asks about every 250 ms."""
    return await repository.hang_ups(session, node_id)


async def end_abandoned(session: AsyncSession, call_id: str, *, reason: str, detail: str, now: datetime) -> bool:
    """Fail a call that nobody holds any more, keeping what was said; false when it has ended already."""
    call = await repository.get(session, call_id, lock=True)
    if call is None:
        return False
    said = [_turn(TurnOut.from_line(line)) for line in await repository.spoken(session, call_id)]
    lasted = 0 if call.answered_at is None else max(0, round((now - call.answered_at).total_seconds() * 1000))
    result = Result(CallState.FAILED, reason, now, duration_ms=lasted, turns=said, detail=detail)
    return await finish(session, call_id, result)


async def tell_analysis(session: AsyncSession, call_id: str, at: datetime) -> None:
    """Emit that a call's analysis is there, with the call as it is with it."""
    call = await repository.get(session, call_id)
    assert call is not None  # its analysis was written in this transaction
    await tell(session, call, "call.analysis_ready", at, **await _kept(session, call))


async def tell(
    session: AsyncSession,
    call: Call,
    event: str,
    at: datetime,
    *,
    version_number: int | None = None,
    turns: Sequence[TurnOut] | None = None,
    recording_lost: str | None = None,
    **more: object,
) -> None:
    """Emit an event about a call, with the call as it now is; ``version_number`` where it is known already.

    ``recorded`` among the rest makes deliveries carry a link to the recording, fresh for each.
    """
    if version_number is None and call.agent_version_id is not None:
        numbers = await repository.version_numbers(session, [call.agent_version_id])
        version_number = numbers.get(call.agent_version_id)
    row = event_of(call, event, at, version_number=version_number, turns=turns, recording_lost=recording_lost, **more)
    await outbox.write(session, [row])


def event_of(
    call: Call,
    event: str,
    at: datetime,
    *,
    version_number: int | None,
    turns: Sequence[TurnOut] | None = None,
    recording_lost: str | None = None,
    **more: object,
) -> dict[str, object]:
    """Return an event about a call for the outbox, with the call as it now is."""
    fields = call_fields(call, version_number=version_number, recording_lost=recording_lost, turns=turns)
    if turns is not None:
        fields["transcript_turns"] = [turn.model_dump() for turn in turns]
    return outbox.row(
        workspace_id=call.workspace_id,
        account_id=call.account_id,
        livemode=call.livemode,
        type_=event,
        payload={"call": fields, **more},
        call_id=call.id,
        at=at,
    )


async def _close(session: AsyncSession, call_id: str, ended_at: datetime) -> None:
    """Write the last line and the terminal event of a call whose final state has just been written.

    What was said is complete by then, so where anything was, ``call.transcript_ready`` follows at once.
    """
    await redaction.plan(session, call_id, ended_at)
    call = await repository.get(session, call_id)
    assert call is not None  # it was written in this transaction
    state = CallState(call.state)
    line = {"status": SHOWN[state], "end_reason": call.end_reason}
    await repository.append(session, call_id, [TimelineEntry(ended_at, "call_ended", line)])
    kept = await _kept(session, call)
    await tell(session, call, ENDED_AS[state], ended_at, **kept)
    if kept["turns"]:
        await tell(session, call, "call.transcript_ready", ended_at, **kept)
    log.info("call_ended", call_id=call_id, status=SHOWN[state], end_reason=call.end_reason)


async def _kept(session: AsyncSession, call: Call) -> dict[str, Any]:
    """Return what the terminal event tells beyond the call's row: what was said, and whether it was recorded."""
    transcript = await repository.transcript(session, call.id)
    recording = (await repository.recordings(session, [call.id])).get(call.id)
    turns = [] if transcript is None else [TurnOut.model_validate(segment) for segment in transcript.segments]
    return {
        "turns": turns if turns or call.answered_at is not None else None,
        "recording_lost": None if recording is None else recording.lost,
        **({"recorded": True} if recording is not None and recording.bytes else {}),
    }


async def _keep(session: AsyncSession, call: Call, result: Result) -> None:
    if result.turns:
        turns = [TurnOut.of(turn) for turn in result.turns]
        session.add(
            Transcript(
                call_id=call.id,
                status="completed",
                text=transcript_text(turns),
                segments=[turn.model_dump() for turn in turns],
            )
        )
    if result.recording is not None:
        session.add(recording_row(call, result.recording, result.ended_at))
    if result.ladder is not None:
        session.add(CallLadder(call_id=call.id, packed=pack(result.ladder)))
    await session.flush()


def recording_row(call: Call, file: RecordingFile, now: datetime) -> Recording:
    """Return the row of a call's recording."""
    return Recording(
        id=new_id("rec"),
        workspace_id=call.workspace_id,
        account_id=call.account_id,
        call_id=call.id,
        kind=file.kind,
        blob_key=file.blob_key,
        format=file.format,
        channels=file.channels,
        duration_ms=file.duration_ms,
        bytes=file.bytes,
        lost=file.lost,
        created_at=now,
    )


def _latency(turns: Sequence[Turn]) -> int | None:
    """Return the median, over the agent's turns, of the last stage of the waterfall."""
    totals = [max(turn.latency.values()) for turn in turns if turn.role == "agent" and turn.latency]
    return round(median(totals)) if totals else None


def _turn(said: TurnOut) -> Turn:
    return Turn(
        role="agent" if said.role == "agent" else "user",
        content=said.content,
        start_ms=round(said.start * 1000),
        end_ms=round(said.end * 1000),
        interrupted=said.interrupted,
        intended=said.intended,
        confidence=said.confidence,
        latency=said.latency,
        citations=[one.model_dump() for one in said.citations],
    )


async def _claimed(session: AsyncSession, call_id: str) -> ClaimedCall:
    found = await repository.with_version(session, call_id)
    assert found is not None  # foreign keys keep the version; only calls with one are placed or let in
    call, version = found
    config = AgentConfig.model_validate(version.config)
    return ClaimedCall(
        call_id=call.id,
        workspace_id=call.workspace_id,
        account_id=call.account_id,
        livemode=call.livemode,
        direction=cast(Literal["outbound", "inbound"], call.direction),
        from_number=call.from_number or "",
        to_number=call.to_number or "",
        agent_id=version.agent_id,
        agent_version_id=version.id,
        agent_version_number=version.number,
        agent_title=config.title,
        config=config,
        variables=call.variables,
        trunk_id=call.trunk_id,
        phone_number_id=call.phone_number_id,
        channel="web" if call.channel == "web" else "phone",
    )
