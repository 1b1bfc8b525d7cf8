"""A served API on a database of its own, two workspaces that know nothing of each other, and a clock moved by hand."""

from __future__ import annotations

import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from cryptography.fernet import Fernet
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.api.app import assemble
from dialnexa.kit.ids import new_id
from dialnexa.kit.secrets import Vault
from dialnexa.platform.agents import service as agents
from dialnexa.platform.agents.config import AgentConfig
from dialnexa.platform.agents.folders import service as folders
from dialnexa.platform.alerts import service as alerts
from dialnexa.platform.alerts.schemas import AlertIn
from dialnexa.platform.calendars import service as calendars
from dialnexa.platform.calendars.schemas import BookingIn, CalendarIn
from dialnexa.platform.calls import placing, rejections
from dialnexa.platform.calls.request import CallIn
from dialnexa.platform.database import Database
from dialnexa.platform.knowledge import service as knowledge
from dialnexa.platform.knowledge.schemas import KnowledgeBaseIn
from dialnexa.platform.knowledge.service import Upload
from dialnexa.platform.migrations import migrate
from dialnexa.platform.numbers import service as numbers
from dialnexa.platform.numbers.service import TrunkRequest
from dialnexa.platform.numbers.trunks import Termination
from dialnexa.platform.oauth import service as oauth
from dialnexa.platform.tenancy import repository, service
from dialnexa.platform.tenancy.bootstrap import Home, bootstrap
from dialnexa.platform.tenancy.principal import Principal
from dialnexa.platform.tenancy.rate_limits import Rate, RateLimits
from dialnexa.platform.tenancy.service import KeyRequest
from dialnexa.platform.tenancy.terms import Terms
from dialnexa.platform.webhooks import service as webhooks
from dialnexa.platform.webhooks.models import Delivery, Webhook
from dialnexa.platform.webhooks.schemas import WebhookIn
from tests.api import contract
from tests.platform.calls.house import RememberingQueue

NOON = datetime(2026, 5, 23, 12, tzinfo=UTC)
UNLIMITED = RateLimits(Rate(0, 0), Rate(0, 0), Rate(0, 0))
VAULT = Vault(Fernet.generate_key())


class HandClock:
    """Time that stands still until a test moves it."""

    def __init__(self, now: datetime = NOON) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._now.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.later(seconds=seconds)

    async def sleep_until(self, deadline: float) -> None:
        self.later(seconds=max(0.0, deadline - self.monotonic()))

    def later(self, **span: float) -> None:
        self._now += timedelta(**span)


@dataclass(frozen=True)
class Neighbour:
    """Another workspace of the same installation."""

    key: str
    agent_id: str
    version_id: str
    number_id: str
    trunk_id: str
    key_id: str
    call_id: str
    webhook_id: str
    refused_id: str
    folder_id: str
    delivery_id: str
    kb_id: str
    document_id: str
    calendar_id: str
    booking_id: str
    alert_id: str
    grant_id: str


@dataclass
class World:
    """Everything a test of the API touches."""

    app: FastAPI
    database: Database
    clock: HandClock
    home: Home
    neighbour: Neighbour
    queue: RememberingQueue
    http: httpx.AsyncClient

    def as_(self, key: str | None) -> httpx.AsyncClient:
        """Return a client that uses another key, or none."""
        return client(self.app, key)

    async def agent(self, **fields: Any) -> dict[str, Any]:
        """Make an agent through the API."""
        answer = await self.http.post("/v1/agents", json={**agent_body(), **fields})
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def key(self, **fields: Any) -> dict[str, Any]:
        """Make a key through the API."""
        answer = await self.http.post("/v1/api-keys", json={"name": "another", **fields})
        assert answer.status_code == 201, answer.text
        return answer.json()


def agent_body() -> dict[str, Any]:
    return {
        "title": "Ada",
        "language_id": "lang_en_us",
        "voice_id": "builtin/auto",
        "prompt_text": "You call {{customer_name}}.",
    }


def client(app: FastAPI, key: str | None) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {key}"} if key else {}

    async def check(response: httpx.Response) -> None:
        await contract.check(app, response)

    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False),
        base_url="http://dialnexa.test",
        headers=headers,
        event_hooks={"response": [check]},
    )


@dataclass(frozen=True)
class Furnished:
    """A database file with both workspaces in it, to copy."""

    path: Path
    home: Home
    neighbour: Neighbour


async def furnish(path: Path) -> Furnished:
    """Make a database file with both workspaces."""
    migrate(f"sqlite:///{path}")
    async with Database.open(f"sqlite:///{path}") as database:
        return Furnished(path, *await people(database))


async def people(database: Database) -> tuple[Home, Neighbour]:
    """Put both workspaces into a migrated database."""
    home = await bootstrap(database, VAULT, now=NOON)
    return home, await _neighbour(database)


async def _neighbour(database: Database) -> Neighbour:
    async with database.write() as session:
        workspace = await service.create_workspace(session, "Next door", concurrency_limit=5, now=NOON)
        new = await service.create_key(session, workspace.id, KeyRequest("theirs"), now=NOON)
        account = await repository.default_account(session, workspace.id, livemode=True)
        who = Principal(workspace.id, account.id, new.key.id, livemode=True, kind="secret")
        made = await agents.create(session, VAULT, who, AgentConfig(title="Eve", prompt_text="Hi."), now=NOON)
        state = await agents.publish(session, who, made.agent.id, now=NOON)
        trunk = TrunkRequest("+14155550777", Termination("203.0.113.9", 5060), "ip")
        number = await numbers.add_trunk_number(session, VAULT, who, trunk, now=NOON)
        await numbers.assign_inbound(session, number, version_id=state.shown.id)
        body = {"from_number": number.e164, "to_number": "+16505550199", "agent_version_id": state.shown.id}
        placed = await placing.place(session, who, CallIn.model_validate(body), queue=RememberingQueue(), now=NOON)
        hook = WebhookIn(url="https://hooks.example/next-door", events=["*"], is_active=False)
        webhook, _ = await webhooks.create(session, VAULT, who, hook, now=NOON)
        session.add(dead := dead_letter(webhook, placed.call.id))
        rejection = rejections.Rejection(486, "Busy Here", "All were taken.", workspace.id)
        refused_id = await rejections.write(
            session, rejection, from_number="+1", to_number=number.e164, source="203.0.113.9", now=NOON
        )
        folder = await folders.create(session, who, "Theirs", now=NOON)
        base = await knowledge.create(session, who, KnowledgeBaseIn(name="Next door"), now=NOON)
        file = Upload("secret.txt", b"Their vault opens at noon.")
        document = await knowledge.add(session, RememberingQueue(), who, base.id, file, "txt", now=NOON)
        calendar = await calendars.create(session, who, CalendarIn(name="Theirs"), now=NOON)
        alert = await alerts.create(session, who, AlertIn(name="Theirs", metric="failure_rate", threshold=5), now=NOON)
        visit = BookingIn(starts_at=NOON + timedelta(days=2), name="Eve")
        booking = await calendars.book(session, who, calendar.id, visit, now=NOON)
        return Neighbour(
            new.secret,
            made.agent.id,
            state.shown.id,
            number.id,
            number.trunk_id or "",
            new.key.id,
            placed.call.id,
            webhook.id,
            refused_id,
            folder.id,
            dead.id,
            base.id,
            document.id,
            calendar.id,
            booking.id,
            alert.id,
            await _grant(session, who),
        )


async def _grant(session: AsyncSession, who: Principal) -> str:
    """Let a program act as somebody's key."""
    await oauth.register(session, VAULT, "client_theirs", '{"client_name": "Their helper"}', now=NOON)
    await session.flush()
    wish = oauth.Consent("client_theirs", "http://localhost/", redirect_uri_given=True, code_challenge="c" * 43)
    code = await oauth.consent(session, who, wish, now=NOON)
    await session.flush()
    grant = await oauth.open_grant(session, "client_theirs", code, now=NOON)
    assert grant is not None
    await oauth.exchange(session, "client_theirs", code, now=NOON)
    return grant.id


def dead_letter(webhook: Webhook, call_id: str) -> Delivery:
    """Return an attempt that was the last."""
    return Delivery(
        id=new_id("dlv"),
        workspace_id=webhook.workspace_id,
        webhook_id=webhook.id,
        event_id="evt_gone",
        event="call.initiated",
        call_id=call_id,
        lane=call_id,
        position=1,
        status="failed",
        retry_attempt=3,
        url=webhook.url,
        due_at=NOON,
        attempted_at=NOON,
        dead_at=NOON,
        created_at=NOON,
    )


@asynccontextmanager
async def open_world(
    furnished: Furnished,
    folder: Path,
    *,
    rate_limits: RateLimits = UNLIMITED,
    terms: Terms | None = None,
    trusted_proxies: str = "",
) -> AsyncGenerator[World]:
    """Serve the API on a copy of the furnished file."""
    path = folder / "dialnexa.db"
    shutil.copy(furnished.path, path)
    async with (
        Database.open(f"sqlite:///{path}") as database,
        serve(
            database,
            furnished.home,
            furnished.neighbour,
            folder,
            rate_limits=rate_limits,
            terms=terms,
            trusted_proxies=trusted_proxies,
        ) as world,
    ):
        yield world


@asynccontextmanager
async def serve(
    database: Database,
    home: Home,
    neighbour: Neighbour,
    folder: Path,
    *,
    rate_limits: RateLimits = UNLIMITED,
    terms: Terms | None = None,
    trusted_proxies: str = "",
) -> AsyncGenerator[World]:
    """Serve the API on an open database."""
    clock, queue = HandClock(), RememberingQueue()
    app = assemble(
        database,
        vault=VAULT,
        engine=queue,
        recordings=folder / "recordings",
        public_url="http://dialnexa.test",
        clock=clock,
        rate_limits=rate_limits,
        terms=terms,
        trusted_proxies=trusted_proxies,
    )
    async with client(app, home.keys.secret_key) as http:
        yield World(app, database, clock, home, neighbour, queue, http)
