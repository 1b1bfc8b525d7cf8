"""Puts the HTTP application together: one router, at ``/v1`` and at ``/`` for older clients."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache, partial
from pathlib import Path

import structlog
from fastapi import APIRouter, FastAPI
from sqlalchemy.exc import SQLAlchemyError
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from dialnexa.api import errors, openapi, status
from dialnexa.api.carriers import configured
from dialnexa.api.edge import Edge
from dialnexa.api.flows import FlowReader
from dialnexa.api.mcp.wing import Wing
from dialnexa.api.metrics import Metrics
from dialnexa.api.trying import trier
from dialnexa.engine import EngineClient
from dialnexa.kit.clock import Clock, SystemClock
from dialnexa.kit.outgoing import Allowance, Outgoing
from dialnexa.kit.secrets import Vault
from dialnexa.live.speech.embedded import flite
from dialnexa.platform.agents import portable_routes, trying, version_routes
from dialnexa.platform.agents import routes as agents
from dialnexa.platform.agents.folders import routes as folders
from dialnexa.platform.agents.templates import routes as templates
from dialnexa.platform.alerts import routes as alerts
from dialnexa.platform.alerts.watch import Watch
from dialnexa.platform.calendars import routes as calendars
from dialnexa.platform.calls import cost_routes as costs
from dialnexa.platform.calls import limits_routes as limits
from dialnexa.platform.calls import links
from dialnexa.platform.calls import log_routes as call_logs
from dialnexa.platform.calls import routes as calls
from dialnexa.platform.calls.analysis import routes as analyses
from dialnexa.platform.calls.desk import Desk
from dialnexa.platform.calls.ladder import routes as ladders
from dialnexa.platform.calls.placing import Queue
from dialnexa.platform.catalogue import routes as catalogue_routes
from dialnexa.platform.catalogue.service import Catalogue
from dialnexa.platform.costs import routes as prices
from dialnexa.platform.database import Database
from dialnexa.platform.knowledge import routes as knowledge
from dialnexa.platform.knowledge.extraction import Extractor
from dialnexa.platform.knowledge.searching import Search
from dialnexa.platform.numbers import rentals
from dialnexa.platform.numbers import routes as numbers
from dialnexa.platform.numbers.carriers.port import CarrierCatalogue
from dialnexa.platform.numbers.market import Market
from dialnexa.platform.oauth import routes as granted
from dialnexa.platform.oauth import service as oauth
from dialnexa.platform.retention import routes as retention_routes
from dialnexa.platform.retention.erasure import Erasure
from dialnexa.platform.retention.rules import KINDS, Defaults
from dialnexa.platform.retention.sweep import Sweep
from dialnexa.platform.tenancy import routes as tenancy
from dialnexa.platform.tenancy.authentication import Authenticator
from dialnexa.platform.tenancy.idempotency import Idempotency
from dialnexa.platform.tenancy.kyc import KycPolicy
from dialnexa.platform.tenancy.rate_limits import Rate, RateLimiter, RateLimits
from dialnexa.platform.tenancy.shared_buckets import SharedBuckets
from dialnexa.platform.tenancy.terms import Terms
from dialnexa.platform.webhooks import routes as webhooks
from dialnexa.platform.webhooks.pump import Pump
from dialnexa.platform.webhooks.sending import Sender
from dialnexa.platform.webhooks.stream import Streams
from dialnexa.settings import Settings
from dialnexa.worker.knowledge import embeddings_of, search_over

_TIDY_EVERY_S = 3600.0

log = structlog.get_logger(__name__)


@asynccontextmanager
async def create_app(settings: Settings) -> AsyncGenerator[FastAPI]:
    """Open what the API needs and yield the application; leaving closes everything. The database must be migrated."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database.open(settings.resolved_database_url, prompt=True))
        engine = await stack.enter_async_context(EngineClient.open(settings.resolved_database_url))
        outgoing = Outgoing(Allowance.parse(settings.outgoing_allow))
        app = assemble(
            database,
            vault=Vault.from_file(settings.data / "master.key"),
            engine=engine,
            recordings=settings.recordings,
            public_url=settings.public_url,
            rate_limits=_rate_limits(settings),
            trusted_proxies=settings.trusted_proxies,
            terms=Terms(KycPolicy.parse(settings.kyc, settings.kyc_countries), settings.billing),
            catalogue=_catalogue(settings),
            outgoing=outgoing,
            event_streams_per_key=settings.event_streams_per_key,
            carriers=configured(settings, outgoing, SystemClock()),
            retention=Defaults({kind: getattr(settings, f"retention_{kind}_days") for kind in KINDS}),
            search=search_over(database, embeddings_of(settings)),
        )
        stack.push_async_callback(app.state.search.aclose)
        stack.push_async_callback(app.state.outgoing.aclose)
        pump = Pump(database, app.state.sender, app.state.clock, app.state.recording_link)
        tidying = asyncio.create_task(_tidy(app))
        pumping = asyncio.create_task(pump.run())
        sweep = Sweep(database, app.state.clock, settings.recordings, app.state.retention, app.state.metrics.removed)
        sweeping = asyncio.create_task(sweep.run())
        erasing = asyncio.create_task(Erasure(database, app.state.clock, settings.recordings).run())
        renting = asyncio.create_task(rentals.run(database, app.state.market, app.state.clock))
        watching = asyncio.create_task(Watch(database, app.state.clock).run())
        try:
            yield app
        finally:
            for task in (tidying, pumping, sweeping, erasing, renting, watching):
                task.cancel()
            await asyncio.gather(tidying, pumping, sweeping, erasing, renting, watching, return_exceptions=True)


def assemble(
    database: Database,
    *,
    vault: Vault,
    engine: Queue,
    recordings: Path,
    public_url: str = "",
    clock: Clock | None = None,
    rate_limits: RateLimits | None = None,
    trusted_proxies: str = "",
    terms: Terms | None = None,
    catalogue: Catalogue | None = None,
    outgoing: Outgoing | None = None,
    event_streams_per_key: int = 0,
    retention: Defaults | None = None,
    search: Search | None = None,
    carriers: tuple[CarrierCatalogue, ...] = (),
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
    app.state.buckets = SharedBuckets(database, clock.now)
    shared = None if database.is_sqlite else app.state.buckets
    app.state.rate_limiter = RateLimiter(rate_limits, clock.monotonic, shared)
    app.state.terms = terms or Terms()
    app.state.desk = Desk(database, engine, app.state.terms)
    app.state.outgoing = outgoing or Outgoing()
    app.state.market = Market(app.state.terms, vault, carriers)
    app.state.extractor, app.state.search = Extractor(), search or Search(database)
    app.state.try_function = trier(app.state.outgoing, database, vault, clock)
    app.state.retention = retention or Defaults()
    app.state.sender = Sender(app.state.outgoing, vault, clock)
    app.state.recording_link = partial(_recording_link, public_url, vault, clock)
    app.state.streams = Streams(database, clock, event_streams_per_key)
    app.state.metrics = Metrics()
    app.state.catalogue, app.state.flows = catalogue or Catalogue(), FlowReader()
    app.router.routes.extend(_routes().routes)
    app.include_router(status.router)
    app.router.routes.append(Wing(app))
    errors.install(app)
    openapi.install(app)
    app.add_middleware(Edge, owner=app, metrics=app.state.metrics)
    if trusted_proxies:  # outermost, so that everybody inside sees the client they tell of
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=[one.strip() for one in trusted_proxies.split(",")])
    return app


def _rate_limits(settings: Settings) -> RateLimits:
    key, address = settings.rate_limit_key_per_minute, settings.rate_limit_address_per_minute
    return RateLimits(
        key=Rate(key, key),
        calls=Rate(settings.rate_limit_calls_per_minute, settings.rate_limit_calls_burst),
        address=Rate(address, address),
        web_key=Rate(settings.rate_limit_web_per_minute, settings.rate_limit_web_per_minute),
        web_address=Rate(settings.rate_limit_web_address_per_minute, settings.rate_limit_web_address_per_minute),
    )


def _catalogue(settings: Settings) -> Catalogue:
    """Return what this installation really has: its model, its recognisers, and the voices of this machine."""
    return Catalogue.of_installation(
        llm_model=settings.llm_model,
        llm_base_url=settings.llm_base_url,
        flite_voices=flite.installed(),
        stt_model=settings.stt_model,
        stt_base_url=settings.stt_base_url,
    )


@cache
def _routes() -> APIRouter:
    """Collect the routes of every noun, at ``/v1`` and at ``/``.

    Made once per process: FastAPI takes a quarter of a second to work them out, and no application changes them.
    """
    # The sums of costs come before the routes of one call, whose id "costs" is not.
    of_calls = (costs.router, calls.router, call_logs.router, analyses.router, ladders.router, prices.router)
    of_agents = (agents.router, version_routes.router, portable_routes.router, folders.router, templates.router)
    of_knowledge = (knowledge.router, calendars.router, trying.router)
    nouns = (*of_calls, limits.router, *of_agents, *of_knowledge, numbers.router, tenancy.router)
    others = (catalogue_routes.router, webhooks.router, alerts.router, granted.router, retention_routes.router)
    served = APIRouter()
    # Each at the top: a router within a router makes FastAPI look through all of it again for every request.
    for router in (*nouns, *others):
        served.include_router(router, prefix="/v1")
    for router in (*nouns, *others):
        served.include_router(router, include_in_schema=False)
    return served


def _recording_link(public_url: str, vault: Vault, clock: Clock, call_id: str) -> str:
    return links.link(public_url, vault, call_id, clock.now())


async def _tidy(app: FastAPI) -> None:
    """Forget what nobody can use any more, now and then."""
    database, clock = app.state.database, app.state.clock
    while True:
        await clock.sleep(_TIDY_EVERY_S)
        try:
            await app.state.idempotency.forget_old()
            async with database.write() as session:
                await oauth.forget_old(session, now=clock.now())
            await app.state.buckets.forget_full()
        except SQLAlchemyError as error:
            log.warning("old keys and grants stay as they are for now", error=repr(error))
