"""Holds every answer the tests get against the published OpenAPI document."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import httpx
from fastapi import FastAPI
from jsonschema import Draft202012Validator

VERBS = ("get", "post", "put", "patch", "delete")


_documents: list[dict[str, Any]] = []


def document(app: FastAPI) -> dict[str, Any]:
    """Return the document; every application of a process has the same routes, so one is made for all of them."""
    if not _documents:
        _documents.append(app.openapi())
    return _documents[0]


@cache
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template)))


def operation_for(app: FastAPI, method: str, path: str) -> dict[str, Any] | None:
    """Return the operation a request belongs to; the unversioned routes are those of /v1."""
    for known in (path, f"/v1{path}", path.replace("/phone-numbers", "/organization-phone-numbers")):
        fitting = [path for path in document(app)["paths"] if _pattern(path).fullmatch(known)]
        for template in sorted(fitting, key=lambda path: path.count("{")):  # OpenAPI: concrete paths come first
            if method.lower() in (operations := document(app)["paths"][template]):
                return operations[method.lower()]
    return None


async def check(app: FastAPI, response: httpx.Response) -> None:
    """Fail unless the document promises this answer."""
    await response.aread()
    operation = operation_for(app, response.request.method, response.request.url.path)
    if operation is None:
        return
    where = f"{response.request.method} {response.request.url.path} → {response.status_code}"
    promised = operation["responses"].get(str(response.status_code))
    assert promised is not None, f"{where} is not documented: {response.text[:300]}"
    schema = promised.get("content", {}).get("application/json", {}).get("schema")
    if schema is None or response.headers["content-type"].startswith("text/event-stream"):
        return
    whole = {**schema, "components": document(app)["components"]}
    errors = [
        f"{error.json_path}: {error.message}" for error in Draft202012Validator(whole).iter_errors(response.json())
    ]
    assert not errors, f"{where} does not fit its schema: {errors[:3]}"
