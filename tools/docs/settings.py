"""The settings of an installation as a page of text, from the one place where they are defined."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from dialnexa.settings import Settings

_INTRODUCTION = """# Settings

Everything an operator may set, as environment variables. Nothing is needed on a laptop.

| Variable | Type | Default | Meaning |
|---|---|---|---|
"""


def page() -> str:
    """Return the page."""
    return _INTRODUCTION + "".join(_row(name, field) for name, field in Settings.model_fields.items())


def _row(name: str, field: FieldInfo) -> str:
    default = str(field.default) if field.default not in (None, "") else "empty"
    shown = f"`{default}`" if default != "empty" else "empty"
    told = field.description or name.replace("_", " ").capitalize() + "."
    return f"| `DIALNEXA_{name.upper()}` | {_kind(field.annotation)} | {shown} | {' '.join(told.split())} |\n"


def _kind(annotation: object) -> str:
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(annotation))
    if get_origin(annotation) in (Union, types.UnionType):
        return _kind(next(one for one in get_args(annotation) if one is not type(None)))
    names = {str: "text", int: "number", float: "number", bool: "`true` or `false`", Path: "path"}
    return names.get(annotation, "text") if isinstance(annotation, type) else "text"
