"""A workspace's wallet: a ledger whose sum is the balance (contract B.2.2, 402). Off unless the operator bills.

Amounts are kept in millionths of a US dollar, as whole numbers, for floats do not add up.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.errors import PaymentRequired
from dialnexa.kit.ids import new_id
from dialnexa.kit.pagination import Page, Part
from dialnexa.platform.tenancy.models import WalletEntry, Workspace

CURRENCY = "USD"
_MILLION = 1_000_000
_CAP_KEY = "daily_spend_cap_usd"
Owner = tuple[str, str]
"""Workspace and account."""


def micros(usd: float) -> int:
    """Return dollars as the ledger keeps them."""
    return round(usd * _MILLION)


def dollars(amount: int) -> float:
    """Return an amount of the ledger in dollars."""
    return amount / _MILLION


async def balance(session: AsyncSession, workspace_id: str) -> int:
    """Return what is left, in millionths of a dollar."""
    query = select(func.sum(WalletEntry.amount)).where(WalletEntry.workspace_id == workspace_id)
    return int(await session.scalar(query) or 0)


async def require(session: AsyncSession, workspace_id: str, usd: float) -> None:
    """Raise ``PaymentRequired`` unless the wallet holds that much, and more than nothing."""
    left = await balance(session, workspace_id)
    if left <= 0 or left < micros(usd):
        raise PaymentRequired(
            f"The workspace's wallet holds ${dollars(left):.2f}, and this needs ${usd:.2f}. "
            "Ask the operator of this installation to top it up.",
            code="wallet_empty",
        )


def cap_of(workspace: Workspace) -> float | None:
    """Return what a day of the workspace may cost, in dollars; ``None``: there is no cap."""
    found = workspace.settings.get(_CAP_KEY)
    return float(found) if isinstance(found, int | float) else None


def set_cap(workspace: Workspace, usd: float | None) -> None:
    """Set what a day may cost."""
    workspace.settings = {**workspace.settings, _CAP_KEY: usd}


def midnight(workspace: Workspace, now: datetime) -> datetime:
    """Return when the workspace's day began, by its own time zone."""
    return now.astimezone(ZoneInfo(workspace.timezone)).replace(hour=0, minute=0, second=0, microsecond=0)


async def spent_today(session: AsyncSession, workspace: Workspace, now: datetime) -> int:
    """Return what was spent since the workspace's midnight, in millionths of a dollar."""
    query = select(func.sum(WalletEntry.amount)).where(
        WalletEntry.workspace_id == workspace.id,
        WalletEntry.created_at >= midnight(workspace, now),
        WalletEntry.kind != "credit",
    )
    return -int(await session.scalar(query) or 0)


async def require_below_cap(session: AsyncSession, workspace_id: str, now: datetime) -> None:
    """Raise ``PaymentRequired`` when the day has cost what the workspace lets it cost: the brake of toll fraud."""
    workspace = await session.get(Workspace, workspace_id)
    cap = cap_of(workspace) if workspace else None
    if workspace is None or cap is None:
        return
    spent = await spent_today(session, workspace, now)
    if spent >= micros(cap):
        raise PaymentRequired(
            f"Today's calls and numbers have cost ${dollars(spent):.2f}, and the workspace's cap is ${cap:.2f}. "
            f"Wait for midnight ({workspace.timezone}), or raise daily_spend_cap_usd with PATCH /v1/workspace.",
            code="spend_cap_reached",
        )


def credit(session: AsyncSession, owner: Owner, usd: float, *, note: str, now: datetime) -> None:
    """Put money in, or take it out again when it is negative."""
    session.add(_entry(owner, "credit", micros(usd), "", note, now))


def spend(
    session: AsyncSession,
    owner: Owner,
    kind: Literal["call", "number"],
    usd: float,
    *,
    reference: str,
    note: str,
    now: datetime,
) -> None:
    """Take money out for a call or a number."""
    session.add(_entry(owner, kind, -micros(usd), reference, note, now))


async def spend_on_call(session: AsyncSession, owner: Owner, call_id: str, amount: int, *, now: datetime) -> None:
    """Take out what a call has cost so far, in millionths; its analysis may add to it, so a call has one entry."""
    known = await session.get(WalletEntry, f"wle_{call_id}")
    if known is not None:
        known.amount = -amount
    elif amount:
        entry = _entry(owner, "call", -amount, call_id, "", now)
        entry.id = f"wle_{call_id}"
        session.add(entry)


async def entries(session: AsyncSession, workspace_id: str, page: Page) -> Part[WalletEntry]:
    """Return one page of the ledger, newest first."""
    mine = WalletEntry.workspace_id == workspace_id
    rows = select(WalletEntry).where(mine).order_by(WalletEntry.id.desc()).offset(page.offset).limit(page.limit)
    total = await session.scalar(select(func.count()).select_from(WalletEntry).where(mine))
    return Part((await session.scalars(rows)).all(), total or 0)


def _entry(owner: Owner, kind: str, amount: int, reference: str, note: str, now: datetime) -> WalletEntry:
    return WalletEntry(
        id=new_id("wle"),
        workspace_id=owner[0],
        account_id=owner[1],
        kind=kind,
        amount=amount,
        reference=reference,
        note=note[:255],
        created_at=now,
    )
