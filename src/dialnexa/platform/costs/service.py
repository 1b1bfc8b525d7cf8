"""The rules of costs: price lists are added, never changed, and a call costs what the list of its day says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.clock import iso
from dialnexa.kit.errors import BadRequest
from dialnexa.kit.ids import new_id
from dialnexa.platform.costs import repository
from dialnexa.platform.costs.models import PriceList
from dialnexa.platform.costs.pricing import Talk, millionths, price
from dialnexa.platform.costs.repository import Group, Period
from dialnexa.platform.costs.schemas import CostLine, CostOut, PriceListIn, Rate
from dialnexa.platform.costs.usage import Usage
from dialnexa.platform.tenancy.principal import Principal

DEFAULT_CURRENCY = "USD"
"""Of workspaces that set no prices: everything costs nothing."""
_HISTORY = 200


async def set_prices(session: AsyncSession, who: Principal, body: PriceListIn, *, now: datetime) -> PriceList:
    """Add a price list. Raises ``BadRequest`` for one that would begin in the past: old calls keep their price."""
    begins = body.valid_from or now
    if begins < now:
        raise BadRequest(
            [f"valid_from must not lie in the past (it is {iso(now)} now): calls keep the prices of their day"]
        )
    who.may_change(live=True, what="prices")
    prices = PriceList(
        id=new_id("price"),
        workspace_id=who.workspace_id,
        account_id=who.account_id,
        currency=body.currency,
        rates=[rate.model_dump(mode="json", exclude_none=True) for rate in body.rates],
        valid_from=begins,
        created_by=who.key_id,
        created_at=now,
    )
    session.add(prices)
    await session.flush()
    return prices


async def prices_at(session: AsyncSession, workspace_id: str, moment: datetime) -> PriceList | None:
    """Return the price list of a moment; ``None`` before the first one."""
    return await repository.valid_at(session, workspace_id, moment)


async def history(session: AsyncSession, workspace_id: str) -> Sequence[PriceList]:
    """Return the price lists, the latest first."""
    return await repository.all_lists(session, workspace_id, _HISTORY)


async def cost_of(
    session: AsyncSession, workspace_id: str, usage: Usage, talk: Talk, *, placed_at: datetime
) -> CostOut:
    """Return what a call costs at the prices of the moment it was placed."""
    prices = await repository.valid_at(session, workspace_id, placed_at)
    if prices is None:
        return price(usage, talk, (), DEFAULT_CURRENCY)
    rates = [Rate.model_validate(rate) for rate in prices.rates]
    return price(usage, talk, rates, prices.currency, prices.id)


def rows_of(call_id: str, cost: CostOut, **columns: object) -> list[dict[str, object]]:
    """Return the rows of ``call_costs``; ``columns`` are those that are the same in each."""
    by_component: dict[str, int] = {}
    for line in cost.components:
        by_component[line.component] = by_component.get(line.component, 0) + millionths(line.amount)
    return [
        {"call_id": call_id, "component": component, "currency": cost.currency, "millionths": amount, **columns}
        for component, amount in by_component.items()
        if amount
    ]


async def lines(session: AsyncSession, period: Period, group: Group | None) -> list[CostLine]:
    """Return what the calls of a period cost, by group, each currency apart."""
    found = await repository.sums(session, period, group)
    return [CostLine(group=name, currency=currency, total=amount / 1_000_000) for name, currency, amount in found]
