"""Renting numbers over HTTP: what there is, what it costs, and taking one (contract B.9)."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Depends, Query, Request

from dialnexa.kit import countries
from dialnexa.kit.errors import BadRequest
from dialnexa.platform.http import Db, Now, Pages, Principal, Requires, Router
from dialnexa.platform.numbers import purchase, repository
from dialnexa.platform.numbers.carriers.port import NumberKind, Wanted
from dialnexa.platform.numbers.purchase import Market
from dialnexa.platform.numbers.purchase_schemas import (
    OfferOut,
    OffersMeta,
    OffersOut,
    PriceOut,
    PurchaseIn,
    PurchaseOut,
)
from dialnexa.platform.numbers.schemas import NumberOut

router = Router(tags=["Phone numbers"])
pricing = Router(tags=["Phone numbers"])

Reader = Annotated[Principal, Requires("numbers:read")]
Writer = Annotated[Principal, Requires("numbers:write")]


def _market(request: Request) -> Market:
    return request.app.state.market


Renting = Annotated[Market, Depends(_market)]
_KINDS: dict[str, NumberKind] = {
    "tollfree": "toll_free",
    "toll_free": "toll_free",
    "local": "local",
    "mobile": "mobile",
}


@router.get("/available", summary="Look for numbers to rent")
@router.get("/plivo-numbers", summary="Look for numbers to rent (older name)")
async def search_numbers(
    who: Reader,
    database: Db,
    market: Renting,
    page: Pages,
    request: Request,
    country_iso: Annotated[str | None, Query(description="ISO 3166 code, such as US; required.")] = None,
    type: Annotated[Literal["local", "toll_free", "tollfree", "mobile"] | None, Query()] = None,
    area_code: Annotated[
        str, Query(pattern=r"^\d{0,10}$", description="National digits the numbers begin with, such as 212.")
    ] = "",
) -> OffersOut:
    """List numbers the carrier of this installation rents out and nobody has."""
    if not country_iso:
        raise BadRequest("country_iso is required")
    if countries.country(country_iso) is None:
        raise BadRequest("country_iso must be an ISO 3166 code of two letters, such as US")
    wanted = Wanted(country_iso.upper(), _KINDS[type] if type else None, area_code)
    found = await purchase.available(database, market.carrier, wanted, livemode=who.livemode)
    return OffersOut(
        api_id=getattr(request.state, "request_id", ""),
        provider=market.carrier.provider,
        objects=[OfferOut.of(offer) for offer in found[page.offset : page.offset + page.limit]],
        meta=OffersMeta(total_count=len(found), limit=page.limit, offset=page.offset),
    )


@router.post("/purchase", status_code=201, summary="Rent a phone number")
async def purchase_number(body: PurchaseIn, who: Writer, database: Db, market: Renting, now: Now) -> PurchaseOut:
    """Rent a number. It is active, and rings, as soon as this answers; `agent_id` says who takes its calls."""
    if body.provider is not None and body.provider.lower() != market.carrier.provider.lower():
        raise BadRequest(f"provider must be {market.carrier.provider}: that is the carrier of this installation.")
    number = await purchase.buy(database, market, who, body.order(), now=now)
    async with database.read() as session:
        answering = await repository.answering_agents(session, [number])
    return PurchaseOut.of_purchase(NumberOut.of(number, answering.get(number.id)))


@pricing.get("/phone-number-pricing", summary="List what numbers cost")
async def list_prices(_who: Reader, market: Renting) -> list[PriceOut]:
    """List the monthly price of a number in each country the carrier serves."""
    return [PriceOut.of(price, market.carrier) for price in market.carrier.prices()]
