"""The fields of the post-call analysis that an agent defines: every documented spelling in, one form out (C.9)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, cast

from pydantic import AliasChoices, Field, ValidationError, field_validator, model_validator

from dialnexa.platform.wire import Body, sentences

MOST = 100
_NAME = re.compile(r"[A-Za-z0-9_]{1,64}")
_MOST_OPTIONS, _OPTION_LENGTH = 100, 200
_TAKEN = frozenset({"summary", "sentiment"})
"""Always made; fields of these names would say the same twice."""


class FieldType(StrEnum):
    """What a field holds, in the words that answers use."""

    TEXT = "STRING"
    SELECTOR = "ENUM"
    BOOLEAN = "BOOLEAN"
    NUMBER = "NUMBER"
    DATETIME = "DATETIME"


_SPELLINGS = {
    FieldType.TEXT: ("string", "text", "str", "free_text"),
    FieldType.SELECTOR: ("enum", "selector", "select", "choice", "options"),
    FieldType.BOOLEAN: ("boolean", "bool", "yes_no"),
    FieldType.NUMBER: ("number", "numeric", "integer", "float"),
    FieldType.DATETIME: ("datetime", "date_time", "date", "timestamp"),
}
_TYPES = {spelling: kind for kind, spellings in _SPELLINGS.items() for spelling in spellings}


class AnalysisField(Body):
    """One field that the post-call analysis fills in."""

    field_name: Annotated[str, Field(validation_alias=AliasChoices("field_name", "name"))]
    field_type: Annotated[FieldType, Field(validation_alias=AliasChoices("field_type", "type"))] = FieldType.TEXT
    field_description: Annotated[
        str, Field(max_length=2000, validation_alias=AliasChoices("field_description", "description"))
    ] = ""
    options: list[str] = Field(default_factory=list[str])
    display_name: Annotated[str, Field(max_length=200)] | None = None
    display_order: Annotated[int, Field(ge=0, le=10_000)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _options_by_any_name(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        given = dict(cast(dict[str, object], data))
        elsewhere = given.pop("additional_fields", None)
        given["options"] = _options(given.get("options") or elsewhere)
        return given

    @field_validator("field_name")
    @classmethod
    def _is_a_name(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError(f'is "{name[:80]}": use letters, digits and _, 64 at most')
        if name.lower() in _TAKEN:
            raise ValueError(f"must not be {name}: every analysis has that already")
        return name

    @field_validator("field_type", mode="before")
    @classmethod
    def _in_any_spelling(cls, given: object) -> object:
        if isinstance(given, FieldType):
            return given
        kind = _TYPES.get(str(given).strip().lower().replace("-", "_").replace(" ", "_"))
        if kind is None:
            raise ValueError("must be one of: string, enum, boolean, number, datetime")
        return kind

    @model_validator(mode="after")
    def _has_options_to_select(self) -> AnalysisField:
        if self.field_type is FieldType.SELECTOR:
            if not self.options:
                raise ValueError('needs options to select from, such as "options": ["yes", "no"]')
            if len(self.options) > _MOST_OPTIONS or any(len(option) > _OPTION_LENGTH for option in self.options):
                raise ValueError(f"must have at most {_MOST_OPTIONS} options of {_OPTION_LENGTH} characters")
        return self

    def stored(self) -> dict[str, object]:
        """Return the field as versions keep it and answers show it."""
        written = self.model_dump(mode="json", exclude_none=True)
        return {**written, "additional_fields": self.options} if self.options else written


def read(fields: Sequence[Mapping[str, object]]) -> list[AnalysisField]:
    """Return the fields that can be read, in the order they are shown; others are left out."""
    found = list[AnalysisField]()
    for field in fields:
        try:
            found.append(AnalysisField.model_validate(field))
        except ValidationError:
            continue  # a draft from before it was judged; ``mistakes`` has told whoever saves it again
    return sorted(found, key=lambda field: field.display_order or 0)


def stored(fields: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
    """Return fields in one form; what cannot be read stays as it is, for ``mistakes`` to name."""
    written = list[dict[str, object]]()
    for field in fields:
        try:
            written.append(AnalysisField.model_validate(field).stored())
        except ValidationError:
            written.append(dict(field))
    return written


def mistakes(fields: Sequence[Mapping[str, object]], spelling: str = "post_call_analysis") -> list[str]:
    """Return a sentence for each mistake in the fields; empty when all is well."""
    found = list[str]()
    if len(fields) > MOST:
        return [f"{spelling} must have {MOST} fields or fewer (received {len(fields)})"]
    names = Counter[str]()
    for index, field in enumerate(fields):
        try:
            names[AnalysisField.model_validate(field).field_name.lower()] += 1
        except ValidationError as error:
            found += [f"{spelling}[{index}].{sentence}" for sentence in sentences(error.errors())]
    found += [f'{spelling} has the field "{name}" {count} times' for name, count in names.items() if count > 1]
    return [sentence.replace("].The body ", "] ") for sentence in found]


def _options(given: Any) -> list[object]:
    """Return options however they are given: a list, a comma list, an object with a list, or objects with values."""
    if isinstance(given, str):
        given = given.split(",")
    if isinstance(given, dict):
        inside = cast(dict[str, object], given)
        given = inside.get("options") or inside.get("values") or list(inside)
    if not isinstance(given, list):
        return []
    options = [_option(option) for option in cast(list[object], given)]
    return list(dict.fromkeys(option for option in options if option))


def _option(given: object) -> str:
    if isinstance(given, dict):
        inside = cast(dict[str, object], given)
        given = inside.get("value") or inside.get("name") or inside.get("label") or ""
    return "" if given is None else str(given).strip()
