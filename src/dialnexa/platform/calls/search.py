"""Which calls a list shows: the filters of both generations of the API (B.3.6, B.4), read into conditions of SQL."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from sqlalchemy import ColumnElement

from dialnexa.kit.errors import BadRequest
from dialnexa.platform.calls.models import FILTERED, Call
from dialnexa.platform.calls.states import WORDS, states_named

Order = Literal["asc", "desc"]

_PHONE = re.compile(r"\+?\d{7,15}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_MAX_INT = 2**31 - 1
_MAX_WORDS = 200
"""Alternatives in one comma list: as many calls as a page shows."""
_ALMOST_A_DAY = timedelta(days=1) - timedelta(microseconds=1)
_COLUMNS = (
    ("agent_id", "agent_id"),
    ("call_id", "id"),
    ("batch_call_id", "batch_id"),
    ("campaign_id", "campaign_id"),
    ("workflow_id", "workflow_id"),
    ("parent_call_id", "parent_call_id"),
    ("agent_version_id", "agent_version_id"),
    ("end_reason", "end_reason"),
)
"""Filters that are comma lists of values of a column."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list request asks for; ``None`` asks for nothing. Words in a comma list are alternatives."""

    agent_id: str | None = None
    call_id: str | None = None
    batch_call_id: str | None = None
    campaign_id: str | None = None
    workflow_id: str | None = None
    parent_call_id: str | None = None
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
    longer_than_ms: float | None = None
    shorter_than_ms: float | None = None
    latency_min_ms: float | None = None
    latency_max_ms: float | None = None
    sentiment: str | None = None
    created_at: Order | None = None
    duration: Order | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list is to show, in terms of SQL."""

    words: Mapping[str, Sequence[str]]
    """Column → the values it may have. Those of ``FILTERED`` have an index."""
    others: Sequence[ColumnElement[bool]]
    """Conditions that no index of their own serves."""
    times: Sequence[ColumnElement[bool]]
    """Bounds of ``created_at``, which every index ends with."""

    @property
    def leading(self) -> str | None:
        """Return the column whose index finds the calls; ``None``: there is none, the list is read from its end."""
        return next((column for column in ("id", *FILTERED) if column in self.words), None)


def read(filters: Filters, version_ids: Sequence[str] | None = None) -> Wanted:
    """Read the filters of a request; ``version_ids`` are the versions that ``agent_version_name`` means.

    Raises ``BadRequest`` with a sentence for what cannot be read.
    """
    words = {column: _words(name, value) for name, column in _COLUMNS if (value := getattr(filters, name)) is not None}
    if version_ids is not None:
        named = words.get("agent_version_id")
        words["agent_version_id"] = [one for one in version_ids if named is None or one in named]
    numbers, times = _ends(filters)
    words |= {column: [number] for column, number in numbers.items()} | _kinds(filters)
    others = _amounts(filters)
    if filters.sentiment is not None:
        moods = _among("sentiment", filters.sentiment, ("positive", "neutral", "negative", "unknown"))
        if "unknown" in moods:  # also what was never analysed; no index has that
            others.append(Call.mood.in_(moods) | Call.mood.is_(None))
        else:
            words["mood"] = moods
    return Wanted(words, others, times)


def _kinds(filters: Filters) -> dict[str, list[str]]:
    words: dict[str, list[str]] = {}
    if filters.status is not None:
        states = states_named(filters.status)
        if states is None:
            raise BadRequest(f"status must be one of: {', '.join(sorted(WORDS))}")
        words["state"] = sorted(str(state) for state in states)
    if filters.type is not None:
        words["channel"] = _among("type", filters.type, ("phone", "web"))
    if filters.call_direction is not None:
        words["direction"] = _among("call_direction", filters.call_direction, ("inbound", "outbound"))
    return words


def _ends(filters: Filters) -> tuple[dict[str, str], list[ColumnElement[bool]]]:
    """Read ``from`` and ``to`` as numbers or moments, by their form, and the two dates."""
    numbers: dict[str, str] = {}
    times: list[ColumnElement[bool]] = []
    for name, value in (("from", filters.from_), ("to", filters.to)):
        if value is None:
            continue
        number = value.strip().lstrip("+")  # "+" in a query string may arrive as a space
        if _PHONE.fullmatch(number):
            numbers[f"{name}_number"] = f"+{number}"
        elif name == "from":
            times.append(Call.created_at >= moment("from", value))
        else:
            times.append(Call.created_at <= moment("to", value, end_of_day=True))
    if filters.start_date is not None:
        times.append(Call.created_at >= moment("start_date", filters.start_date))
    if filters.end_date is not None:
        times.append(Call.created_at <= moment("end_date", filters.end_date, end_of_day=True))
    return numbers, times


def _amounts(filters: Filters) -> list[ColumnElement[bool]]:
    """Read the bounds of durations and latencies.

    The columns hold whole numbers of 32 bits, and PostgreSQL's driver takes nothing else for them. What is more is cut
    first: seconds near the end of what floats hold are infinite milliseconds.
    """
    conditions: list[ColumnElement[bool]] = []
    least = ((Call.duration_ms, filters.duration_min_ms), (Call.latency_ms, filters.latency_min_ms))
    most = ((Call.duration_ms, filters.duration_max_ms), (Call.latency_ms, filters.latency_max_ms))
    conditions += [column >= math.ceil(min(bound, _MAX_INT)) for column, bound in least if bound is not None]
    conditions += [column <= math.floor(min(bound, _MAX_INT)) for column, bound in most if bound is not None]
    if filters.longer_than_ms is not None:
        conditions.append(Call.duration_ms > math.floor(min(filters.longer_than_ms, _MAX_INT)))
    if filters.shorter_than_ms is not None:
        conditions.append(Call.duration_ms < math.ceil(min(filters.shorter_than_ms, _MAX_INT)))
    return conditions


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


def moment(name: str, text: str, *, end_of_day: bool = False) -> datetime:
    """Read an ISO 8601 date or moment; without a zone it is UTC, and an upper bound that is a day includes it."""
    try:
        if _DAY.fullmatch(text.strip()):
            day = datetime.combine(date.fromisoformat(text.strip()), time.min, UTC)
            return day + _ALMOST_A_DAY if end_of_day else day
        read = datetime.fromisoformat(text.strip().replace(" ", "+"))  # "+01:00" may arrive as " 01:00"
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        form = "a phone number, a date or a time" if name in {"from", "to"} else "a date or a time"
        raise BadRequest(f"{name} must be {form}, such as 2026-05-23 or 2026-05-23T10:15:00Z") from error
