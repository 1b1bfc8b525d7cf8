"""The record's side of the post-call analysis. Every function works inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Protocol, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit import templates
from dialnexa.kit.errors import BadRequest, Conflict
from dialnexa.kit.ids import ulid
from dialnexa.platform.agents import analysis_fields
from dialnexa.platform.agents.analysis_fields import AnalysisField
from dialnexa.platform.agents.config import AgentConfig
from dialnexa.platform.calls import repository, service
from dialnexa.platform.calls.analysis.case import Case, Findings, Said
from dialnexa.platform.calls.charging import charge_analysis
from dialnexa.platform.calls.models import Call
from dialnexa.platform.calls.records import TimelineEntry
from dialnexa.platform.calls.schemas import TurnOut
from dialnexa.platform.calls.states import FINAL, CallState


class AnalysisQueue(Protocol):
    """Where analyses wait for a worker: ``engine.EngineClient``."""

    async def enqueue_chore_in_transaction(self, session: AsyncSession, chore: str, subject_id: str) -> None:
        """Queue work of some kind for a subject as part of the session's transaction; asking twice is asking once."""
        ...


ANALYSING = "analyses"
"""The engine's chore that analyses calls: its subjects are a call's id and a run's, with a colon between."""
FIRST_RUN = "first"
"""The run that follows the call by itself."""
_ASKED = "analysis_asked"
"""The line of the timeline that keeps what is wished of another run."""


async def ask_again(
    session: AsyncSession,
    queue: AnalysisQueue,
    call: Call,
    *,
    fields: Sequence[Mapping[str, object]] | None,
    llm_id: str | None,
    now: datetime,
) -> str:
    """Have a call analysed once more, with other fields or another model if they are given; return the run's id.

    Raises ``Conflict`` for calls that go on, were redacted or have nothing to analyse, ``BadRequest`` for bad fields.
    """
    if CallState(call.state) not in FINAL:
        raise Conflict(f"Call {call.id} has not ended yet; it is analysed by itself when it has.", code="call_live")
    if call.redacted_at is not None:
        raise Conflict(f"What was said in call {call.id} was removed; nothing is left to analyse.", code="redacted")
    if await repository.transcript(session, call.id) is None:
        raise Conflict(f"Nobody spoke in call {call.id}; there is nothing to analyse.", code="no_transcript")
    if fields is not None and (wrong := analysis_fields.mistakes(fields, "fields")):
        raise BadRequest(wrong)
    run = ulid()
    wish: dict[str, object] = {"run": run, "llm_id": llm_id}
    if fields is not None:
        wish["fields"] = analysis_fields.stored(fields)
    await repository.append(session, call.id, [TimelineEntry(now, _ASKED, wish)])
    await promise(session, queue, call.id, run)
    return run


async def promise(session: AsyncSession, queue: AnalysisQueue, call_id: str, run: str = FIRST_RUN) -> None:
    """Have a call analysed, should the session's transaction commit."""
    await queue.enqueue_chore_in_transaction(session, ANALYSING, f"{call_id}:{run}")


async def case_of(session: AsyncSession, call_id: str, run: str) -> Case | None:
    """Return what there is to analyse; ``None`` when there is nothing, or this run is done already."""
    found = await repository.with_version(session, call_id)
    if found is None:
        return None
    call, version = found
    transcript = await repository.transcript(session, call_id)
    if transcript is None or call.redacted_at is not None or call.analysis_run == run:
        return None
    config = AgentConfig.model_validate(version.config)
    wish = await _wish(session, call_id, run)
    given = cast(list[dict[str, object]] | None, wish.get("fields"))  # judged when it was asked for
    wanted = config.post_call_analysis if given is None else given
    turns = [TurnOut.model_validate(segment) for segment in transcript.segments]
    llm_id = wish.get("llm_id")
    return Case(
        call_id=call.id,
        agent=config.title,
        direction=call.direction,
        moment=(call.answered_at or call.created_at).astimezone(_zone(config.timezone)),
        turns=[Said(turn.role, turn.content) for turn in turns if turn.content.strip()],
        fields=[_rendered(field, call, config) for field in analysis_fields.read(wanted)],
        llm_id=llm_id if isinstance(llm_id, str) else config.post_call_analysis_llm_id or config.llm_id,
    )


async def keep(session: AsyncSession, call_id: str, run: str, findings: Findings, *, now: datetime) -> bool:
    """Write what an analysis found, and tell subscribers; false when this run is kept already, or too late."""
    call = await repository.get(session, call_id, lock=True)
    if call is None or call.redacted_at is not None or call.analysis_run == run:
        return False
    sentiment: dict[str, object] = {"overall": findings.mood, "score": findings.score}
    values: dict[str, object] = {
        "summary": findings.summary,
        "sentiment": sentiment,
        "mood": findings.mood,
        "analysis": dict(findings.values),
        "analysis_engine": findings.engine,
        "analyzed_at": now,
        "analysis_run": run,
    }
    await repository.write(session, call_id, values)
    await charge_analysis(session, call, findings.tokens)
    if findings.trouble:
        line = {"part": "analysis", "message": findings.trouble}
        await repository.append(session, call_id, [TimelineEntry(now, "trouble", line)])
    await repository.append(session, call_id, [TimelineEntry(now, "analysis_ready", {"engine": findings.engine})])
    await service.tell_analysis(session, call_id, now)
    return True


async def _wish(session: AsyncSession, call_id: str, run: str) -> Mapping[str, object]:
    """Return what was wished of a run; nothing of the one that follows the call by itself."""
    if run == FIRST_RUN:
        return {}
    asked = await repository.of_kind(session, call_id, _ASKED)
    return next((wish for wish in asked if wish.get("run") == run), dict[str, object]())


def _rendered(field: AnalysisField, call: Call, config: AgentConfig) -> AnalysisField:
    """Put the call's variables into a field's description (C.11)."""
    try:
        text = templates.render(field.field_description, call.variables, config.default_dynamic_variables).text
    except templates.TemplateError:
        return field  # words with braces that are no template
    return field.model_copy(update={"field_description": text})


def _zone(name: str | None) -> tzinfo:
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError):
        return UTC
