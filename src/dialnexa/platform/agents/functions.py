"""What an agent can do beside talking (contract C.5), and how a custom HTTP function is described."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self, cast

from pydantic import AfterValidator, AliasChoices, Field, ValidationError, field_validator, model_validator

from dialnexa.kit import templates
from dialnexa.platform.agents.confidential import at_most
from dialnexa.platform.agents.connected import BOOK, CHECK, PARAMETERS, CalendarFunction, IntegrationFunction
from dialnexa.platform.agents.transfer import TransferFunction
from dialnexa.platform.wire import Body, sentences

FunctionType = Literal[
    "end_call", "call_transfer", "custom", "check_calendar_availability", "book_calendar", "integration", "sms"
]
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
_LONGEST_NAME = 64
"""What OpenAI-compatible endpoints accept as a tool's name."""
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A token of RFC 9110 section 5.6.2."""
_OWN_HEADERS = {"host", "content-length", "transfer-encoding", "connection"}
_TYPES = {"string", "number", "integer", "boolean", "array", "object", "null"}
_VARIABLE = re.compile(r"[A-Za-z_][\w.-]{0,99}")
_PATH = re.compile(r"\$?\.?[^\s.\[\]]*(?:\.[^\s.\[\]]+|\[\d+\])*")
_PLACEHOLDER = re.compile(r"\{\{[^{}]*\}\}")


def _template(text: str) -> str:
    templates.check(text)
    return text


Template = Annotated[str, Field(max_length=100_000), AfterValidator(_template)]
"""Text with ``{{variables}}``."""
Secretive = Annotated[str, at_most(100_000), AfterValidator(_template)]
"""A template in which sealed secrets may stand, however long sealing makes them."""


class CustomFunction(Body):
    """The ``config`` of a custom function: the request to make, and what to do with its answer.

    ``{{variables}}`` may stand in url, headers, query parameters, token and holding message.
    """

    url: Annotated[Secretive, at_most(4000)] = Field(
        min_length=1,
        validation_alias=AliasChoices("url", "api_endpoint", "endpoint", "api_url"),
    )
    method: Method = Field(default="POST", validation_alias=AliasChoices("method", "http_method"))
    api_token: Secretive | None = Field(
        default=None, validation_alias=AliasChoices("api_token", "bearer_token", "token"), repr=False
    )
    headers: dict[str, Secretive] = Field(default_factory=dict[str, str], max_length=50, repr=False)
    query_parameters: dict[str, Secretive] = Field(
        default_factory=dict[str, str],
        max_length=50,
        validation_alias=AliasChoices("query_parameters", "query_params", "query"),
    )
    parameters: dict[str, object] = Field(
        default_factory=dict[str, object], validation_alias=AliasChoices("parameters", "json_schema", "schema")
    )
    """JSON schema of the arguments."""
    timeout_ms: int = Field(
        default=10_000, ge=100, le=120_000, validation_alias=AliasChoices("timeout_ms", "timeout", "api_timeout")
    )
    response_variables: dict[str, str] = Field(default_factory=dict[str, str], max_length=50)
    """Variable → JSON path in the answer, such as ``customer.name`` → ``$.data.name``."""
    holding_message: Template = Field(default="", max_length=500)
    speak_during_execution: bool = True
    speak_after_execution: bool = True

    @field_validator("method", mode="before")
    @classmethod
    def _upper(cls, method: object) -> object:
        return method.upper() if isinstance(method, str) else method

    @field_validator("headers", "query_parameters", "response_variables", mode="before")
    @classmethod
    def _pairs(cls, value: object) -> object:
        """Read lists of pairs as editors send them: ``[{"key": …, "value": …}]``, ``[{"name": …, "path": …}]``."""
        if not isinstance(value, list):
            return value
        pairs = dict[str, object]()
        for one in cast("list[object]", value):
            pair = cast("dict[str, object]", one) if isinstance(one, dict) else {}
            name = pair.get("key") or pair.get("name")
            if not name:
                raise ValueError('must be an object such as {"name": "value"}')
            pairs[str(name)] = pair.get("value", pair.get("path"))
        return pairs

    @field_validator("headers")
    @classmethod
    def _headers(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if not _HEADER.fullmatch(name) or name.lower() in _OWN_HEADERS:
                raise ValueError(f'cannot hold the header "{name}"')
            if not value.isascii() or not value.isprintable():
                raise ValueError(f'has a value for "{name}" that a header cannot carry; use printable ASCII')
        return headers

    @field_validator("parameters", mode="before")
    @classmethod
    def _schema(cls, value: object) -> object:
        """Read a list of parameters (``{name, type, description, required}``) as the JSON schema it stands for."""
        return _schema_of(cast("list[object]", value)) if isinstance(value, list) else value

    @field_validator("parameters")
    @classmethod
    def _is_a_schema(cls, schema: dict[str, object]) -> dict[str, object]:
        if problem := _problem(schema):
            raise ValueError(problem)
        return schema

    @field_validator("response_variables")
    @classmethod
    def _paths(cls, paths: dict[str, str]) -> dict[str, str]:
        for name, path in paths.items():
            if not _VARIABLE.fullmatch(name):
                raise ValueError(f'has the name "{name}"; use letters, digits, "_" and ".", such as customer.name')
            if not _PATH.fullmatch(path):
                raise ValueError(f'has the path "{path}"; write it as data.customer.name or items[0].id')
        return paths

    def sample_url(self) -> str:
        """Return the URL with something plain in the place of each variable, for judging it before any call."""
        return _PLACEHOLDER.sub("x", self.url)


_SHAPES: Mapping[str, type[Body]] = {
    "custom": CustomFunction,
    "call_transfer": TransferFunction,
    CHECK: CalendarFunction,
    BOOK: CalendarFunction,
    "integration": IntegrationFunction,
}
"""What the ``config`` of a function must be like, where that matters."""


class AgentFunction(Body):
    """Something the agent can do beside talking (C.5)."""

    display_name: str = Field(
        default="", max_length=100, validation_alias=AliasChoices("display_name", "displayName", "name")
    )
    type: FunctionType
    description: Template = Field(default="", max_length=5000)
    config: dict[str, object] = Field(default_factory=dict[str, object])

    @model_validator(mode="after")
    def _reads_its_config(self) -> Self:
        """Keep the config as it was understood, or say what is wrong with it."""
        shape = _SHAPES.get(self.type)
        if shape is not None:
            try:
                understood = shape.model_validate(self.config)
            except ValidationError as error:
                problems = ", ".join(f"config.{sentence}" for sentence in sentences(error.errors()))
                raise ValueError(f"is a {self.type} function that cannot be called: {problems}") from None
            self.config = understood.model_dump(mode="json", exclude_unset=True)
        return self

    @property
    def parameters(self) -> Mapping[str, object]:
        """Return the JSON schema of the arguments: its own, else what its type usually needs."""
        own = self.config.get("parameters") or self.config.get("json_schema")
        if isinstance(own, dict) and own:
            return cast("dict[str, object]", own)
        if self.type == "integration":
            return IntegrationFunction.model_validate(self.config).action.parameters
        return PARAMETERS.get(self.type, {})

    @property
    def calendar_id(self) -> str:
        """Return which calendar of the workspace it uses; empty for none."""
        if self.type not in {CHECK, BOOK}:
            return ""
        config = CalendarFunction.model_validate(self.config)
        return config.calendar_id if config.kind == "builtin" else ""

    @property
    def tool_name(self) -> str:
        """Return the name the model calls it by: the display name in snake case, else the type."""
        name = "".join(letter if letter.isalnum() else "_" for letter in self.display_name.strip().lower())
        return re.sub(r"_+", "_", name).strip("_") or self.type


def clashes(functions: Sequence[AgentFunction]) -> list[str]:
    """Return a sentence for each function whose name a model could not call, or could not tell from another's."""
    found, seen = list[str](), dict[str, int]()
    for index, function in enumerate(functions):
        name, where = function.tool_name, f"agent_functions[{index}].display_name"
        if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
            found.append(
                f'{where} "{function.display_name}" cannot be called: use up to {_LONGEST_NAME} letters a-z, digits '
                "and underscores, a letter first, such as check_order"
            )
        elif name in seen:
            found.append(f'{where} "{name}" is the name of agent_functions[{seen[name]}] already; names must differ')
        seen.setdefault(name, index)
    return found


def _schema_of(listed: Sequence[object]) -> dict[str, object]:
    properties, required = dict[str, object](), list[str]()
    for one in listed:
        parameter = dict(cast("dict[str, object]", one)) if isinstance(one, dict) else {}
        name = parameter.pop("name", None)
        if not isinstance(name, str) or not name:
            raise ValueError('must be a JSON schema object, or a list such as [{"name": "city", "type": "string"}]')
        if parameter.pop("required", False):
            required.append(name)
        if parameter.get("type") == "enum":
            parameter["type"] = "string"
            parameter["enum"] = parameter.pop("options", parameter.pop("values", parameter.get("enum", [])))
        properties[name] = parameter
    return {"type": "object", "properties": properties, "required": required}


def _problem(schema: Mapping[str, object]) -> str:
    """Return what keeps a JSON schema from describing a function's arguments; empty when nothing does."""
    if not schema:
        return ""
    properties, required = schema.get("properties", {}), schema.get("required", [])
    if schema.get("type") != "object" or not isinstance(properties, dict):
        return 'must be a JSON schema of an object, such as {"type": "object", "properties": {"city": {…}}}'
    known = cast("dict[str, object]", properties)
    for name, one in known.items():
        kind = cast("dict[str, object]", one).get("type", "string") if isinstance(one, dict) else None
        kinds = cast("list[object]", kind) if isinstance(kind, list) else [kind]
        if not all(isinstance(one, str) and one in _TYPES for one in kinds):
            return f'has the property "{name}", whose type must be one of: {", ".join(sorted(_TYPES))}'
    if not isinstance(required, list):
        return 'must have its "required" as a list of property names'
    missing = [str(name) for name in cast("list[object]", required) if name not in known]
    return f"requires {', '.join(missing)}, which is not among its properties" if missing else ""
