"""Twilio's API as far as numbers and trunks go, in the shapes of its reference."""

from __future__ import annotations

import base64
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.platform.numbers.carrier_server import Answer, Asked, CarrierServer, carrier_server

SID, TOKEN, TRUNK = f"AC{'1' * 32}", "t0ken", f"TK{'2' * 32}"
NUMBERS = f"/api/2010-04-01/Accounts/{SID}/IncomingPhoneNumbers"
_LOGIN = "Basic " + base64.b64encode(f"{SID}:{TOKEN}".encode()).decode()


@dataclass
class TwilioServer(CarrierServer):
    """The account: what it may buy, and owns."""

    available: list[str] = field(default_factory=lambda: ["+12125550123", "+12125550124", "+13125550111"])
    owned: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])

    def answer(self, asked: Asked) -> Answer:
        if asked.headers.get("authorization") != _LOGIN:
            return 401, _error(20003, "Authenticate", 401)
        path = asked.path
        if asked.method == "POST":
            return self._buy(asked.form) if path == f"{NUMBERS}.json" else self._change(path, asked.form)
        if asked.method == "DELETE":
            return self._give_up(path)
        if path == f"{NUMBERS}.json":
            mine = [one for e164, one in self.owned.items() if e164 == asked.query["PhoneNumber"]]
            return 200, {"incoming_phone_numbers": mine, "page": 0}
        return self._look(path, asked.query)

    def _look(self, path: str, query: dict[str, str]) -> Answer:
        if path.endswith("/AvailablePhoneNumbers/US/Local.json"):
            begins = query.get("Contains", "")
            return 200, {"available_phone_numbers": [_offer(one) for one in self.available if one.startswith(begins)]}
        match path.removeprefix("/").split("/"):
            case ["pricing", "v1", "PhoneNumbers", "Countries"]:
                return 200, {"countries": [{"country": "United States", "iso_country": "US"}], "meta": {}}
            case ["pricing", "v1", "PhoneNumbers", "Countries", "US"]:
                return 200, _prices()
            case ["trunking", "v1", "Trunks", sid] if sid == TRUNK:
                return 200, {"sid": sid, "friendly_name": "office", "domain_name": "acme.pstn.twilio.com"}
            case _:
                return 404, _error(20404, f"The requested resource {path} was not found", 404)

    def _buy(self, form: dict[str, str]) -> Answer:
        e164 = form["PhoneNumber"]
        if e164 not in self.available:
            return 400, _error(21422, f"{e164} is not available", 400)
        self.available.remove(e164)
        sid = f"PN{len(self.owned)}"
        number = {
            "sid": sid,
            "phone_number": e164,
            "friendly_name": form["FriendlyName"],
            "trunk_sid": form["TrunkSid"],
        }
        self.owned[e164] = number
        return 201, number

    def _change(self, path: str, form: dict[str, str]) -> Answer:
        number = next(one for one in self.owned.values() if path == f"{NUMBERS}/{one['sid']}.json")
        number["trunk_sid"] = form["TrunkSid"]
        return 200, number

    def _give_up(self, path: str) -> Answer:
        for e164, number in self.owned.items():
            if path == f"{NUMBERS}/{number['sid']}.json":
                del self.owned[e164]
                return 204, None
        return 404, _error(20404, "not found", 404)


def _offer(e164: str) -> dict[str, Any]:
    able = {"voice": True, "SMS": True, "MMS": False}
    return {"phone_number": e164, "iso_country": "US", "address_requirements": "none", "capabilities": able}


def _prices() -> dict[str, Any]:
    prices = [
        {"number_type": "local", "base_price": "1.30", "current_price": "1.15"},
        {"number_type": "toll free", "base_price": "2.15", "current_price": "2.15"},
    ]
    return {"country": "United States", "iso_country": "US", "price_unit": "USD", "phone_number_prices": prices}


def _error(code: int, message: str, status: int) -> dict[str, Any]:
    return {"code": code, "message": message, "status": status, "more_info": f"https://twilio.example/{code}"}


@contextmanager
def twilio() -> Generator[TwilioServer]:
    """Serve an account."""
    server = TwilioServer()
    with carrier_server(server.answer, server):
        yield server
