"""Which secrets sign: a webhook's own or its workspace's, and for a while after a change the one before it too."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.errors import Conflict, NotFound
from dialnexa.kit.secrets import SealBroken, Vault
from dialnexa.platform.tenancy.principal import Principal
from dialnexa.platform.webhooks import repository, wire
from dialnexa.platform.webhooks.models import Webhook, WorkspaceSecret


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A workspace's secret just made, and the secret itself: this is the only time it can be seen."""

    row: WorkspaceSecret
    secret: str = field(repr=False)


def new_secret() -> str:
    """Return a secret in the form of Standard Webhooks: ``whsec_`` and 32 random bytes in base64."""
    return wire.SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signers(vault: Vault, webhook: Webhook, shared: WorkspaceSecret | None, now: datetime) -> list[str]:
    """Return the secrets that sign for a webhook at a moment: the one that counts, then the one before it.

    ``shared`` is the workspace's. Raises ``SealBroken`` when there is none, or it was sealed with another master key.
    """
    if webhook.secret_sealed:
        sealed, previous, until = (
            webhook.secret_sealed,
            webhook.previous_secret_sealed,
            webhook.previous_secret_expires_at,
        )
    else:
        if shared is None:
            raise SealBroken("Neither the webhook nor its workspace has a secret; give one of them one.")
        sealed, previous, until = shared.sealed, shared.previous_sealed, shared.previous_expires_at
    still = previous and until is not None and until > now
    return [vault.open(sealed), *([vault.open(previous)] if still else [])]


def give_secret(webhook: Webhook, sealed: str, *, grace: timedelta, now: datetime) -> None:
    """Let a webhook sign with another secret from now on, and for ``grace`` with the old one too."""
    old = webhook.secret_sealed
    lasts = grace > timedelta() and old != ""
    webhook.previous_secret_sealed = old if lasts else ""
    webhook.previous_secret_expires_at = now + grace if lasts else None
    webhook.secret_sealed = sealed


async def workspace_secret(session: AsyncSession, who: Principal) -> WorkspaceSecret:
    """Return the secret of the principal's workspace and mode; raise ``NotFound`` when it has none."""
    row = await repository.workspace_secret(session, who)
    if row is None:
        raise NotFound("This workspace has no webhook secret yet. POST /v1/workspace/webhook-secret makes one.")
    return row


async def set_workspace_secret(
    session: AsyncSession,
    vault: Vault,
    who: Principal,
    *,
    secret: str | None,
    name: str | None,
    grace: timedelta,
    now: datetime,
) -> NewSecret:
    """Make or replace the workspace's secret; the old one is gone, or signs beside it for ``grace``."""
    secret = secret or new_secret()
    row = await repository.workspace_secret(session, who, lock=True)
    if row is None:
        row = WorkspaceSecret(
            workspace_id=who.workspace_id,
            livemode=who.livemode,
            account_id=who.account_id,
            name=name or "Webhook secret",
            previous_sealed="",
            created_at=now,
        )
        session.add(row)
    else:
        lasts = grace > timedelta()
        row.previous_sealed, row.previous_expires_at = (row.sealed, now + grace) if lasts else ("", None)
        row.name, row.rotated_at = name or row.name, now
    row.sealed, row.last4 = vault.seal(secret), secret[-4:]
    await session.flush()
    return NewSecret(row, secret)


async def remove_workspace_secret(session: AsyncSession, who: Principal) -> None:
    """Take the workspace's secret away; raise ``Conflict`` while webhooks sign with it."""
    row = await workspace_secret(session, who)
    needing = await repository.webhooks_without_secret(session, who)
    if needing:
        raise Conflict(
            f"{len(needing)} webhooks sign with this secret: {', '.join(needing[:5])}. Give them a secret of their "
            "own first, or rotate this one.",
            code="secret_in_use",
        )
    await session.delete(row)
