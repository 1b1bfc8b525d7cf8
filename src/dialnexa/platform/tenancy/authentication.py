"""One authenticator: a key comes in, a ``Principal`` goes out, and every failure is the same 401.

Keys are looked up for every request, so that revoking one counts at once; those that come together in one query.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import cast

from dialnexa.kit.errors import Unauthorized
from dialnexa.kit.secrets import sha256_hex
from dialnexa.kit.together import Together
from dialnexa.platform.database import Database
from dialnexa.platform.tenancy import repository
from dialnexa.platform.tenancy.models import ApiKey
from dialnexa.platform.tenancy.principal import KeyKind, Principal

_USE_NOTED_EVERY = timedelta(minutes=1)
"""Writing ``last_used_at`` on every request would cost a transaction each."""


class Authenticator:
    """Turns ``Authorization`` headers into principals."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        self._keys = Together(self._look_up)

    async def authenticate(self, authorization: str | None) -> Principal:
        """Return who holds the bearer key; raise ``Unauthorized`` when it is missing, unknown, expired or revoked."""
        scheme, _, secret = (authorization or "").partition(" ")
        secret = secret.strip()
        if scheme.lower() != "bearer" or not secret:
            raise refusal("Send your key as: Authorization: Bearer sk_live_...")
        found = await self._keys.ask(sha256_hex(secret))
        if found is None:
            raise refusal("No such API key")
        key, account_id = found
        now = self._now()
        check_usable(key, now)
        await self._note_use(key, now)
        return principal_of(key, account_id)

    async def _look_up(self, hashes: Sequence[str]) -> Sequence[tuple[ApiKey, str] | None]:
        async with self._database.read() as session:
            found = await repository.keys_by_hash(session, set(hashes))
        return [found.get(one) for one in hashes]

    async def _note_use(self, key: ApiKey, now: datetime) -> None:
        if key.last_used_at is not None and now - key.last_used_at < _USE_NOTED_EVERY:
            return
        async with self._database.write() as session:
            await repository.mark_used(session, key.id, now)


def check_usable(key: ApiKey, now: datetime) -> None:
    """Raise ``Unauthorized`` when a key was revoked or has expired."""
    if key.revoked_at is not None:
        raise refusal("This API key was revoked")
    if key.expires_at is not None and key.expires_at <= now:
        raise refusal("This API key has expired")


def principal_of(key: ApiKey, account_id: str) -> Principal:
    """Return what the holder of a key may see and do."""
    return Principal(
        workspace_id=key.workspace_id,
        account_id=account_id,
        key_id=key.id,
        livemode=key.livemode,
        kind=cast(KeyKind, key.kind),
        key_name=key.name,
        scopes=frozenset(key.scopes),
        allowed_agents=frozenset(key.allowed_agents),
        allowed_origins=frozenset(key.allowed_origins),
    )


def refusal(why: str) -> Unauthorized:
    """Return the one refusal there is: its body is always the same (contract B.2.1).

    The reason travels in the header made for it (RFC 6750).
    """
    challenge = f'Bearer realm="DialNexa", error="invalid_token", error_description="{why}"'
    return Unauthorized("Unauthorized", headers={"WWW-Authenticate": challenge})
