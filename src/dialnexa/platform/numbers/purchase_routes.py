"""Renting numbers over HTTP: what there is, what it costs, and taking one (contract B.9)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Depends, Query, Request

from dialnexa.kit import countries
from dialnexa.kit.errors import BadRequest
from dialnexa.platform.http import Db, Now, Pages, Principal, Requires, Router
from dialnexa.platform.numbers import purchase, repository
from dialnexa.platform.numbers.carriers.port import NumberKind, Wanted
from dialnexa.platform.numbers.market import Market
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


async def _market(request: Request) -> Market:
    return request.app.state.market


Renting = Annotated[Market, Depends(_market)]
_NO_ANSWER: dict[int | str, dict[str, Any]] = {
    502: {
        "description": "The carrier cannot be reached, or is in trouble.",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }
}
_KINDS: dict[str, NumberKind] = {
    "tollfree": "toll_free",
    "toll_free": "toll_free",
    "local": "local",
    "mobile": "mobile",
}


@router.get("/available", summary="Look for numbers to rent", responses=_NO_ANSWER)
@router.get("/plivo-numbers", summary="Look for numbers to rent (older name)", responses=_NO_ANSWER)
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
    provider: Annotated[
        str | None, Query(description="Whose numbers; default: the carrier's of this installation.")
    ] = None,
) -> OffersOut:
    """List numbers the carrier of this installation rents out and nobody has."""
    if not country_iso:
        raise BadRequest("country_iso is required")
    if countries.country(country_iso) is None:
        raise BadRequest("country_iso must be an ISO 3166 code of two letters, such as US")
    wanted = Wanted(country_iso.upper(), _KINDS[type] if type else None, area_code)
    carrier = market.choose(who, provider)
    found = await purchase.available(database, carrier, wanted, livemode=who.livemode)
    return OffersOut(
        api_id=getattr(request.state, "request_id", ""),
        provider=carrier.provider,
        objects=[OfferOut.of(offer) for offer in found[page.offset : page.offset + page.limit]],
        meta=OffersMeta(total_count=len(found), limit=page.limit, offset=page.offset),
    )


@router.post("/purchase", status_code=201, summary="Rent a phone number", responses=_NO_ANSWER)
async def purchase_number(body: PurchaseIn, who: Writer, database: Db, market: Renting, now: Now) -> PurchaseOut:
    """Rent a number. It is active, and rings, as soon as this answers; `agent_id` says who takes its calls.

    Where the carrier takes longer it is `pending`, and becomes active by itself.
    """
    carrier = market.choose(who, body.provider)
    number = await purchase.buy(database, market, carrier, who, body.order(), now=now)
    async with database.read() as session:
        answering = await repository.answering_agents(session, [number])
    return PurchaseOut.of_purchase(NumberOut.of(number, answering.get(number.id)))


@pricing.get("/phone-number-pricing", summary="List what numbers cost", responses=_NO_ANSWER)
async def list_prices(who: Reader, market: Renting) -> list[PriceOut]:
    """List the monthly price of a number in each country the carrier serves."""
    carrier = market.choose(who)
    return [PriceOut.of(price, carrier) for price in await carrier.prices()]
