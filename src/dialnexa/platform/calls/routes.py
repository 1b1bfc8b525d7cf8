"""Calls over HTTP: place, list, read, follow, hang up, listen (contract B.3), and Call History (B.4)."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Annotated, Any

import orjson
import structlog
from fastapi import Depends, Query, Request, Response

from dialnexa.kit.clock import Clock
from dialnexa.kit.errors import Forbidden, NotFound
from dialnexa.kit.tracing import tracer
from dialnexa.platform.calls import links, placing, reading, rejections, service
from dialnexa.platform.calls.audio import MEDIA_TYPES, audio_of
from dialnexa.platform.calls.request import CallIn
from dialnexa.platform.calls.schemas import (
    CallCreated,
    CallLogDetails,
    CallLogOut,
    CallOut,
    RefusedOut,
    TimelineOut,
    call_id_of,
)
from dialnexa.platform.calls.search import Filters, Order, search
from dialnexa.platform.calls.states import SHOWN, CallState
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
logs = Router(tags=["Call logs"])

Placer = Annotated[Principal, Requires("calls:write", per_workspace=True)]
Writer = Annotated[Principal, Requires("calls:write")]
Reader = Annotated[Principal, Requires("calls:read")]
_reads = Guard("calls:read")
_POLL_S = 0.2
_AUDIO: dict[int | str, dict[str, Any]] = {
    200: {"content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in MEDIA_TYPES.values()}},
    206: {"description": "The part named by `Range`.", "content": {kind: {} for kind in MEDIA_TYPES.values()}},
}


def _queue(request: Request) -> placing.Queue:
    return request.app.state.engine


def _link(request: Request, vault: Secrets, now: Now) -> reading.Link:
    base = getattr(request.app.state, "public_url", "") or str(request.base_url)
    return lambda call_id: links.link(base, vault, call_id, now)


Links = Annotated[reading.Link, Depends(_link)]


def _filters(
    agent_id: str | None = None,
    call_id: str | None = None,
    batch_call_id: str | None = None,
    campaign_id: str | None = None,
    agent_version_id: str | None = None,
    agent_version_name: Annotated[str | None, Query(max_length=100, description="Part of the version's title.")] = None,
    status: Annotated[str | None, Query(description="Comma list, in any documented vocabulary.")] = None,
    end_reason: Annotated[str | None, Query(description="Comma list.")] = None,
    type: Annotated[str | None, Query(description="`phone`, `web`.")] = None,
    call_direction: Annotated[str | None, Query(description="`inbound`, `outbound`.")] = None,
    from_: Annotated[str | None, Query(alias="from", description="A phone number, or the earliest time.")] = None,
    to: Annotated[str | None, Query(description="A phone number, or the latest time.")] = None,
    start_date: str | None = None,
    end_date: str | None = None,
    sentiment: Annotated[str | None, Query(description="positive, neutral, negative, unknown.")] = None,
    created_at: Annotated[Order | None, Query(description="Order by time.")] = None,
    duration: Annotated[Order | None, Query(description="Order by duration.")] = None,
) -> Filters:
    return Filters(
        agent_id=agent_id,
        call_id=call_id,
        batch_call_id=batch_call_id,
        campaign_id=campaign_id,
        agent_version_id=agent_version_id,
        agent_version_name=agent_version_name,
        status=status,
        end_reason=end_reason,
        type=type,
        call_direction=call_direction,
        from_=from_,
        to=to,
        start_date=start_date,
        end_date=end_date,
        sentiment=sentiment,
        created_at=created_at,
        duration=duration,
    )


_Wanted = Annotated[Filters, Depends(_filters)]
_Bound = Annotated[float | None, Query(ge=0, allow_inf_nan=False)]


@router.post("/calls", status_code=201, summary="Place a call")
async def create_call(body: CallIn, who: Placer, database: Db, request: Request, now: Now) -> CallCreated:
    """Queue an outbound call with a published agent version. 409 when the workspace is at its concurrency limit."""
    async with database.write() as session:
        placed = await placing.place(session, who, body, queue=_queue(request), now=now, terms=request.app.state.terms)
    log.info("call_placed", call_id=placed.call.id)
    tracer().call_placed(placed.call.id)
    return CallCreated.of(placed.call, placed.version_number)


@router.get("/calls", summary="List calls")
async def list_calls(
    who: Reader,
    database: Db,
    page: Pages,
    link: Links,
    wanted: _Wanted,
    duration_min: _Bound = None,
    duration_max: _Bound = None,
    duration_greater_than: _Bound = None,
    duration_less_than: _Bound = None,
    latency_min: _Bound = None,
    latency_max: _Bound = None,
) -> Listing[CallOut] | list[CallOut]:
    """List calls, newest first. Durations and latencies in ms. `DialNexa-Envelope: openapi` gives a bare array."""
    filters = replace(
        wanted,
        duration_min_ms=duration_min if duration_min is not None else duration_greater_than,
        duration_max_ms=duration_max if duration_max is not None else duration_less_than,
        latency_min_ms=latency_min,
        latency_max_ms=latency_max,
    )
    async with database.read() as session:
        part = await search(session, who.workspace_id, who.livemode, filters, page)
        calls = await reading.show_all(session, part.items, link)
    return calls if page.openapi_envelope else listing(calls, part.total, page)


@router.get("/calls/{call_id}", summary="Get a call")
async def get_call(call_id: str, who: Reader, database: Db, link: Links) -> CallOut:
    """Return a call: its status now, and once it has ended its transcript, recording and outcome."""
    async with database.read() as session:
        return await reading.show(session, await reading.find(session, who, call_id), link)


@router.post("/calls/{call_id}/hangup", summary="Hang up")
@router.post("/calls/{call_id}/terminate", summary="Hang up", include_in_schema=False)
async def hang_up(call_id: str, who: Writer, database: Db, link: Links, now: Now) -> CallOut:
    """End a call: a queued one is cancelled at once, a live one ends within a second. 409 when it has ended already."""
    async with database.write() as session:
        call = await service.request_hang_up(session, await reading.find(session, who, call_id), now=now)
        return await reading.show(session, call, link)


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


@logs.get(
    "/call-logs",
    summary="List call logs",
    response_model=Listing[CallLogOut],
    responses={304: {"description": "Nothing has changed since the answer whose `ETag` was sent as `If-None-Match`."}},
)
@logs.get(
    "/call-logs/campaign/{campaign_id}", summary="List call logs of a campaign", response_model=Listing[CallLogOut]
)
async def list_logs(
    who: Reader,
    database: Db,
    page: Pages,
    link: Links,
    wanted: _Wanted,
    request: Request,
    response: Response,
    duration_min: _Bound = None,
    duration_max: _Bound = None,
) -> Listing[CallLogOut] | Response:
    """List calls in the words of the Call History API, newest first. Durations in seconds; answers carry an `ETag`."""
    filters = replace(
        wanted,
        duration_min_ms=None if duration_min is None else duration_min * 1000,
        duration_max_ms=None if duration_max is None else duration_max * 1000,
    )
    async with database.read() as session:
        part = await search(session, who.workspace_id, who.livemode, filters, page)
        items = await reading.logs(session, part.items, link)
    answer = listing(items, part.total, page)
    tag = _etag(answer)
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers={"ETag": tag})
    response.headers["ETag"] = tag
    return answer


@logs.get("/call-logs/{log_id}", summary="Get a call log")
async def get_log(log_id: str, who: Reader, database: Db, link: Links) -> CallLogOut:
    """Return one call log; a call id means its log."""
    async with database.read() as session:
        call = await reading.find(session, who, call_id_of(log_id))
        return (await reading.logs(session, [call], link))[0]


@logs.get("/call-logs/{log_id}/details", summary="Get a call log with transcript and timeline")
async def get_log_details(log_id: str, who: Reader, database: Db, link: Links) -> CallLogDetails:
    """Return one call log with what was said and what happened; a call id means its log."""
    async with database.read() as session:
        return await reading.log_details(session, await reading.find(session, who, call_id_of(log_id)), link)


def _etag(answer: Listing[CallLogOut]) -> str:
    """Return a tag of what an answer says; links to recordings are fresh each time and do not count."""
    said = [item.model_dump(exclude={"recording_url"}) | {"recorded": bool(item.recording_url)} for item in answer.data]
    return f'"{hashlib.sha256(orjson.dumps([said, answer.meta.model_dump()])).hexdigest()[:32]}"'
