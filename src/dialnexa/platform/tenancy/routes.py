"""The workspace over HTTP: its name, its place, its wallet (contract I.2)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from dialnexa.platform.http import Db, Listing, Now, Pages, Principal, Requires, Router, listing
from dialnexa.platform.tenancy import audit_routes, key_routes, kyc_routes, service, telephony, wallet
from dialnexa.platform.tenancy.schemas import WalletEntryOut, WorkspaceIn, WorkspaceOut
from dialnexa.platform.tenancy.terms import Terms

workspace = Router(tags=["Workspace"])

Reader = Annotated[Principal, Requires("workspace:read")]
Writer = Annotated[Principal, Requires("workspace:write")]


async def _terms(request: Request) -> Terms:
    return request.app.state.terms


Demands = Annotated[Terms, Depends(_terms)]


class WalletOut(BaseModel):
    """A workspace's wallet."""

    billing: bool
    """Whether the operator bills at all; otherwise nothing is refused for want of money."""
    balance_usd: float
    entries: Listing[WalletEntryOut]


@workspace.get("/workspace", summary="Get the workspace")
async def get_workspace(who: Reader, database: Db, now: Now) -> WorkspaceOut:
    """Return the workspace the key belongs to."""
    async with database.read() as session:
        found = await service.workspace(session, who.workspace_id)
        return WorkspaceOut.of(found, await wallet.spent_today(session, found, now))


@workspace.patch("/workspace", summary="Change the workspace")
async def change_workspace(body: WorkspaceIn, who: Writer, database: Db, now: Now) -> WorkspaceOut:
    """Rename the workspace, or say where it is and what a day may cost."""
    who.may_change(live=True, what="the workspace")
    async with database.write() as session:
        found = await telephony.hold(session, who.workspace_id)
        given = body.model_fields_set
        found.name = body.name or found.name
        found.timezone = body.timezone or found.timezone
        if "default_country" in given:
            found.default_country = body.default_country
        if "daily_spend_cap_usd" in given:
            wallet.set_cap(found, body.daily_spend_cap_usd)
        await session.flush()
        return WorkspaceOut.of(found, await wallet.spent_today(session, found, now))


@workspace.get("/workspace/wallet", summary="Get the wallet")
async def get_wallet(who: Reader, database: Db, page: Pages, terms: Demands) -> WalletOut:
    """Return what is left, and what came and went, newest first. Only where the operator bills it matters."""
    async with database.read() as session:
        part = await wallet.entries(session, who.workspace_id, page)
        left = await wallet.balance(session, who.workspace_id)
    entries = listing([WalletEntryOut.of(entry) for entry in part.items], part.total, page)
    return WalletOut(billing=terms.billing, balance_usd=wallet.dollars(left), entries=entries)


router = APIRouter()
for part in (workspace, key_routes.router, kyc_routes.router, audit_routes.router):
    router.include_router(part)
