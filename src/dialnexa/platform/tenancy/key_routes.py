"""API keys over HTTP (contract B.10)."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from dialnexa.platform.http import Db, Listing, Now, Pages, Principal, Requires, Router, listing
from dialnexa.platform.tenancy import repository, scopes, service
from dialnexa.platform.tenancy.schemas import Done, KeyIn, KeyOut, KeyPatch, NewKeyOut, Regenerate, ScopeOut

router = Router(tags=["API keys"])

Reader = Annotated[Principal, Requires("api-keys:read")]
Writer = Annotated[Principal, Requires("api-keys:write")]


@router.post("/api-keys", status_code=201, summary="Make an API key")
async def create_key(body: KeyIn, who: Writer, database: Db, now: Now) -> NewKeyOut:
    """Make a key. Its secret is in this answer and nowhere else."""
    async with database.write() as session:
        wanted = body.request(livemode=who.livemode)
        new = await service.create_key(session, who.workspace_id, wanted, now=now, by=who)
        await service.replace_previous(session, new.key, expire_now=body.expire_now, now=now)
        return NewKeyOut.of_new(new, now)


@router.get("/api-keys", summary="List API keys")
async def list_keys(
    who: Reader,
    database: Db,
    page: Pages,
    now: Now,
    search: Annotated[str | None, Query(max_length=100, description="Part of the name.")] = None,
) -> Listing[KeyOut]:
    """List keys, newest first, with those that were revoked or have expired."""
    async with database.read() as session:
        part = await repository.keys(session, who.workspace_id, page, search)
    return listing([KeyOut.of(key, now) for key in part.items], part.total, page)


@router.get("/api-keys/scopes", summary="List scopes")
async def list_scopes(_who: Reader) -> list[ScopeOut]:
    """List what restricted keys can be allowed, by resource."""
    return [ScopeOut(scope=scope, description=description) for scope, description in scopes.every()]


@router.get("/api-keys/{key_id}", summary="Get an API key")
async def get_key(key_id: str, who: Reader, database: Db, now: Now) -> KeyOut:
    """Return one key, without its secret."""
    async with database.read() as session:
        return KeyOut.of(await service.key_of(session, who.workspace_id, key_id), now)


@router.patch("/api-keys/{key_id}", summary="Change an API key")
async def change_key(key_id: str, body: KeyPatch, who: Writer, database: Db, now: Now) -> KeyOut:
    """Rename a key, or change what it may do, from its next request on. Its type and mode stay as they are."""
    async with database.write() as session:
        return KeyOut.of(await service.change_key(session, who, key_id, body.columns(), now=now), now)


@router.post("/api-keys/{key_id}/regenerate", status_code=201, summary="Regenerate an API key")
async def regenerate_key(key_id: str, body: Regenerate, who: Writer, database: Db, now: Now) -> NewKeyOut:
    """Make a key that may do the same; the old one ends in 24 hours, or at once with `expire_now`."""
    async with database.write() as session:
        new = await service.regenerate_key(session, who, key_id, expire_now=body.expire_now, now=now)
        return NewKeyOut.of_new(new, now)


@router.delete("/api-keys/{key_id}", summary="Revoke an API key")
async def revoke_key(key_id: str, who: Writer, database: Db, now: Now) -> Done:
    """End a key at once. Calls that run are not cut."""
    async with database.write() as session:
        await service.revoke_key(session, who, key_id, now=now)
    return Done(message="API key revoked.", id=key_id)
