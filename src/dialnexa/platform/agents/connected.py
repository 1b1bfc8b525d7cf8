"""Functions that reach into calendars and other services (contract C.5): how their ``config`` is described."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, AliasChoices, Field, model_validator

from dialnexa.platform.agents.confidential import at_most
from dialnexa.platform.wire import Body

Provider = Literal["builtin", "cal.com"]
CHECK, BOOK = "check_calendar_availability", "book_calendar"
CAL_COM_URL = "https://api.cal.com/v2"
_BUILT_IN_ID = "cal_"

PARAMETERS: Mapping[str, Mapping[str, object]] = {
    CHECK: {
        "type": "object",
        "properties": {
            "date": {"type": "string", "description": "The first day to look at, as YYYY-MM-DD. Default: today."},
            "days": {"type": "integer", "minimum": 1, "maximum": 31, "description": "How many days. Default: 7."},
        },
    },
    BOOK: {
        "type": "object",
        "properties": {
            "start": {"type": "string", "description": "One of the free times, exactly as it was given, in ISO 8601."},
            "name": {"type": "string", "description": "Who the appointment is for."},
            "email": {"type": "string"},
            "phone": {"type": "string", "description": "Default: the number the person calls from."},
            "notes": {"type": "string", "description": "What it is about."},
        },
        "required": ["start", "name"],
    },
}
"""What a model is told to give, where a function says nothing else."""


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f'"{name}" is no time zone; write it as Europe/Berlin') from None
    return name


class CalendarFunction(Body):
    """The ``config`` of a function that looks into a calendar or books into it.

    ``calendar_id`` is one of this workspace (``cal_…``), or an event type of Cal.com together with ``api_key``.
    """

    provider: Provider | None = None
    calendar_id: Annotated[str, Field(max_length=100, coerce_numbers_to_str=True)] = ""
    api_key: Annotated[str, at_most(500)] | None = Field(default=None, repr=False)
    event_type_id: Annotated[str, Field(max_length=100, coerce_numbers_to_str=True)] | None = Field(
        default=None, validation_alias=AliasChoices("event_type_id", "event_type", "eventTypeId")
    )
    timezone: Annotated[str, Field(max_length=64), AfterValidator(_zone)] | None = None
    """In which times are told; by default the calendar's own, UTC for Cal.com."""
    timeout_ms: int = Field(default=10_000, ge=100, le=120_000)
    holding_message: Annotated[str, Field(max_length=500)] = ""
    speak_during_execution: bool = True
    speak_after_execution: bool = True

    @model_validator(mode="after")
    def _names_a_calendar(self) -> Self:
        if self.kind == "builtin" and not self.calendar_id.startswith(_BUILT_IN_ID):
            raise ValueError("needs calendar_id, such as cal_01k…: make a calendar with POST /v1/calendars")
        if self.kind == "cal.com" and (not self.api_key or not self.event_type.isdecimal()):
            raise ValueError("needs api_key and event_type_id, the number of an event type at Cal.com")
        return self

    @property
    def kind(self) -> Provider:
        """Whose calendar it is: ours unless a key for another one is given."""
        return self.provider or ("cal.com" if self.api_key else "builtin")

    @property
    def event_type(self) -> str:
        """The event type at Cal.com, which older settings call the calendar's id."""
        return self.event_type_id or self.calendar_id


@dataclass(frozen=True, slots=True)
class Action:
    """Something an integration does: one request, described as a custom function would be."""

    key: str
    description: str
    parameters: Mapping[str, object]
    """JSON schema of what the model gives."""
    settings: Mapping[str, str]
    """What ``action_config`` must have, and what each is."""
    request: Callable[[Mapping[str, object]], Mapping[str, object]]
    """Makes the ``config`` of a custom function out of ``action_config``."""


@dataclass(frozen=True, slots=True)
class Integration:
    """A service that functions can use."""

    key: str
    name: str
    actions: Mapping[str, Action]


_ANYTHING: Mapping[str, object] = {"type": "object", "properties": {}, "additionalProperties": True}
_TEXT: Mapping[str, object] = {
    "type": "object",
    "properties": {"text": {"type": "string", "description": "What to post."}},
    "required": ["text"],
}

INTEGRATIONS: Mapping[str, Integration] = {
    "http": Integration(
        "http",
        "HTTP",
        {
            "request": Action(
                "request",
                "Any HTTP request; settings are those of a custom function.",
                _ANYTHING,
                {"url": "Where to send it.", "method": "GET, POST, PUT, PATCH or DELETE; default POST."},
                dict,
            )
        },
    ),
    "slack": Integration(
        "slack",
        "Slack",
        {
            "post_message": Action(
                "post_message",
                "Post a message through an incoming webhook.",
                _TEXT,
                {"webhook_url": "The URL Slack gave for the channel; it is a secret."},
                lambda settings: {"url": settings.get("webhook_url", ""), "method": "POST"},
            )
        },
    ),
}
"""Whoever adds a service adds a line here: what it does is a request, and the rest is what custom functions have."""


class IntegrationFunction(Body):
    """The ``config`` of a function of an integration."""

    provider_key: Annotated[str, Field(max_length=100)]
    adapter_key: Annotated[str, Field(max_length=100)] | None = None
    action_key: Annotated[str, Field(max_length=100)]
    function_key: Annotated[str, Field(max_length=100)] | None = None
    action_config: dict[str, object] = Field(default_factory=dict[str, object], repr=False)
    parameters: dict[str, object] | None = None
    """JSON schema of the arguments; by default the action's own."""
    timeout_ms: int = Field(default=10_000, ge=100, le=120_000)
    holding_message: Annotated[str, Field(max_length=500)] = ""
    speak_during_execution: bool = True
    speak_after_execution: bool = True

    @model_validator(mode="after")
    def _exists(self) -> Self:
        integration = INTEGRATIONS.get(self.provider_key)
        if integration is None:
            known = ", ".join(INTEGRATIONS)
            raise ValueError(f'has the provider_key "{self.provider_key}", which is not one of: {known}')
        if self.action_key not in integration.actions:
            known = ", ".join(integration.actions)
            raise ValueError(f'has the action_key "{self.action_key}"; {integration.name} does: {known}')
        return self

    @property
    def action(self) -> Action:
        """What it does."""
        return INTEGRATIONS[self.provider_key].actions[self.action_key]

    def request(self) -> dict[str, object]:
        """Return the ``config`` of the custom function that does it."""
        return {**self.action.request(self.action_config), "timeout_ms": self.timeout_ms}
