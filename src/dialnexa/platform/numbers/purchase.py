"""Renting numbers: asked for, waited for, paid for the first month, given back (contract B.9, B.15).

A number is written down as pending before its carrier is asked, under the id that the order carries, and as active once
the carrier has said yes. So a crash in between leaves nothing that ``rentals`` could not bring to its end by asking the
carrier again; and a number that is given up stays noted until its carrier has taken it back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit import phone
from dialnexa.kit.errors import BadGateway, BadRequest, Conflict, DialNexaError, NotFound
from dialnexa.platform.database import Database
from dialnexa.platform.numbers import market as markets
from dialnexa.platform.numbers import repository, service
from dialnexa.platform.numbers.carriers.port import CarrierCatalogue, Offer, Rental, Wanted
from dialnexa.platform.numbers.market import Market
from dialnexa.platform.numbers.models import PhoneNumber
from dialnexa.platform.tenancy import kyc, wallet
from dialnexa.platform.tenancy.idempotency import undo
from dialnexa.platform.tenancy.principal import Principal

MONTH = timedelta(days=30)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Order:
    """A number somebody wants to rent."""

    e164: str
    country: str | None = None
    """What country they think it is of."""
    nickname: str | None = None
    agent_id: str | None = None
    """Who is to answer."""


async def available(database: Database, carrier: CarrierCatalogue, wanted: Wanted, *, livemode: bool) -> list[Offer]:
    """Return the carrier's numbers that nobody of this installation has."""
    offers = await carrier.search(wanted)
    async with database.read() as session:
        taken = await repository.taken(session, [offer.e164 for offer in offers], livemode=livemode)
    return [offer for offer in offers if offer.e164 not in taken]


async def buy(
    database: Database, market: Market, carrier: CarrierCatalogue, who: Principal, order: Order, *, now: datetime
) -> PhoneNumber:
    """Rent a number and put it to use; one the carrier still works on is returned pending.

    Raises ``BadRequest`` for one the carrier does not have (any more), ``Conflict`` when somebody of this installation
    has it, ``Forbidden`` before verification, ``PaymentRequired`` when the wallet does not pay for the first month, and
    what the carrier raises. After ``BadGateway`` the number stays pending until it is known what the carrier did.
    """
    if order.country and order.country != phone.country_of(order.e164):
        raise BadRequest(f"{order.e164} is no number of {order.country}.")
    async with database.read() as session:
        await kyc.require(session, market.terms.verification, who.workspace_id, order.e164)
        await _refuse_returning(session, order.e164)
    offer = await carrier.offer(order.e164)
    async with database.write() as session:
        number = await _reserve(session, market, carrier, who, order, offer, now=now)
    try:
        rental = await carrier.buy(order.e164, number.id)
    except BadGateway as error:
        words = f"{error} {order.e164} is pending meanwhile: what became of it will be known in a few minutes."
        raise BadGateway(words) from error
    except DialNexaError:
        async with database.write() as session:
            await settle(session, market, number.id, None, now=now)
        raise
    async with database.write() as session:
        settled = await settle(session, market, number.id, rental, now=now)
    if settled is None:
        raise BadRequest(f"{order.e164} is gone: somebody else was faster. Take another one.")
    return settled


async def give_back(database: Database, market: Market, who: Principal, number_id: str, *, now: datetime) -> None:
    """Give a number up, and back to its carrier if it is rented. The default number cannot go (409).

    A carrier that cannot take it now is asked again until it does.
    """
    async with database.write() as session:
        number = await service.get_to_change(session, who, number_id)
        if number.status == "pending":
            raise Conflict(f"{number.e164} is being bought. Wait until that is known, then give it up.")
        rented = market.of(number.provider) is not None
        await service.delete(session, who, number_id, now=now)
        if rented and number.rental_status != "available_for_reassignment":  # else it went back long ago
            number.release_since = now
        await markets.align(session, market, now)
        returning = number.release_since is not None
    if returning:
        await release(database, market, number)


async def release(database: Database, market: Market, number: PhoneNumber) -> bool:
    """Let a number's carrier take it back; return whether it has, and if so note that nothing is left to do."""
    carrier = market.of(number.provider)
    if carrier is None:
        log.warning("number_not_released", number=number.e164, reason=f"no account with {number.provider} any more")
        return False
    try:
        await carrier.release(number.e164, number.carrier_ref or "")
    except DialNexaError as error:
        log.warning("number_not_released", number=number.e164, reason=str(error))
        return False
    async with database.write() as session:
        await repository.released(session, number.id)
    return True


async def settle(
    session: AsyncSession, market: Market, number_id: str, rental: Rental | None, *, now: datetime
) -> PhoneNumber | None:
    """Write down what the carrier said; ``None`` when it said no. Of several processes that ask, the first writes."""
    number = await session.get(PhoneNumber, number_id, with_for_update=True)
    if number is None:
        raise NotFound(f"Phone number {number_id} not found.")
    if number.status != "pending" or (rental is not None and not rental.ready):
        return number
    if rental is None:
        service.retire(number, now)
        number.status = "unavailable"
        await undo(session)
        return None
    number.status, number.carrier_ref, number.updated_at = repository.ACTIVE, rental.ref, now
    if rental.monthly_usd is not None:
        number.monthly_cost_usd = rental.monthly_usd
    number.rental_expires_at = now + MONTH
    pay(session, market, number, (number.monthly_cost_usd or 0.0) + (number.setup_cost_usd or 0.0), now)
    await session.flush()
    return number


def pay(session: AsyncSession, market: Market, number: PhoneNumber, usd: float, now: datetime) -> None:
    """Take what a number costs out of the wallet, where the operator bills."""
    if market.terms.billing and usd:
        owner = (number.workspace_id, number.account_id)
        wallet.spend(session, owner, "number", usd, reference=number.id, note=number.e164, now=now)


async def _reserve(
    session: AsyncSession,
    market: Market,
    carrier: CarrierCatalogue,
    who: Principal,
    order: Order,
    offer: Offer | None,
    *,
    now: datetime,
) -> PhoneNumber:
    await _take_over(session, order.e164, livemode=who.livemode, now=now)
    await service.refuse_known(session, who, order.e164)
    await _refuse_returning(session, order.e164)
    if offer is None:
        raise BadRequest(
            f"{order.e164} cannot be rented from {carrier.provider}: it is gone, or of a country it does not "
            "serve. Look for others with GET /v1/organization-phone-numbers/available?country_iso=US."
        )
    if market.terms.billing:
        await wallet.require(session, who.workspace_id, offer.monthly_usd + offer.setup_usd)
    trunk = await markets.trunk_to(session, market, carrier, who, now)
    number = service.new_number(who, order.e164, trunk, provider=carrier.provider, now=now)
    number.status, number.country_code, number.kind = "pending", offer.country, offer.kind
    number.monthly_cost_usd, number.setup_cost_usd = offer.monthly_usd, offer.setup_usd or None
    number.nickname = order.nickname
    if order.agent_id is not None:
        await service.assign_inbound(session, number, agent_id=order.agent_id)
    session.add(number)
    await session.flush()
    return number


async def _refuse_returning(session: AsyncSession, e164: str) -> None:
    """Raise ``Conflict`` while a number is on its way back: buying and returning it at once would lose it."""
    if await repository.to_release(session, e164):
        raise Conflict(f"{e164} is being given back to its carrier. Try again in a few minutes, or take another one.")


async def _take_over(session: AsyncSession, e164: str, *, livemode: bool, now: datetime) -> None:
    """Take a number that was given up for others from the workspace that had it."""
    for number in await repository.by_e164(session, e164):
        if number.livemode == livemode and number.rental_status == "available_for_reassignment":
            service.retire(number, now)
            number.is_default = False
    await session.flush()
