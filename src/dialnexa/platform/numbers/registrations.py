"""Which worker keeps which trunk registered at its carrier: one each, by the node lease alone.

Every worker works out the same owner for a trunk from the living workers; the owner takes the trunk's row, and only
while the row has nobody else's id, or the id of one who is gone. So a trunk is never kept by two.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.secrets import SealBroken, Vault
from dialnexa.platform.numbers import repository
from dialnexa.platform.numbers.models import SipTrunk

State = Literal["trying", "registered", "failed"]


@dataclass(frozen=True, slots=True)
class WantedRegistration:
    """A registration a worker is to keep; when any of it changes, it is made anew."""

    trunk_id: str
    user: str
    """The user part of the address of record."""
    domain: str
    """Its host part; empty: the registrar's host."""
    host: str
    port: int
    transport: str
    proxy: str
    username: str
    password: str = field(repr=False)
    lifetime_s: int


@dataclass(frozen=True, slots=True)
class RegistrationReport:
    """How a registration stands."""

    trunk_id: str
    state: State
    detail: str = ""
    registered_until: datetime | None = None
    next_try_at: datetime | None = None


async def keep(
    session: AsyncSession, vault: Vault, node_id: str, *, now: datetime, may_take: bool
) -> list[WantedRegistration] | None:
    """Return the registrations this worker is to keep; those that fell to it are taken up with ``may_take``.

    Without it (in a session that only looks) ``None`` says that there is something to take.
    """
    trunks = await repository.registering_trunks(session)
    share = await _share(session, trunks, node_id)
    kept = share.kept
    if share.vacant:
        if not may_take:
            return None
        await repository.claim_registrations(session, share.vacant, share.gone, node_id, now)
        kept = await repository.registrations_of_node(session, node_id)
    return [_wanted(trunk, vault) for trunk in trunks if trunk.id in kept & share.owned]


async def report(
    session: AsyncSession, node_id: str, reports: Collection[RegistrationReport], *, now: datetime
) -> None:
    """Write how registrations of this worker stand; rows that are another's by now are left alone."""
    for one in reports:
        values = {
            "state": one.state,
            "detail": one.detail,
            "registered_until": one.registered_until,
            "next_try_at": one.next_try_at,
            "updated_at": now,
        }
        await repository.write_registration(session, one.trunk_id, node_id, values)


async def release(session: AsyncSession, node_id: str, trunk_ids: Collection[str]) -> None:
    """Give registrations up, so that the next worker may take them."""
    await repository.release_registrations(session, node_id, trunk_ids)


@dataclass(frozen=True, slots=True)
class _Share:
    """One worker's part of the registrations."""

    owned: frozenset[str]
    kept: frozenset[str]
    vacant: frozenset[str]
    """Owned, and nobody keeps them."""
    gone: frozenset[str]
    """Workers that are named in rows but do not live."""


async def _share(session: AsyncSession, trunks: Sequence[SipTrunk], node_id: str) -> _Share:
    if not trunks:
        return _Share(frozenset(), frozenset(), frozenset(), frozenset())
    living, taking = await repository.node_ids(session)
    rows = {row.trunk_id: row.node_id for row in await repository.registrations(session, [one.id for one in trunks])}
    owned = frozenset(trunk.id for trunk in trunks if owner(trunk.id, taking) == node_id)
    gone = frozenset(rows.values()) - living
    kept = frozenset(trunk_id for trunk_id, keeper in rows.items() if keeper == node_id)
    vacant = frozenset(trunk_id for trunk_id in owned if trunk_id not in rows or rows[trunk_id] in gone)
    return _Share(owned, kept, vacant, gone)


def owner(trunk_id: str, nodes: Collection[str]) -> str | None:
    """Return the worker that is to keep a trunk: the same for whoever asks, and few change when one comes or goes."""
    return max(nodes, key=lambda node: hashlib.sha256(f"{trunk_id} {node}".encode()).digest(), default=None)


def _wanted(trunk: SipTrunk, vault: Vault) -> WantedRegistration:
    try:
        password = vault.open(trunk.password_sealed or "")
    except SealBroken:  # the carrier will refuse the empty one, and so the trunk's status says what is wrong
        password = ""
    return WantedRegistration(
        trunk_id=trunk.id,
        user=trunk.from_user or trunk.username or "",
        domain=trunk.from_domain,
        host=trunk.host,
        port=trunk.port,
        transport=trunk.transport,
        proxy=trunk.outbound_proxy,
        username=trunk.username or "",
        password=password,
        lifetime_s=trunk.registration_expiry_s,
    )
