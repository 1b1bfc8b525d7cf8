"""Exporting calls: all that fit the filters, as a table in CSV or JSON, up to a cap (contract F.6)."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import orjson
from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.errors import BadRequest
from dialnexa.kit.pagination import Page
from dialnexa.platform.calls import finding, reading
from dialnexa.platform.calls.finding import Scope
from dialnexa.platform.calls.models import Call, Transcript
from dialnexa.platform.calls.parameters import Export
from dialnexa.platform.calls.search import Filters
from dialnexa.platform.database import Database

CAP, CAP_WITHOUT_TEXTS = 5_000, 10_000
"""Rows of an export; more without the columns that make rows long (contract I.1)."""
_TEXTS = ("transcript", "summary")
_AT_ONCE = 250
"""Rows read and written in one go: what a large export needs of memory."""
_COLUMNS = (
    "id",
    "created_at",
    "started_at",
    "answered_at",
    "ended_at",
    "type",
    "call_direction",
    "status",
    "end_reason",
    "from_number",
    "to_number",
    "agent_id",
    "agent_version_id",
    "agent_version_number",
    "batch_call_id",
    "campaign_id",
    "workflow_id",
    "parent_call_id",
    "attempt",
    "duration_seconds",
    "latency",
    "sentiment",
    "summary",
    "transcript",
    "recording_url",
    "variables",
    "metadata",
    "notes",
    "cost",
    "analysis_engine",
)
_INSIDE = ("analysis", "variables", "metadata", "notes")
"""Objects whose keys may be columns of their own: ``metadata.crm_id``."""
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_CUT, _LIMIT = "X-DialNexa-Export-Truncated", "X-DialNexa-Export-Limit"


class ExportMeta(BaseModel):
    """What an export holds."""

    columns: list[str]
    rows: int
    limit: int = Field(description="The most rows an export of these columns may have.")
    truncated: bool = Field(description="Whether there were more: narrow the filters and export in parts.")


class ExportOut(BaseModel):
    """An export as JSON."""

    data: list[dict[str, Any]]
    meta: ExportMeta


_HEADERS = {
    _CUT: {"description": "`true` when there was more than fits into an export.", "schema": {"type": "string"}},
    _LIMIT: {"description": "The most rows an export of these columns may have.", "schema": {"type": "integer"}},
}
EXPORTED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A page, or with `export=true` a table.",
        "content": {"text/csv": {"schema": {"type": "string"}}},
        "headers": _HEADERS,
    }
}


@dataclass(frozen=True, slots=True)
class _Table:
    """What is to be written."""

    ids: Sequence[str]
    columns: Sequence[str]
    limit: int
    truncated: bool

    @property
    def headers(self) -> dict[str, str]:
        return {_CUT: str(self.truncated).lower(), _LIMIT: str(self.limit)}


async def answer(
    database: Database, scope: Scope, filters: Filters, export: Export, link: reading.Link, request: Request
) -> Response:
    """Answer a list request with all calls that fit, as the table its reader wants.

    The headers say whether there were more. Raises ``BadRequest`` for columns that do not exist.
    """
    async with database.read() as session:
        table = await _plan(session, scope, filters, export.columns)
    if export.as_csv:
        name = {"Content-Disposition": 'attachment; filename="calls.csv"'}
        body = _csv(database, table, link)
        return StreamingResponse(body, media_type="text/csv; charset=utf-8", headers={**table.headers, **name})
    meta = ExportMeta(columns=list(table.columns), rows=len(table.ids), limit=table.limit, truncated=table.truncated)
    return StreamingResponse(_json(database, table, meta, link), media_type="application/json", headers=table.headers)


async def _plan(session: AsyncSession, scope: Scope, filters: Filters, columns: str | None) -> _Table:
    named = None if columns is None else _named(columns)
    limit = CAP if named is None or any(text in named for text in _TEXTS) else CAP_WITHOUT_TEXTS
    found = await finding.find(session, scope, filters, Page(1, limit), count=False)
    if named is None:
        named = [*_COLUMNS, *(f"analysis.{name}" for name in await _custom_fields(session, found.ids))]
    return _Table(found.ids, named, limit, truncated=not found.exact)


def _named(columns: str) -> list[str]:
    """Read a comma list of columns; what is no column of ours names a field of the post-call analysis."""
    named = list(dict.fromkeys(name.strip() for name in columns.split(",") if name.strip()))
    if not named:
        raise BadRequest(f"columns should not be empty; there are {', '.join(_COLUMNS)}, and analysis.<field>")
    return [name if name in _COLUMNS or name.partition(".")[0] in _INSIDE else _field(name) for name in named]


def _field(name: str) -> str:
    if not re.fullmatch(r"\w{1,100}", name):
        raise BadRequest(f'columns has "{name}"; there are {", ".join(_COLUMNS)}, and analysis.<field>')
    return f"analysis.{name}"


async def _custom_fields(session: AsyncSession, ids: Sequence[str]) -> list[str]:
    """Return the fields that the analyses of these calls have, in their order."""
    names: dict[str, None] = {}
    for part in _parts(ids):
        query = select(Call.analysis).where(Call.id.in_(part), Call.analysis.is_not(None))
        for analysis in await session.scalars(query):
            names.update(dict.fromkeys(analysis or {}))
    return list(names)


def _parts(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE)]


# --- rows ------------------------------------------------------------------------------------------------------------


async def _rows(database: Database, table: _Table, link: reading.Link) -> AsyncGenerator[list[list[Any]]]:
    """Yield the cells of the table, some hundred rows at a time."""
    with_transcript = "transcript" in table.columns
    for part in _parts(table.ids):
        async with database.read() as session:
            shown = await reading.show_all(session, await finding.calls(session, part), link)
            texts = await _transcripts(session, part) if with_transcript else {}
        rows = [call.model_copy(update={"transcript": texts.get(call.id)}).model_dump() for call in shown]
        yield [[_cell(row, column) for column in table.columns] for row in rows]


async def _transcripts(session: AsyncSession, ids: Sequence[str]) -> dict[str, str]:
    query = select(Transcript.call_id, Transcript.text).where(Transcript.call_id.in_(ids))
    return {row[0]: row[1] for row in await session.execute(query)}


def _cell(row: dict[str, Any], column: str) -> Any:
    outer, _, name = ("cost", "", "total") if column == "cost" else column.partition(".")
    if not name:
        return row.get(column)
    inside = row.get(outer)
    return cast(dict[str, Any], inside).get(name) if isinstance(inside, dict) else None


# --- written ---------------------------------------------------------------------------------------------------------


async def _csv(database: Database, table: _Table, link: reading.Link) -> AsyncGenerator[bytes]:
    """Yield the table as CSV (RFC 4180)."""
    yield _lines([[_plain(column) for column in table.columns]])
    async for rows in _rows(database, table, link):
        yield _lines([[_plain(cell) for cell in row] for row in rows])


def _lines(rows: Sequence[Sequence[str]]) -> bytes:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue().encode("utf-8", "replace")


def _plain(cell: Any) -> str:
    """Write a cell as text that no spreadsheet takes for a formula: callers choose what they say and are called."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    text = json.dumps(cell, ensure_ascii=False) if isinstance(cell, dict | list) else str(cell)
    return f"'{text}" if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text) else text


async def _json(database: Database, table: _Table, meta: ExportMeta, link: reading.Link) -> AsyncGenerator[bytes]:
    yield b'{"data":['
    first = True
    async for rows in _rows(database, table, link):
        written = b",".join(orjson.dumps(dict(zip(table.columns, row, strict=True))) for row in rows)
        yield written if first else b"," + written
        first = False
    yield b'],"meta":' + orjson.dumps(meta.model_dump()) + b"}"
