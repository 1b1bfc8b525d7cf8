"""Telnyx's API as far as numbers go, in the shapes of its reference."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.platform.numbers.carrier_server import Answer, Asked, CarrierServer, carrier_server

KEY, CONNECTION = "KEY0123", "1293384261075731499"
OFFERED = ("+12125550123", "+12125550124", "+13125550111")


@dataclass
class TelnyxServer(CarrierServer):
    """The account: what it may order, has ordered, and owns."""

    available: list[str] = field(default_factory=lambda: list(OFFERED))
    orders: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    owned: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    slow: int = 0
    """How often an order is still pending when it is looked at."""

    def answer(self, asked: Asked) -> Answer:
        if asked.headers.get("authorization") != f"Bearer {KEY}":
            return 401, _error("10009", "Authentication failed", "The API key looks malformed.")
        parts = asked.path.removeprefix("/v2/").split("/")
        match asked.method, parts:
            case "GET", ["available_phone_numbers"]:
                return 200, {"data": self._search(asked.query), "meta": {"best_effort_results": 0}}
            case "POST", ["number_orders"]:
                return self._order(asked.json)
            case "GET", ["number_orders"]:
                return 200, {"data": self._orders(asked.query), "meta": {"total_results": len(self.orders)}}
            case "GET", ["phone_numbers"]:
                digits = asked.query.get("filter[phone_number]", "")
                assert digits.isdigit(), "other characters find nothing"
                return 200, {"data": [one for e164, one in self.owned.items() if digits in e164]}
            case "PATCH", ["phone_numbers", number_id]:
                number = next(one for one in self.owned.values() if one["id"] == number_id)
                number.update(asked.json)
                return 200, {"data": number}
            case "DELETE", ["phone_numbers", number_id]:
                return self._delete(number_id)
            case "GET", ["connections", connection]:
                if connection != CONNECTION:
                    return 404, _error("10005", "Resource not found", "The requested resource could not be found.")
                return 200, {"data": {"id": connection, "connection_name": "office", "active": True}}
            case "GET", ["country_coverage"]:
                return 200, {"data": {"United States": _country("US", True), "Afghanistan": _country("AF", False)}}
            case _:
                return 404, _error("10005", "Resource not found", asked.path)

    def _search(self, query: dict[str, str]) -> list[dict[str, Any]]:
        if query["filter[country_code]"] != "US":
            return []
        area = query.get("filter[national_destination_code]", "")
        begins = f"+1{area}{query.get('filter[phone_number][starts_with]', '')}"
        found = [e164 for e164 in self.available if e164.startswith(begins)]
        return [_offer(e164) for e164 in found[: int(query.get("filter[limit]", 50))]]

    def _order(self, wanted: dict[str, Any]) -> Answer:
        (number,) = wanted["phone_numbers"]
        e164 = number["phone_number"]
        if e164 not in self.available:
            return 422, _error("85001", "Number not available", "The phone number is no longer available.")
        self.available.remove(e164)
        order = {
            "id": f"order-{len(self.orders)}",
            "record_type": "number_order",
            "status": "pending",
            "requirements_met": True,
            "connection_id": wanted["connection_id"],
            "customer_reference": wanted["customer_reference"],
            "phone_numbers": [{"id": f"line-{len(self.orders)}", "phone_number": e164, "status": "pending"}],
        }
        self.orders.append(order)
        return 200, {"data": dict(order)}

    def _orders(self, query: dict[str, str]) -> list[dict[str, Any]]:
        mine = [one for one in self.orders if one["customer_reference"] == query.get("filter[customer_reference]")]
        for order in mine:
            if order["status"] == "pending" and self.slow <= 0:
                self._fulfil(order)
            self.slow -= 1
        return [dict(one) for one in mine]

    def _fulfil(self, order: dict[str, Any]) -> None:
        e164 = order["phone_numbers"][0]["phone_number"]
        order["status"] = "success"
        self.owned[e164] = {
            "id": f"number-{len(self.owned)}",
            "record_type": "phone_number",
            "phone_number": e164,
            "status": "active",
            "connection_id": order["connection_id"],
        }

    def _delete(self, number_id: str) -> Answer:
        for e164, number in self.owned.items():
            if number["id"] == number_id:
                del self.owned[e164]
                return 200, {"data": {**number, "status": "deleted"}}
        return 404, _error("10005", "Resource not found", "The requested resource could not be found.")


def _offer(e164: str) -> dict[str, Any]:
    return {
        "record_type": "available_phone_number",
        "phone_number": e164,
        "cost_information": {"monthly_cost": "1.10", "upfront_cost": "0.50", "currency": "USD"},
        "features": [{"name": "voice"}, {"name": "sms"}],
        "region_information": [{"region_type": "country_code", "region_name": "US"}],
    }


def _country(code: str, numbers: bool) -> dict[str, Any]:
    return {"code": code, "numbers": numbers, "features": ["voice"], "phone_number_type": ["local"]}


def _error(code: str, title: str, detail: str) -> dict[str, Any]:
    return {"errors": [{"code": code, "title": title, "detail": detail}]}


@contextmanager
def telnyx() -> Generator[TelnyxServer]:
    """Serve an account."""
    server = TelnyxServer()
    with carrier_server(server.answer, server):
        yield server
