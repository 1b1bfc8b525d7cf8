"""Telnyx: numbers by its API v2, calls over one of its SIP connections (developers.telnyx.com).

An order carries our id as its ``customer_reference``, and is looked for by it before another is made: so a purchase
whose answer was lost is found again instead of being made twice.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import quote

from dialnexa.kit import countries, phone
from dialnexa.kit.clock import Clock
from dialnexa.kit.countries import dial_code
from dialnexa.kit.errors import BadRequest
from dialnexa.kit.outgoing import Outgoing
from dialnexa.platform.numbers.carriers.api import CarrierApi, Json, Refusal, listed, usd
from dialnexa.platform.numbers.carriers.port import Line, NumberKind, Offer, Price, Rental, Wanted
from dialnexa.platform.numbers.carriers.prices import PriceBook

_SHOWN = 100
_AREA_CODE = 3
"""Digits of an area code in North America, which Telnyx searches by itself."""
_JSON = "application/json"
_LOOKS = 5
_LOOK_EVERY_S = 1.0
"""A number without papers is ours within a second or two of its order."""


@dataclass(frozen=True, slots=True)
class TelnyxAccount:
    """The account an installation rents from, and the connection its calls go over."""

    api_key: str = field(repr=False)
    connection_id: str
    line: Line
    api_url: str = "https://api.telnyx.com/v2"


class Telnyx:
    """Telnyx as a carrier of numbers."""

    provider = "telnyx"

    def __init__(self, account: TelnyxAccount, outgoing: Outgoing, clock: Clock) -> None:
        self._account = account
        self._clock = clock
        key = f"Bearer {account.api_key}"
        self._api = CarrierApi("Telnyx", outgoing, clock, key, "DIALNEXA_TELNYX_API_KEY")
        self._book = PriceBook(clock, self._served, self._price)

    async def search(self, wanted: Wanted) -> list[Offer]:
        """Return numbers of a country that can be rented now."""
        given = {"filter[country_code]": wanted.country, "filter[limit]": str(_SHOWN)}
        if wanted.kind is not None:
            given["filter[phone_number_type]"] = wanted.kind
        beginning = wanted.area
        if dial_code(wanted.country) == "+1" and len(beginning) >= _AREA_CODE:
            given["filter[national_destination_code]"] = beginning[:_AREA_CODE]
            beginning = beginning[_AREA_CODE:]
        if beginning:
            given["filter[phone_number][starts_with]"] = beginning
        found = await self._offers(wanted.country, given, wanted.kind)
        begins = f"{dial_code(wanted.country)}{wanted.area}"
        return [offer for offer in found if offer.e164.startswith(begins) and wanted.kind in (None, offer.kind)]

    async def offer(self, e164: str) -> Offer | None:
        """Return a number as it is offered now."""
        country = phone.country_of(e164)
        if country is None:
            return None
        found = await self.search(Wanted(country, area=e164.removeprefix(dial_code(country))))
        return next((offer for offer in found if offer.e164 == e164), None)

    async def buy(self, e164: str, order: str) -> Rental | None:
        """Order a number and wait a few seconds for it."""
        made = await self._order(order) or await self._make_order(e164, order)
        for _ in range(_LOOKS):
            if made is None or made.get("status") != "pending":
                break
            await self._clock.sleep(_LOOK_EVERY_S)
            made = await self._order(order)
        return await self._outcome(e164, made)

    async def find(self, e164: str, order: str) -> Rental | None:
        """Return what became of an order."""
        return await self._outcome(e164, await self._order(order))

    async def release(self, e164: str, ref: str) -> None:
        """Delete a number from the account."""
        number_id = ref or str((await self._number(e164) or {}).get("id") or "")
        if number_id:
            await self._api.delete(self._url("phone_numbers", number_id))

    async def prices(self) -> list[Price]:
        """Return what a number costs in every country Telnyx has some of."""
        return await self._book.prices()

    def line(self) -> Line:
        """Return the way over the connection."""
        return self._account.line

    async def check(self) -> str:
        """Look at the connection that numbers are put on."""
        try:
            found = (await self._api.get(self._url("connections", self._account.connection_id))).get("data")
        except Refusal as refusal:
            words = f"Telnyx has no such connection ({refusal.words}): check DIALNEXA_TELNYX_CONNECTION_ID."
            raise BadRequest(words) from refusal
        connection = cast(Json, found) if isinstance(found, dict) else {}
        if connection.get("active") is False:
            raise BadRequest(f"The connection {connection.get('connection_name')} at Telnyx is switched off.")
        return f"connection {connection.get('connection_name') or self._account.connection_id} is active"

    # --- orders ------------------------------------------------------------------------------------------------------

    async def _order(self, order: str) -> Json | None:
        found = await self._api.get(self._url("number_orders"), {"filter[customer_reference]": order})
        return next((one for one in listed(found, "data") if one.get("customer_reference") == order), None)

    async def _make_order(self, e164: str, order: str) -> Json | None:
        wanted = {
            "phone_numbers": [{"phone_number": e164}],
            "connection_id": self._account.connection_id,
            "customer_reference": order,
        }
        try:
            made = await self._api.send("POST", self._url("number_orders"), json.dumps(wanted).encode(), _JSON)
        except Refusal as refusal:
            if await self.offer(e164) is None:
                return None
            raise BadRequest(f"Telnyx refused the order: {refusal.words or refusal.status}") from refusal
        return cast(Json, made.get("data") or {})

    async def _outcome(self, e164: str, made: Json | None) -> Rental | None:
        if made is None or made.get("status") in {"failure", "failed", "cancelled"}:
            return None
        number = await self._number(e164)
        if number is None or made.get("status") == "pending" or number.get("status") != "active":
            return Rental("", ready=False)
        number_id = str(number.get("id") or "")
        if str(number.get("connection_id") or "") != self._account.connection_id:
            there = json.dumps({"connection_id": self._account.connection_id}).encode()
            await self._api.send("PATCH", self._url("phone_numbers", number_id), there, _JSON)
        return Rental(number_id)

    async def _number(self, e164: str) -> Json | None:
        found = await self._api.get(self._url("phone_numbers"), {"filter[phone_number]": e164.lstrip("+")})
        return next((one for one in listed(found, "data") if one.get("phone_number") == e164), None)

    # --- offers and prices -------------------------------------------------------------------------------------------

    async def _offers(self, country: str, query: dict[str, str], kind: NumberKind | None = None) -> list[Offer]:
        try:
            found = await self._api.get(self._url("available_phone_numbers"), query)
        except Refusal:  # a country or an area it knows nothing of
            return []
        offers = (_offer(one, country, kind) for one in listed(found, "data"))
        return [offer for offer in offers if offer is not None]

    async def _served(self) -> list[str]:
        found = (await self._api.get(self._url("country_coverage"))).get("data")
        told = cast(Json, found) if isinstance(found, dict) else {}
        every = (cast(Json, one) for one in told.values() if isinstance(one, dict))
        return [str(one["code"]) for one in every if one.get("numbers") and countries.country(str(one.get("code")))]

    async def _price(self, country: str) -> float | None:
        offers = await self._offers(country, {"filter[country_code]": country, "filter[limit]": "1"})
        return offers[0].monthly_usd if offers else None

    def _url(self, *path: str) -> str:
        return "/".join([self._account.api_url.rstrip("/"), *(quote(part, safe="") for part in path)])


def _offer(one: Json, country: str, kind: NumberKind | None) -> Offer | None:
    """Read a number that is offered; ``None`` for what cannot be called, or is not priced in dollars."""
    e164 = phone.to_e164(one.get("phone_number"))
    cost = cast(Json, one.get("cost_information") or {})
    features = _features(one.get("features"))
    if e164 is None or cost.get("currency", "USD") != "USD" or (features and "voice" not in features):
        return None
    return Offer(
        e164,
        country,
        cast(NumberKind, kind or phone.kind_of(e164)),
        usd(cost.get("monthly_cost")),
        usd(cost.get("upfront_cost")),
        sms="sms" in features,
        mms="mms" in features,
    )


def _features(named: object) -> frozenset[str]:
    found = cast(list[object], named) if isinstance(named, list) else list[object]()
    return frozenset(str(cast(Json, one).get("name")) if isinstance(one, dict) else str(one) for one in found)
