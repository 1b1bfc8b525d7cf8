"""Redaction: a call's record loses, for good, all that tells what was said and about whom. Its facts stay.

What stays is what happened when, between which numbers, how it ended, how well it went and what it cost. Events that
wait to be delivered still are, and arrive without words; so does what is replayed later. The recording's file goes
soon after (``retention.erasure``): it may lie on another machine, or in a store that is away at the moment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

import structlog
from sqlalchemy import delete, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.errors import Conflict
from dialnexa.platform.agents.models import AgentVersion
from dialnexa.platform.calls import repository
from dialnexa.platform.calls.models import Call, CallLadder, Recording, TimelineEvent, Transcript
from dialnexa.platform.calls.states import FINAL, CallState
from dialnexa.platform.tenancy import audit
from dialnexa.platform.webhooks import outbox
from dialnexa.platform.webhooks.models import Delivery, Event

DELAY = timedelta(minutes=10)
"""From the end of a call whose agent keeps nothing to its redaction: the analysis reads what was said before."""
PATIENCE = timedelta(days=1)
"""How much longer it waits for webhooks that have not been delivered."""

_WORDS: dict[str, object] = {
    "variables": {},
    "metadata_": {},
    "notes": None,
    "collected_variables": None,
    "from_label": None,
    "to_label": None,
    "detail": None,
    "summary": None,
    "analysis": None,
    "sentiment": None,
    "mood": None,
}
"""Columns of a call that hold words, and what is left in them."""
_WORDS_OF_EVENTS: dict[str, object] = {
    "variables": {},
    "metadata": {},
    "notes": None,
    "collected_variables": {},
    "detail": None,
    "summary": None,
    "analysis": None,
    "post_call_analysis": None,
    "sentiment": None,
    "transcript": None,
    "transcript_turns": None,
    "transfer": None,
    "recording_url": None,
}
"""The same in the call as events tell of it."""
_FACTS: dict[str, frozenset[str]] = {
    "call_started": frozenset({"node"}),
    "ringing": frozenset({"sip_status"}),
    "call_ended": frozenset({"status", "end_reason"}),
    "interrupted": frozenset({"at_ms"}),
    "tool": frozenset({"name", "ok", "took_ms"}),
    "transfer": frozenset({"id", "status", "method"}),
    "audio_cache": frozenset({"status", "lookups", "hits", "misses", "new_entries", "hit_rate"}),
    "sms": frozenset({"sent"}),
    "trouble": frozenset({"part"}),
    "analysis_asked": frozenset({"run", "llm_id"}),
    "analysis_ready": frozenset({"engine"}),
}
"""What lines of the timeline keep; of kinds that are not named only the kind and the time stay."""
_LINES_IN_EVENTS = {"function": "tool", "call_transfer": "transfer"}

log = structlog.get_logger(__name__)


async def redact(session: AsyncSession, call_id: str, *, now: datetime) -> Call:
    """Remove all words from an ended call's record, and return it; a call redacted before stays as it is.

    Raises ``Conflict`` while the call goes on.
    """
    call = await repository.get(session, call_id, lock=True)
    assert call is not None  # whoever asks has found it; calls are never deleted
    if call.redacted_at is not None:
        return call
    if CallState(call.state) not in FINAL:
        raise Conflict(f"Call {call_id} has not ended yet. Hang up, or redact it once it has.", code="call_live")
    usage = _without_people(cast("dict[str, Any] | None", call.usage))
    await repository.write(session, call_id, {**_WORDS, "usage": usage, "redacted_at": now, "redact_at": None})
    await session.execute(delete(Transcript).where(Transcript.call_id == call_id))
    await session.execute(delete(CallLadder).where(CallLadder.call_id == call_id))
    erased = update(Recording).where(Recording.call_id == call_id, Recording.erase_since.is_(None))
    await session.execute(erased.values(erase_since=now))
    await _silence_timeline(session, call_id)
    for event in await outbox.events_of_call(session, call_id):
        event.payload = _without_words(event.payload)
    answers = update(Delivery).where(Delivery.call_id == call_id)
    await session.execute(answers.values(response_body=None))
    await session.flush()
    audit.note(session, "calls", call_id, after={"redacted_at": now})
    log.info("call_redacted", call_id=call_id)
    return cast(Call, await repository.get(session, call_id))


async def plan(session: AsyncSession, call_id: str, ended_at: datetime) -> None:
    """Have a call redacted some minutes after its end, if its agent version opts out of keeping what is sensitive."""
    private = select(AgentVersion.id).where(
        AgentVersion.config["opt_out_sensitive_data_storage"].as_boolean().is_(True)
    )
    later = update(Call).where(Call.id == call_id, Call.agent_version_id.in_(private))
    await session.execute(later.values(redact_at=ended_at + DELAY), execution_options={"synchronize_session": False})


async def due(session: AsyncSession, now: datetime, limit: int) -> Sequence[str]:
    """Return calls whose time for redaction has come, and whose webhooks have what they need or had long enough."""
    waiting = or_(
        exists().where(Delivery.call_id == Call.id, Delivery.status == "pending"),
        exists().where(Event.call_id == Call.id, Event.position.is_(None)),
    )
    query = select(Call.id).where(Call.redact_at <= now, or_(Call.redact_at <= now - PATIENCE, ~waiting))
    return (await session.scalars(query.order_by(Call.redact_at, Call.id).limit(limit))).all()


def _without_people(usage: dict[str, Any] | None) -> dict[str, Any] | None:
    """Leave out whom the caller was handed to; how long they talked, and what it cost, stays."""
    if not usage or not usage.get("legs"):
        return usage
    return {**usage, "legs": [{**leg, "to": ""} for leg in usage["legs"]]}


async def _silence_timeline(session: AsyncSession, call_id: str) -> None:
    """Take spoken lines away and reduce the others to their facts."""
    await session.execute(delete(TimelineEvent).where(TimelineEvent.call_id == call_id, TimelineEvent.kind == "turn"))
    lines = select(TimelineEvent).where(TimelineEvent.call_id == call_id).order_by(TimelineEvent.seq)
    for line in await session.scalars(lines):
        line.detail = _facts(line.kind, line.detail)


def _facts(kind: str, detail: Mapping[str, object]) -> dict[str, object]:
    kept = _FACTS.get(kind, frozenset[str]())
    return {name: value for name, value in detail.items() if name in kept}


def _without_words(payload: Mapping[str, object]) -> dict[str, object]:
    """Return an event's payload without words; ``recorded``, which promises a recording, goes as well."""
    call = cast(dict[str, Any], payload.get("call") or {})
    blank = {name: value for name, value in _WORDS_OF_EVENTS.items() if name in call}
    if "usage" in call:
        blank["usage"] = _without_people(call["usage"])
    kept: dict[str, object] = {"call": {**call, **blank, "sensitive_delete": True}}
    for name, kind in _LINES_IN_EVENTS.items():
        if name in payload:
            kept[name] = _facts(kind, cast(dict[str, object], payload[name]))
    return kept
