"""Reading a call request: three shapes, one meaning, mistakes named in the caller's own spelling."""

from __future__ import annotations

from typing import Any

import pytest

from dialnexa.kit.errors import BadRequest
from dialnexa.platform.calls.request import CallIn

V = {"from_number": "+14155550100", "to_number": "+16505550199", "agent_version_id": "av_1"}
A = {"to_phone_number": "+16505550199", "agent_id": "agent_1"}
OAS = {"phone_number": "+16505550199", "agent_id": "agent_1", "agent_version_number": 0, "metadata": {"name": "Ana"}}


def problems(body: object) -> list[str]:
    with pytest.raises(BadRequest) as caught:
        CallIn.model_validate(body)
    return caught.value.messages


@pytest.mark.parametrize("body", [V, A, OAS])
def test_every_documented_shape_names_the_destination(body: dict[str, Any]) -> None:
    assert CallIn.model_validate(body).destination == "+16505550199"


def test_numbers_may_be_written_as_people_write_them() -> None:
    read = CallIn.model_validate({**V, "to_number": "+1 (650) 555-0199", "from_number": " +1 415-555-0100"})
    assert (read.destination, read.caller_id) == ("+16505550199", "+14155550100")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, ["to_phone_number must be in E.164 format", "agent_id should not be empty"]),
        ({"to_number": "+16505550199"}, ["from_number should not be empty", "agent_version_id should not be empty"]),
        ({"agent_version_id": "av_1"}, ["from_number should not be empty", "to_number should not be empty"]),
        ({**V, "to_number": "6505550199"}, ["to_number must be in E.164 format"]),
        ({**V, "to_number": 16505550199}, ["to_number must be in E.164 format"]),
        ({**V, "from_number": "x"}, ["from_number must be in E.164 format"]),
        ({**A, "to_phone_number": "12"}, ["to_phone_number must be in E.164 format"]),
        ({**OAS, "phone_number": "12"}, ["phone_number must be a valid E.164 phone number"]),
        ({**V, "agent_version_id": " "}, ["agent_version_id should not be empty"]),
        ({**V, "to_phone_number": "+16505550198"}, ["to_number and to_phone_number differ"]),
        ({**V, "variables": ["a"]}, ["variables must be an object"]),
        ({**V, "retry": 3}, ["retry must be an object"]),
        ({**V, "notes": {str(n): n for n in range(16)}}, ["notes must have at most 15 keys"]),
        ({**A, "agent_version_number": "three"}, ["agent_version_number must be an integer"]),
        ({**A, "agent_version_number": True}, ["agent_version_number must be an integer"]),
        ([], ["The body must be a JSON object."]),
    ],
)  # fmt: skip
def test_mistakes_are_named_all_at_once(body: object, said: list[str]) -> None:
    assert problems(body) == said


def test_aliases_with_the_same_value_are_fine() -> None:
    assert CallIn.model_validate({**V, "to_phone_number": "+1 650 555 0199"}).destination == "+16505550199"


@pytest.mark.parametrize(
    ("body", "variables"),
    [
        ({**V, "metadata": {"a": 1}}, {}),
        ({**V, "metadata": {"a": 1}, "variables": {"b": 2}}, {"b": 2}),
        ({**A, "metadata": {"a": 1}}, {"a": 1}),
        ({**A, "metadata": {"a": 1}, "variables": {}}, {}),
        ({**A, "metadata": {"a": 1}, "variables": None}, {"a": 1}),
        (A, {}),
    ],
)
def test_metadata_fills_the_prompt_only_where_it_always_did(body: dict[str, Any], variables: dict[str, Any]) -> None:
    assert CallIn.model_validate(body).prompt_variables == variables


def test_unknown_fields_are_not_an_error() -> None:
    assert CallIn.model_validate({**V, "colour": "blue"}).by_version
