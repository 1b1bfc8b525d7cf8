"""Turns JSON objects into the frozen dataclasses of ``models``: by their type hints, strictly, ignoring what is new."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from dialnexa_client.errors import UnexpectedAnswer
from dialnexa_client.exchange import Reply, json_of

T = TypeVar("T")


def named(*names: str) -> Mapping[str, object]:
    """Return the field metadata that says what a field is called on the wire; the first name present wins."""
    return {"names": names}


RAW: Mapping[str, object] = {"raw": True}
"""The metadata of the field that holds the whole object as it arrived."""


def reader(model: type[T]) -> Callable[[Reply], T]:
    """Return what reads an answer as a ``model``."""
    return lambda reply: decode(model, json_of(reply))


def decode(model: type[T], data: object, where: str = "") -> T:
    """Return ``data`` as a ``model``; raise ``UnexpectedAnswer`` naming the first field that does not fit."""
    if not isinstance(data, Mapping):
        raise UnexpectedAnswer(f"{where or 'the answer'} should be an object, not {data!r:.100}")
    known = cast(Mapping[str, object], data)
    values = dict[str, object]()
    for name, hint, one in _shape(model):
        if one.metadata.get("raw"):
            values[name] = known
            continue
        names = cast(tuple[str, ...], one.metadata.get("names", (name,)))
        spelled = next((spelling for spelling in names if spelling in known), None)
        path = f"{where}.{names[0]}" if where else names[0]
        if spelled is not None:
            values[name] = _value(hint, known[spelled], path)
        elif type(None) in get_args(hint):
            values[name] = None
        elif one.default is MISSING and one.default_factory is MISSING:
            raise UnexpectedAnswer(f"{path} is missing in the answer")
    return model(**values)


@cache
def _shape(model: type) -> tuple[tuple[str, object, Field[Any]], ...]:
    hints = get_type_hints(model)
    return tuple((one.name, hints[one.name], one) for one in fields(model))


def _value(hint: object, value: object, path: str) -> object:
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        if value is None:
            return None
        return _value(next(one for one in inner if one is not type(None)), value, path)
    if origin is tuple:
        if not isinstance(value, list):
            raise _misfit(path, "a list", value)
        return tuple(_value(inner[0], one, f"{path}[{i}]") for i, one in enumerate(cast(list[object], value)))
    if origin is not None:
        return _plain(Mapping, value, path)
    if isinstance(hint, type) and is_dataclass(hint):
        return decode(cast(type[object], hint), value, path)
    return _plain(cast(type, hint), value, path)


def _plain(kind: type, value: object, path: str) -> object:
    if kind is datetime and isinstance(value, str):
        try:
            return datetime.fromisoformat(value)
        except ValueError as error:
            raise _misfit(path, "a time", value) from error
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind is not object and (not isinstance(value, kind) or (kind is int and isinstance(value, bool))):
        raise _misfit(path, "an object" if kind is Mapping else f"of type {kind.__name__}", value)
    return value


def _misfit(path: str, wanted: str, value: object) -> UnexpectedAnswer:
    return UnexpectedAnswer(f"{path} should be {wanted}, not {value!r:.100}")
