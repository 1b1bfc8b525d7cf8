"""Twilio: numbers by its REST API, calls over an Elastic SIP Trunk (twilio.com/docs/phone-numbers/api).

A number is bought in one request, under our id as its ``FriendlyName``: by that a purchase whose answer was lost is
found again. Numbers that Twilio sells only to an address on file are not offered, for there is none to send along.
"""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast
from urllib.parse import quote, urlencode

from dialnexa.kit import countries, phone
from dialnexa.kit.clock import Clock
from dialnexa.kit.countries import dial_code
from dialnexa.kit.errors import BadRequest
from dialnexa.kit.outgoing import Outgoing
from dialnexa.platform.numbers.carriers.api import CarrierApi, Json, Refusal, listed, usd
from dialnexa.platform.numbers.carriers.port import Line, NumberKind, Offer, Price, Rental, Wanted
from dialnexa.platform.numbers.carriers.prices import PriceBook

_SHOWN = "100"
_FORM = "application/x-www-form-urlencoded"
_PLACES: dict[NumberKind, str] = {"local": "Local", "mobile": "Mobile", "toll_free": "TollFree"}
_PRICED: dict[NumberKind, str] = {"local": "local", "mobile": "mobile", "toll_free": "toll free"}
_PRICES_KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class TwilioAccount:
    """The account an installation rents from, and the trunk its calls go over."""

    sid: str
    auth_token: str = field(repr=False)
    trunk_sid: str
    line: Line
    api_url: str = "https://{service}.twilio.com"


class Twilio:
    """Twilio as a carrier of numbers."""

    provider = "twilio"

    def __init__(self, account: TwilioAccount, outgoing: Outgoing, clock: Clock) -> None:
        self._account = account
        self._clock = clock
        login = base64.b64encode(f"{account.sid}:{account.auth_token}".encode()).decode()
        keys = "DIALNEXA_TWILIO_ACCOUNT_SID and DIALNEXA_TWILIO_AUTH_TOKEN"
        self._api = CarrierApi("Twilio", outgoing, clock, f"Basic {login}", keys)
        self._book = PriceBook(clock, self._served, self._local_price)
        self._costs: dict[str, tuple[datetime, dict[str, float]]] = {}

    async def search(self, wanted: Wanted) -> list[Offer]:
        """Return numbers of a country that can be rented now."""
        kinds = (wanted.kind,) if wanted.kind else tuple(_PLACES)
        begins = f"{dial_code(wanted.country)}{wanted.area}"
        query = {"VoiceEnabled": "true", "ExcludeAllAddressRequired": "true", "PageSize": _SHOWN}
        if wanted.area:
            query["Contains"] = begins  # a pattern that begins with + is looked for at the beginning
        found = await asyncio.gather(*(self._offers(wanted.country, kind, query) for kind in kinds))
        return [offer for offers in found for offer in offers if offer.e164.startswith(begins)]

    async def offer(self, e164: str) -> Offer | None:
        """Return a number as it is offered now."""
        country = phone.country_of(e164)
        if country is None:
            return None
        found = await self.search(Wanted(country, area=e164.removeprefix(dial_code(country))))
        return next((offer for offer in found if offer.e164 == e164), None)

    async def buy(self, e164: str, order: str) -> Rental | None:
        """Buy a number and put it on the trunk."""
        if (bought := await self.find(e164, order)) is not None:
            return bought
        form = {"PhoneNumber": e164, "FriendlyName": order, "TrunkSid": self._account.trunk_sid}
        try:
            number = await self._post(self._numbers(), form)
        except Refusal as refusal:
            if await self.offer(e164) is None:
                return None
            raise BadRequest(f"Twilio refused the order: {refusal.words or refusal.status}") from refusal
        return Rental(str(number.get("sid") or ""))

    async def find(self, e164: str, order: str) -> Rental | None:
        """Return the number that was bought under this order, on the trunk by then."""
        found = await self._api.get(self._numbers(), {"PhoneNumber": e164})
        ours = listed(found, "incoming_phone_numbers")
        number = next((one for one in ours if one.get("friendly_name") == order), None)
        if number is None:
            return None
        sid = str(number.get("sid") or "")
        if number.get("trunk_sid") != self._account.trunk_sid:
            await self._post(self._numbers(sid), {"TrunkSid": self._account.trunk_sid})
        return Rental(sid)

    async def release(self, e164: str, ref: str) -> None:
        """Give a number up; without its id there is nothing of ours to give up."""
        if ref:
            await self._api.delete(self._numbers(ref))

    async def prices(self) -> list[Price]:
        """Return what a number costs in every country Twilio has some of."""
        return await self._book.prices()

    def line(self) -> Line:
        """Return the way over the trunk."""
        return self._account.line

    async def check(self) -> str:
        """Look at the trunk that numbers are put on."""
        try:
            trunk = await self._api.get(self._url("trunking", "v1", "Trunks", self._account.trunk_sid))
        except Refusal as refusal:
            words = f"Twilio has no such trunk ({refusal.words}): check DIALNEXA_TWILIO_TRUNK_SID."
            raise BadRequest(words) from refusal
        domain, host = str(trunk.get("domain_name") or ""), self._account.line.host
        if domain and domain.split(".")[0] != host.split(".")[0]:
            raise BadRequest(f"That trunk's termination is {domain}, not {host}: check DIALNEXA_TWILIO_SIP_HOST.")
        return f"trunk {trunk.get('friendly_name') or self._account.trunk_sid} is there"

    # --- offers and prices -------------------------------------------------------------------------------------------

    async def _offers(self, country: str, kind: NumberKind, query: dict[str, str]) -> list[Offer]:
        place = self._account_url("AvailablePhoneNumbers", country, f"{_PLACES[kind]}.json")
        try:
            found = listed(await self._api.get(place, query), "available_phone_numbers")
        except Refusal:  # it has none of this kind there
            return []
        usd = (await self._cost(country)).get(_PRICED[kind]) if found else None
        if usd is None:
            return []
        offers = (_offer(one, country, kind, usd) for one in found)
        return [offer for offer in offers if offer is not None]

    async def _cost(self, country: str) -> dict[str, float]:
        """Return what numbers of a country cost a month by Twilio's name of their kind; in dollars or not at all."""
        known = self._costs.get(country)
        if known is not None and self._clock.now() - known[0] <= _PRICES_KEPT:
            return known[1]
        try:
            found = await self._api.get(self._url("pricing", "v1", "PhoneNumbers", "Countries", country))
        except Refusal:
            found = Json()
        dollars = str(found.get("price_unit") or "").upper() == "USD"
        told = listed(found, "phone_number_prices") if dollars else []
        costs = {str(one.get("number_type")): usd(one.get("current_price")) for one in told}
        self._costs[country] = (self._clock.now(), costs)
        return costs

    async def _served(self) -> list[str]:
        found = await self._api.get(self._url("pricing", "v1", "PhoneNumbers", "Countries"), {"PageSize": "500"})
        codes = (str(one.get("iso_country")) for one in listed(found, "countries"))
        return [code for code in codes if countries.country(code)]

    async def _local_price(self, country: str) -> float | None:
        costs = await self._cost(country)
        return costs.get("local", min(costs.values(), default=None))

    # --- requests ----------------------------------------------------------------------------------------------------

    async def _post(self, url: str, form: dict[str, str]) -> Json:
        return await self._api.send("POST", url, urlencode(form).encode(), _FORM)

    def _numbers(self, sid: str = "") -> str:
        return self._account_url(*(["IncomingPhoneNumbers", f"{sid}.json"] if sid else ["IncomingPhoneNumbers.json"]))

    def _account_url(self, *path: str) -> str:
        return self._url("api", "2010-04-01", "Accounts", self._account.sid, *path)

    def _url(self, service: str, *path: str) -> str:
        base = self._account.api_url.replace("{service}", service).rstrip("/")
        return "/".join([base, *(quote(part, safe="") for part in path)])


def _offer(one: Json, country: str, kind: NumberKind, usd: float) -> Offer | None:
    e164 = phone.to_e164(one.get("phone_number"))
    told = cast(Json, one.get("capabilities") or {})
    able = {name.lower() for name, is_so in told.items() if is_so}
    if e164 is None or "voice" not in able:
        return None
    return Offer(e164, country, kind, usd, sms="sms" in able, mms="mms" in able)
