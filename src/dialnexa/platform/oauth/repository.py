"""All queries of OAuth."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, delete, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.pagination import Page, Part
from dialnexa.platform.oauth.models import OAuthClient, OAuthGrant
from dialnexa.platform.tenancy.models import ApiKey


async def grant_by_code(session: AsyncSession, client_id: str, sha256: str) -> OAuthGrant | None:
    """Return the grant a code was given for, locked against a second exchange of the same code."""
    return await session.scalar(
        select(OAuthGrant).where(OAuthGrant.code_sha256 == sha256, OAuthGrant.client_id == client_id).with_for_update()
    )


async def grant_by_refresh(session: AsyncSession, client_id: str, sha256: str) -> OAuthGrant | None:
    """Return the grant a refresh token stands for or once stood for, locked against a second use."""
    return await session.scalar(
        select(OAuthGrant)
        .where(
            or_(OAuthGrant.refresh_sha256 == sha256, OAuthGrant.spent_refresh_sha256 == sha256),
            OAuthGrant.client_id == client_id,
        )
        .with_for_update()
    )


async def grant_by_access(session: AsyncSession, sha256: str) -> tuple[OAuthGrant, ApiKey] | None:
    """Return the grant an access token stands for, and the key it borrows its rights from."""
    row = (
        await session.execute(
            select(OAuthGrant, ApiKey)
            .join(ApiKey, ApiKey.id == OAuthGrant.key_id)
            .where(OAuthGrant.access_sha256 == sha256)
        )
    ).one_or_none()
    return None if row is None else (row[0], row[1])


class Granted(NamedTuple):
    """A grant that can be used, the program it was given to, and the key it stands for."""

    grant: OAuthGrant
    client: OAuthClient
    key: ApiKey


async def granted(session: AsyncSession, workspace_id: str, page: Page, *, now: datetime) -> Part[Granted]:
    """Return one page of the grants that can be used, newest first."""
    where = _usable(workspace_id, now)
    rows = await session.execute(
        select(OAuthGrant, OAuthClient, ApiKey)
        .join(OAuthClient, OAuthClient.id == OAuthGrant.client_id)
        .join(ApiKey, ApiKey.id == OAuthGrant.key_id)
        .where(*where)
        .order_by(OAuthGrant.id.desc())
        .offset(page.offset)
        .limit(page.limit)
    )
    total = await session.scalar(select(func.count()).select_from(OAuthGrant).where(*where))
    return Part([Granted(*row) for row in rows], total or 0)


async def usable(session: AsyncSession, workspace_id: str, grant_id: str, *, now: datetime) -> OAuthGrant | None:
    """Return a grant of a workspace that can be used, locked against being refreshed meanwhile."""
    query = select(OAuthGrant).where(*_usable(workspace_id, now), OAuthGrant.id == grant_id)
    return await session.scalar(query.with_for_update())


def _usable(workspace_id: str, now: datetime) -> list[ColumnElement[bool]]:
    return [OAuthGrant.workspace_id == workspace_id, OAuthGrant.refresh_expires_at > now]


async def take_back(session: AsyncSession, client_id: str, sha256: str) -> None:
    """Forget the grant that a token of this client stands for."""
    await session.execute(
        delete(OAuthGrant).where(
            OAuthGrant.client_id == client_id,
            or_(OAuthGrant.access_sha256 == sha256, OAuthGrant.refresh_sha256 == sha256),
        )
    )


async def forget_old(session: AsyncSession, *, now: datetime, unused_since: datetime) -> None:
    """Drop grants that can never be used again, and programs nobody granted anything to since."""
    last = func.coalesce(OAuthGrant.refresh_expires_at, OAuthGrant.code_expires_at)
    await session.execute(delete(OAuthGrant).where(last <= now))
    granted = exists().where(OAuthGrant.client_id == OAuthClient.id)
    await session.execute(delete(OAuthClient).where(OAuthClient.created_at <= unused_since, ~granted))
