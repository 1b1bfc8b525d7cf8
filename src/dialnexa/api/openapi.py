"""The OpenAPI 3.1 document: FastAPI's own, with our errors, headers and conventions added to every operation."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata
from typing import Any, cast

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from dialnexa.api.errors import ERROR_SCHEMA, phrase

_DESCRIPTION = """
DialNexa lets programs make and take phone calls that an AI agent holds.

**Authentication.** Send `Authorization: Bearer sk_live_…`. Test keys (`sk_test_…`) do the same, but their calls only
reach the built-in test people.

**Errors** are `{statusCode, message, error}`; `message` says what to mend: an array when several fields are wrong.

**Writes** may carry an `Idempotency-Key`: for 24 hours the same request under the same key is carried out once.

**Lists** take `page` and `limit` (at most 200) and answer `{data, meta}`. The header `DialNexa-Envelope: openapi` asks
for the envelopes of the older published OpenAPI file.

**Unknown fields** of a body, and parameters of a query, are ignored and named in the header
`X-DialNexa-Ignored-Fields`. One that is a misspelling of a known one gets a 400 that says which was meant.
"""
_ERRORS = {
    "400": "The request is malformed; `message` names each bad field.",
    "401": "The key is missing, unknown, expired or revoked.",
    "402": "The workspace's wallet is empty, or its daily spend cap is reached.",
    "403": "The key, the number, the agent version or the destination does not allow it.",
    "404": "No such object in this workspace.",
    "409": "A limit or the object's state forbids it now, or the Idempotency-Key belongs to another request.",
    "413": "The body is too large.",
    "415": "The body is not of the type this route reads.",
    "422": "Well formed, but it makes no sense in the present state of things.",
    "429": "Too many requests; wait as long as `Retry-After` says.",
    "500": "Our fault; `id` names it in the logs.",
    "503": "Overloaded or shutting down; safe to try again.",
}
_TAGS = (
    *("Calls", "Agents", "Functions", "Templates", "Phone numbers", "SIP trunks", "Call logs", "Webhooks", "Events"),
    *("Alerts", "Knowledge bases", "Calendars", "Folders", "Catalogue", "Prices", "API keys", "Workspace"),
    *("Telephony Config", "Country rules", "KYC", "Audit log", "Status"),
)
"""In the order in which somebody new needs them."""
_READ_ERRORS = ("400", "401", "403", "404", "429", "500", "503")
_VERBS = ("get", "post", "put", "patch", "delete")
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key and request within 24 hours are carried out once.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
_RATE_HEADERS = {
    "X-RateLimit-Limit": {"description": "Requests per minute.", "schema": {"type": "integer"}},
    "X-RateLimit-Remaining": {"description": "Requests left now.", "schema": {"type": "integer"}},
    "X-RateLimit-Reset": {
        "description": "When the bucket is full again, in Unix seconds.",
        "schema": {"type": "integer"},
    },
}


def install(app: FastAPI) -> None:
    """Serve the document from the application."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = build(app)
        return app.openapi_schema

    app.openapi = document


def build(app: FastAPI) -> dict[str, Any]:
    """Return the whole document."""
    document = get_openapi(
        title="DialNexa API",
        version=metadata.version("dialnexa"),
        openapi_version="3.1.0",
        description=_DESCRIPTION.strip(),
        routes=app.routes,
        servers=[{"url": "/", "description": "This installation"}],
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    schemas["Error"] = ERROR_SCHEMA
    document["components"]["headers"] = _RATE_HEADERS
    document["paths"] = _in_order(document["paths"])
    document["tags"] = [{"name": tag} for tag in _TAGS]
    for verb, operation in _operations(document):
        _complete(verb, operation)
    return document


def _in_order(paths: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the paths by tag; within one, what makes and lists things comes before what is done with them."""
    roots = list(dict.fromkeys(_root(path) for path in paths))

    def place(path: str) -> tuple[int, int, int]:
        (tag, *_) = next(iter(paths[path].values()))["tags"]
        return _TAGS.index(tag) if tag in _TAGS else len(_TAGS), roots.index(_root(path)), path.count("/")

    return {path: paths[path] for path in sorted(paths, key=place)}


def _root(path: str) -> str:
    return path.removeprefix("/v1").split("/")[1]


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in cast(dict[str, dict[str, Any]], document["paths"]).values():
        for verb in _VERBS:
            if verb in path:
                yield verb, path[verb]


def _complete(verb: str, operation: dict[str, Any]) -> None:
    """Add what every operation has: errors, rate headers, and for writes the idempotency key."""
    answers: dict[str, Any] = operation["responses"]
    answers.pop("422", None)  # FastAPI's own shape; ours is a 400
    guarded = "security" in operation
    if guarded and verb != "get":
        operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
    names = tuple(_ERRORS) if guarded and verb != "get" else _READ_ERRORS if guarded else ("500",)
    for status in names:
        answers.setdefault(status, _error_answer(status))
    for answer in answers.values():
        answer.setdefault("headers", {}).update(
            {name: {"$ref": f"#/components/headers/{name}"} for name in _RATE_HEADERS}
        )


def _error_answer(status: str) -> dict[str, Any]:
    return {
        "description": f"{phrase(int(status))}. {_ERRORS[status]}",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }
