"""Which calls a list shows: the filters of both generations of the API (B.3.6, B.4), and the query they make."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, UnaryExpression, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.errors import BadRequest
from dialnexa.kit.pagination import Page, Part
from dialnexa.platform.agents.models import AgentVersion
from dialnexa.platform.calls.models import Call
from dialnexa.platform.calls.states import WORDS, states_named

Order = Literal["asc", "desc"]

_PHONE = re.compile(r"\+?\d{7,15}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_MAX_INT = 2**31 - 1
_MAX_WORDS = 200
"""Alternatives in one comma list: as many calls as a page shows."""
_ALMOST_A_DAY = timedelta(days=1) - timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list request asks for; ``None`` asks for nothing. Words in a comma list are alternatives."""

    agent_id: str | None = None
    call_id: str | None = None
    batch_call_id: str | None = None
    campaign_id: str | None = None
    agent_version_id: str | None = None
    agent_version_name: str | None = None
    status: str | None = None
    end_reason: str | None = None
    type: str | None = None
    call_direction: str | None = None
    from_: str | None = None
    """A phone number or a moment; its form tells."""
    to: str | None = None
    start_date: str | None = None
    end_date: str | None = None
    duration_min_ms: float | None = None
    duration_max_ms: float | None = None
    latency_min_ms: float | None = None
    latency_max_ms: float | None = None
    sentiment: str | None = None
    created_at: Order | None = None
    duration: Order | None = None


async def search(session: AsyncSession, workspace_id: str, livemode: bool, filters: Filters, page: Page) -> Part[Call]:
    """Return one page of the workspace's calls in one mode, newest first unless asked otherwise."""
    where = [Call.workspace_id == workspace_id, Call.livemode == livemode, *_conditions(filters)]
    query = select(Call).where(*where).order_by(*_order(filters)).offset(page.offset).limit(page.limit)
    total = await session.scalar(select(func.count()).select_from(Call).where(*where))
    return Part((await session.scalars(query)).all(), total or 0)


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    one_of = {
        "agent_id": Call.agent_id,
        "call_id": Call.id,
        "batch_call_id": Call.batch_id,
        "campaign_id": Call.campaign_id,
        "agent_version_id": Call.agent_version_id,
        "end_reason": Call.end_reason,
    }
    conditions: list[ColumnElement[bool]] = [
        column.in_(_words(name, value))
        for name, column in one_of.items()
        if (value := getattr(filters, name)) is not None
    ]
    if filters.agent_version_name is not None:
        named = AgentVersion.title.icontains(filters.agent_version_name, autoescape=True)
        conditions.append(Call.agent_version_id.in_(select(AgentVersion.id).where(named)))
    conditions += _kinds(filters)
    conditions += _ends(filters)
    conditions += _amounts(filters)
    return conditions


def _kinds(filters: Filters) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if filters.status is not None:
        states = states_named(filters.status)
        if states is None:
            raise BadRequest(f"status must be one of: {', '.join(sorted(WORDS))}")
        conditions.append(Call.state.in_([str(state) for state in states]))
    if filters.type is not None:
        conditions.append(Call.channel.in_(_among("type", filters.type, ("phone", "web"))))
    if filters.call_direction is not None:
        conditions.append(Call.direction.in_(_among("call_direction", filters.call_direction, ("inbound", "outbound"))))
    if filters.sentiment is not None:
        moods = _among("sentiment", filters.sentiment, ("positive", "neutral", "negative", "unknown"))
        overall = Call.sentiment["overall"].as_string()
        known = overall.in_([mood for mood in moods if mood != "unknown"])
        conditions.append(known | overall.is_(None) if "unknown" in moods else known)
    return conditions


def _ends(filters: Filters) -> list[ColumnElement[bool]]:
    """Read ``from`` and ``to`` as numbers or moments, by their form, and the two dates."""
    conditions: list[ColumnElement[bool]] = []
    for name, value, column in (("from", filters.from_, Call.from_number), ("to", filters.to, Call.to_number)):
        if value is None:
            continue
        number = value.strip().lstrip("+")  # "+" in a query string may arrive as a space
        if _PHONE.fullmatch(number):
            conditions.append(column == f"+{number}")
        elif name == "from":
            conditions.append(Call.created_at >= _moment("from", value))
        else:
            conditions.append(Call.created_at <= _moment("to", value, end_of_day=True))
    if filters.start_date is not None:
        conditions.append(Call.created_at >= _moment("start_date", filters.start_date))
    if filters.end_date is not None:
        conditions.append(Call.created_at <= _moment("end_date", filters.end_date, end_of_day=True))
    return conditions


def _amounts(filters: Filters) -> list[ColumnElement[bool]]:
    bounds = (
        (Call.duration_ms, filters.duration_min_ms, filters.duration_max_ms),
        (Call.latency_ms, filters.latency_min_ms, filters.latency_max_ms),
    )
    conditions: list[ColumnElement[bool]] = []
    for column, least, most in bounds:
        # The columns hold whole numbers of 32 bits, and PostgreSQL's driver takes nothing else for them.
        if least is not None:
            conditions.append(column >= min(math.ceil(least), _MAX_INT))
        if most is not None:
            conditions.append(column <= min(math.floor(most), _MAX_INT))
    return conditions


def _order(filters: Filters) -> list[UnaryExpression[Any]]:
    """Order by duration when asked, calls without one last; else by birth (ids sort by it)."""
    birth = Call.id.asc() if filters.created_at == "asc" else Call.id.desc()
    if filters.duration is None:
        return [birth]
    lasted = func.coalesce(Call.duration_ms, 0)  # the databases disagree on where NULL belongs
    return [(lasted == 0).asc(), lasted.asc() if filters.duration == "asc" else lasted.desc(), birth]


def _words(name: str, value: str) -> list[str]:
    words = list(dict.fromkeys(word.strip() for word in value.split(",") if word.strip()))
    if len(words) > _MAX_WORDS:
        raise BadRequest(f"{name} may list at most {_MAX_WORDS} values (received {len(words)})")
    return words


def _among(name: str, value: str, allowed: tuple[str, ...]) -> list[str]:
    words = [word.lower() for word in _words(name, value)]
    if any(word not in allowed for word in words):
        raise BadRequest(f"{name} must be one of: {', '.join(allowed)}")
    return words


def _moment(name: str, text: str, *, end_of_day: bool = False) -> datetime:
    """Read an ISO 8601 date or moment; without a zone it is UTC, and an upper bound that is a day includes it."""
    try:
        if _DAY.fullmatch(text.strip()):
            day = datetime.combine(date.fromisoformat(text.strip()), time.min, UTC)
            return day + _ALMOST_A_DAY if end_of_day else day
        moment = datetime.fromisoformat(text.strip().replace(" ", "+"))  # "+01:00" may arrive as " 01:00"
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        form = "a phone number, a date or a time" if name in {"from", "to"} else "a date or a time"
        raise BadRequest(f"{name} must be {form}, such as 2026-05-23 or 2026-05-23T10:15:00Z") from error
