"""A pump over a house with a receiver, gone through round by round; time moves by hand."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

from cryptography.fernet import Fernet
from sqlalchemy import select

from dialnexa.kit.ids import new_id
from dialnexa.kit.outgoing import Allowance, Outgoing
from dialnexa.kit.secrets import Vault
from dialnexa.platform.webhooks.models import Delivery, Event, Webhook
from dialnexa.platform.webhooks.outbox import emit
from dialnexa.platform.webhooks.pump import Pump
from dialnexa.platform.webhooks.sending import Sender
from tests.api.world import HandClock
from tests.platform.calls.house import House
from tests.platform.webhooks.receiver import Receiver, receiving

VAULT = Vault(Fernet.generate_key())
SECRET = "a secret between us"


@dataclass
class PostOffice:
    """What the tests of delivery touch."""

    house: House
    receiver: Receiver
    outgoing: Outgoing
    clock: HandClock = field(default_factory=HandClock)

    def pump(self) -> Pump:
        """Another process' pump."""
        sender = Sender(self.outgoing, VAULT, self.clock)
        return Pump(
            self.house.database, sender, self.clock, lambda call: f"http://api/recordings/{call}", dice=Random(1)
        )

    async def webhook(self, path: str = "/hook", *events: str, **more: Any) -> Webhook:
        fields: dict[str, Any] = {
            "livemode": True,
            "agent_ids": [],
            "is_active": True,
            "retry_count": 3,
            "timeout_ms": 5000,
            "url": self.receiver.url(path),
            "secret_sealed": VAULT.seal(SECRET),
            "previous_secret_sealed": "",
            **more,
        }
        webhook = Webhook(
            id=new_id("webhook"),
            workspace_id=self.house.who.workspace_id,
            account_id=self.house.who.account_id,
            events=list(events or ("*",)),
            created_at=self.clock.now(),
            updated_at=self.clock.now(),
            **fields,
        )
        async with self.house.database.write() as session:
            session.add(webhook)
        return webhook

    async def tell(self, *types: str, call: str = "call_1", livemode: bool = True, **about: Any) -> None:
        who = self.house.who if livemode else self.house.tester
        async with self.house.database.write() as session:
            for type_ in types:
                await emit(
                    session,
                    workspace_id=who.workspace_id,
                    account_id=who.account_id,
                    livemode=livemode,
                    type_=type_,
                    payload={"call": {"id": call, "agent_id": self.house.agent_id, **about}},
                    call_id=call,
                    at=self.clock.now(),
                )

    async def deliver(self, pump: Pump | None = None) -> None:
        """Go round until nothing is left to do at this moment."""
        pump = pump or self.pump()
        await pump.round()
        await pump.idle()
        while await pump.round() or pump._sending:
            await pump.idle()

    async def log(self) -> list[Delivery]:
        async with self.house.database.read() as session:
            return list(await session.scalars(select(Delivery).order_by(Delivery.id)))

    async def statuses(self) -> list[tuple[str, int | None]]:
        return [(one.status, one.response_status) for one in await self.log()]

    async def events(self) -> list[Event]:
        async with self.house.database.read() as session:
            return list(await session.scalars(select(Event).order_by(Event.seq)))

    async def known(self, webhook: Webhook) -> Webhook:
        async with self.house.database.read() as session:
            return (await session.scalars(select(Webhook).where(Webhook.id == webhook.id))).one()


@asynccontextmanager
async def open_office(house: House) -> AsyncGenerator[PostOffice]:
    outgoing = Outgoing(Allowance.parse("127.0.0.0/8"))
    async with receiving() as receiver:
        yield PostOffice(house, receiver, outgoing)
        await outgoing.aclose()
