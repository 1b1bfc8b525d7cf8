"""How a transfer to people is described (contract C.7): whom to try, in which order, and how long."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Literal, cast
from urllib.parse import unquote

from pydantic import AfterValidator, AliasChoices, Field, field_validator

from dialnexa.kit import phone, templates
from dialnexa.platform.wire import Body

MOST_DESTINATIONS = 7
DESTINATIONS_VARIABLE = "agent_transfer_destinations"
"""The variable that names the destinations when the function does not: ``+1234567890|+1098765432``."""
_SIP = re.compile(r"sips?:[^\s<>\"@]{1,64}@[^\s<>\"@?]{1,255}", re.IGNORECASE)


def _template(text: str) -> str:
    templates.check(text)
    return text


class TransferFunction(Body):
    """The ``config`` of a call transfer. Destinations are E.164 numbers, SIP addresses, or ``{{variables}}``."""

    destinations: list[Annotated[str, Field(max_length=300), AfterValidator(_template)]] = Field(
        default_factory=list[str],
        max_length=MOST_DESTINATIONS,
        validation_alias=AliasChoices(
            "destinations", "transfer_destinations", "destination", "transfer_to", "phone_numbers", "phone_number"
        ),
    )
    """Tried one after the other; empty: what the variable ``agent_transfer_destinations`` says."""
    hunt_mode: Literal["sequential", "priority"] = "sequential"
    """One after the other, in the order given; both words mean it."""
    ring_timeout_sec: float = Field(
        default=25, ge=5, le=120, validation_alias=AliasChoices("ring_timeout_sec", "sequential_delay", "ring_timeout")
    )
    """How long each may ring."""
    hunt_timeout_sec: float = Field(
        default=120, ge=5, le=840, validation_alias=AliasChoices("hunt_timeout_sec", "hunt_timeout")
    )
    """How long all of them together may take."""
    holding_message: Annotated[str, AfterValidator(_template)] = Field(default="", max_length=500)
    """Said to its end before the first is tried."""

    @field_validator("destinations", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return split_destinations(value) if isinstance(value, str) else value

    @field_validator("destinations")
    @classmethod
    def _callable(cls, given: list[str]) -> list[str]:
        for text in given:
            if "{{" not in text and read_destination(text) is None:
                fix = "use E.164 numbers such as +14155550100, or sip:user@host"
                raise ValueError(f'has "{text[:60]}", which nobody can call: {fix}')
        return given

    @field_validator("hunt_mode", mode="before")
    @classmethod
    def _one_by_one(cls, value: object) -> object:
        if isinstance(value, str) and value.lower() == "parallel":
            raise ValueError('cannot be parallel: destinations are tried one after the other, use "sequential"')
        return value.lower() if isinstance(value, str) else value


def split_destinations(text: str) -> list[str]:
    """Return the destinations of a list as variables carry it: with ``|`` between them."""
    return [part.strip() for part in text.split("|") if part.strip()]


def read_destination(text: str) -> str | None:
    """Return a destination as it is dialled, ``None`` for what is neither a number nor a SIP address."""
    text = text.strip()
    return text if _SIP.fullmatch(text) else phone.to_e164(text)


def _number_in(destination: str) -> str | None:
    """Return the number that is dialled there; ``None`` for a name or an extension."""
    user = destination.partition("@")[0]
    return phone.from_sip_user(unquote(user.partition(":")[2] if _SIP.fullmatch(destination) else user))


def rendered(
    config: Mapping[str, object], render: Callable[[str], str], allowed: Callable[[str], bool]
) -> dict[str, object]:
    """Return the configuration of one call: variables filled in, and only what the workspace may call.

    ``allowed`` judges an E.164 number, also one that a SIP address names, for what variables bring in was seen by
    nobody before.
    """
    given = cast("Sequence[object]", config.get("destinations") or [f"{{{{{DESTINATIONS_VARIABLE}}}}}"])
    texts = [part for one in given for part in split_destinations(render(str(one)))]
    found = [destination for text in texts if (destination := read_destination(text))]
    usable = [each for each in found if (number := _number_in(each)) is None or allowed(number)]
    holding = render(str(config.get("holding_message") or ""))
    return {**config, "destinations": usable[:MOST_DESTINATIONS], "holding_message": holding}
