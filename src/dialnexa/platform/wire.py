"""How bodies are read: unknown fields are ignored but named, and every mistake gets a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from functools import cache
from typing import Any, ClassVar, Self, cast

from pydantic import AliasChoices, BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from dialnexa.kit.errors import BadRequest
from dialnexa.kit.spelling import meant

ignored_fields: ContextVar[dict[str, None] | None] = ContextVar("ignored_fields", default=None)
"""Collects the names of fields the present request sent and nobody reads."""


class Body(BaseModel):
    """A request body. Fields it does not know are ignored, and named in the header ``X-DialNexa-Ignored-Fields``.

    One that is a misspelling of a field that was not sent is a mistake instead: ignoring it would do something else
    than what was asked.
    """

    model_config = ConfigDict(extra="allow", populate_by_name=True)

    no_slips: ClassVar[frozenset[str]] = frozenset()
    """Names that are like a field's, but sent on purpose."""

    @model_validator(mode="wrap")
    @classmethod
    def _report_strangers(cls, data: object, read: ModelWrapValidatorHandler[Self]) -> Self:
        given = cast("dict[str, object]", data) if isinstance(data, dict) and ignored_fields.get() is not None else {}
        typos = misspelt(given, _names(cls), cls.no_slips) if given else {}
        if typos:
            raise _mistaken(cls.__name__, given, typos, read)
        made = read(data)
        if made.__pydantic_extra__:
            report_ignored(made.__pydantic_extra__)
            made.__pydantic_extra__.clear()
        return made


def misspelt(given: Iterable[str], known: Mapping[str, str], no_slips: frozenset[str] = frozenset()) -> dict[str, str]:
    """Return the names nobody knows that are misspellings, and what was meant: something known that was not given.

    ``known`` tells of each name which field it is: one has several, and may be given by any.
    """
    strangers = [name for name in given if name not in known and name not in no_slips]
    if not strangers:
        return {}
    present = {known[name] for name in given if name in known}
    absent = [name for name, field in known.items() if field not in present]
    return {name: right for name in strangers if (right := meant(name, absent))}


def unknown(name: str, right: str, kind: str = "field") -> str:
    """Return the sentence for a misspelt name."""
    return f"{name} is not a {kind} of this request; did you mean {right}?"


@cache
def _names(model: type[BaseModel]) -> dict[str, str]:
    """Return every name under which a body's fields may be sent, and the field it is."""
    return {name: field for field, info in model.model_fields.items() for name in (field, *_aliases(info))}


def _aliases(info: FieldInfo) -> Iterator[str]:
    if isinstance(info.validation_alias, AliasChoices):
        yield from (one for one in info.validation_alias.choices if isinstance(one, str))
    elif isinstance(info.validation_alias, str):
        yield info.validation_alias


def _mistaken(
    title: str, given: Mapping[str, object], typos: Mapping[str, str], read: ModelWrapValidatorHandler[Any]
) -> ValidationError | BadRequest:
    """Name the misspellings, and with them all that would still be wrong if they were mended."""
    mistakes: list[InitErrorDetails] = [
        {"type": PydanticCustomError("misspelt", "misspelt", {"meant": right}), "loc": (name,), "input": given[name]}
        for name, right in typos.items()
    ]
    try:
        read({typos.get(name, name): value for name, value in given.items()})
    except ValidationError as error:
        mistakes += map(_again, error.errors())
    except BadRequest as error:
        return BadRequest([*(unknown(name, right) for name, right in typos.items()), *error.messages])
    return ValidationError.from_exception_data(title, mistakes)


def _again(error: ErrorDetails) -> InitErrorDetails:
    """Return a mistake in the form in which it can be told again."""
    kind, context = error["type"], error.get("ctx", {})
    made = PydanticCustomError("misspelt", "misspelt", context) if kind == "misspelt" else kind
    return {"type": made, "loc": error["loc"], "input": error["input"], "ctx": context}


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
    if kind == "misspelt":
        return unknown(field, context["meant"])
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
