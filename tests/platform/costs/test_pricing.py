"""Pricing: which rate counts, and how much that makes."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from dialnexa.platform.costs.pricing import Talk, millionths, price
from dialnexa.platform.costs.schemas import CostOut, Rate
from dialnexa.platform.costs.usage import Leg, Tokens, Usage

USED = Usage(
    talk_seconds=61,
    stt="acme/fast",
    stt_seconds=30,
    tts="acme/rosa",
    tts_characters=500,
    llm=Tokens(model="gpt-5-mini", requests=3, input_tokens=2_000_000, output_tokens=100_000, estimated=True),
    recording_seconds=60,
)
TO_LONDON = Talk("outbound", "+442071838750")


def priced(*rates: dict[str, Any], used: Usage = USED, talk: Talk = TO_LONDON) -> CostOut:
    return price(used, talk, [Rate.model_validate(rate) for rate in rates], "EUR", "price_1")


def amount(component: str, *rates: dict[str, Any], talk: Talk = TO_LONDON) -> float:
    return next(line.amount for line in priced(*rates, talk=talk).components if line.component == component)


def test_without_rates_everything_is_listed_and_costs_nothing() -> None:
    cost = priced()
    assert cost.total == 0
    used = {line.component: line.quantity for line in cost.components}
    assert used == {
        "telephony": 1.017,
        "stt": 0.5,
        "tts": 500,
        "llm": 2_100_000,
        "recording": 1,
        "platform": 1.017,
    }


def test_the_total_is_the_sum_of_its_components() -> None:
    cost = priced(
        {"component": "telephony", "per_minute": 0.02, "increment_seconds": 60, "per_call": 0.01},
        {"component": "stt", "per_minute": 0.01},
        {"component": "tts", "per_1000_characters": 0.3},
        {"component": "llm", "per_million_input_tokens": 0.25, "per_million_output_tokens": 2},
        {"component": "recording", "per_minute": 0.0025},
        {"component": "platform", "per_minute": 0.06},
    )
    amounts = {line.component: line.amount for line in cost.components}
    assert amounts == {
        "telephony": 0.05,
        "stt": 0.005,
        "tts": 0.15,
        "llm": 0.7,
        "recording": 0.0025,
        "platform": 0.061,
    }
    assert cost.total == 0.9685
    assert (cost.currency, cost.price_list_id) == ("EUR", "price_1")


def test_guessed_tokens_are_said_to_be_guessed() -> None:
    cost = priced()
    assert [line.component for line in cost.components if line.estimated] == ["llm"]
    assert cost.estimated


@pytest.mark.parametrize(
    ("talk", "expected"),
    [
        (TO_LONDON, 4.0),
        (Talk("outbound", "+441234567890"), 3.0),
        (Talk("inbound", "+441234567890"), 2.0),
        (Talk("outbound", "+15551234567"), 1.0),
        (Talk("inbound", "anonymous"), 1.0),
    ],
)
def test_the_longest_prefix_counts_then_the_direction(talk: Talk, expected: float) -> None:
    rates: list[dict[str, Any]] = [
        {"component": "telephony", "per_call": 1},
        {"component": "telephony", "prefix": "+44", "per_call": 2},
        {"component": "telephony", "prefix": "+44", "direction": "outbound", "per_call": 3},
        {"component": "telephony", "prefix": "+4420", "per_call": 4},
    ]
    assert amount("telephony", *rates, talk=talk) == expected
    assert amount("telephony", *reversed(rates), talk=talk) == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((None, "acme/*", "acme/fast"), 0.03),
        ((None, "acme/*", "acme/slow"), 0.02),
        ((None, "a*", "acme/*"), 0.03),
        (("other",), 0.0),
    ],
)
def test_the_exact_name_counts_then_the_longest_pattern(names: tuple[str | None, ...], expected: float) -> None:
    rates = [{"component": "stt", "name": name, "per_minute": 0.02 * number} for number, name in enumerate(names, 1)]
    assert amount("stt", *rates) == expected


def test_time_is_charged_in_steps_and_no_less_than_the_least() -> None:
    rate = {"component": "telephony", "per_minute": 0.6, "increment_seconds": 6, "minimum_seconds": 30}
    for seconds, charged in ((1, 30), (30, 30), (31, 36), (36, 36), (36.0001, 36), (36.1, 42)):
        cost = priced(rate, used=Usage(talk_seconds=seconds))
        assert cost.total == round(charged * 0.01, 6), seconds


def test_web_calls_cost_no_telephony() -> None:
    cost = priced({"component": "telephony", "per_call": 1}, talk=Talk("outbound", ""))
    assert "telephony" not in {line.component for line in cost.components}


def test_each_person_a_caller_was_handed_to_is_a_call_out_by_itself() -> None:
    rates = (
        {"component": "telephony", "direction": "inbound", "per_minute": 0.01},
        {"component": "telephony", "direction": "outbound", "per_minute": 0.02, "increment_seconds": 60},
        {"component": "telephony", "direction": "outbound", "prefix": "+44", "per_minute": 0.05, "per_call": 0.1},
    )
    legs = [Leg(to="+442071838750", seconds=120), Leg(to="sip:anna@example.com", seconds=61)]
    used = Usage(talk_seconds=300, legs=legs)
    cost = priced(*rates, used=used, talk=Talk("inbound", "+16505550199"))
    lines = [(line.component, line.amount, line.detail) for line in cost.components if line.component != "platform"]
    assert lines == [("telephony", 0.05, ""), ("transfer", 0.2, "+44"), ("transfer", 0.04, "")]
    assert cost.total == 0.29


def test_small_prices_are_not_lost() -> None:
    cost = priced({"component": "llm", "per_million_input_tokens": 0.000001}, used=Usage(llm=USED.llm))
    assert cost.total == 0.000002
    assert millionths(cost.total) == 2
    assert millionths(0.1 + 0.2) == 300_000


@pytest.mark.parametrize(
    ("rate", "sentence"),
    [
        ({"component": "telephony"}, "needs a price: per_call, per_minute"),
        ({"component": "stt", "per_call": 1}, "stt is priced by per_minute"),
        ({"component": "stt", "per_minute": 1, "prefix": "+1"}, "only telephony is priced by"),
        ({"component": "platform", "per_minute": 1, "name": "x"}, "platform is not priced by"),
        ({"component": "telephony", "per_minute": -1}, "greater than or equal to 0"),
        ({"component": "telephony", "per_minute": "NaN"}, "finite"),
        ({"component": "telephony", "per_minute": 1, "prefix": "0044"}, "pattern"),
        ({"component": "fax", "per_minute": 1}, "'telephony'"),
        ({"component": "transfer", "per_minute": 1}, "'telephony'"),
    ],
)
def test_a_rate_that_makes_no_sense_is_refused(rate: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        Rate.model_validate(rate)
