"""How bodies are read: unknown fields are ignored but named, and every mistake gets a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import ErrorDetails

ignored_fields: ContextVar[dict[str, None] | None] = ContextVar("ignored_fields", default=None)
"""Collects the names of fields the present request sent and nobody reads."""


class Body(BaseModel):
    """A request body. Fields it does not know are ignored, and named in the header ``X-DialNexa-Ignored-Fields``."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)

    @model_validator(mode="after")
    def _report_ignored(self) -> Self:
        if self.__pydantic_extra__:
            report_ignored(self.__pydantic_extra__)
            self.__pydantic_extra__.clear()
        return self


def report_ignored(names: Iterable[str]) -> None:
    """Name fields that were sent in vain."""
    found = ignored_fields.get()
    if found is not None:
        found.update(dict.fromkeys(names))


def sentences(errors: Iterable[ErrorDetails], spelling: Mapping[str, str] | None = None) -> list[str]:
    """Return one sentence per mistake, naming each field as the caller spelled it.

    ``spelling`` translates our field names into the caller's where the two differ.
    """
    return list(dict.fromkeys(_sentence(error, spelling or {}) for error in errors))


def _sentence(error: ErrorDetails, spelling: Mapping[str, str]) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "json_invalid":
        return f"The body is not valid JSON: {context.get('error', 'it ends too early')}"
    field = _field(error["loc"], spelling)
    if kind == "value_error":
        return f"{field} {context['error']}"
    if (phrase := _PHRASES.get(kind)) is not None:
        return f"{field} {phrase(context, error['input'])}"
    message = error["msg"]
    return f"{field}: {message[:1].lower()}{message[1:]}"


def _field(location: tuple[int | str, ...], spelling: Mapping[str, str]) -> str:
    path = ""
    for step in location[1:] if location[:1] in {("body",), ("query",), ("path",), ("header",)} else location:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    head, dot, rest = path.partition(".")
    return (spelling.get(head, head) + dot + rest) or "The body"


def _one_of(context: Mapping[str, Any], _given: object) -> str:
    return f"must be one of: {str(context['expected']).replace(chr(39), '').replace(' or ', ', ')}"


def _too_long(context: Mapping[str, Any], given: object) -> str:
    if isinstance(given, str):
        return f"must be {context['max_length']} characters or fewer (received {len(given)})"
    return f"must have {context['max_length']} items or fewer"


def _too_short(context: Mapping[str, Any], _given: object) -> str:
    least = context["min_length"]
    return "should not be empty" if least == 1 else f"must have at least {least} characters"


def _says(text: str) -> Callable[[Mapping[str, Any], object], str]:
    return lambda _context, _given: text


_PHRASES: dict[str, Callable[[Mapping[str, Any], object], str]] = {
    "missing": _says("should not be empty"),
    "literal_error": _one_of,
    "string_too_long": _too_long,
    "too_long": _too_long,
    "string_too_short": _too_short,
    "too_short": _too_short,
    "string_pattern_mismatch": lambda context, _: f"must match {context['pattern']}",
    "greater_than_equal": lambda context, _: f"must be at least {context['ge']}",
    "less_than_equal": lambda context, _: f"must be at most {context['le']}",
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), _says("must be a whole number")),
    **dict.fromkeys(("float_type", "float_parsing"), _says("must be a number")),
    **dict.fromkeys(("bool_type", "bool_parsing"), _says("must be true or false")),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), _says("must be an object")),
    "string_type": _says("must be a string"),
    "list_type": _says("must be an array"),
}
