"""The audit log: who changed what, when and from where, written in the very transaction of the change.

What a transaction changes is read from SQLAlchemy's unit of work, so a new table is covered without a line here.
Secrets never get in: columns that hold them are named only, and of JSON columns only the keys that changed.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, event, func, insert, inspect, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from dialnexa.kit.clock import iso
from dialnexa.kit.ids import new_id
from dialnexa.kit.pagination import Page, Part
from dialnexa.platform.database import Base, before_commit, table_of
from dialnexa.platform.tenancy.models import AuditEntry

_CHANGES = "audit_changes"
_MOST_CHANGES = 20
_LONGEST = 120
_SECRET = re.compile(r"secret|password|sealed|sha256|token|headers|last_used")
_OWN_RECORD = frozenset(
    {
        *("calls", "slots", "call_events", "transcripts", "recordings", "call_ladders", "refused_calls"),
        *("events", "event_stream", "webhook_deliveries", "idempotent_requests"),
        *("audit_log", "rate_buckets", "limit_peaks"),
        *("knowledge_files", "knowledge_chunks"),
    }
)
"""Tables that are a record themselves, or may hold what was said: their rows are not described."""
_INSERT = insert(table_of(AuditEntry))


@dataclass(frozen=True, slots=True)
class Deed:
    """One write, before it is known what it changes."""

    workspace_id: str
    account_id: str
    actor: str
    """``api_key`` or ``operator``."""
    actor_id: str
    actor_name: str
    action: str
    target: str
    at: datetime
    address: str = ""
    user_agent: str = ""
    request_id: str = ""


_deed: ContextVar[Deed | None] = ContextVar("deed", default=None)


@dataclass(frozen=True, slots=True)
class Line:
    """A write's line in the log, until it is written."""

    deed: Deed

    async def __call__(self, session: AsyncSession) -> None:
        """Write the line with all the transaction has changed."""
        await session.flush()  # what is still pending is seen by then
        await session.execute(_INSERT, self.row(session.sync_session.info.pop(_CHANGES, [])))

    def row(self, changes: Sequence[object]) -> dict[str, object]:
        """Return the line as its table has it."""
        deed = self.deed
        return {
            "id": new_id("audit"),
            "workspace_id": deed.workspace_id,
            "account_id": deed.account_id,
            "actor": deed.actor,
            "actor_id": deed.actor_id,
            "actor_name": deed.actor_name,
            "action": deed.action[:255],
            "target": deed.target[:255],
            "changes": list(changes),
            "address": deed.address[:255],
            "user_agent": deed.user_agent[:255],
            "request_id": deed.request_id,
            "created_at": deed.at,
        }


@contextmanager
def recorded(deed: Deed) -> Generator[None]:
    """Write every transaction of this block into the audit log, as part of the transaction itself."""
    tokens = _deed.set(deed), before_commit.set((*before_commit.get(), Line(deed)))
    try:
        yield
    finally:
        _deed.reset(tokens[0])
        before_commit.reset(tokens[1])


def note(
    session: AsyncSession,
    what: str,
    identity: str,
    *,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    """Add a change that the unit of work does not see, such as a bulk UPDATE or a part of a JSON column."""
    if _deed.get() is not None:
        _remember(session.sync_session, what, identity, _shown(before), _shown(after))


async def write_created(session: AsyncSession, what: str, lines: Sequence[tuple[Line, str]]) -> None:
    """Write the lines of several writes that each created one thing, by its id, in a transaction they share."""
    if lines:
        await session.execute(_INSERT, [line.row([_change(what, identity)]) for line, identity in lines])


@dataclass(frozen=True, slots=True)
class AuditSearch:
    """Which entries are wanted."""

    actor_id: str | None = None
    action: str | None = None
    """Part of it, such as ``DELETE`` or ``api-keys``."""
    target: str | None = None
    """An id, or another part of the path."""
    since: datetime | None = None
    until: datetime | None = None


async def entries(session: AsyncSession, workspace_id: str, wanted: AuditSearch, page: Page) -> Part[AuditEntry]:
    """Return one page of the workspace's log, newest first."""
    where: list[ColumnElement[bool]] = [AuditEntry.workspace_id == workspace_id]
    if wanted.actor_id:
        where.append(AuditEntry.actor_id == wanted.actor_id)
    if wanted.action:
        where.append(AuditEntry.action.icontains(wanted.action, autoescape=True))
    if wanted.target:
        where.append(AuditEntry.target.contains(wanted.target, autoescape=True))
    if wanted.since:
        where.append(AuditEntry.created_at >= wanted.since)
    if wanted.until:
        where.append(AuditEntry.created_at <= wanted.until)
    rows = select(AuditEntry).where(*where).order_by(AuditEntry.id.desc()).offset(page.offset).limit(page.limit)
    total = await session.scalar(select(func.count()).select_from(AuditEntry).where(*where))
    return Part((await session.scalars(rows)).all(), total or 0)


# --- what a transaction changes --------------------------------------------------------------------------------------


@event.listens_for(Session, "before_flush")
def _collect(session: Session, _context: object, _instances: object) -> None:
    if _deed.get() is None:
        return
    for born in filter(_is_described, session.new):
        _remember(session, _table(born), _identity(born), None, _state(born))
    for changed in filter(_is_described, session.dirty):
        before, after = _difference(changed)
        if after:
            _remember(session, _table(changed), _identity(changed), before, after)
    for gone in filter(_is_described, session.deleted):
        _remember(session, _table(gone), _identity(gone), _state(gone), None)


def _remember(
    session: Session,
    what: str,
    identity: str,
    before: Mapping[str, object] | None,
    after: Mapping[str, object] | None,
) -> None:
    changes: list[object] = session.info.setdefault(_CHANGES, [])
    one = _change(what, identity, before, after)
    if len(changes) < _MOST_CHANGES and one not in changes:
        changes.append(one)


def _change(
    what: str,
    identity: str,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> dict[str, object]:
    return {"object": what, "id": identity, "before": before, "after": after}


def _is_described(row: object) -> bool:
    return _table(row) not in _OWN_RECORD


def _table(row: object) -> str:
    return cast(type[Base], type(row)).__tablename__


def _identity(row: object) -> str:
    keys = inspect(type(row)).primary_key  # type: ignore[union-attr]
    return "/".join(str(getattr(row, key.key, "")) for key in keys)


def _state(row: object) -> dict[str, object]:
    """Return the columns of a row that has them, without ids of its owner, which the entry has itself."""
    loaded = cast(Mapping[str, object], inspect(row).dict)
    return _shown({name: value for name, value in loaded.items() if _is_told(name, value)}) or {}


def _is_told(name: str, value: object) -> bool:
    own = name.startswith("_") or name in {"id", "workspace_id", "account_id", "created_at", "updated_at"}
    return not own and value not in (None, "", [], {})


def _difference(row: object) -> tuple[dict[str, object], dict[str, object]]:
    before, after = dict[str, object](), dict[str, object]()
    state: Any = inspect(row)
    for attribute in state.mapper.column_attrs:
        history = state.attrs[attribute.key].history
        if attribute.key == "updated_at" or not history.has_changes():
            continue
        old = history.deleted[0] if history.deleted else None
        new = history.added[0] if history.added else None
        before |= _shown({attribute.key: _apart(old, new)}) or {}
        after |= _shown({attribute.key: _apart(new, old)}) or {}
    return before, after


def _apart(one: object, other: object) -> object:
    """Return of a JSON object only what differs from the other."""
    if isinstance(one, dict) and isinstance(other, dict):
        known = cast(dict[str, object], other)
        return {key: value for key, value in cast(dict[str, object], one).items() if known.get(key) != value}
    return cast(object, one)


def _shown(values: Mapping[str, object] | None) -> dict[str, object] | None:
    if values is None:
        return None
    return {name: "[not shown]" if _SECRET.search(name) else _short(name, value) for name, value in values.items()}


def _short(name: str, value: object) -> object:
    match value:
        case None | bool() | int() | float():
            return value
        case datetime():
            return iso(value)
        case str():
            return _cut(_without_secrets(value) if name.endswith(("url", "uri")) else value)
        case dict():
            return sorted(cast(dict[str, object], value))[:_MOST_CHANGES]
        case list() | tuple() if all(isinstance(part, str) for part in cast(list[object], value)):
            return [_cut(part) for part in cast(list[str], value)[:_MOST_CHANGES]]
        case list() | tuple():
            return f"{len(cast(list[object], value))} items"
        case _:
            return type(value).__name__


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _without_secrets(url: str) -> str:
    """Leave out the parts of an address that carry secrets: user, password and query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}" if parts.scheme else url
