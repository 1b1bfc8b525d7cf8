"""All queries of calls. ``advance`` is the only one that writes a state."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, delete, func, insert, inspect, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.platform.agents.models import AgentVersion
from dialnexa.platform.calls.models import Call, CallLadder, Node, Recording, Slot, TimelineEvent, Transcript
from dialnexa.platform.calls.records import TimelineEntry
from dialnexa.platform.calls.states import FINAL, TAKEN, CallState, before
from dialnexa.platform.database import table_of

_CALL_COLUMNS = [(part.key, part.columns[0].key) for part in inspect(Call).column_attrs]
_INSERT_CALL = insert(table_of(Call))
_INSERT_EVENT = insert(table_of(TimelineEvent))

# --- one call --------------------------------------------------------------------------------------------------------


async def add(session: AsyncSession, *calls: Call) -> None:
    """Write new calls; in which state they start is the one thing not decided by ``advance``."""
    await session.execute(_INSERT_CALL, [_row(call) for call in calls])


def _row(call: Call) -> dict[str, object]:
    """Return a new call's columns. What nobody has set is empty; the mapper would look for each of those at length."""
    known = vars(call)
    return {column: known.setdefault(attribute, None) for attribute, column in _CALL_COLUMNS}


async def advance(
    session: AsyncSession,
    call_id: str,
    to: CallState,
    *,
    node_id: str | None = None,
    only_from: CallState | None = None,
    values: Mapping[str, object] | None = None,
) -> bool:
    """Move a call to a state, if the state machine allows it from where it is; tell whether it moved.

    With ``node_id`` only a call that this node owns moves, except into ``dialing``, where the node becomes the owner,
    if it still has its lease. ``only_from`` narrows the states it may come from; ``values`` are further columns to
    write. A final state frees the call's slots in the same transaction.
    """
    allowed = before(to) if only_from is None else before(to) & {only_from}
    step = update(Call).where(Call.id == call_id, Call.state.in_([str(state) for state in allowed]))
    columns: dict[str, object] = {**(values or {}), "state": str(to)}
    if to is CallState.DIALING:
        columns["node_id"] = node_id
        step = step.where(select(Node.id).where(Node.id == node_id).exists())
    elif node_id is not None:
        step = step.where(Call.node_id == node_id)
    if await _rows(session, step.values(**columns)) == 0:
        return False
    if to in FINAL:
        await session.execute(delete(Slot).where(Slot.call_id == call_id))
    return True


async def write(session: AsyncSession, call_id: str, values: Mapping[str, object]) -> None:
    """Write columns of a call that are no part of its life; its state is for ``advance``."""
    await _rows(session, update(Call).where(Call.id == call_id).values(**values))


async def get(session: AsyncSession, call_id: str, *, lock: bool = False) -> Call | None:
    """Return a call whoever owns it; for workers and sweeps, never for requests; ``lock`` stops others meanwhile."""
    query = select(Call).where(Call.id == call_id).execution_options(populate_existing=True)
    return await session.scalar(query.with_for_update(key_share=True) if lock else query)


async def get_of(session: AsyncSession, workspace_id: str, livemode: bool, call_id: str) -> Call | None:
    """Return a call of this workspace and mode."""
    query = select(Call).where(Call.id == call_id, Call.workspace_id == workspace_id, Call.livemode == livemode)
    return await session.scalar(query.execution_options(populate_existing=True))


async def with_version(session: AsyncSession, call_id: str) -> tuple[Call, AgentVersion] | None:
    """Return a call with the agent version it runs."""
    query = (
        select(Call, AgentVersion)
        .join(AgentVersion, AgentVersion.id == Call.agent_version_id)
        .where(Call.id == call_id)
        .execution_options(populate_existing=True)
    )
    row = (await session.execute(query)).one_or_none()
    return None if row is None else (row[0], row[1])


async def version_numbers(session: AsyncSession, version_ids: Collection[str]) -> dict[str, int]:
    """Return the numbers of agent versions."""
    if not version_ids:
        return {}
    query = select(AgentVersion.id, AgentVersion.number).where(AgentVersion.id.in_(version_ids))
    return {row[0]: row[1] for row in await session.execute(query)}


async def talked(
    session: AsyncSession, workspace_id: str, livemode: bool, start: datetime | None, end: datetime | None
) -> tuple[int, int]:
    """Return how many calls were placed in a period, and the ms talked in them. Reads all of them."""
    where = [Call.workspace_id == workspace_id, Call.livemode == livemode]
    if start is not None:
        where.append(Call.created_at >= start)
    if end is not None:
        where.append(Call.created_at <= end)
    row = (await session.execute(select(func.count(), func.sum(Call.duration_ms)).where(*where))).one()
    return row[0], int(row[1] or 0)


# --- what happened in it ---------------------------------------------------------------------------------------------


async def append(session: AsyncSession, call_id: str, entries: Sequence[TimelineEntry]) -> None:
    """Write lines to the end of a call's timeline."""
    await append_to(session, {call_id: entries})


async def append_to(session: AsyncSession, lines: Mapping[str, Sequence[TimelineEntry]]) -> None:
    """Write lines to the ends of several calls' timelines."""
    rows = [
        {"call_id": call_id, "at": entry.at, "kind": entry.kind, "detail": dict(entry.detail)}
        for call_id, entries in lines.items()
        for entry in entries
    ]
    if rows:
        await session.execute(_INSERT_EVENT, rows)


async def timeline(session: AsyncSession, call_id: str, *, after: int = 0, limit: int = 1000) -> list[TimelineEvent]:
    """Return the timeline of a call after a sequence number."""
    query = (
        select(TimelineEvent)
        .where(TimelineEvent.call_id == call_id, TimelineEvent.seq > after)
        .order_by(TimelineEvent.seq)
        .limit(limit)
    )
    return list(await session.scalars(query))


async def spoken(session: AsyncSession, call_id: str) -> list[dict[str, object]]:
    """Return the turns on a call's timeline, for a call that still goes on."""
    return await of_kind(session, call_id, "turn")


async def of_kind(session: AsyncSession, call_id: str, kind: str) -> list[dict[str, object]]:
    """Return what the lines of one kind on a call's timeline say."""
    query = (
        select(TimelineEvent.detail)
        .where(TimelineEvent.call_id == call_id, TimelineEvent.kind == kind)
        .order_by(TimelineEvent.seq)
    )
    return list(await session.scalars(query))


async def transcript(session: AsyncSession, call_id: str) -> Transcript | None:
    """Return the transcript of a call that has ended."""
    return await session.get(Transcript, call_id)


async def recordings(session: AsyncSession, call_ids: Collection[str]) -> dict[str, Recording]:
    """Return the recordings of calls, by call id, but none that is being erased."""
    if not call_ids:
        return {}
    query = select(Recording).where(
        Recording.call_id.in_(call_ids), Recording.kind == "call", Recording.erase_since.is_(None)
    )
    return {recording.call_id: recording for recording in await session.scalars(query)}


async def ladder(session: AsyncSession, call_id: str) -> bytes | None:
    """Return the packed SIP ladder of a call that has ended."""
    return await session.scalar(select(CallLadder.packed).where(CallLadder.call_id == call_id))


async def transfers(session: AsyncSession, call_ids: Collection[str]) -> dict[str, dict[str, object]]:
    """Return how the latest transfer of each call stands, by call id."""
    if not call_ids:
        return {}
    query = (
        select(TimelineEvent.call_id, TimelineEvent.detail)
        .where(TimelineEvent.call_id.in_(call_ids), TimelineEvent.kind == "transfer")
        .order_by(TimelineEvent.seq)
    )
    return {row.call_id: row.detail for row in await session.execute(query)}


# --- hanging up ------------------------------------------------------------------------------------------------------


async def flag_hang_up(session: AsyncSession, call_id: str, now: datetime) -> bool:
    """Ask the node that owns a live call to end it; tell whether the call is live."""
    ask = update(Call).where(Call.id == call_id, Call.state.in_([str(state) for state in TAKEN]))
    return await _rows(session, ask.values(hang_up_requested_at=func.coalesce(Call.hang_up_requested_at, now))) > 0


async def hang_ups(session: AsyncSession, node_id: str) -> list[str]:
    """Return the live calls of a node that somebody asked to end."""
    query = select(Call.id).where(
        Call.node_id == node_id, Call.ended_at.is_(None), Call.hang_up_requested_at.is_not(None)
    )
    return list(await session.scalars(query))


# --- nodes -----------------------------------------------------------------------------------------------------------


async def beat(
    session: AsyncSession,
    node_id: str,
    now: datetime,
    *,
    live_calls: int,
    draining: bool,
    meters: Mapping[str, int],
) -> bool:
    """Renew a node's lease; tell whether it still had one."""
    renewed = update(Node).where(Node.id == node_id)
    values = {"heartbeat_at": now, "live_calls": live_calls, "draining": draining, "meters": dict(meters)}
    return await _rows(session, renewed.values(**values)) > 0


async def bury(session: AsyncSession, silent_since: datetime) -> list[str]:
    """Remove the nodes not heard of since; return those that *we* removed, so only one survivor takes over."""
    silent = select(Node.id).where(Node.heartbeat_at < silent_since).with_for_update(skip_locked=True)
    ids = list(await session.scalars(silent))
    if ids:
        await session.execute(delete(Node).where(Node.id.in_(ids)))
    return ids


async def remove_node(session: AsyncSession, node_id: str) -> None:
    """Give a node's lease up."""
    await session.execute(delete(Node).where(Node.id == node_id))


async def nodes(session: AsyncSession) -> list[Node]:
    """Return the living nodes."""
    return list(await session.scalars(select(Node).order_by(Node.id)))


async def orphans(session: AsyncSession) -> list[str]:
    """Return the live calls whose node is gone."""
    query = select(Call.id).where(
        Call.ended_at.is_(None), Call.node_id.is_not(None), Call.node_id.not_in(select(Node.id))
    )
    return list(await session.scalars(query))


async def unheld(session: AsyncSession, node_id: str, holding: Collection[str], since: datetime) -> list[str]:
    """Return the live calls a node has owned since then without being among those it holds."""
    query = select(Call.id).where(
        Call.node_id == node_id,
        Call.ended_at.is_(None),
        func.coalesce(Call.started_at, Call.created_at) < since,
        Call.id.not_in(holding),
    )
    return list(await session.scalars(query))


async def waiting_since(session: AsyncSession, moment: datetime) -> list[str]:
    """Return the calls that nobody took since ``moment``; they are few, every one holds a slot."""
    query = (
        select(Call.id)
        .where(Call.state == str(CallState.QUEUED), Call.created_at < moment)
        .where(Call.id.in_(select(Slot.call_id)))
    )
    return list(await session.scalars(query))


async def _rows(session: AsyncSession, statement: Any) -> int:
    """Run a change and return how many rows it touched."""
    result = await session.execute(statement.execution_options(synchronize_session=False))
    return cast("CursorResult[Any]", result).rowcount
