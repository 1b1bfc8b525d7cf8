"""Reading the body of ``POST /calls``: three documented shapes, one meaning (contract H.1, H.2).

Mistakes are reported all at once and in the spelling of the shape the caller used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pydantic import ConfigDict, Field, model_validator

from dialnexa.kit.errors import BadRequest
from dialnexa.kit.phone import to_e164
from dialnexa.platform.wire import Body

TO_NAMES = ("to_number", "to_phone_number", "phone_number")
FROM_NAMES = ("from_number", "from_phone_number")
MAX_NOTES = 15
MAX_INT = 2**31 - 1
"""The largest number a version can have."""


class RetryIn(Body):
    """When and how often to try again. Waits are uniform."""

    max_retries: int = Field(default=0, ge=0, le=10, description="0 disables retries; attempt 1 is the first dial.")
    wait_minutes: int = Field(default=30, ge=0, le=10_080)
    retry_on_no_answer: bool = True
    retry_on_busy: bool = True
    retry_on_voicemail: bool = False


class CallIn(Body):
    """A call to place, in any of the three documented shapes.

    Name the agent by `agent_version_id` (then `from_number` is needed), or by `agent_id` with an optional
    `agent_version_number` (then the caller id defaults to the version's outbound number).
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "from_number": "+14155550100",
                    "to_number": "+16505550199",
                    "agent_version_id": "av_01hx0000000000000000000000",
                    "variables": {"customer_name": "Alex Rivera"},
                    "metadata": {"crm_contact_id": "cont_99123"},
                }
            ]
        }
    )

    to_number: str | None = Field(default=None, description="Destination, E.164.")
    to_phone_number: str | None = Field(default=None, description="Alias of `to_number`.")
    phone_number: str | None = Field(default=None, description="Alias of `to_number`.")
    from_number: str | None = Field(default=None, description="Caller id: an active number of the workspace, E.164.")
    from_phone_number: str | None = Field(default=None, description="Alias of `from_number`.")
    agent_version_id: str | None = Field(default=None, description="A published version.")
    agent_id: str | None = None
    agent_version_number: int | None = Field(
        default=None, description="Together with `agent_id`; 0 is a valid number. Default: the live version."
    )
    variables: dict[str, Any] | None = Field(default=None, description="Values for `{{name}}` in the agent's texts.")
    metadata: dict[str, Any] | None = Field(
        default=None,
        description="Stored on the record. With `agent_id` and without `variables` it also fills the agent's texts.",
    )
    notes: dict[str, Any] | None = Field(default=None, description="Stored on the record; at most 15 keys.")
    retry: RetryIn | None = None

    @model_validator(mode="before")
    @classmethod
    def _check(cls, data: object) -> object:
        if not isinstance(data, dict):
            raise BadRequest("The body must be a JSON object.")
        body = {name: value for name, value in cast(dict[str, object], data).items() if value is not None}
        problems = [*_differences(body), *_missing_or_malformed(body), *_wrong_types(body)]
        if problems:
            raise BadRequest(problems)
        return body

    @property
    def by_version(self) -> bool:
        """Tell whether this is the shape that names a version (family V of H.1)."""
        return self.agent_version_id is not None

    @property
    def destination(self) -> str:
        """Return the number to call, E.164."""
        return _number(self.to_number or self.to_phone_number or self.phone_number)

    @property
    def caller_id(self) -> str | None:
        """Return the number to call from, E.164, if one was named."""
        named = self.from_number or self.from_phone_number
        return None if named is None else _number(named)

    @property
    def prompt_variables(self) -> dict[str, Any]:
        """Return what fills the agent's texts (H.2): never both ``variables`` and ``metadata``."""
        if self.variables is not None:
            return self.variables
        return {} if self.by_version else (self.metadata or {})


def _number(text: str | None) -> str:
    number = to_e164(text)
    assert number is not None  # checked when the body was read
    return number


def _differences(body: Mapping[str, object]) -> list[str]:
    problems = list[str]()
    for names in (TO_NAMES, FROM_NAMES):
        given = [name for name in names if name in body]
        for other in given[1:]:
            if (to_e164(body[given[0]]) or body[given[0]]) != (to_e164(body[other]) or body[other]):
                problems.append(f"{given[0]} and {other} differ")
    return problems


def _missing_or_malformed(body: Mapping[str, object]) -> list[str]:
    """Check what every call needs. Without an agent, the spelling of the numbers tells the shape."""
    by_version = "agent_version_id" in body or (
        "agent_id" not in body and ("to_number" in body or "from_number" in body)
    )
    problems = list[str]()
    caller = next((name for name in FROM_NAMES if name in body), None)
    if caller is None and by_version:
        problems.append("from_number should not be empty")
    elif caller is not None and to_e164(body[caller]) is None:
        problems.append(_malformed(caller))
    destination = next((name for name in TO_NAMES if name in body), None)
    if destination is None:
        problems.append("to_number should not be empty" if by_version else _malformed("to_phone_number"))
    elif to_e164(body[destination]) is None:
        problems.append(_malformed(destination))
    if by_version and not _is_word(body.get("agent_version_id")):
        problems.append("agent_version_id should not be empty")
    if not by_version and not _is_word(body.get("agent_id")):
        problems.append("agent_id should not be empty")
    return problems


def _malformed(name: str) -> str:
    if name == "phone_number":
        return "phone_number must be a valid E.164 phone number"
    return f"{name} must be in E.164 format"


def _wrong_types(body: Mapping[str, object]) -> list[str]:
    problems = [
        f"{name} must be an object"
        for name in ("variables", "metadata", "notes", "retry")
        if name in body and not isinstance(body[name], dict)
    ]
    notes = body.get("notes")
    if isinstance(notes, dict) and len(cast(dict[str, object], notes)) > MAX_NOTES:
        problems.append(f"notes must have at most {MAX_NOTES} keys")
    number = body.get("agent_version_number")
    if number is not None and (isinstance(number, bool) or not isinstance(number, int)):
        problems.append("agent_version_number must be an integer")
    elif isinstance(number, int) and not 0 <= number <= MAX_INT:
        problems.append(f"agent_version_number must be between 0 and {MAX_INT}")
    if "agent_id" in body and "agent_version_id" in body and not isinstance(body["agent_id"], str):
        problems.append("agent_id must be a string")
    return problems


def _is_word(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())
