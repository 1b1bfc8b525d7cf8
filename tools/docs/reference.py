"""The reference of the API as pages of text, one for each tag, from the OpenAPI document."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, cast

_VERBS = ("get", "post", "put", "patch", "delete")
_COMMON = frozenset({"400", "401", "403", "404", "409", "413", "415", "422", "429", "500", "503"})
"""Answers that every operation may give; errors.md explains them."""


def slug(tag: str) -> str:
    """Return the file name of a tag's page."""
    return re.sub(r"[^a-z0-9]+", "-", tag.lower()).strip("-")


def pages(document: Mapping[str, Any]) -> dict[str, str]:
    """Return each tag's page, in the order of the document."""
    parts: defaultdict[str, list[str]] = defaultdict(list)
    for path, operations in document["paths"].items():
        for verb in _VERBS:
            if verb in operations:
                operation = operations[verb]
                parts[operation["tags"][0]].append(_operation(document, verb, path, operation))
    return {tag: "\n\n".join([f"# {tag}", *sections]) + "\n" for tag, sections in parts.items()}


def _operation(document: Mapping[str, Any], verb: str, path: str, operation: Mapping[str, Any]) -> str:
    lines = [f"## {operation['summary']}", f"`{verb.upper()} {path}`", operation.get("description", "")]
    parameters = [one for one in operation.get("parameters", []) if one["in"] != "header"]
    if parameters:
        rows = [
            _row(one["name"], one["schema"], one.get("description", ""), one.get("required"), document)
            for one in parameters
        ]
        lines.append(_table("Parameter", rows))
    if (body := _schema_of(operation.get("requestBody", {}))) is not None:
        lines.append(f"**Body**\n\n{_fields(document, body)}")
    for status, answer in operation["responses"].items():
        if status not in _COMMON:
            lines.append(_answer(document, status, answer))
    if "security" in operation:
        lines.append("Other answers are [errors](../errors.md).")
    return "\n\n".join(line for line in lines if line)


def _answer(document: Mapping[str, Any], status: str, answer: Mapping[str, Any]) -> str:
    schema = _schema_of(answer)
    if schema is None:
        kinds = ", ".join(f"`{kind}`" for kind in answer.get("content", {})) or answer.get("description", "")
        return f"**Answer {status}**: {kinds}"
    return f"**Answer {status}**\n\n{_fields(document, schema)}"


def _schema_of(part: Mapping[str, Any]) -> dict[str, Any] | None:
    return part.get("content", {}).get("application/json", {}).get("schema")


def _fields(document: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """Return the fields of an object as a table, those of the objects in it below; other schemas in a word."""
    known = _resolved(document, schema)
    if "properties" not in known:
        return f"{_kind(document, schema)}."
    tables = [_table("Field", _rows(document, known))]
    tables += [f"*{name}*\n\n{_table('Field', _rows(document, one))}" for name, one in _named(document, known, set())]
    return "\n\n".join(tables)


def _rows(document: Mapping[str, Any], known: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    required = known.get("required", ())
    return [
        _row(name, one, one.get("description", ""), name in required, document)
        for name, one in known["properties"].items()
    ]


def _named(
    document: Mapping[str, Any], schema: Mapping[str, Any], seen: set[str]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Give the objects a schema refers to, each once, in the order in which a reader meets them."""
    for name in _references(schema):
        if name in seen:
            continue
        seen.add(name)
        found = document["components"]["schemas"][name]
        if "properties" in found:
            yield name, found
        yield from _named(document, found, seen)


def _references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        known = cast("dict[str, object]", node)
        if isinstance(reference := known.get("$ref"), str):
            yield reference.rpartition("/")[2]
        for key, value in known.items():
            if key != "$ref":
                yield from _references(value)
    elif isinstance(node, list):
        for one in cast("list[object]", node):
            yield from _references(one)


def _resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    return document["components"]["schemas"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def _row(
    name: str, schema: Mapping[str, Any], told: str, required: object, document: Mapping[str, Any]
) -> tuple[str, str, str]:
    return (f"`{name}`{' *' if required else ''}", _kind(document, schema), _cell(told))


def _kind(document: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """Return a schema in a few words: its type, its values, its bounds, its default."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        values = document.get("components", {}).get("schemas", {}).get(name, {}).get("enum")
        return _values(values) if values else f"*{name}*"
    for word in ("anyOf", "oneOf", "allOf"):
        if word in schema:
            kinds = [_kind(document, one) for one in schema[word] if one.get("type") != "null"]
            null = ["null"] if any(one.get("type") == "null" for one in schema[word]) else []
            return " or ".join(dict.fromkeys([*kinds, *null])) + _default(schema)
    if "enum" in schema or "const" in schema:
        return _values(schema.get("enum", [schema.get("const")])) + _default(schema)
    if schema.get("type") == "array":
        return f"array of {_kind(document, schema.get('items', {}))}{_default(schema)}"
    kind = schema.get("type", "any")
    return f"{kind}{_bounds(schema)}{_default(schema)}"


def _values(values: list[Any]) -> str:
    return ", ".join(f"`{value}`" for value in values)


def _bounds(schema: Mapping[str, Any]) -> str:
    least = schema.get("minimum", schema.get("exclusiveMinimum"))
    most = schema.get("maximum", schema.get("exclusiveMaximum"))
    if least is not None and most is not None:
        return f", {least:,} to {most:,}"
    if least is not None or most is not None:
        return f", from {least:,}" if least is not None else f", up to {most:,}"
    return f", up to {schema['maxLength']:,} characters" if "maxLength" in schema else ""


def _default(schema: Mapping[str, Any]) -> str:
    default = schema.get("default")
    return f", default `{json.dumps(default)}`" if default not in (None, [], {}) else ""


def _table(first: str, rows: list[tuple[str, str, str]]) -> str:
    lines = [f"| {first} | Type | Meaning |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows)])


def _cell(text: str) -> str:
    return " ".join(text.split())
