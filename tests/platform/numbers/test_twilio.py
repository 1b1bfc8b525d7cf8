"""Twilio as a carrier, by real HTTP to a server that answers as its reference says."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from dialnexa.kit.errors import BadGateway, BadRequest, DialNexaError, Forbidden, PaymentRequired
from dialnexa.kit.outgoing import Allowance, Outgoing
from dialnexa.platform.numbers.carriers.port import Line, Offer, Rental, Wanted
from dialnexa.platform.numbers.carriers.twilio import Twilio, TwilioAccount
from tests.live.fakes import VirtualClock
from tests.platform.numbers.carrier_server import LOST, Answer
from tests.platform.numbers.twilio_server import NUMBERS, SID, TOKEN, TRUNK, TwilioServer, twilio

NUMBER = "+12125550123"
BUYING = ("POST", f"{NUMBERS}.json")


class Clock(VirtualClock):
    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)


class Account:
    """The carrier and the server it speaks to."""

    def __init__(self, server: TwilioServer, outgoing: Outgoing) -> None:
        self.server = server
        self.outgoing = outgoing
        self.carrier = self.open()

    def open(self, token: str = TOKEN, trunk: str = TRUNK, host: str = "acme.pstn.twilio.com") -> Twilio:
        account = TwilioAccount(SID, token, trunk, Line(host), f"{self.server.url}/{{service}}")
        return Twilio(account, self.outgoing, Clock())


@pytest.fixture
async def account() -> AsyncIterator[Account]:
    outgoing = Outgoing(Allowance.parse("127.0.0.0/8"))
    with twilio() as server:
        yield Account(server, outgoing)
        await outgoing.aclose()


async def test_numbers_are_found_by_area_with_what_they_cost(account: Account) -> None:
    found = await account.carrier.search(Wanted("US", area="212"))
    assert [offer.e164 for offer in found] == [NUMBER, "+12125550124"]
    assert found[0] == Offer(NUMBER, "US", "local", 1.15, sms=True)
    assert await account.carrier.search(Wanted("GB")) == []
    looked = next(one for one in account.server.asked if one.path.endswith("/US/Local.json"))
    assert looked.query["Contains"] == "+1212"
    assert looked.query["ExcludeAllAddressRequired"] == "true"


async def test_one_number_is_offered_or_not(account: Account) -> None:
    offer = await account.carrier.offer(NUMBER)
    assert offer is not None and offer.monthly_usd == 1.15
    assert await account.carrier.offer("+12125559999") is None


async def test_a_number_is_bought_and_put_on_the_trunk(account: Account) -> None:
    assert await account.carrier.buy(NUMBER, "phn_1") == Rental("PN0")
    (bought,) = [one.form for one in account.server.asked if one.method == "POST"]
    assert bought == {"PhoneNumber": NUMBER, "FriendlyName": "phn_1", "TrunkSid": TRUNK}
    account.server.owned[NUMBER]["trunk_sid"] = None
    assert await account.carrier.find(NUMBER, "phn_1") == Rental("PN0")
    assert account.server.owned[NUMBER]["trunk_sid"] == TRUNK


async def test_a_purchase_whose_answer_was_lost_is_found_and_not_made_again(account: Account) -> None:
    account.server.lose.add(BUYING)
    with pytest.raises(BadGateway, match="cannot be reached"):
        await account.carrier.buy(NUMBER, "phn_1")
    assert await account.carrier.find(NUMBER, "phn_1") == Rental("PN0")
    assert await account.carrier.buy(NUMBER, "phn_1") == Rental("PN0")
    assert account.server.count(*BUYING) == 1
    assert await account.carrier.find(NUMBER, "phn_2") is None, "somebody else's purchase of the same number"


async def test_a_number_that_is_gone_is_none(account: Account) -> None:
    account.server.available.clear()
    assert await account.carrier.buy(NUMBER, "phn_1") is None


async def test_a_number_is_given_back_and_giving_it_back_again_changes_nothing(account: Account) -> None:
    await account.carrier.buy(NUMBER, "phn_1")
    for _ in range(2):
        await account.carrier.release(NUMBER, "PN0")
    assert account.server.owned == {}


def refusal(status: int, message: str, code: int = 21000) -> Answer:
    return status, {"code": code, "message": message, "status": status}


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (refusal(400, "Bundle required."), BadRequest, "Bundle required"),
        (refusal(402, "Pay first."), PaymentRequired, "too little credit"),
        (refusal(403, "Permission denied."), Forbidden, "Permission denied"),
        (refusal(401, "Authenticate"), BadGateway, "check DIALNEXA_TWILIO_ACCOUNT_SID"),
        ((503, {}), BadGateway, "in trouble"),
        (LOST, BadGateway, "cannot be reached"),
    ],
)
async def test_each_refusal_of_a_purchase_has_its_sentence(
    account: Account, answer: Answer, kind: type[DialNexaError], words: str
) -> None:
    account.server.instead[BUYING] = [answer]
    with pytest.raises(kind, match=words):
        await account.carrier.buy(NUMBER, "phn_1")
    assert account.server.count(*BUYING) == 1


async def test_prices_are_asked_for_once_a_day(account: Account) -> None:
    (price,) = await account.carrier.prices()
    assert (price.country, price.usd) == ("US", 1.15)
    await account.carrier.prices()
    await account.carrier.search(Wanted("US"))
    assert account.server.count("GET", "/pricing/v1/PhoneNumbers/Countries/US") == 1


async def test_the_doctor_s_question(account: Account) -> None:
    assert await account.carrier.check() == "trunk office is there"
    with pytest.raises(BadGateway, match="DIALNEXA_TWILIO_AUTH_TOKEN"):
        await account.open(token="wrong").check()
    with pytest.raises(BadRequest, match="DIALNEXA_TWILIO_TRUNK_SID"):
        await account.open(trunk="TK0").check()
    with pytest.raises(BadRequest, match="DIALNEXA_TWILIO_SIP_HOST"):
        await account.open(host="other.pstn.twilio.com").check()
