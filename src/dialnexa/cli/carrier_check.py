"""``dialnexa doctor`` on the carriers numbers are rented from: whether they know our keys and have the way to us."""

from __future__ import annotations

from dialnexa.api.carriers import configured
from dialnexa.cli.finding import Finding
from dialnexa.kit.clock import SystemClock
from dialnexa.kit.errors import DialNexaError
from dialnexa.kit.outgoing import Allowance, Outgoing
from dialnexa.platform.numbers.carriers.port import CarrierCatalogue
from dialnexa.settings import Settings


async def renting(settings: Settings) -> list[Finding]:
    """Ask every carrier there is an account with; nothing to tell when numbers come from the sandbox."""
    outgoing = Outgoing(Allowance.parse(settings.outgoing_allow))
    try:
        return [await _ask(carrier) for carrier in configured(settings, outgoing, SystemClock())]
    finally:
        await outgoing.aclose()


async def _ask(carrier: CarrierCatalogue) -> Finding:
    try:
        words = await carrier.check()
    except DialNexaError as error:
        return Finding("bad", carrier.provider, f"numbers cannot be rented: {error}")
    return Finding("good", carrier.provider, f"numbers can be rented: {words}")
