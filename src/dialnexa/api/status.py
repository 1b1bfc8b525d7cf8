"""What operators and load balancers ask: is it up, is it ready, how much does it do; and the reference page."""

from __future__ import annotations

from importlib import metadata, resources

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from dialnexa.api.metrics import workers_text
from dialnexa.kit.errors import NotFound
from dialnexa.platform.calls import nodes
from dialnexa.platform.http import Db

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
    """Whether a process can do its work."""

    status: str


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
    response_model=Health,
    responses={503: {"model": Health, "description": "Shutting down, or without its database."}},
)
async def readyz(request: Request, database: Db) -> Health | JSONResponse:
    """Answer 200 when the database answers and the process is not shutting down."""
    if getattr(request.app.state, "draining", False):
        return JSONResponse({"status": "draining"}, 503)
    try:
        async with database.read() as session:
            await session.execute(text("SELECT 1 FROM workspaces LIMIT 1"))
    except (SQLAlchemyError, OSError) as error:
        log.warning("not ready", error=repr(error))
        return JSONResponse({"status": "no database"}, 503)
    return Health(status="ok")


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request, database: Db) -> Response:
    """Return the meters of this process and of the living workers in Prometheus' text format."""
    try:
        async with database.read() as session:
            workers = await nodes.living(session)
    except (SQLAlchemyError, OSError) as error:  # what this process counts is told all the same
        log.warning("workers' meters not read", error=repr(error))
        workers = []
    text = request.app.state.metrics.text() + workers_text(workers)
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
