"""What requests about calls have in common: the filters of lists, what to export, and links to recordings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Depends, Header, Query, Request
from pydantic import BeforeValidator

from dialnexa.platform.calls import links, reading
from dialnexa.platform.calls.search import Filters, Order
from dialnexa.platform.http import Now, Secrets

_CSV = "text/csv"
_TABLES = ("true", "false", "csv", "json", "1", "0")


async def _link(request: Request, vault: Secrets, now: Now) -> reading.Link:
    base = getattr(request.app.state, "public_url", "") or str(request.base_url)
    return lambda call_id: links.link(base, vault, call_id, now)


Links = Annotated[reading.Link, Depends(_link)]
Bound = Annotated[float | None, Query(ge=0, allow_inf_nan=False)]


async def _filters(
    agent_id: Annotated[str | None, Query(description="Comma list.")] = None,
    call_id: Annotated[str | None, Query(description="Comma list.")] = None,
    batch_call_id: Annotated[str | None, Query(description="Comma list.")] = None,
    campaign: Annotated[str | None, Query(alias="campaign_id", description="Comma list.")] = None,
    workflow_id: Annotated[str | None, Query(description="Comma list.")] = None,
    agent_version_id: Annotated[str | None, Query(description="Comma list.")] = None,
    agent_version_name: Annotated[str | None, Query(max_length=100, description="Part of the version's title.")] = None,
    status: Annotated[str | None, Query(description="Comma list, in any documented vocabulary.")] = None,
    end_reason: Annotated[str | None, Query(description="Comma list.")] = None,
    type: Annotated[str | None, Query(description="Comma list of `phone`, `web`.")] = None,
    call_direction: Annotated[str | None, Query(description="Comma list of `inbound`, `outbound`.")] = None,
    from_: Annotated[str | None, Query(alias="from", description="A phone number, or the earliest time.")] = None,
    to: Annotated[str | None, Query(description="A phone number, or the latest time.")] = None,
    start_date: Annotated[str | None, Query(description="A date or a time, UTC.")] = None,
    end_date: Annotated[str | None, Query(description="A date, whole, or a time, UTC.")] = None,
    sentiment: Annotated[str | None, Query(description="Comma list of positive, neutral, negative, unknown.")] = None,
    latency_min: Bound = None,
    latency_max: Bound = None,
    created_at: Annotated[Order | None, Query(description="Order by time.")] = None,
    duration: Annotated[Order | None, Query(description="Order by duration; calls without one come last.")] = None,
) -> Filters:
    return Filters(
        agent_id=agent_id,
        call_id=call_id,
        batch_call_id=batch_call_id,
        campaign_id=campaign,
        workflow_id=workflow_id,
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
        latency_min_ms=latency_min,
        latency_max_ms=latency_max,
        created_at=created_at,
        duration=duration,
    )


Wanted = Annotated[Filters, Depends(_filters)]


@dataclass(frozen=True, slots=True)
class Export:
    """Whether a list is wanted as a table, of which columns, and as what."""

    wanted: bool
    columns: str | None
    as_csv: bool


def _known_table(given: object) -> object:
    word = given.lower() if isinstance(given, str) else given
    if word not in _TABLES and not isinstance(word, bool):
        raise ValueError(f"must be one of: {', '.join(_TABLES)}")
    return word


async def _export(
    export: Annotated[
        bool | Literal["csv", "json"],
        BeforeValidator(_known_table),
        Query(
            description="All that fit, as a table instead of a page: `csv`, `json`, or with `true` CSV for "
            "`Accept: text/csv` and else JSON."
        ),
    ] = False,
    columns: Annotated[
        str | None,
        Query(max_length=4000, description="Comma list of columns of the export; default: all, and custom fields."),
    ] = None,
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> Export:
    kinds = [kind.partition(";")[0].strip().lower() for kind in accept.split(",")]
    as_csv = export == "csv" if isinstance(export, str) else _CSV in kinds
    return Export(bool(export), columns, as_csv)


Exports = Annotated[Export, Depends(_export)]
