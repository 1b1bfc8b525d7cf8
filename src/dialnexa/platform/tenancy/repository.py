"""All queries of tenancy."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.pagination import Page, Part
from dialnexa.platform.tenancy.models import Account, ApiKey, Limit, Workspace

# Built once: every request runs it.
_BY_HASH = (
    select(ApiKey, func.coalesce(ApiKey.account_id, Account.id))
    .join(
        Account,
        (Account.workspace_id == ApiKey.workspace_id) & (Account.livemode == ApiKey.livemode) & Account.is_default,
    )
    .where(ApiKey.sha256.in_(bindparam("hashes", expanding=True)))
)


async def keys_by_hash(session: AsyncSession, hashes: Collection[str]) -> dict[str, tuple[ApiKey, str]]:
    """Return the keys that have these hashes, each with the account its new rows belong to."""
    rows = await session.execute(_BY_HASH, {"hashes": list(hashes)})
    return {key.sha256: (key, account_id) for key, account_id in rows}


async def key_by_hash(session: AsyncSession, sha256: str) -> tuple[ApiKey, str] | None:
    """Return the key with this hash, and the account its new rows belong to."""
    return (await keys_by_hash(session, [sha256])).get(sha256)


async def mark_used(session: AsyncSession, key_id: str, now: datetime) -> None:
    """Remember when a key was last used."""
    await session.execute(update(ApiKey).where(ApiKey.id == key_id).values(last_used_at=now))


async def key(session: AsyncSession, workspace_id: str, key_id: str) -> ApiKey | None:
    """Return a key of the workspace."""
    return await session.scalar(select(ApiKey).where(ApiKey.workspace_id == workspace_id, ApiKey.id == key_id))


async def key_names(session: AsyncSession, workspace_id: str, key_ids: Collection[str]) -> Mapping[str, str]:
    """Return the names of keys, revoked ones too."""
    query = select(ApiKey.id, ApiKey.name).where(ApiKey.workspace_id == workspace_id, ApiKey.id.in_(key_ids))
    return {row[0]: row[1] for row in await session.execute(query)}


async def keys(session: AsyncSession, workspace_id: str, page: Page, search: str | None) -> Part[ApiKey]:
    """Return one page of the workspace's keys, newest first; ``search`` looks into the names."""
    where: list[ColumnElement[bool]] = [ApiKey.workspace_id == workspace_id]
    if search:
        where.append(ApiKey.name.icontains(search, autoescape=True))
    rows = await session.scalars(
        select(ApiKey).where(*where).order_by(ApiKey.id.desc()).offset(page.offset).limit(page.limit)
    )
    total = await session.scalar(select(func.count()).select_from(ApiKey).where(*where))
    return Part(rows.all(), total or 0)


async def previous_key(session: AsyncSession, new: ApiKey, *, now: datetime, same_name: bool) -> ApiKey | None:
    """Return the newest working key of the same kind and mode as ``new``, made before it."""
    query = select(ApiKey).where(
        ApiKey.workspace_id == new.workspace_id,
        ApiKey.id != new.id,
        ApiKey.kind == new.kind,
        ApiKey.livemode == new.livemode,
        ApiKey.revoked_at.is_(None),
        (ApiKey.expires_at.is_(None)) | (ApiKey.expires_at > now),
    )
    if same_name:
        query = query.where(ApiKey.name == new.name)
    return await session.scalar(query.order_by(ApiKey.id.desc()).limit(1))


async def first_workspace(session: AsyncSession) -> Workspace | None:
    """Return the oldest workspace of the installation."""
    return await session.scalar(select(Workspace).order_by(Workspace.id).limit(1))


async def default_account(session: AsyncSession, workspace_id: str, *, livemode: bool) -> Account:
    """Return the account that rows of a workspace belong to when nobody says otherwise."""
    return (
        await session.scalars(
            select(Account).where(
                Account.workspace_id == workspace_id, Account.livemode == livemode, Account.is_default
            )
        )
    ).one()


async def limit(session: AsyncSession, scope: str) -> Limit | None:
    """Return the limit row of a scope."""
    return await session.get(Limit, scope)
