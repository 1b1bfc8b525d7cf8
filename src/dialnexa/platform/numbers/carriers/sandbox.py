"""The built-in carrier: numbers that reach this installation and nobody else, without an account anywhere.

In North America they are the ones set aside for fiction (555-0100 to 555-0199 in every area code); elsewhere they are
the numbering plan's example with other last digits. Calls to and from them stay on this machine, so they may belong to
somebody out there without ever disturbing them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from itertools import islice

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from dialnexa.kit import countries, phone
from dialnexa.kit.countries import LineKind, dial_code
from dialnexa.platform.numbers.carriers.port import Line, NumberKind, Offer, Price, Rental, Wanted

PRICED_AT = datetime(2026, 1, 1, tzinfo=UTC)
"""When the list below was made."""
_MONTHLY_USD: dict[NumberKind, float] = {"local": 1.0, "mobile": 1.5, "toll_free": 2.0}
_TYPES: dict[NumberKind, int] = {
    "local": PhoneNumberType.FIXED_LINE,
    "mobile": PhoneNumberType.MOBILE,
    "toll_free": PhoneNumberType.TOLL_FREE,
}
_FICTION = "55501"
"""What follows an area code in numbers that North America gives to nobody."""
_PEOPLE = frozenset({"+1650", "+1415"})
"""Area codes whose fictional numbers the built-in people and the first number have."""
_SHOWN = 500


class SandboxCatalogue:
    """Numbers out of thin air. Which are taken only the platform's own table knows."""

    provider = "sandbox"

    async def search(self, wanted: Wanted) -> list[Offer]:
        """Return numbers of a country, those of every kind unless one is asked for."""
        kinds = (wanted.kind,) if wanted.kind else tuple(_TYPES)
        found = (offer for kind in kinds for offer in _offers(wanted.country, kind, wanted.area))
        return list(islice(found, _SHOWN))

    async def offer(self, e164: str) -> Offer | None:
        """Return a number as offered, if it is one of the sandbox's."""
        country = phone.country_of(e164)
        if country is None:
            return None
        national = e164[len(dial_code(country)) :]
        found = (one for kind in _TYPES for one in _offers(country, kind, national) if one.e164 == e164)
        return next(found, None)

    async def buy(self, e164: str, order: str) -> Rental | None:
        """Rent a number; there is nobody who could refuse."""
        return await self.find(e164, order)

    async def find(self, e164: str, order: str) -> Rental | None:
        """Return the rental of a number of the sandbox."""
        found = await self.offer(e164)
        return Rental(e164, found.monthly_usd) if found else None

    async def release(self, e164: str, ref: str) -> None:
        """Give a number back: it needs no telling."""

    async def prices(self) -> list[Price]:
        """Return the price of a local number in every country the sandbox has numbers of."""
        served = [one.iso for one in countries.countries() if _stem(one.iso, "local")]
        return [Price(country, _MONTHLY_USD["local"], PRICED_AT) for country in served]

    def line(self) -> Line:
        """Return the way to the built-in people. A softphone on this machine may call over it."""
        return Line("127.0.0.1", sources=("127.0.0.1/32",), is_sandbox=True)

    async def check(self) -> str:
        """Say yes: it is here."""
        return "the sandbox is built in"


def _offers(country: str, kind: NumberKind, area: str) -> Iterator[Offer]:
    """Return the numbers of one kind whose national digits begin with, or are, ``area``."""
    known = countries.country(country)
    if known is None:
        return
    wanted = f"{dial_code(known.iso)}{area}"
    for stem in _stems(known.iso, kind):
        if stem.startswith(wanted) or wanted.startswith(stem):
            for last in range(100):
                e164 = f"{stem}{last:02}"
                if e164.startswith(wanted):
                    yield Offer(e164, known.iso, kind, _MONTHLY_USD[kind])


@cache
def _stems(country: str, kind: NumberKind) -> tuple[str, ...]:
    """Return what numbers of this kind begin with, but for their last two digits."""
    if dial_code(country) != "+1":
        stem = _stem(country, kind)
        return (stem,) if stem else ()
    lines = {"local": LineKind.LANDLINE, "toll_free": LineKind.TOLL_FREE}
    if kind not in lines:
        return ()
    areas = (area for area in countries.prefixes(country, lines[kind]) if area not in _PEOPLE)
    stems = (f"{area}{_FICTION}" for area in areas if len(area) == len("+1650"))
    return tuple(stem for stem in stems if phone.country_of(f"{stem}00") == country)


@cache
def _stem(country: str, kind: NumberKind) -> str | None:
    example = phonenumbers.example_number_for_type(country, _TYPES[kind])
    return phonenumbers.format_number(example, PhoneNumberFormat.E164)[:-2] if example else None
