"""Turns operations of the OpenAPI document into tools: what each takes, and which request its arguments make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote

from mcp_types import Tool, ToolAnnotations

from dialnexa.api.mcp.tools import Entry
from dialnexa.kit.errors import BadRequest

CONFIRM = "confirm"
"""The argument that says a person agreed to a billable tool."""
_WHOLE_BODY = "body"
_COMPONENTS = "#/components/schemas/"
_CONFIRM_SCHEMA = {
    "type": "boolean",
    "description": "True once the person you act for has agreed to this very action, which may cost money.",
}


@dataclass(frozen=True, slots=True)
class Operation:
    """A tool, and where each of its arguments goes in the request."""

    entry: Entry
    tool: Tool
    in_path: frozenset[str]
    in_query: frozenset[str]
    body: Mapping[str, str] | None
    """Argument → field of the body; ``None`` for operations without one."""

    def request(self, arguments: Mapping[str, object]) -> tuple[str, dict[str, Any]]:
        """Return the request's path and its other parts; raise ``BadRequest`` for arguments without a place in it."""
        known = cast("dict[str, object]", self.tool.input_schema["properties"])
        wrong = [f"{name} is not an argument of {self.entry.name}" for name in arguments if name not in known]
        wrong += [f"{name} should not be empty" for name in sorted(self.in_path) if not arguments.get(name)]
        if wrong:
            raise BadRequest([*wrong, f"It takes: {', '.join(known) or 'nothing'}."])
        path = self.entry.path
        for name in self.in_path:
            path = path.replace(f"{{{name}}}", quote(_step(name, arguments[name]), safe=""))
        return path, self._parts(arguments)

    def _parts(self, arguments: Mapping[str, object]) -> dict[str, Any]:
        parts: dict[str, Any] = {}
        if query := {name: _text(arguments[name]) for name in self.in_query if arguments.get(name) is not None}:
            parts["params"] = query
        if self.body is not None:
            fields = {field: arguments[name] for name, field in self.body.items() if name in arguments}
            parts["json"] = fields.get(_WHOLE_BODY, {}) if self.body == {_WHOLE_BODY: _WHOLE_BODY} else fields
        return parts


def build(document: Mapping[str, Any], entries: Iterable[Entry]) -> dict[str, Operation]:
    """Return the tools by their names; raise ``KeyError`` for an entry whose operation the document does not have."""
    return {entry.name: _operation(document, entry) for entry in entries}


def _operation(document: Mapping[str, Any], entry: Entry) -> Operation:
    described = document["paths"][entry.path][entry.method.lower()]
    parameters = [one for one in described.get("parameters", []) if one["in"] in {"path", "query"}]
    properties = {one["name"]: _described(one) for one in parameters}
    required = [one["name"] for one in parameters if one.get("required")]
    body = _body(document, described)
    fields = None
    if body is not None:
        fields = {(f"body_{name}" if name in properties else name): name for name in body["properties"]}
        properties |= {argument: body["properties"][name] for argument, name in fields.items()}
        required += [argument for argument, name in fields.items() if name in body.get("required", [])]
    if entry.billable:
        properties[CONFIRM] = _CONFIRM_SCHEMA
    return Operation(
        entry,
        _tool(entry, described, _schema(document, properties, required)),
        frozenset(one["name"] for one in parameters if one["in"] == "path"),
        frozenset(one["name"] for one in parameters if one["in"] == "query"),
        fields,
    )


def _tool(entry: Entry, described: Mapping[str, Any], schema: dict[str, Any]) -> Tool:
    notes = [described.get("description", described["summary"])]
    if entry.billable:
        notes.append(f"It may cost money: ask the person first, then pass `{CONFIRM}: true`.")
    return Tool(
        name=entry.name,
        title=described["summary"],
        description="\n\n".join(notes),
        input_schema=schema,
        annotations=ToolAnnotations(
            title=described["summary"],
            read_only_hint=entry.reads,
            destructive_hint=entry.destructive or entry.billable,
            idempotent_hint=entry.method in {"GET", "PATCH", "PUT", "DELETE"},
            open_world_hint=entry.billable,
        ),
        _meta={"dialnexa/group": entry.group, "dialnexa/billable": entry.billable},
    )


def _described(parameter: Mapping[str, Any]) -> dict[str, Any]:
    told = {"description": parameter["description"]} if "description" in parameter else {}
    return {**parameter["schema"], **told}


def _body(document: Mapping[str, Any], described: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the schema of the JSON body as an object with properties, ``None`` where there is no body."""
    schema: dict[str, Any] | None = (
        described.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    )
    if schema is None:
        return None
    for one in (schema, *schema.get("anyOf", ())):
        if "$ref" in one:
            one = document["components"]["schemas"][one["$ref"].removeprefix(_COMPONENTS)]
        if "properties" in one:
            return one
    return {"properties": {_WHOLE_BODY: schema}}


def _schema(document: Mapping[str, Any], properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    """Return a JSON Schema that stands by itself: the components it needs travel along."""
    schema: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = required
    components, needed = document["components"]["schemas"], dict[str, Any]()
    queue = [*_references(schema)]
    while queue:
        name = queue.pop()
        if name not in needed:
            needed[name] = components[name]
            queue += _references(components[name])
    if needed:
        schema["$defs"] = dict(sorted(needed.items()))
    return _within(schema)


def _references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in cast("dict[str, object]", node).items():
            if key == "$ref" and isinstance(value, str):
                yield value.removeprefix(_COMPONENTS)
            else:
                yield from _references(value)
    elif isinstance(node, list):
        for one in cast("list[object]", node):
            yield from _references(one)


def _within(node: Any) -> Any:
    """Point every reference at ``$defs``."""
    if isinstance(node, dict):
        known = cast("dict[str, Any]", node)
        return {key: _moved(value) if key == "$ref" else _within(value) for key, value in known.items()}
    return [_within(one) for one in cast("list[Any]", node)] if isinstance(node, list) else node


def _moved(reference: str) -> str:
    return reference.replace(_COMPONENTS, "#/$defs/")


def _step(name: str, value: object) -> str:
    text = _text(value)
    if text in {".", ".."}:
        raise BadRequest(f"{name} {text!r} is not an id.")
    return text


def _text(value: object) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
