"""The rules of tenancy: workspaces, keys that are shown once, and limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.errors import Conflict, Forbidden, NotFound
from dialnexa.kit.ids import new_id
from dialnexa.kit.secrets import new_secret, sha256_hex
from dialnexa.platform.tenancy import repository
from dialnexa.platform.tenancy.models import Account, ApiKey, Limit, Workspace
from dialnexa.platform.tenancy.principal import KeyKind, Principal
from dialnexa.platform.tenancy.scopes import includes

GRACE = timedelta(hours=24)
"""How long a replaced key goes on working, unless it is told to end at once (B.10)."""
_PREFIX: dict[KeyKind, str] = {"secret": "sk", "publishable": "pk", "restricted": "rk"}


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """A key to be made."""

    name: str
    kind: KeyKind = "secret"
    livemode: bool = True
    scopes: Sequence[str] = ()
    allowed_origins: Sequence[str] = ()
    allowed_agents: Sequence[str] = ()
    expires_at: datetime | None = None
    imported: str | None = field(default=None, repr=False)
    """A key string from elsewhere that shall go on working."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made, and its secret: this is the only time it can be seen."""

    key: ApiKey
    secret: str = field(repr=False)


async def create_workspace(session: AsyncSession, name: str, *, concurrency_limit: int, now: datetime) -> Workspace:
    """Make a workspace with its default accounts (live and test) and its limit."""
    workspace = Workspace(id=new_id("ws"), name=name, settings={}, created_at=now)
    session.add(workspace)
    await session.flush()
    for livemode in (True, False):
        session.add(
            Account(
                id=new_id("acct"),
                workspace_id=workspace.id,
                livemode=livemode,
                is_default=True,
                name=name,
                created_at=now,
                updated_at=now,
            )
        )
    session.add(Limit(scope=scope_of(workspace.id), workspace_id=workspace.id, max_concurrent=concurrency_limit))
    await session.flush()
    return workspace


async def workspace(session: AsyncSession, workspace_id: str) -> Workspace:
    """Return a workspace, or raise ``NotFound``."""
    found = await session.get(Workspace, workspace_id)
    if found is None:
        raise NotFound("Workspace not found.")
    return found


async def create_key(
    session: AsyncSession, workspace_id: str, wanted: KeyRequest, *, now: datetime, by: Principal | None = None
) -> NewKey:
    """Make a key. A test key cannot make a live one, nor a restricted one a key that may do more than itself."""
    _may_make(wanted, by)
    prefix = f"{_PREFIX[wanted.kind]}_{'live' if wanted.livemode else 'test'}"
    secret = wanted.imported or new_secret(prefix)
    digest = sha256_hex(secret)
    if wanted.imported and await repository.key_by_hash(session, digest) is not None:
        raise Conflict("This key is registered already.")
    key = ApiKey(
        id=new_id("key"),
        workspace_id=workspace_id,
        name=wanted.name,
        kind=wanted.kind,
        livemode=wanted.livemode,
        prefix="imported" if wanted.imported else prefix,
        last4=secret[-4:],
        sha256=digest,
        scopes=list(wanted.scopes),
        allowed_origins=list(wanted.allowed_origins),
        allowed_agents=list(wanted.allowed_agents),
        expires_at=wanted.expires_at,
        created_at=now,
    )
    session.add(key)
    await session.flush()
    return NewKey(key, secret)


async def key_of(session: AsyncSession, workspace_id: str, key_id: str) -> ApiKey:
    """Return a key of the workspace, or raise ``NotFound``."""
    key = await repository.key(session, workspace_id, key_id)
    if key is None:
        raise NotFound(f"API key {key_id} not found.")
    return key


async def change_key(
    session: AsyncSession, who: Principal, key_id: str, columns: Mapping[str, object], *, now: datetime
) -> ApiKey:
    """Change a key's name, or what it may do, from its next request on. What it is cannot be changed."""
    key = await key_of(session, who.workspace_id, key_id)
    _may_touch(key, who)
    if key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now):
        raise Conflict("This key no longer works, so there is nothing to change; make another one.")
    for column, value in columns.items():
        setattr(key, column, value)
    _may_touch(key, who)  # nor may it become more than the key that asks
    await session.flush()
    return key


async def regenerate_key(
    session: AsyncSession, who: Principal, key_id: str, *, expire_now: bool, now: datetime
) -> NewKey:
    """Make a new secret for a key: a key that may do the same, while the old one ends at once or in 24 hours."""
    old = await key_of(session, who.workspace_id, key_id)
    _may_touch(old, who)
    if old.revoked_at is not None:
        raise Conflict("This key was revoked; make another one with POST /v1/api-keys.")
    new = await create_key(session, who.workspace_id, _like(old), now=now, by=who)
    _let_end(old, expire_now=expire_now, now=now)
    return new


async def replace_previous(session: AsyncSession, new: ApiKey, *, expire_now: bool | None, now: datetime) -> None:
    """Let the key that ``new`` replaces end, at once or in 24 hours.

    That is the key of the same name; when the caller says outright what shall happen to the previous key, and none has
    that name, it is the newest of the same type and mode. So keys for different services can live side by side.
    """
    previous = await repository.previous_key(session, new, now=now, same_name=True)
    if previous is None and expire_now is not None:
        previous = await repository.previous_key(session, new, now=now, same_name=False)
    if previous is not None:
        _let_end(previous, expire_now=bool(expire_now), now=now)


async def revoke_key(session: AsyncSession, who: Principal, key_id: str, *, now: datetime) -> None:
    """End a key at once; calls that run go on. Revoking twice changes nothing. Test keys end test keys only."""
    key = await key_of(session, who.workspace_id, key_id)
    who.may_change(live=key.livemode, what="live keys")
    key.revoked_at = key.revoked_at or now


async def limit(session: AsyncSession, workspace_id: str) -> Limit:
    """Return the concurrency limit of a workspace."""
    row = await repository.limit(session, scope_of(workspace_id))
    if row is None:
        raise NotFound("This workspace has no concurrency limit.")
    return row


def scope_of(workspace_id: str) -> str:
    """Name the limit scope of a workspace."""
    return f"ws:{workspace_id}"


def _let_end(key: ApiKey, *, expire_now: bool, now: datetime) -> None:
    ends = now if expire_now else now + GRACE
    key.expires_at = min(key.expires_at or ends, ends)


def _like(key: ApiKey) -> KeyRequest:
    return KeyRequest(
        name=key.name,
        kind=cast(KeyKind, key.kind),
        livemode=key.livemode,
        scopes=key.scopes,
        allowed_origins=key.allowed_origins,
        allowed_agents=key.allowed_agents,
    )


def _may_touch(key: ApiKey, who: Principal) -> None:
    who.may_change(live=key.livemode, what="live keys")
    _may_make(_like(key), who)


def _may_make(wanted: KeyRequest, by: Principal | None) -> None:
    if by is None:
        return
    if wanted.livemode and not by.livemode:
        raise Forbidden("A test key cannot make live keys; use a live key.")
    if by.kind == "restricted" and not (wanted.kind == "restricted" and _covered(wanted.scopes, by.scopes)):
        raise Forbidden("A restricted key can only make restricted keys with scopes it has itself.")


def _covered(wanted: Sequence[str], held: frozenset[str]) -> bool:
    return all(includes(held, scope) for scope in wanted)
