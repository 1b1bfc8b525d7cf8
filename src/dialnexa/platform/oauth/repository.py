"""All queries of OAuth."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

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
