"""Phones that registered with us, and the logins they may do it with: what workers read and write of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.platform.numbers.models import SipTrunk, TrunkBinding

INBOUND = "inbound"


async def open_trunks(session: AsyncSession) -> Sequence[SipTrunk]:
    """Return the trunks of all workspaces that phones may register under."""
    query = select(SipTrunk).where(SipTrunk.registration == INBOUND, SipTrunk.deleted_at.is_(None))
    return (await session.scalars(query)).all()


async def of_trunks(session: AsyncSession, trunk_ids: Sequence[str], now: datetime) -> Sequence[TrunkBinding]:
    """Return where the phones of these trunks are, who registered last first."""
    if not trunk_ids:
        return []
    query = (
        select(TrunkBinding)
        .where(TrunkBinding.trunk_id.in_(trunk_ids), TrunkBinding.expires_at > now)
        .order_by(TrunkBinding.q.desc(), TrunkBinding.expires_at.desc())
    )
    return (await session.scalars(query)).all()


async def hold(session: AsyncSession, trunk_id: str) -> Sequence[TrunkBinding]:
    """Return all bindings of a trunk, expired ones too, and keep other workers from changing them meanwhile."""
    await session.execute(select(SipTrunk.id).where(SipTrunk.id == trunk_id).with_for_update())
    return (await session.scalars(select(TrunkBinding).where(TrunkBinding.trunk_id == trunk_id))).all()


async def replace(session: AsyncSession, trunk_id: str, bindings: Sequence[TrunkBinding]) -> None:
    """Put these bindings in the place of all that a trunk had."""
    await session.execute(delete(TrunkBinding).where(TrunkBinding.trunk_id == trunk_id))
    session.add_all(bindings)
    await session.flush()


async def login_taken(session: AsyncSession, username: str, but: str) -> bool:
    """Tell whether phones of another trunk register under this user name."""
    query = select(SipTrunk.id).where(
        SipTrunk.registration == INBOUND,
        SipTrunk.username == username,
        SipTrunk.id != but,
        SipTrunk.deleted_at.is_(None),
    )
    return await session.scalar(query.limit(1)) is not None
