"""Puts the HTTP application together: one router, at ``/v1`` and at ``/`` for older clients."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import structlog
from fastapi import APIRouter, FastAPI
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.api import errors, openapi, status
from dialnexa.api.edge import Edge
from dialnexa.api.metrics import Metrics
from dialnexa.engine import EngineClient
from dialnexa.kit.clock import Clock, SystemClock
from dialnexa.kit.secrets import Vault
from dialnexa.live.speech.embedded import flite
from dialnexa.platform.agents import routes as agents
from dialnexa.platform.calls import admission
from dialnexa.platform.calls import routes as calls
from dialnexa.platform.calls.placing import Queue
from dialnexa.platform.catalogue import routes as catalogue_routes
from dialnexa.platform.catalogue.service import Catalogue
from dialnexa.platform.database import Database
from dialnexa.platform.numbers import routes as numbers
from dialnexa.platform.tenancy import routes as tenancy
from dialnexa.platform.tenancy.authentication import Authenticator
from dialnexa.platform.tenancy.idempotency import Idempotency
from dialnexa.platform.tenancy.rate_limits import RateLimiter, RateLimits
from dialnexa.platform.tenancy.service import scope_of
from dialnexa.settings import Settings

_TIDY_EVERY_S = 3600.0

log = structlog.get_logger(__name__)


@asynccontextmanager
async def create_app(settings: Settings) -> AsyncGenerator[FastAPI]:
    """Open what the API needs and yield the application; leaving closes everything. The database must be migrated."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database.open(settings.resolved_database_url))
        engine = await stack.enter_async_context(EngineClient.open(settings.resolved_database_url))
        app = assemble(
            database,
            vault=Vault.from_file(settings.data / "master.key"),
            engine=engine,
            recordings=settings.recordings,
            public_url=settings.public_url,
            catalogue=_catalogue(settings),
        )
        tidying = asyncio.create_task(_tidy(app.state.idempotency, app.state.clock))
        try:
            yield app
        finally:
            tidying.cancel()
            await asyncio.gather(tidying, return_exceptions=True)


def assemble(
    database: Database,
    *,
    vault: Vault,
    engine: Queue,
    recordings: Path,
    public_url: str = "",
    clock: Clock | None = None,
    rate_limits: RateLimits | None = None,
    catalogue: Catalogue | None = None,
) -> FastAPI:
    """Return the application over an open database; the tests' way in."""
    clock = clock or SystemClock()
    app = FastAPI(
        title="DialNexa API",
        openapi_url="/api-reference/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.database, app.state.vault, app.state.engine, app.state.clock = database, vault, engine, clock
    app.state.recordings, app.state.public_url, app.state.draining = recordings, public_url, False
    app.state.authenticator = Authenticator(database, clock.now)
    app.state.idempotency = Idempotency(database, vault, clock.now)
    app.state.rate_limiter = RateLimiter(rate_limits, clock.monotonic)
    app.state.count_active = _count_active
    app.state.metrics = Metrics()
    app.state.catalogue = catalogue or Catalogue()
    api = _routes()
    app.include_router(api, prefix="/v1")
    app.include_router(api, include_in_schema=False)
    app.include_router(status.router)
    errors.install(app)
    openapi.install(app)
    app.add_middleware(Edge, owner=app, metrics=app.state.metrics)
    return app


def _catalogue(settings: Settings) -> Catalogue:
    """Return what this installation really has: its language model, and the voices this machine can speak with."""
    return Catalogue.of_installation(
        llm_model=settings.llm_model, llm_base_url=settings.llm_base_url, flite_voices=flite.installed()
    )


def _routes() -> APIRouter:
    """Collect the routes of every noun."""
    api = APIRouter()
    nouns = (calls.router, calls.logs, agents.router, numbers.router, tenancy.workspace, tenancy.keys)
    for router in (*nouns, catalogue_routes.router):
        api.include_router(router)
    return api


async def _count_active(session: AsyncSession, workspace_id: str) -> int:
    scope = scope_of(workspace_id)
    return (await admission.count(session, [scope]))[scope]


async def _tidy(idempotency: Idempotency, clock: Clock) -> None:
    """Forget old idempotency keys now and then."""
    while True:
        await clock.sleep(_TIDY_EVERY_S)
        try:
            await idempotency.forget_old()
        except SQLAlchemyError as error:
            log.warning("old idempotency keys stay for now", error=repr(error))
