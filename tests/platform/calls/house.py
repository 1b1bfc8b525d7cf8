"""A workspace with all a call needs, and short words for what the tests do with it."""

from __future__ import annotations

import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from sqlalchemy import insert, make_url, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.ids import ulid
from dialnexa.kit.secrets import Vault
from dialnexa.platform.agents import service as agents
from dialnexa.platform.agents.config import AgentConfig
from dialnexa.platform.calls import nodes, placing, service
from dialnexa.platform.calls.models import Call, Slot
from dialnexa.platform.calls.records import ClaimedCall, NodeLease, Result, Turn
from dialnexa.platform.calls.request import CallIn
from dialnexa.platform.calls.states import CallState
from dialnexa.platform.database import Database
from dialnexa.platform.numbers.models import PhoneNumber, SipTrunk
from dialnexa.platform.tenancy.models import Account, Limit, Workspace
from dialnexa.platform.tenancy.principal import Principal
from dialnexa.platform.webhooks.models import Event

NOON = datetime(2026, 5, 23, 12, tzinfo=UTC)
OUR_NUMBER = "+14155550100"
CUSTOMER = "+16505550199"
NODE = "node_1"
VAULT = Vault(Fernet.generate_key())


@dataclass
class RememberingQueue:
    """A queue that only remembers what was put into it."""

    calls: list[str] = field(default_factory=list[str])
    chores: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    async def enqueue_in_transaction(self, session: AsyncSession, *call_ids: str) -> None:
        self.calls += call_ids

    async def enqueue_chore_in_transaction(self, session: AsyncSession, chore: str, subject_id: str) -> None:
        self.chores.append((chore, subject_id))


@dataclass
class House:
    """One workspace and the verbs of its calls; time moves by ``later``."""

    database: Database
    who: Principal
    tester: Principal
    agent_id: str
    version_id: str
    draft_id: str
    number_id: str
    trunk_id: str
    queue: placing.Queue = field(default_factory=RememberingQueue)
    now: datetime = NOON

    def later(self, **span: float) -> datetime:
        self.now += timedelta(**span)
        return self.now

    def body(self, **changes: object) -> dict[str, object]:
        """Seed 001's request."""
        return {
            "from_number": OUR_NUMBER,
            "to_number": CUSTOMER,
            "agent_version_id": self.version_id,
            "variables": {"customer_name": "Alex Rivera"},
            "metadata": {"crm_contact_id": "cont_99123"},
            **changes,
        }

    async def place(self, body: dict[str, Any] | None = None, *, who: Principal | None = None) -> Call:
        request = CallIn.model_validate(self.body() if body is None else body)
        async with self.database.write() as session:
            placed = await placing.place(session, who or self.who, request, queue=self.queue, now=self.now)
        return placed.call

    async def node(self, node_id: str = NODE) -> None:
        async with self.database.write() as session:
            await nodes.register(session, NodeLease(node_id, capacity=10), now=self.now)

    async def claim(self, call_id: str, node_id: str = NODE) -> ClaimedCall | None:
        async with self.database.write() as session:
            return await service.claim(session, call_id, node_id, now=self.now)

    async def ringing(self, call_id: str, node_id: str = NODE) -> bool:
        async with self.database.write() as session:
            return await service.ringing(session, call_id, node_id, now=self.now)

    async def answered(self, call_id: str, node_id: str = NODE) -> bool:
        async with self.database.write() as session:
            return await service.answered(session, call_id, node_id, now=self.now)

    async def finish(
        self, call_id: str, state: CallState = CallState.COMPLETED, reason: str = "user_disconnected", **more: Any
    ) -> bool:
        node_id = more.pop("node_id", NODE)
        async with self.database.write() as session:
            return await service.finish(session, call_id, Result(state, reason, self.now, **more), node_id=node_id)

    async def talking(self) -> Call:
        """Place a call and bring it into conversation on ``NODE``."""
        call = await self.place()
        await self.claim(call.id)
        await self.ringing(call.id)
        await self.answered(call.id)
        return await self.call(call.id)

    async def call(self, call_id: str) -> Call:
        async with self.database.read() as session:
            return (await session.scalars(select(Call).where(Call.id == call_id))).one()

    async def calls(self) -> list[Call]:
        async with self.database.read() as session:
            return list(await session.scalars(select(Call).order_by(Call.id)))

    async def slots(self) -> list[str]:
        """Return the scopes that are held, once per call."""
        async with self.database.read() as session:
            return list(await session.scalars(select(Slot.scope).order_by(Slot.scope)))

    async def events(self) -> list[str]:
        async with self.database.read() as session:
            return list(await session.scalars(select(Event.type).order_by(Event.seq)))

    async def limit(self, scope: str, most: int) -> None:
        async with self.database.write() as session:
            changed = await session.execute(update(Limit).where(Limit.scope == scope).values(max_concurrent=most))
            if changed.rowcount == 0:  # pyright: ignore[reportAttributeAccessIssue]
                row = {"scope": scope, "workspace_id": self.who.workspace_id, "max_concurrent": most, "peak": 0}
                await session.execute(insert(Limit), row)


def said(role: Any, content: str, start_ms: int, **latency: int) -> Turn:
    return Turn(role, content, start_ms, start_ms + 800, latency=latency)


async def build(database: Database, *, suffix: str = "1", number: str = OUR_NUMBER) -> House:
    """Furnish a workspace: accounts, a published agent version and a draft, a trunk and a number, a limit of 3."""
    workspace, live, test = f"ws_{suffix}", f"acct_live{suffix}", f"acct_test{suffix}"
    async with database.write() as session:
        session.add(Workspace(id=workspace, name="Acme", created_at=NOON))
        await session.flush()
        for account, livemode in ((live, True), (test, False)):
            session.add(
                Account(
                    id=account,
                    workspace_id=workspace,
                    livemode=livemode,
                    is_default=True,
                    created_at=NOON,
                    updated_at=NOON,
                )
            )
        session.add(Limit(scope=f"ws:{workspace}", workspace_id=workspace, max_concurrent=3))
        await session.flush()
        who = Principal(workspace, live, "key_1", livemode=True, kind="secret")
        config = AgentConfig(title="Ada", prompt_text="You call {{customer_name}}.", welcome_message="Hello!")
        made = await agents.create(session, VAULT, who, config, now=NOON)
        state = await agents.publish(session, who, made.agent.id, now=NOON)
        draft, published = state.versions
        trunk = SipTrunk(
            id=f"trunk_{suffix}",
            workspace_id=workspace,
            account_id=live,
            name="Carrier",
            host="203.0.113.5",
            auth_mode="ip",
            created_at=NOON,
            updated_at=NOON,
        )
        session.add(trunk)
        await session.flush()
        phone = PhoneNumber(
            id=f"phn_{suffix}",
            workspace_id=workspace,
            account_id=live,
            livemode=True,
            e164=number,
            provider="sip",
            kind="local",
            status="active",
            trunk_id=trunk.id,
            inbound_agent_version_id=published.id,
            created_at=NOON,
            updated_at=NOON,
        )
        session.add(phone)
    tester = Principal(workspace, test, "key_2", livemode=False, kind="secret")
    return House(database, who, tester, made.agent.id, published.id, draft.id, phone.id, trunk.id)


async def corrupt(database: Database, statement: str) -> None:
    """Do with raw SQL what no code of ours does."""
    async with database.write() as session:
        await session.execute(text(statement))


@asynccontextmanager
async def fresh(url: str) -> AsyncGenerator[House]:
    """Copy a database before anything happened in it, and furnish the copy."""
    original = Path(make_url(url).database or "")
    copy = original.with_name(f"{ulid()}.db")
    shutil.copy(original, copy)
    async with Database.open(f"sqlite:///{copy}") as database:
        yield await build(database)
    copy.unlink()
