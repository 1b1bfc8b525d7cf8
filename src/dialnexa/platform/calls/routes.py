"""Calls over HTTP: place, list, read, follow, hang up, listen (contract B.3)."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import structlog
from fastapi import Depends, Query, Request, Response

from dialnexa.kit.clock import Clock
from dialnexa.kit.errors import Forbidden, NotFound
from dialnexa.kit.tracing import tracer
from dialnexa.platform.calls import exporting, finding, kin, links, reading, redaction, rejections, service
from dialnexa.platform.calls.audio import MEDIA_TYPES, audio_of
from dialnexa.platform.calls.desk import Desk
from dialnexa.platform.calls.exporting import EXPORTED, ExportOut
from dialnexa.platform.calls.finding import Scope
from dialnexa.platform.calls.parameters import Bound, Exports, Links, Wanted
from dialnexa.platform.calls.request import CallIn
from dialnexa.platform.calls.schemas import CallCreated, CallOut, RefusedOut, TimelineOut
from dialnexa.platform.calls.states import SHOWN, CallState
from dialnexa.platform.calls.waterfall import WaterfallOut, waterfall
from dialnexa.platform.database import Database
from dialnexa.platform.http import (
    Db,
    Guard,
    Listing,
    Now,
    Pages,
    Principal,
    Requires,
    Router,
    Secrets,
    Time,
    count_stranger,
    listing,
)

log = structlog.get_logger(__name__)

router = Router(tags=["Calls"])

Placer = Annotated[Principal, Requires("calls:write", per_workspace=True)]
Writer = Annotated[Principal, Requires("calls:write")]
Reader = Annotated[Principal, Requires("calls:read")]
_reads = Guard("calls:read")
_POLL_S = 0.2
_AUDIO: dict[int | str, dict[str, Any]] = {
    200: {"content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in MEDIA_TYPES.values()}},
    206: {"description": "The part named by `Range`.", "content": {kind: {} for kind in MEDIA_TYPES.values()}},
    304: {"description": "The recording is the one that `If-None-Match` names."},
}


async def _desk(request: Request) -> Desk:
    return request.app.state.desk


AtDesk = Annotated[Desk, Depends(_desk)]


@router.post("/calls", status_code=201, summary="Place a call")
async def create_call(body: CallIn, who: Placer, desk: AtDesk, now: Now) -> CallCreated:
    """Queue an outbound call with a published agent version. 409 when the workspace is at its concurrency limit."""
    placed = await desk.place(who, body, now=now)
    log.info("call_placed", call_id=placed.call.id)
    tracer().call_placed(placed.call.id)
    return CallCreated.of(placed.call, placed.version_number)


@router.get(
    "/calls",
    summary="List or export calls",
    response_model=Listing[CallOut] | list[CallOut] | ExportOut,
    responses=EXPORTED,
)
async def list_calls(
    who: Reader,
    database: Db,
    page: Pages,
    link: Links,
    wanted: Wanted,
    export: Exports,
    request: Request,
    duration_min: Bound = None,
    duration_max: Bound = None,
    duration_greater_than: Bound = None,
    duration_less_than: Bound = None,
) -> Listing[CallOut] | list[CallOut] | Response:
    """List calls, newest first. Durations and latencies in ms. `DialNexa-Envelope: openapi` gives a bare array.

    With `export=true` the answer is a table of all that fit: CSV for `Accept: text/csv`, else JSON.
    """
    filters = replace(
        wanted,
        duration_min_ms=duration_min,
        duration_max_ms=duration_max,
        longer_than_ms=duration_greater_than,
        shorter_than_ms=duration_less_than,
    )
    scope = Scope(who.workspace_id, who.livemode)
    if export.wanted:
        return await exporting.answer(database, scope, filters, export, link, request)
    async with database.read() as session:
        found = await finding.find(session, scope, filters, page, count=not page.openapi_envelope)
        calls = await reading.show_all(session, await finding.calls(session, found.ids), link)
    return calls if page.openapi_envelope else listing(calls, found.total, page, exact=found.exact)


@router.get("/calls/{call_id}", summary="Get a call")
async def get_call(call_id: str, who: Reader, database: Db, link: Links) -> CallOut:
    """Return a call: its status now, and once it has ended its transcript, recording and outcome."""
    async with database.read() as session:
        return await reading.show(session, await reading.find(session, who, call_id), link)


@router.get("/calls/{call_id}/waterfall", summary="See where the time went")
async def get_waterfall(call_id: str, who: Reader, database: Db) -> WaterfallOut:
    """Return, for each turn of the agent, how long each stage took until the caller heard it."""
    async with database.read() as session:
        call = await reading.find(session, who, call_id)
        return waterfall(call.id, await reading.turns_of(session, call))


@router.get("/calls/{call_id}/retries", summary="List the attempts")
async def get_retries(call_id: str, who: Reader, database: Db) -> kin.RetriesOut:
    """Return all attempts that this call is one of, the first one first."""
    async with database.read() as session:
        return await kin.attempts(session, await reading.find(session, who, call_id))


@router.get("/calls/{call_id}/transfer", summary="See the transfers")
async def get_transfer(call_id: str, who: Reader, database: Db) -> kin.TransferOut:
    """Return the transfers made in this call: whom they tried and how they ended."""
    async with database.read() as session:
        return await kin.transfers(session, await reading.find(session, who, call_id))


@router.post("/calls/{call_id}/hangup", summary="Hang up")
@router.post("/calls/{call_id}/terminate", summary="Hang up", include_in_schema=False)
async def hang_up(call_id: str, who: Writer, database: Db, link: Links, now: Now) -> CallOut:
    """End a call: a queued one is cancelled at once, a live one ends within a second. 409 when it has ended already."""
    async with database.write() as session:
        call = await service.request_hang_up(session, await reading.find(session, who, call_id), now=now)
        return await reading.show(session, call, link)


@router.post("/calls/{call_id}/redact", summary="Redact a call")
async def redact_call(call_id: str, who: Writer, database: Db, link: Links, now: Now) -> CallOut:
    """Remove all that was said, and about whom, from an ended call, for good; numbers, times and costs stay.

    Redacting it again changes nothing. 409 while the call goes on.
    """
    async with database.write() as session:
        found = await reading.find(session, who, call_id)
        return await reading.show(session, await redaction.redact(session, found.id, now=now), link)


@router.get("/calls/{call_id}/timeline", summary="Follow a call")
async def get_timeline(
    call_id: str,
    who: Reader,
    database: Db,
    clock: Time,
    after: Annotated[int, Query(ge=0, le=2**53, description="Read on after this `seq`.")] = 0,
    wait: Annotated[float, Query(ge=0, le=25, description="Seconds to wait for news, while the call goes on.")] = 0,
) -> TimelineOut:
    """Return what happened, in order. With `wait` the answer comes as soon as there is something new."""
    part = await _news(database, who, call_id, after, wait, clock)
    return TimelineOut(call_id=part.call.id, status=SHOWN[CallState(part.call.state)], data=list(part.lines))


async def _news(
    database: Database, who: Principal, call_id: str, after: int, wait: float, clock: Clock
) -> reading.TimelinePart:
    deadline = clock.monotonic() + wait
    while True:
        async with database.read() as session:
            part = await reading.timeline(session, await reading.find(session, who, call_id), after)
        if part.lines or part.ended or clock.monotonic() >= deadline:
            return part
        await clock.sleep(_POLL_S)


@router.get(
    "/calls/{call_id}/recording",
    summary="Download the recording",
    response_class=Response,
    responses=_AUDIO,
    openapi_extra={"security": [{"HTTPBearer": []}, {}]},
)
@router.head("/calls/{call_id}/recording", include_in_schema=False)
async def get_recording(
    call_id: str,
    request: Request,
    database: Db,
    vault: Secrets,
    now: Now,
    token: Annotated[
        str | None, Query(max_length=1000, description="From `recording_url`; replaces the key until it expires.")
    ] = None,
) -> Response:
    """Return the stereo recording (left: the person, right: the agent), whole or the part named by `Range`."""
    if token is None or not links.opens(vault, token, call_id, now):
        if token is not None and not request.headers.get("authorization"):
            count_stranger(request)
            raise Forbidden(
                "This link has expired or belongs to another recording. Get the call again for a fresh recording_url.",
                code="link_expired",
            )
        who = await _reads(request)
        async with database.read() as session:
            await reading.find(session, who, call_id)
    folder = request.app.state.recordings
    async with database.read() as session:
        recording = await reading.recording_of(session, call_id)
    try:
        return await audio_of(recording, folder, request)
    except NotFound:
        async with database.read() as session:
            now_at = await reading.recording_of(session, call_id)
        if (now_at.store, now_at.blob_key) == (recording.store, recording.blob_key):
            raise
        return await audio_of(now_at, folder, request)  # it was moved in this very moment


@router.get("/refused-calls", summary="List refused inbound calls")
async def list_refused(who: Reader, database: Db, page: Pages) -> Listing[RefusedOut]:
    """List who called one of your numbers and was not let in, and why, newest first. The last thousand are kept."""
    async with database.read() as session:
        part = await rejections.of_workspace(session, who.workspace_id, page)
    return listing([RefusedOut.of(one) for one in part.items], part.total, page)
