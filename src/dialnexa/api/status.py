"""What operators and load balancers ask: is it up, is it ready, how much does it do; and the reference page."""

from __future__ import annotations

from importlib import metadata, resources
from typing import Literal

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError

from dialnexa.api import readiness
from dialnexa.api.metrics import installation_text, workers_text
from dialnexa.kit.errors import NotFound
from dialnexa.platform.calls import nodes
from dialnexa.platform.http import Db, Now

router = APIRouter()
log = structlog.get_logger(__name__)

_PAGES = {
    "index.html": "text/html; charset=utf-8",
    "reference.css": "text/css; charset=utf-8",
    "reference.js": "text/javascript; charset=utf-8",
}
_POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:"


class Status(BaseModel):
    """That the API is up."""

    name: str
    status: str
    version: str
    documentation: str
    openapi: str


class Health(BaseModel):
    """Whether a process lives."""

    status: str


class Readiness(BaseModel):
    """Whether a process can do its work, and how each part is: `ok`, or what is wrong with it."""

    status: Literal["ok", "degraded", "not ready", "draining"]
    parts: dict[str, str]


@router.get("/", tags=["Status"], summary="API status")
async def root() -> Status:
    """Say that the API is up, and where its documentation is."""
    return Status(
        name="DialNexa",
        status="ok",
        version=metadata.version("dialnexa"),
        documentation="/docs",
        openapi="/api-reference/openapi.json",
    )


@router.get("/healthz", tags=["Status"], summary="Is the process alive")
async def healthz() -> Health:
    """Answer as long as the process lives."""
    return Health(status="ok")


@router.get(
    "/readyz",
    tags=["Status"],
    summary="Can the process take work",
    response_model=Readiness,
    responses={
        503: {"model": Readiness, "description": "Shutting down, or a part is missing that it cannot do without."}
    },
)
async def readyz(request: Request, database: Db) -> JSONResponse:
    """Answer 200 when requests can be served: the database answers, at this schema, and nobody is shutting down.

    Without a worker the status is `degraded`: requests are served, but calls wait.
    """
    if getattr(request.app.state, "draining", False):
        return JSONResponse({"status": "draining", "parts": {}}, 503)
    parts = await readiness.parts(database)
    wrong = {name for name, how in parts.items() if how != readiness.OK}
    status = "ok" if not wrong else "degraded" if wrong == {"workers"} else "not ready"
    return JSONResponse({"status": status, "parts": parts}, 503 if status == "not ready" else 200)


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request, database: Db, now: Now) -> Response:
    """Return the meters of this process, of the living workers and of the whole installation in Prometheus' format."""
    text: bytes = request.app.state.metrics.text()
    try:
        async with database.read() as session:
            text += workers_text(await nodes.living(session))
            text += await installation_text(session, now)
    except (SQLAlchemyError, OSError) as error:  # what this process counts is told all the same
        log.warning("shared meters not read", error=repr(error))
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


@router.get("/docs", include_in_schema=False)
async def reference() -> Response:
    """Return the interactive reference; it reads the OpenAPI document and needs no other server."""
    return _page("index.html")


@router.get("/docs/{name}", include_in_schema=False)
async def reference_part(name: str) -> Response:
    """Return a part of the reference page."""
    if name not in _PAGES:
        raise NotFound(f"The reference has no part {name}. It begins at /docs")
    return _page(name)


def _page(name: str) -> Response:
    content = resources.files("dialnexa.api").joinpath("reference", name).read_bytes()
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"}
    return Response(content, media_type=_PAGES[name], headers=headers)
