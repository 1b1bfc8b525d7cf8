"""Every error leaves in one shape: ``{statusCode, message, error}`` (contract B.2.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException

from dialnexa.kit.errors import DialNexaError
from dialnexa.platform.wire import sentences

ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "title": "Error",
    "description": "What went wrong, and how to mend it. Some errors carry further keys.",
    "required": ["statusCode", "message", "error"],
    "properties": {
        "statusCode": {"type": "integer", "examples": [400]},
        "message": {
            "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
            "description": "One sentence, or one for each bad field.",
            "examples": [["to_number must be a valid E.164 phone number"]],
        },
        "error": {"type": "string", "examples": ["Bad Request"]},
        "code": {"type": "string", "description": "A stable word for programs, where there is one."},
    },
}


def error_response(
    status: int,
    message: str | Sequence[str],
    *,
    headers: Mapping[str, str] | None = None,
    extra: Mapping[str, object] | None = None,
) -> JSONResponse:
    """Return an error in the standard shape."""
    said = message if isinstance(message, str) else list(message)
    body = {**(extra or {}), "statusCode": status, "message": said, "error": phrase(status)}
    return JSONResponse(body, status, headers=dict(headers or {}))


def phrase(status: int) -> str:
    """Return the standard phrase of a status; NestJS's words, which clients know, where the library's differ."""
    known = {413: "Payload Too Large", 422: "Unprocessable Entity"}
    return known.get(status) or HTTPStatus(status).phrase


def install(app: FastAPI) -> None:
    """Teach the application to answer every error in the standard shape."""
    app.add_exception_handler(DialNexaError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _framework)


async def _ours(_request: Request, error: Exception) -> JSONResponse:
    known = cast(DialNexaError, error)
    message = known.messages if known.by_field else known.messages[0]
    code = {"code": known.code} if known.code else {}
    return error_response(known.status, message, headers=known.headers, extra={**known.extra, **code})


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    details = cast(Sequence[ErrorDetails], cast(RequestValidationError, error).errors())
    return error_response(400, sentences(details))


_UNREADABLE_FORM = "The form could not be read; send it as multipart/form-data with the file in a field named file."


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("multipart/")


async def _framework(request: Request, error: Exception) -> JSONResponse:
    """Answer what the framework itself refuses: unknown paths, wrong methods, unreadable bodies."""
    known = cast(HTTPException, error)
    if isinstance(known.__cause__, DialNexaError):  # ours, wrapped by the framework while it read the body
        return await _ours(request, known.__cause__)
    message = {
        404: f"Cannot {request.method} {request.url.path}. The reference of all routes is at /docs",
        405: f"{request.method} is not allowed on {request.url.path}",
        400: _UNREADABLE_FORM if _is_form(request) else "The body could not be read; send JSON in UTF-8.",
    }.get(known.status_code, str(known.detail))
    return error_response(known.status_code, message, headers=known.headers)
