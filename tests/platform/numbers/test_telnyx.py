"""Telnyx as a carrier, by real HTTP to a server that answers as its reference says."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from dialnexa.kit.errors import BadGateway, BadRequest, Conflict, DialNexaError, Forbidden, PaymentRequired
from dialnexa.kit.outgoing import Allowance, Outgoing
from dialnexa.platform.numbers.carriers.port import Line, Offer, Rental, Wanted
from dialnexa.platform.numbers.carriers.telnyx import Telnyx, TelnyxAccount
from tests.live.fakes import VirtualClock
from tests.platform.numbers.carrier_server import LOST, Answer
from tests.platform.numbers.telnyx_server import CONNECTION, KEY, TelnyxServer, telnyx

NUMBER = "+12125550123"
ORDERS = ("POST", "/v2/number_orders")


class Clock(VirtualClock):
    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)


class Account:
    """The carrier and the server it speaks to."""

    def __init__(self, server: TelnyxServer, outgoing: Outgoing) -> None:
        self.server = server
        self.outgoing = outgoing
        self.carrier = self.with_key(KEY)

    def with_key(self, key: str, connection: str = CONNECTION) -> Telnyx:
        account = TelnyxAccount(key, connection, Line("sip.telnyx.com"), f"{self.server.url}/v2")
        return Telnyx(account, self.outgoing, Clock())


@pytest.fixture
async def account() -> AsyncIterator[Account]:
    outgoing = Outgoing(Allowance.parse("127.0.0.0/8"))
    with telnyx() as server:
        yield Account(server, outgoing)
        await outgoing.aclose()


async def test_numbers_are_found_by_area_with_what_they_cost(account: Account) -> None:
    found = await account.carrier.search(Wanted("US", "local", "212"))
    assert [offer.e164 for offer in found] == [NUMBER, "+12125550124"]
    assert found[0] == Offer(NUMBER, "US", "local", 1.1, 0.5, sms=True)
    assert [offer.e164 for offer in await account.carrier.search(Wanted("US", area="3125550"))] == ["+13125550111"]
    assert await account.carrier.search(Wanted("GB")) == []
    assert account.server.asked[0].query == {
        "filter[country_code]": "US",
        "filter[limit]": "100",
        "filter[phone_number_type]": "local",
        "filter[national_destination_code]": "212",
    }


async def test_one_number_is_offered_or_not(account: Account) -> None:
    offer = await account.carrier.offer(NUMBER)
    assert offer is not None and offer.monthly_usd == 1.1
    assert await account.carrier.offer("+12125559999") is None
    assert await account.carrier.offer("+99912345678") is None


async def test_an_order_is_waited_for_and_put_on_the_connection(account: Account) -> None:
    account.server.slow = 2
    assert await account.carrier.buy(NUMBER, "phn_1") == Rental("number-0")
    (ordered,) = [one.json for one in account.server.asked if one.method == "POST"]
    assert ordered == {
        "phone_numbers": [{"phone_number": NUMBER}],
        "connection_id": CONNECTION,
        "customer_reference": "phn_1",
    }


async def test_an_order_that_takes_longer_is_pending_and_found_later(account: Account) -> None:
    account.server.slow = 100
    bought = await account.carrier.buy(NUMBER, "phn_1")
    assert bought is not None and not bought.ready
    pending = await account.carrier.find(NUMBER, "phn_1")
    assert pending is not None and not pending.ready
    account.server.slow = 0
    assert await account.carrier.find(NUMBER, "phn_1") == Rental("number-0")


async def test_an_order_whose_answer_was_lost_is_found_and_not_made_again(account: Account) -> None:
    account.server.lose.add(ORDERS)
    with pytest.raises(BadGateway, match="cannot be reached"):
        await account.carrier.buy(NUMBER, "phn_1")
    assert await account.carrier.find(NUMBER, "phn_1") == Rental("number-0")
    assert await account.carrier.buy(NUMBER, "phn_1") == Rental("number-0")
    assert account.server.count(*ORDERS) == 1
    assert await account.carrier.find(NUMBER, "phn_2") is None, "somebody else's order of the same number"


async def test_a_number_that_is_gone_is_none(account: Account) -> None:
    account.server.available.clear()
    assert await account.carrier.buy(NUMBER, "phn_1") is None


async def test_a_number_on_another_connection_is_put_on_ours(account: Account) -> None:
    await account.carrier.buy(NUMBER, "phn_1")
    account.server.owned[NUMBER]["connection_id"] = ""
    assert await account.carrier.find(NUMBER, "phn_1") == Rental("number-0")
    assert account.server.owned[NUMBER]["connection_id"] == CONNECTION


async def test_a_number_is_given_back_and_giving_it_back_again_changes_nothing(account: Account) -> None:
    await account.carrier.buy(NUMBER, "phn_1")
    await account.carrier.release(NUMBER, "number-0")
    assert account.server.owned == {}
    await account.carrier.release(NUMBER, "number-0")
    await account.carrier.release(NUMBER, "")


def refusal(status: int, detail: str = "Because.") -> Answer:
    return status, {"errors": [{"code": "10015", "title": "Bad Request", "detail": detail}]}


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (refusal(402), PaymentRequired, "too little credit"),
        (refusal(400, "Insufficient funds to complete the order."), PaymentRequired, "too little credit"),
        (refusal(403, "Verification level too low."), Forbidden, "Verification level too low"),
        (refusal(409, "Duplicate resource."), Conflict, "Duplicate resource"),
        (refusal(422, "A requirement group is needed."), BadRequest, "A requirement group is needed"),
        (refusal(401), BadGateway, "check DIALNEXA_TELNYX_API_KEY"),
        ((500, {}), BadGateway, "in trouble"),
        ((200, b"<html>"), BadGateway, "no JSON"),
        (LOST, BadGateway, "cannot be reached"),
    ],
)
async def test_each_refusal_of_an_order_has_its_sentence(
    account: Account, answer: Answer, kind: type[DialNexaError], words: str
) -> None:
    account.server.instead[ORDERS] = [answer]
    with pytest.raises(kind, match=words):
        await account.carrier.buy(NUMBER, "phn_1")
    assert account.server.count(*ORDERS) == 1, "an order is never repeated blindly"


@pytest.mark.parametrize("answer", [(503, {}), (429, {}), LOST])
async def test_what_only_asks_is_asked_again(account: Account, answer: Any) -> None:
    search = ("GET", "/v2/available_phone_numbers")
    account.server.instead[search] = [answer, answer]
    assert len(await account.carrier.search(Wanted("US"))) == 3
    account.server.instead[search] = [answer] * 3
    with pytest.raises(BadGateway):
        await account.carrier.search(Wanted("US"))


async def test_prices_are_asked_for_once_a_day(account: Account) -> None:
    (price,) = await account.carrier.prices()
    assert (price.country, price.usd) == ("US", 1.1)
    await account.carrier.prices()
    assert account.server.count("GET", "/v2/country_coverage") == 1


async def test_the_doctor_s_question(account: Account) -> None:
    assert await account.carrier.check() == "connection office is active"
    with pytest.raises(BadGateway, match="DIALNEXA_TELNYX_API_KEY"):
        await account.with_key("wrong").check()
    with pytest.raises(BadRequest, match="DIALNEXA_TELNYX_CONNECTION_ID"):
        await account.with_key(KEY, "17").check()


async def test_keys_are_in_no_repr(account: Account) -> None:
    shown = json.dumps([repr(account.carrier._account), repr(account.carrier._api)])
    assert KEY not in shown
