"""Showing the record: calls, lists, timelines and recordings, as a principal may see them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.errors import BadRequest, NotFound
from dialnexa.platform.calls import repository
from dialnexa.platform.calls.fields import call_fields
from dialnexa.platform.calls.log_schemas import CallLogDetails, CallLogOut, call_id_of, log_fields
from dialnexa.platform.calls.models import Call, Recording
from dialnexa.platform.calls.schemas import CallOut, TimelineLine, TurnOut, transcript_text
from dialnexa.platform.calls.states import FINAL, CallState
from dialnexa.platform.calls.waterfall import waterfall
from dialnexa.platform.tenancy.principal import Principal

_ID = re.compile(r"call_[0-9a-z]{1,60}")

Link = Callable[[str], str]
"""Makes the URL of a call's recording."""


@dataclass(frozen=True, slots=True)
class TimelinePart:
    """Part of a call's timeline, and whether more can come."""

    call: Call
    lines: Sequence[TimelineLine]

    @property
    def ended(self) -> bool:
        """Tell whether the call is over."""
        return CallState(self.call.state) in FINAL


async def find(session: AsyncSession, principal: Principal, call_id: str) -> Call:
    """Return a call the principal may see; raise ``BadRequest`` for what is no id, ``NotFound`` for foreign ones.

    Its id in the Call History API (``log_…``) names it as well.
    """
    if call_id.startswith("log_"):
        call_id = call_id_of(call_id)
    if not _ID.fullmatch(call_id):
        raise BadRequest("Invalid call ID format")
    call = await repository.get_of(session, principal.workspace_id, principal.livemode, call_id)
    if call is None:
        raise NotFound(f"Call {call_id} not found.")
    return call


async def show(session: AsyncSession, call: Call, link: Link) -> CallOut:
    """Describe a call with all there is to know of it."""
    numbers = await repository.version_numbers(session, [call.agent_version_id or ""])
    recording = (await repository.recordings(session, [call.id])).get(call.id)
    turns = await turns_of(session, call)
    fields = call_fields(
        call,
        version_number=numbers.get(call.agent_version_id or ""),
        recording_url=_url(recording, link),
        recording_lost=None if recording is None else recording.lost,
        turns=turns if turns or (call.answered_at is not None and call.redacted_at is None) else None,
        transfer=(await repository.transfers(session, [call.id])).get(call.id),
    )
    return CallOut.model_validate(fields)


async def show_all(session: AsyncSession, calls: Sequence[Call], link: Link) -> list[CallOut]:
    """Describe the calls of a list: all but what was said."""
    numbers = await repository.version_numbers(session, {call.agent_version_id or "" for call in calls})
    ids = [call.id for call in calls]
    recorded, handed_on = await repository.recordings(session, ids), await repository.transfers(session, ids)
    return [
        CallOut.model_validate(
            call_fields(
                call,
                version_number=numbers.get(call.agent_version_id or ""),
                recording_url=_url(recorded.get(call.id), link),
                transfer=handed_on.get(call.id),
            )
        )
        for call in calls
    ]


async def timeline(session: AsyncSession, call: Call, after: int, limit: int = 1000) -> TimelinePart:
    """Return a call's timeline after a sequence number."""
    lines = await repository.timeline(session, call.id, after=after, limit=limit)
    return TimelinePart(call, [TimelineLine.of(line) for line in lines])


async def recording_of(session: AsyncSession, call_id: str) -> Recording:
    """Return the recording of a call; raise ``NotFound`` when there is none."""
    recording = (await repository.recordings(session, [call_id])).get(call_id)
    if recording is None:
        raise NotFound(f"Call {call_id} has no recording. One appears when an answered call has ended.")
    if not recording.bytes:
        raise NotFound(f"The recording of call {call_id} was lost: {recording.lost}")
    return recording


async def logs(session: AsyncSession, calls: Sequence[Call], link: Link) -> list[CallLogOut]:
    """Describe calls in the words of the Call History API."""
    recorded = await repository.recordings(session, [call.id for call in calls])
    return [CallLogOut.model_validate(log_fields(call, _url(recorded.get(call.id), link))) for call in calls]


async def log_details(session: AsyncSession, call: Call, link: Link) -> CallLogDetails:
    """Describe a call in the words of the Call History API, with what was said and what happened."""
    recorded = await repository.recordings(session, [call.id])
    turns = await turns_of(session, call)
    lines = (await timeline(session, call, 0, limit=10_000)).lines
    fields = log_fields(call, _url(recorded.get(call.id), link))
    said: dict[str, object] = {"transcript": transcript_text(turns), "transcript_turns": turns, "summary": call.summary}
    measured = waterfall(call.id, turns)
    return CallLogDetails.model_validate(
        {**fields, **said, "timeline": lines, "waterfall": measured, "cost": call.cost}
    )


async def turns_of(session: AsyncSession, call: Call) -> list[TurnOut]:
    """Return what was said: from the transcript, or from the timeline while the call still goes on."""
    kept = await repository.transcript(session, call.id)
    if kept is not None:
        return [TurnOut.model_validate(segment) for segment in kept.segments]
    return [TurnOut.from_line(line) for line in await repository.spoken(session, call.id)]


def _url(recording: Recording | None, link: Link) -> str | None:
    return link(recording.call_id) if recording is not None and recording.bytes else None
