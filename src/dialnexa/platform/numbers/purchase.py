"""Renting numbers: asked for, waited for, paid by the month, given back (contract B.9, B.15).

A number is written down as pending before its carrier is asked, and as active once it has said yes, so a crash in
between leaves nothing that ``mend`` could not bring to its end by asking the carrier again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit import phone
from dialnexa.kit.errors import BadRequest, NotFound
from dialnexa.kit.ids import new_id
from dialnexa.platform.database import Database
from dialnexa.platform.numbers import repository, service
from dialnexa.platform.numbers.carriers.port import CarrierCatalogue, Offer, Rental, Wanted
from dialnexa.platform.numbers.models import PhoneNumber, SipTrunk
from dialnexa.platform.tenancy import kyc, wallet
from dialnexa.platform.tenancy.idempotency import undo
from dialnexa.platform.tenancy.principal import Principal
from dialnexa.platform.tenancy.terms import Terms

MONTH = timedelta(days=30)
KEPT_BACK = timedelta(days=30)
"""How long an expired number waits for its workspace before others may have it."""
_UNFINISHED = timedelta(minutes=2)
_LOOPBACK = "127.0.0.1/32"

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


@dataclass(frozen=True, slots=True)
class Market:
    """Who rents numbers out here, and on which terms."""

    carrier: CarrierCatalogue
    terms: Terms


async def available(database: Database, carrier: CarrierCatalogue, wanted: Wanted, *, livemode: bool) -> list[Offer]:
    """Return the carrier's numbers that nobody of this installation has."""
    offers = await carrier.search(wanted)
    async with database.read() as session:
        taken = await repository.taken(session, [offer.e164 for offer in offers], livemode=livemode)
    return [offer for offer in offers if offer.e164 not in taken]


async def buy(database: Database, market: Market, who: Principal, order: Order, *, now: datetime) -> PhoneNumber:
    """Rent a number and put it to use.

    Raises ``BadRequest`` for one the carrier does not have (any more), ``Conflict`` when somebody of this installation
    has it, ``Forbidden`` before verification, ``PaymentRequired`` when the wallet does not pay for the first month.
    """
    if order.country and order.country != phone.country_of(order.e164):
        raise BadRequest(f"{order.e164} is no number of {order.country}.")
    async with database.read() as session:
        await kyc.require(session, market.terms.verification, who.workspace_id, order.e164)
    offer = await market.carrier.offer(order.e164)
    async with database.write() as session:
        number = await _reserve(session, market, who, order, offer, now=now)
    rental = await market.carrier.buy(order.e164)
    async with database.write() as session:
        settled = await _settle(session, market, number.id, rental, now=now)
    if settled is None:
        raise BadRequest(f"{order.e164} is gone: somebody else was faster. Take another one.")
    return settled


async def give_back(database: Database, market: Market, who: Principal, number_id: str, *, now: datetime) -> None:
    """Give a number up, and back to its carrier if it has one here. The default number cannot go (409)."""
    async with database.write() as session:
        number = await service.get_to_change(session, who, number_id)
        rented = number.provider == market.carrier.provider
        e164, ref = number.e164, number.carrier_ref or ""
        await service.delete(session, who, number_id, now=now)
    if rented:
        await market.carrier.release(e164, ref)


async def sweep(database: Database, market: Market, *, now: datetime) -> None:
    """Bring rentals forward: finish what a crash left pending, renew what is due, let go what nobody pays for."""
    async with database.read() as session:
        pending = await repository.pending_since(session, now - _UNFINISHED, market.carrier.provider)
    for number in pending:
        rental = await market.carrier.find(number.e164)
        async with database.write() as session:
            settled = await _settle(session, market, number.id, rental, now=now)
        log.info("a purchase that was cut off is settled", number=number.e164, ours=settled is not None)
    async with database.write() as session:
        for number in await repository.rentals_due(session, now):
            await _renew_or_expire(session, market, number, now)
        for number in await repository.expired_since(session, now - KEPT_BACK):
            number.rental_status, number.updated_at = "available_for_reassignment", now


async def _reserve(
    session: AsyncSession, market: Market, who: Principal, order: Order, offer: Offer | None, *, now: datetime
) -> PhoneNumber:
    await _take_over(session, order.e164, livemode=who.livemode, now=now)
    await service.refuse_known(session, who, order.e164)
    if offer is None:
        raise BadRequest(
            f"{order.e164} cannot be rented from {market.carrier.provider}: it is gone, or of a country it does not "
            "serve. Look for others with GET /v1/organization-phone-numbers/available?country_iso=US."
        )
    if market.terms.billing:
        await wallet.require(session, who.workspace_id, offer.monthly_usd + offer.setup_usd)
    number = service.new_number(
        who, order.e164, await _trunk(session, who, now), provider=market.carrier.provider, now=now
    )
    number.status, number.country_code, number.kind = "pending", offer.country, offer.kind
    number.monthly_cost_usd, number.nickname = offer.monthly_usd, order.nickname
    if order.agent_id is not None:
        await service.assign_inbound(session, number, agent_id=order.agent_id)
    session.add(number)
    await session.flush()
    return number


async def _settle(
    session: AsyncSession, market: Market, number_id: str, rental: Rental | None, *, now: datetime
) -> PhoneNumber | None:
    """Write down what the carrier said; ``None`` when it said no. Of several processes that ask, the first writes."""
    number = await session.get(PhoneNumber, number_id, with_for_update=True)
    if number is None:
        raise NotFound(f"Phone number {number_id} not found.")
    if number.status != "pending":
        return number
    if rental is None:
        service.retire(number, now)
        number.status = "unavailable"
        await undo(session)
        return None
    number.status, number.carrier_ref, number.monthly_cost_usd = repository.ACTIVE, rental.ref, rental.monthly_usd
    number.rental_expires_at = now + MONTH
    _pay(session, market, number, now)
    await session.flush()
    return number


async def _renew_or_expire(session: AsyncSession, market: Market, number: PhoneNumber, now: datetime) -> None:
    cost = number.monthly_cost_usd or 0.0
    paid = not market.terms.billing or await wallet.balance(session, number.workspace_id) >= wallet.micros(cost)
    number.updated_at = now
    if number.auto_renew and paid:
        number.rental_expires_at = (number.rental_expires_at or now) + MONTH
        _pay(session, market, number, now)
    else:
        number.status, number.rental_status = "unavailable", "expired"
        log.info("rental_expired", number=number.e164, workspace=number.workspace_id)


def _pay(session: AsyncSession, market: Market, number: PhoneNumber, now: datetime) -> None:
    if market.terms.billing and number.monthly_cost_usd:
        owner = (number.workspace_id, number.account_id)
        wallet.spend(session, owner, "number", number.monthly_cost_usd, reference=number.id, note=number.e164, now=now)


async def _take_over(session: AsyncSession, e164: str, *, livemode: bool, now: datetime) -> None:
    """Take a number that was given up for others from the workspace that had it."""
    for number in await repository.by_e164(session, e164):
        if number.livemode == livemode and number.rental_status == "available_for_reassignment":
            service.retire(number, now)
            number.is_default = False
    await session.flush()


async def _trunk(session: AsyncSession, who: Principal, now: datetime) -> SipTrunk:
    """Return the workspace's way to the sandbox, making it for the first number that needs it."""
    found = await repository.sandbox_trunk(session, who.workspace_id)
    if found is None:
        found = new_sandbox_trunk(who, now)
        session.add(found)
        await session.flush()
    return found


def new_sandbox_trunk(who: Principal, now: datetime) -> SipTrunk:
    """Return a trunk to the built-in people, not yet stored. A softphone on this machine may call over it."""
    return SipTrunk(
        id=new_id("trunk"),
        workspace_id=who.workspace_id,
        account_id=who.account_id,
        name="Sandbox",
        host="127.0.0.1",
        auth_mode="ip",
        sources=[_LOOPBACK],
        is_sandbox=True,
        created_at=now,
        updated_at=now,
    )
