"""Phone numbers over HTTP (contract B.9)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.platform.http import Db, Listing, Meta, Now, Pages, Principal, Requires, Router, listing
from dialnexa.platform.numbers import (
    purchase,
    purchase_routes,
    repository,
    service,
    telephony_routes,
    trunk_routes,
    trunk_service,
)
from dialnexa.platform.numbers.models import PhoneNumber
from dialnexa.platform.numbers.purchase_routes import Renting
from dialnexa.platform.numbers.schemas import NumberOut, NumberPatch, NumbersPage
from dialnexa.platform.tenancy.schemas import Done

_routes = Router(tags=["Phone numbers"])

Reader = Annotated[Principal, Requires("numbers:read")]
Writer = Annotated[Principal, Requires("numbers:write")]


@_routes.get("", summary="List phone numbers")
async def list_numbers(
    who: Reader,
    database: Db,
    page: Pages,
    country_code: Annotated[str | None, Query(description="ISO 3166 code, such as US.")] = None,
    type: Annotated[Literal["local", "toll_free", "mobile"] | None, Query()] = None,
) -> Listing[NumberOut] | NumbersPage:
    """List the workspace's numbers, newest first."""
    async with database.read() as session:
        part = await repository.numbers(session, who.workspace_id, page, country=country_code, kind=type)
        items = await _shown(session, part.items)
    if page.openapi_envelope:
        return NumbersPage.of(items, Meta.of(page, part.total))
    return listing(items, part.total, page)


@_routes.get("/{number_id}", summary="Get a phone number")
async def get_number(number_id: str, who: Reader, database: Db) -> NumberOut:
    """Return one number."""
    async with database.read() as session:
        return await _show(session, await service.get(session, who.workspace_id, number_id))


@_routes.patch("/{number_id}", summary="Change a phone number")
async def change_number(number_id: str, body: NumberPatch, who: Writer, database: Db, now: Now) -> NumberOut:
    """Assign agents, name the number, or make it the default. Assignments count from the next call on."""
    async with database.write() as session:
        number = await service.get_to_change(session, who, number_id)
        await _apply(session, number, body)
        number.updated_at = now
        await session.flush()
        return await _show(session, number)


@_routes.delete("/{number_id}", summary="Give a phone number up")
async def delete_number(number_id: str, who: Writer, database: Db, market: Renting, now: Now) -> Done:
    """Take a number away, and its trunk with the last number on it. Call records stay."""
    await purchase.give_back(database, market, who, number_id, now=now)
    return Done(message="Phone number deleted.", id=number_id)


router = APIRouter()
for part in (trunk_routes.router, purchase_routes.router, _routes):  # last, for their paths would read as numbers' ids
    router.include_router(part, prefix="/organization-phone-numbers")
    router.include_router(part, prefix="/phone-numbers", include_in_schema=False)
for part in (purchase_routes.pricing, telephony_routes.config, telephony_routes.rules):
    router.include_router(part)


async def _apply(session: AsyncSession, number: PhoneNumber, body: NumberPatch) -> None:
    given = body.model_fields_set
    if "inbound_agent_version_id" in given:
        await service.assign_inbound(session, number, version_id=body.inbound_agent_version_id)
    elif "agent_id" in given:
        await service.assign_inbound(session, number, agent_id=body.agent_id)
    if "outbound_agent_version_id" in given:
        await service.assign_outbound(session, number, body.outbound_agent_version_id)
    if "label" in given:
        number.label = body.label or None
    if "nickname" in given:
        number.nickname = body.nickname or None
    if body.auto_renew is not None:
        number.auto_renew = body.auto_renew
    if body.is_default:
        await repository.make_default(session, number)


async def _show(session: AsyncSession, number: PhoneNumber) -> NumberOut:
    return (await _shown(session, [number]))[0]


async def _shown(session: AsyncSession, found: Sequence[PhoneNumber]) -> list[NumberOut]:
    answering = await repository.answering_agents(session, found)
    registrations = await trunk_service.registrations_of(session, found)
    return [
        NumberOut.of(number, answering.get(number.id), registrations.get(number.trunk_id or "")) for number in found
    ]
