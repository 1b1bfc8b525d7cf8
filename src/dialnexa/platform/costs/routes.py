"""Prices over HTTP. What calls cost is told where calls are."""

from __future__ import annotations

from typing import Annotated

from dialnexa.platform.costs import service
from dialnexa.platform.costs.schemas import PriceListIn, PriceListOut, PricesOut
from dialnexa.platform.http import Db, Now, Principal, Requires, Router

router = Router(tags=["Prices"])

Reader = Annotated[Principal, Requires("prices:read")]
Writer = Annotated[Principal, Requires("prices:write")]


@router.get("/prices", summary="Get the prices")
async def get_prices(who: Reader, database: Db, now: Now) -> PricesOut:
    """Return the prices that count now, and all that were or will be. Without any, everything costs nothing."""
    async with database.read() as session:
        current = await service.prices_at(session, who.workspace_id, now)
        known = [PriceListOut.of(prices) for prices in await service.history(session, who.workspace_id)]
    if current is None:
        nothing = {"id": None, "currency": service.DEFAULT_CURRENCY, "valid_from": None, "created_at": None}
        return PricesOut.model_validate({**nothing, "rates": [], "history": known})
    return PricesOut.model_validate({**PriceListOut.of(current).model_dump(), "history": known})


@router.put("/prices", summary="Set the prices")
async def put_prices(body: PriceListIn, who: Writer, database: Db, now: Now) -> PriceListOut:
    """Replace all prices, now or from a later moment on. Calls placed before keep the prices of their day."""
    async with database.write() as session:
        return PriceListOut.of(await service.set_prices(session, who, body, now=now))
