"""What a carrier's numbers cost by country: asked for country by country, several at once, and remembered for a day."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from dialnexa.kit.clock import Clock
from dialnexa.kit.errors import DialNexaError
from dialnexa.platform.numbers.carriers.api import Refusal
from dialnexa.platform.numbers.carriers.port import Price

log = structlog.get_logger(__name__)

_KEPT = timedelta(days=1)
_AT_ONCE = 8


class PriceBook:
    """Prices that must be asked for one by one. ``served`` lists countries, ``ask`` returns the price of one."""

    def __init__(
        self, clock: Clock, served: Callable[[], Awaitable[list[str]]], ask: Callable[[str], Awaitable[float | None]]
    ) -> None:
        self._clock = clock
        self._served = served
        self._ask = ask
        self._known: list[Price] = []
        self._asking = asyncio.Lock()

    async def prices(self) -> list[Price]:
        """Return every price the carrier tells; countries it cannot tell now are left out. Raises for none at all."""
        async with self._asking:
            if not self._known or self._clock.now() - self._known[0].since > _KEPT:
                self._known = await self._all()
            return self._known

    async def _all(self) -> list[Price]:
        now, turn = self._clock.now(), asyncio.Semaphore(_AT_ONCE)

        async def one(country: str) -> Price | None:
            async with turn:
                try:
                    usd = await self._ask(country)
                except (DialNexaError, Refusal) as error:
                    log.warning("price_not_told", country=country, reason=str(error))
                    return None
            return None if usd is None else Price(country, usd, now)

        found = await asyncio.gather(*map(one, sorted(await self._served())))
        return [price for price in found if price is not None]
