"""Checks what a model wrote for a function against the function's JSON schema, before anybody is called with it."""

# The library's own annotations leave their parameters open.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

import structlog
from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import UnknownType, best_match
from referencing import Registry
from referencing.exceptions import Unresolvable

_log = structlog.get_logger(__name__)

_UNCHECKED = ("pattern", "patternProperties")
"""Left unchecked: a user's expression could take seconds over a string, and every call of the worker would stand."""


def _unchecked(*_: object) -> None:
    """Let everything pass."""


_Validator: Any = validators.extend(Draft202012Validator, dict.fromkeys(_UNCHECKED, _unchecked))
_best_match: Any = best_match
_NOWHERE: Any = Registry()
"""References lead nowhere outside the schema: nothing is fetched."""


class BadArguments(Exception):
    """What is wrong, in words that the model can act on."""


def read(name: str, text: str, schema: Mapping[str, object]) -> Mapping[str, object]:
    """Return the arguments a model wrote as JSON; raise ``BadArguments`` when they do not fit the schema."""
    try:
        parsed: object = json.loads(text or "{}")
    except (ValueError, RecursionError):
        raise BadArguments(f"The arguments of {name} are not valid JSON. Call it again.") from None
    if not isinstance(parsed, dict):
        raise BadArguments(f"The arguments of {name} must be a JSON object. Call it again.")
    arguments = cast("dict[str, object]", parsed)
    required = schema.get("required")
    names = cast("list[object]", required) if isinstance(required, list) else []
    if missing := [str(one) for one in names if one not in arguments]:
        raise BadArguments(f"{name} needs {', '.join(missing)}. Ask the caller, then call it again.")
    if problem := _problem(arguments, schema):
        raise BadArguments(f"{name} cannot be called like this: {problem}. Correct it and call it again.")
    return arguments


def _problem(arguments: Mapping[str, object], schema: Mapping[str, object]) -> str:
    if not schema:
        return ""
    try:
        found = _best_match(_Validator(schema, registry=_NOWHERE).iter_errors(arguments))
    except (Unresolvable, UnknownType):  # the schema is at fault, not the model
        _log.warning("function schema cannot be checked", schema=schema)
        return ""
    return "" if found is None else f"{found.json_path.removeprefix('$.')}: {found.message[:200]}"
