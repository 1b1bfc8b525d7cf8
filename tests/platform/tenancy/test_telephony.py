"""Where a workspace may call."""

from __future__ import annotations

import pytest

from dialnexa.platform.tenancy.telephony import TelephonyRules


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
