"""The built-in carrier's numbers."""

from __future__ import annotations

import pytest

from dialnexa.kit.phone import country_of, to_e164
from dialnexa.platform.numbers.carriers.port import NumberKind, Wanted
from dialnexa.platform.numbers.carriers.sandbox import SandboxCatalogue

SANDBOX = SandboxCatalogue()


@pytest.mark.parametrize(
    ("country", "kind", "area", "first"),
    [
        ("US", "local", "212", "+12125550100"),
        ("US", "toll_free", "800", "+18005550100"),
        ("CA", None, "416", "+14165550100"),
        ("GB", "mobile", "", "+447400123400"),
        ("GB", None, "121", "+441212345600"),
    ],
)
async def test_numbers_are_found_by_country_kind_and_area(
    country: str, kind: NumberKind | None, area: str, first: str
) -> None:
    offers = await SANDBOX.search(Wanted(country, kind, area))
    assert offers[0].e164 == first
    assert len({offer.e164 for offer in offers}) == len(offers) == 100
    assert {country_of(offer.e164) for offer in offers} == {country}


@pytest.mark.parametrize(
    ("country", "kind", "area"), [("ZZ", None, ""), ("US", "mobile", ""), ("US", "local", "999"), ("US", None, "650")]
)
async def test_where_there_are_none(country: str, kind: NumberKind | None, area: str) -> None:
    assert await SANDBOX.search(Wanted(country, kind, area)) == []


@pytest.mark.parametrize("country", ["US", "JM", "GB", "DE", "IN", "BR", "NG"])
async def test_whatever_is_offered_can_be_rented(country: str) -> None:
    offers = await SANDBOX.search(Wanted(country))
    assert offers
    for offer in offers[::50]:
        assert to_e164(offer.e164) == offer.e164
        assert await SANDBOX.offer(offer.e164) == offer
        rental = await SANDBOX.buy(offer.e164, "phn_1")
        assert rental is not None
        assert rental.monthly_usd == offer.monthly_usd


@pytest.mark.parametrize("e164", ["+12125551234", "+16505550199", "+14155550100", "+80012345678", "+99912345678"])
async def test_other_numbers_are_not_the_sandbox_s(e164: str) -> None:
    assert await SANDBOX.offer(e164) is None
    assert await SANDBOX.buy(e164, "phn_1") is None
