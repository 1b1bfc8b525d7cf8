"""Workers and their leases: who lives, whose calls are lost, and what becomes of them.

A worker registers, then renews its lease every second or so. A worker that misses its lease is dead to everybody, and
first of all to itself: ``heartbeat`` returns false, and it must hang up and exit (the zombie rule), because by then a
survivor has ended its calls. A lost call is never dialled again from here; whether to try once more is for outreach.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.platform.calls import repository, service
from dialnexa.platform.calls.models import Node
from dialnexa.platform.calls.records import NodeLease, Swept

LEASE = timedelta(seconds=12)
"""How long a worker may be silent. Long enough for a stalled disk, short enough that no slot stays taken for long."""
PATIENCE = timedelta(minutes=15)
"""How long an admitted call may wait for a worker with room; it holds a slot all the while."""

log = structlog.get_logger(__name__)


async def register(session: AsyncSession, lease: NodeLease, *, now: datetime) -> None:
    """Write a worker's lease; must come before it takes calls."""
    node = Node(
        id=lease.id,
        address=lease.address,
        capacity=lease.capacity,
        live_calls=0,
        draining=False,
        started_at=now,
        heartbeat_at=now,
    )
    session.add(node)
    await session.flush()


async def heartbeat(
    session: AsyncSession,
    node_id: str,
    *,
    now: datetime,
    live_calls: int = 0,
    draining: bool = False,
    meters: Mapping[str, int] | None = None,
) -> bool:
    """Renew a worker's lease, and show what it counts.

    False: the lease is lost, its calls were ended by others; hang up everything and exit.
    """
    return await repository.beat(session, node_id, now, live_calls=live_calls, draining=draining, meters=meters or {})


async def drop_unheld(session: AsyncSession, node_id: str, holding: Collection[str], *, now: datetime) -> list[str]:
    """End the calls that the record gives to a living worker but that it does not hold; return them.

    That takes a fault of ours (a task that died between the fence and the call), but then nothing else would ever
    end them. Calls younger than a lease are left alone: they may be on their way.
    """
    dropped = await repository.unheld(session, node_id, holding, now - LEASE)
    for call_id in dropped:
        log.error("call_dropped", call_id=call_id, node_id=node_id)
        detail = "The worker lost track of this call; its log says why."
        await service.end_abandoned(session, call_id, reason="error", detail=detail, now=now)
    return dropped


async def leave(session: AsyncSession, node_id: str) -> None:
    """Give a worker's lease up, after its last call has ended."""
    await repository.remove_node(session, node_id)


async def living(session: AsyncSession) -> list[Node]:
    """Return the workers that hold a lease."""
    return await repository.nodes(session)


async def sweep(
    session: AsyncSession, *, now: datetime, lease: timedelta = LEASE, patience: timedelta = PATIENCE
) -> Swept:
    """End what nobody will end any more: calls of dead workers, and calls that waited too long for one.

    Any worker may sweep at any time: of several, one buries a node and ends its calls. Calls still queued survive
    their worker; give the returned ``nodes`` to ``Engine.adopt`` and the next worker dials them.
    """
    dead = await repository.bury(session, now - lease)
    ended: list[str] = []
    for call_id in await repository.orphans(session):
        detail = "The worker that held this call stopped working."
        if await service.end_abandoned(session, call_id, reason="worker_lost", detail=detail, now=now):
            ended.append(call_id)
    for call_id in await repository.waiting_since(session, now - patience):
        detail = f"No worker had room for this call within {patience.total_seconds() / 60:.0f} minutes."
        if await service.end_abandoned(session, call_id, reason="system_at_capacity", detail=detail, now=now):
            ended.append(call_id)
    if dead or ended:
        log.warning("swept", nodes=dead, calls=ended)
    return Swept(tuple(dead), tuple(ended))
