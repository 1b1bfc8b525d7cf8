"""A transfer as one call has it: variables filled in, and nobody called whom the workspace may not call."""

from __future__ import annotations

import pytest

from dialnexa.kit import templates
from dialnexa.platform.agents.transfer import rendered
from dialnexa.platform.tenancy.telephony import TelephonyRules

VARIABLES = {
    "agent_transfer_destinations": "+14155550111|+1 415 555 0122| |x|+19005550100",
    "desk": "sip:desk@pbx.example",
}
RULES = TelephonyRules(blocked_prefixes=("+7",))


def destinations(*given: str) -> object:
    config = {"destinations": list(given)} if given else {}
    return rendered(config, lambda text: templates.render(text, VARIABLES).text, RULES.allow)["destinations"]


@pytest.mark.parametrize(
    ("given", "tried"),
    [
        ((), ["+14155550111", "+14155550122"]),
        (("{{desk}}", "+16505550100"), ["sip:desk@pbx.example", "+16505550100"]),
        (("{{nobody}}",), []),
        (("+74951234567", "+19005550100"), []),
        (
            ("sip:+19005550100@carrier.example", "sip:0019005550100@carrier.example:5060", "sip:1002@pbx.example"),
            ["sip:1002@pbx.example"],
        ),
        (("{{agent_transfer_destinations}}", "+16505550100"), ["+14155550111", "+14155550122", "+16505550100"]),
    ],
)
def test_whom_a_call_may_be_transferred_to(given: tuple[str, ...], tried: list[str]) -> None:
    assert destinations(*given) == tried


def test_at_most_seven_are_tried() -> None:
    numbers = [f"+1415555010{digit}" for digit in range(9)]
    assert destinations("|".join(numbers)) == numbers[:7]
