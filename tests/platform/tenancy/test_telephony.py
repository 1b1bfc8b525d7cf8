"""Where a workspace may call."""

from __future__ import annotations

import pytest

from dialnexa.kit.errors import NotFound
from dialnexa.platform.tenancy.telephony import NetworkGroup, TelephonyRules


@pytest.mark.parametrize(
    ("rules", "number", "allowed"),
    [
        (TelephonyRules(), "+16505550199", True),
        (TelephonyRules(), "+19005551234", False),
        (TelephonyRules(), "+881612345678", False),
        (TelephonyRules(allow_premium=True), "+19005551234", True),
        (TelephonyRules(("+7",)), "+74951234567", False),
        (TelephonyRules(("+1900",), allow_premium=True), "+19005551234", False),
    ],
)
def test_premium_numbers_are_closed_until_they_are_opened(rules: TelephonyRules, number: str, allowed: bool) -> None:
    assert rules.allow(number) is allowed


@pytest.mark.parametrize(
    ("groups", "number", "allowed"),
    [
        ({}, "+12025550134", True),  # the caller's own country
        ({}, "+18005550134", True),
        ({}, "+447700900123", False),
        ({"gb-mobile": True}, "+447700900123", True),
        ({"gb-mobile": True}, "+442079460123", False),  # a landline
        ({"us-landline": False}, "+12025550134", False),
        ({}, "+18765550134", False),  # Jamaica: dialled like home, priced like abroad
        ({}, "+19005551234", False),
        ({"us-premium": True}, "+19005551234", True),
        ({}, "+80012345678", False),  # of no country
    ],
)
def test_carriers_are_told_country_by_country(groups: dict[str, bool], number: str, allowed: bool) -> None:
    rules = TelephonyRules(groups=groups).over(own_trunk=False, caller="+14155550100")
    assert rules.allow(number) is allowed


def test_ones_own_trunk_goes_wherever_its_carrier_goes_but_not_where_fraud_does() -> None:
    rules = TelephonyRules().over(own_trunk=True, caller="+14155550100")
    assert rules.allow("+447700900123")
    assert not rules.allow("+449098790879")
    strict = TelephonyRules(sip_byoc=False).over(own_trunk=True, caller="+14155550100")
    assert not strict.allow("+447700900123")


def test_a_refusal_says_how_to_open_it() -> None:
    rules = TelephonyRules(("+7",)).over(own_trunk=False, caller="+14155550100")
    assert "blocked_prefixes" in str(rules.refusal("+74951234567"))
    assert "network-groups/gb-mobile" in str(rules.refusal("+447700900123"))
    assert "network-groups/gb-premium" in str(rules.refusal("+449098790879"))
    assert "SIP trunk of your own" in str(rules.refusal("+80012345678"))


@pytest.mark.parametrize("identity", ["zz-mobile", "gb", "gb-coffee", "us-mobile", "001-premium", ""])
def test_there_are_no_other_groups(identity: str) -> None:
    with pytest.raises(NotFound):
        NetworkGroup.named(identity)


def test_groups_are_named_in_either_case() -> None:
    assert NetworkGroup.named("GB-Mobile") == NetworkGroup.of("+447700900123")
