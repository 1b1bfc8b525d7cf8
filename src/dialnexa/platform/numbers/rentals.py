"""What goes on with rented numbers: purchases that were cut off, months that are over, numbers to be given back."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.clock import Clock
from dialnexa.kit.errors import DialNexaError
from dialnexa.platform.database import Database
from dialnexa.platform.numbers import market as markets
from dialnexa.platform.numbers import purchase, repository
from dialnexa.platform.numbers.market import Market
from dialnexa.platform.numbers.models import PhoneNumber
from dialnexa.platform.numbers.purchase import MONTH
from dialnexa.platform.tenancy import wallet

KEPT_BACK = timedelta(days=30)
"""How long an expired number waits for its workspace before others may have it."""
_UNFINISHED = timedelta(minutes=2)
"""After that, whoever asked the carrier has given up or died."""
_SWEEP_EVERY_S = 60.0

log = structlog.get_logger(__name__)


async def run(database: Database, market: Market, clock: Clock) -> None:
    """Bring rentals forward at once and each minute, until cancelled; every process of the API does."""
    while True:
        try:
            await sweep(database, market, now=clock.now())
        except (SQLAlchemyError, OSError) as error:
            log.warning("rentals_not_swept", error=repr(error))
        except Exception:  # whatever it was: a number must not stay pending, or be paid for, for ever
            log.exception("rentals_broke")
        await clock.sleep(_SWEEP_EVERY_S)


async def sweep(database: Database, market: Market, *, now: datetime) -> None:
    """Bring rentals forward: finish what a crash left pending, renew what is due, let go what nobody pays for."""
    async with database.read() as session:
        pending = await repository.pending_since(session, now - _UNFINISHED)
    for number in pending:
        await _finish(database, market, number, now)
    async with database.write() as session:
        await markets.align(session, market, now)
        for number in await repository.rentals_due(session, now):
            await _renew_or_expire(session, market, number, now)
        for number in await repository.expired_since(session, now - KEPT_BACK):
            number.rental_status, number.updated_at = "available_for_reassignment", now
            if market.of(number.provider) is not None:
                number.release_since = now  # its carrier charges for it until it has it back
    async with database.read() as session:
        returning = await repository.to_release(session)
    for number in returning:
        await purchase.release(database, market, number)


async def _finish(database: Database, market: Market, number: PhoneNumber, now: datetime) -> None:
    """Bring a purchase to its end, or leave it as it is while its carrier cannot say."""
    carrier = market.of(number.provider)
    if carrier is None:
        log.warning("purchase_not_settled", number=number.e164, reason=f"no account with {number.provider} any more")
        return
    try:
        rental = await carrier.find(number.e164, number.id)
    except DialNexaError as error:
        log.warning("purchase_not_settled", number=number.e164, reason=str(error))
        return
    if rental is not None and not rental.ready:
        return
    async with database.write() as session:
        settled = await purchase.settle(session, market, number.id, rental, now=now)
    log.info("purchase_settled", number=number.e164, ours=settled is not None)


async def _renew_or_expire(session: AsyncSession, market: Market, number: PhoneNumber, now: datetime) -> None:
    cost = number.monthly_cost_usd or 0.0
    paid = not market.terms.billing or await wallet.balance(session, number.workspace_id) >= wallet.micros(cost)
    number.updated_at = now
    if number.auto_renew and paid:
        number.rental_expires_at = (number.rental_expires_at or now) + MONTH
        purchase.pay(session, market, number, cost, now)
    else:
        number.status, number.rental_status = "unavailable", "expired"
        log.info("rental_expired", number=number.e164, workspace=number.workspace_id)
