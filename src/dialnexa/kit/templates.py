"""Prompt variables: ``{{name}}``, ``{{customer.name}}``, ``{{items[0]}}`` and filters (contract C.11, H.4).

Values are data, never template: what a variable holds is inserted as it is and not looked at again. A variable nobody
gave a value is never spoken as braces; it becomes its default, or nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, cast

_PLACEHOLDER = re.compile(r"\{\{\{(?P<raw>[^{}]*)\}\}\}|\{\{(?P<inner>[^{}]*)\}\}")
_NAME = r"[^\s{}|.\[\]#/!>&^\"'=](?:[^{}|.\[\]\"']*[^\s{}|.\[\]\"'])?"
_PATH = re.compile(rf"{_NAME}(?:\.{_NAME}|\[\d+\])*")
_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
_FILTER = re.compile(r"\|\s*(?P<name>\w+)\s*(?::\s*(?P<argument>\"[^\"]*\"|'[^']*'|[^\s|\"']+))?\s*")
_FILTERS: Final = {"default": True, "upcase": False, "downcase": False, "truncate": True}
"""Each filter, and whether it takes an argument."""
_MISSING: Final = object()


class TemplateError(ValueError):
    """A template is not well formed; the message says where and what to write instead."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A template with its values filled in."""

    text: str
    unresolved: tuple[str, ...] = ()
    """Variables that had neither a value nor a default, in the order they occur."""


@dataclass(frozen=True, slots=True)
class _Variable:
    path: str
    filters: tuple[tuple[str, str], ...]


def check(template: str) -> None:
    """Raise ``TemplateError`` unless the template can be rendered."""
    _parse(template)


def names(template: str) -> tuple[str, ...]:
    """Return the variables a template uses, by their first name (``customer`` for ``{{customer.name}}``), each once."""
    found = (_steps(part.path)[0] for part in _parse(template) if isinstance(part, _Variable))
    return tuple(dict.fromkeys(str(name) for name in found))


def render(template: str, values: Mapping[str, object], defaults: Mapping[str, object] | None = None) -> Rendered:
    """Fill in a template: the call's value, else the version's default, else the inline default, else nothing.

    Where nothing is inserted, the space that would double (or stand before a comma) goes as well. Names are
    case-sensitive. Raises ``TemplateError`` when the template is malformed.
    """
    pieces, unresolved = list[str](), dict[str, None]()
    gap = False
    for part in _parse(template):
        if isinstance(part, str):
            text = _close_gap(pieces, part) if gap else part
        else:
            text = _value_text(part, values, defaults or {})
            if text is None:
                unresolved[part.path] = None
        if text:
            pieces.append(text)
        gap = not text
    if gap and pieces:
        pieces[-1] = pieces[-1].rstrip(" ")
    return Rendered("".join(pieces), tuple(unresolved))


def built_ins(*, call_id: str, agent_id: str, agent_name: str, caller_number: str) -> dict[str, object]:
    """Return the variables every call has; ``caller_number`` is the person's number, whoever dialled.

    Put them under the call's own variables, which win: ``{**built_ins(…), **variables}``.
    """
    return {"call_id": call_id, "agent_id": agent_id, "agent_name": agent_name, "caller_number": caller_number}


@lru_cache(maxsize=1024)
def _parse(template: str) -> tuple[str | _Variable, ...]:
    parts = list[str | _Variable]()
    position = 0
    for found in _PLACEHOLDER.finditer(template):
        parts.append(_plain(template, position, found.start()))
        inner = found["raw"] if found["raw"] is not None else found["inner"]
        if not inner.lstrip().startswith("!"):  # {{! a comment }}
            parts.append(_variable(inner, found.start()))
        position = found.end()
    parts.append(_plain(template, position, len(template)))
    return tuple(part for part in parts if part != "")


def _plain(template: str, start: int, end: int) -> str:
    text = template[start:end]
    if (at := text.find("{{")) >= 0:
        raise TemplateError(f'"{{{{" at character {start + at + 1} is never closed; write {{{{name}}}}')
    if (at := text.find("}}")) >= 0:
        raise TemplateError(f'"}}}}" at character {start + at + 1} closes nothing; write {{{{name}}}}')
    return text


def _variable(inner: str, at: int) -> _Variable:
    text = inner.strip()
    where = f"{{{{{inner}}}}} at character {at + 1}"
    if not text:
        raise TemplateError(f"{where} names no variable; write {{{{name}}}}")
    if text[0] in "#/>&^":
        raise TemplateError(f"{where} is a Handlebars block; only variables and filters are supported")
    path, bar, rest = text.partition("|")
    path = path.strip()
    if not _PATH.fullmatch(path):
        raise TemplateError(f'{where} is not a variable; write a name, a path such as "customer.name" or "items[0]"')
    return _Variable(path, tuple(_filters(bar + rest, where)))


def _filters(text: str, where: str) -> Iterable[tuple[str, str]]:
    position = 0
    while position < len(text):
        found = _FILTER.match(text, position)
        if found is None:
            raise TemplateError(f'{where} has a filter that cannot be read; write {{{{name | default: "friend"}}}}')
        name, argument = found["name"], found["argument"] or ""
        if name not in _FILTERS:
            raise TemplateError(f'{where} uses the unknown filter "{name}"; known are {", ".join(_FILTERS)}')
        if _FILTERS[name] and not argument:
            raise TemplateError(f'{where}: the filter "{name}" needs a value, such as {name}: 20')
        if name == "truncate" and not argument.strip("\"'").isdecimal():
            raise TemplateError(f"{where}: truncate needs a number of characters, such as truncate: 20")
        yield name, argument[1:-1] if argument[:1] in {'"', "'"} else argument
        position = found.end()


def _resolve(variable: _Variable, values: Mapping[str, object], defaults: Mapping[str, object]) -> object:
    for source in (values, defaults):
        value = _look_up(source, variable.path)
        if value is not _MISSING and value is not None:
            return value
    return next((argument for name, argument in variable.filters if name == "default"), _MISSING)


def _value_text(variable: _Variable, values: Mapping[str, object], defaults: Mapping[str, object]) -> str | None:
    value = _resolve(variable, values, defaults)
    return None if value is _MISSING else _filtered(_as_text(value), variable.filters)


def _look_up(source: Mapping[str, object], path: str) -> object:
    if path in source:  # a column may well be called "customer.name"
        return source[path]
    value: object = source
    for step in _steps(path):
        if isinstance(value, Mapping):
            value = cast(Mapping[object, object], value).get(str(step), _MISSING)
        elif isinstance(value, Sequence) and not isinstance(value, str | bytes) and str(step).isdecimal():
            items = cast(Sequence[object], value)
            value = items[int(step)] if int(step) < len(items) else _MISSING
        else:
            return _MISSING
    return value


def _steps(path: str) -> list[str]:
    return [found[1] or found[2] for found in _STEP.finditer(path)]


def _as_text(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def _filtered(text: str, filters: tuple[tuple[str, str], ...]) -> str:
    for name, argument in filters:
        if name == "upcase":
            text = text.upper()
        elif name == "downcase":
            text = text.lower()
        elif name == "truncate":
            text = text[: int(argument)]
    return text


def _close_gap(pieces: list[str], text: str) -> str:
    """Return what follows an empty place, so that neither two spaces meet nor a space stands before punctuation."""
    before = pieces[-1] if pieces else ""
    if not before or before.endswith((" ", "\n")):
        if text.startswith(" "):
            return text[1:]
        if text[:1] in ",.;:!?" and before.endswith(" "):
            pieces[-1] = before.rstrip(" ")
    return text
