"""Call History over HTTP: the same calls in its own words (contract B.4)."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Annotated

import orjson
from fastapi import Request, Response

from dialnexa.platform.calls import exporting, finding, reading
from dialnexa.platform.calls.exporting import EXPORTED, ExportOut
from dialnexa.platform.calls.finding import Found, Scope
from dialnexa.platform.calls.log_schemas import CallLogDetails, CallLogOut, call_id_of
from dialnexa.platform.calls.parameters import Bound, Export, Exports, Links, Wanted
from dialnexa.platform.calls.search import Filters
from dialnexa.platform.database import Database
from dialnexa.platform.http import Db, Listing, Pages, Paging, Principal, Requires, Router, is_known, listing

router = Router(tags=["Call logs"])

Reader = Annotated[Principal, Requires("calls:read")]
Logs = Listing[CallLogOut] | ExportOut


@router.get(
    "/call-logs",
    summary="List or export call logs",
    response_model=Logs,
    responses={
        **EXPORTED,
        304: {"description": "Nothing has changed since the answer whose `ETag` was sent as `If-None-Match`."},
    },
)
async def list_logs(
    who: Reader,
    database: Db,
    page: Pages,
    link: Links,
    wanted: Wanted,
    export: Exports,
    request: Request,
    response: Response,
    duration_min: Bound = None,
    duration_max: Bound = None,
) -> Listing[CallLogOut] | Response:
    """List calls in the words of the Call History API, newest first. Durations in seconds; answers carry an `ETag`."""
    filters = _in_seconds(wanted, duration_min, duration_max)
    return await _answer(database, who, filters, page, export, link, request, response)


@router.get(
    "/call-logs/campaign/{campaign_id}",
    summary="List call logs of a campaign",
    response_model=Logs,
    responses={**EXPORTED, 304: {"description": "Nothing has changed, as for all call logs."}},
)
async def list_logs_of_campaign(
    campaign_id: str,
    who: Reader,
    database: Db,
    page: Pages,
    link: Links,
    wanted: Wanted,
    export: Exports,
    request: Request,
    response: Response,
    duration_min: Bound = None,
    duration_max: Bound = None,
) -> Listing[CallLogOut] | Response:
    """List the calls of one campaign, as all call logs are listed."""
    filters = replace(_in_seconds(wanted, duration_min, duration_max), campaign_id=campaign_id)
    return await _answer(database, who, filters, page, export, link, request, response)


@router.get("/call-logs/{log_id}", summary="Get a call log")
async def get_log(log_id: str, who: Reader, database: Db, link: Links) -> CallLogOut:
    """Return one call log; a call id means its log."""
    async with database.read() as session:
        call = await reading.find(session, who, call_id_of(log_id))
        return (await reading.logs(session, [call], link))[0]


@router.get("/call-logs/{log_id}/details", summary="Get a call log with transcript and timeline")
async def get_log_details(log_id: str, who: Reader, database: Db, link: Links) -> CallLogDetails:
    """Return one call log with what was said, what happened and how fast; a call id means its log."""
    async with database.read() as session:
        return await reading.log_details(session, await reading.find(session, who, call_id_of(log_id)), link)


def _in_seconds(wanted: Filters, least: float | None, most: float | None) -> Filters:
    return replace(
        wanted,
        duration_min_ms=None if least is None else least * 1000,
        duration_max_ms=None if most is None else most * 1000,
    )


async def _answer(
    database: Database,
    who: Principal,
    filters: Filters,
    page: Paging,
    export: Export,
    link: reading.Link,
    request: Request,
    response: Response,
) -> Listing[CallLogOut] | Response:
    scope = Scope(who.workspace_id, who.livemode)
    if export.wanted:
        return await exporting.answer(database, scope, filters, export, link, request)
    async with database.read() as session:
        found = await finding.find(session, scope, filters, page)
        tag = _etag(found, await finding.marks(session, found.ids), page)
        if is_known(request, tag):
            return Response(status_code=304, headers={"ETag": tag})
        items = await reading.logs(session, await finding.calls(session, found.ids), link)
    response.headers["ETag"] = tag
    return listing(items, found.total, page, exact=found.exact)


def _etag(found: Found, marks: list[tuple[object, ...]], page: Paging) -> str:
    """Return a weak tag of a page: made of what changes when its calls do, not of the answer.

    Weak, because links to recordings are fresh each time.
    """
    said = orjson.dumps([marks, found.total, found.exact, page.number, page.limit])
    return f'W/"{hashlib.sha256(said).hexdigest()[:32]}"'
