"""Granted programs over HTTP: who acts with the workspace's keys, and the end of that."""

from __future__ import annotations

from typing import Annotated

from dialnexa.platform.http import Db, Listing, Now, Pages, Principal, Requires, Router, Secrets, listing
from dialnexa.platform.oauth import service
from dialnexa.platform.oauth.schemas import GrantOut
from dialnexa.platform.tenancy.schemas import Done

router = Router(tags=["API keys"])

Reader = Annotated[Principal, Requires("api-keys:read")]
Writer = Annotated[Principal, Requires("api-keys:write")]


@router.get("/oauth/grants", summary="List granted programs")
async def list_grants(who: Reader, database: Db, vault: Secrets, page: Pages, now: Now) -> Listing[GrantOut]:
    """List the programs that somebody let act as a key of the workspace over OAuth, newest first."""
    async with database.read() as session:
        part = await service.granted(session, who.workspace_id, page, now=now)
    return listing([GrantOut.of(granted, vault) for granted in part.items], part.total, page)


@router.delete("/oauth/grants/{grant_id}", summary="Take a grant back")
async def revoke_grant(grant_id: str, who: Writer, database: Db, now: Now) -> Done:
    """End what a program was granted: its tokens are worth nothing from now on. The key stays as it is."""
    async with database.write() as session:
        await service.take_back(session, who.workspace_id, grant_id, now=now)
    return Done(message="The program's grant was taken back.", id=grant_id)
