"""Who may call from which number, and who answers which call (contract H.1 step 7, C.13)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from dialnexa.kit.errors import BadRequest, Forbidden
from dialnexa.kit.secrets import Vault
from dialnexa.platform.agents import service as agents
from dialnexa.platform.agents.config import AgentConfig
from dialnexa.platform.database import Database
from dialnexa.platform.migrations import migrate
from dialnexa.platform.numbers import service
from dialnexa.platform.numbers.models import PhoneNumber
from dialnexa.platform.numbers.service import InboundMatch, NotRouted, TrunkRequest
from dialnexa.platform.numbers.trunks import Termination
from dialnexa.platform.tenancy import repository
from dialnexa.platform.tenancy.bootstrap import Home, bootstrap
from dialnexa.platform.tenancy.principal import Principal

NOW = datetime(2026, 5, 23, 12, tzinfo=UTC)
VAULT = Vault(Fernet.generate_key())


class Office:
    """The first workspace, and the means to give it numbers."""

    def __init__(self, database: Database, home: Home, who: Principal) -> None:
        self.database = database
        self.home = home
        self.who = who

    async def number(self, e164: str, **columns: object) -> PhoneNumber:
        login = ("userpass", "acme", "s3cret") if columns else ("ip", None, None)
        wanted = TrunkRequest(e164, Termination("203.0.113.5", 5060), *login, columns=columns)
        async with self.database.write() as session:
            return await service.add_trunk_number(session, VAULT, self.who, wanted, now=NOW)

    async def change(self, number: PhoneNumber, **fields: object) -> None:
        async with self.database.write() as session:
            found = await service.get(session, self.home.workspace_id, number.id)
            for name, value in fields.items():
                setattr(found, name, value)

    async def inbound(self, *dialled: str, over: PhoneNumber | str | None) -> InboundMatch | NotRouted:
        trunk_id = over.trunk_id if isinstance(over, PhoneNumber) else over
        async with self.database.read() as session:
            return await service.find_inbound(session, dialled, {trunk_id} if trunk_id else set())

    async def sandbox(self) -> str:
        async with self.database.read() as session:
            return next(trunk.id for trunk in await service.repository.trunks(session) if trunk.is_sandbox)

    async def caller_id(self, wanted: str | None, version: str | None = None, *, livemode: bool = True) -> str:
        async with self.database.read() as session:
            found = await service.resolve_caller_id(session, self.home.workspace_id, wanted, version, livemode=livemode)
        return found.e164


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    url = f"sqlite:///{tmp_path / 'office.db'}"
    migrate(url)
    async with Database.open(url) as database:
        home = await bootstrap(database, VAULT, now=NOW)
        async with database.read() as session:
            account = await repository.default_account(session, home.workspace_id, livemode=True)
        yield Office(database, home, Principal(home.workspace_id, account.id, "key", livemode=True, kind="secret"))


async def test_the_sandbox_number_is_answered_from_this_machine(office: Office) -> None:
    for to in ("+14155550100", "14155550100", "0014155550100"):
        match = await office.inbound(to, over=await office.sandbox())
        assert isinstance(match, InboundMatch)
        assert (match.agent_version_id, match.is_sandbox) == (office.home.agent_version_id, True)


async def test_strangers_wrong_numbers_and_silent_numbers_are_told_apart(office: Office) -> None:
    number = await office.number("+12025550134")
    assert await office.inbound("+12025550134", over=None) is NotRouted.UNKNOWN_SOURCE
    assert await office.inbound("+12025550199", over=number) is NotRouted.UNKNOWN_NUMBER
    assert await office.inbound("alice", over=number) is NotRouted.UNKNOWN_NUMBER
    assert await office.inbound("+12025550134", over=number) is NotRouted.NO_AGENT


async def test_a_number_answers_only_over_its_own_trunk(office: Office) -> None:
    number = await office.number("+12025550134")
    assert await office.inbound("+14155550100", over=number) is NotRouted.UNKNOWN_NUMBER


async def test_the_number_may_stand_in_to_when_the_carrier_calls_our_account(office: Office) -> None:
    number = await office.number("+12025550134", registration="outbound")
    other = await office.number("+12025550135", registration="none")
    await office.change(other, trunk_id=number.trunk_id)
    await office.change(number, inbound_agent_id=office.home.agent_id)
    match = await office.inbound("acme", "12025550134", over=number)
    assert isinstance(match, InboundMatch) and match.e164 == "+12025550134"
    assert await office.inbound("acme", "acme", over=number) is NotRouted.UNKNOWN_NUMBER, "which of the two?"
    await office.change(other, deleted_at=NOW)
    match = await office.inbound("acme", "acme", over=number)
    assert isinstance(match, InboundMatch) and match.e164 == "+12025550134"
    assert await office.inbound("mallory", "mallory", over=number) is NotRouted.UNKNOWN_NUMBER


async def test_an_inactive_number_is_nobody_s(office: Office) -> None:
    number = await office.number("+12025550134")
    await office.change(number, inbound_agent_id=office.home.agent_id, status="unavailable")
    assert await office.inbound("+12025550134", over=number) is NotRouted.UNKNOWN_NUMBER
    with pytest.raises(Forbidden, match="not an active number"):
        await office.caller_id("+12025550134")


async def test_a_number_that_follows_an_agent_follows_its_live_version(office: Office) -> None:
    async with office.database.write() as session:
        await agents.change(
            session, VAULT, office.home.workspace_id, office.home.agent_id, {"title": "Second"}, now=NOW
        )
        state = await agents.publish(session, office.who, office.home.agent_id, now=NOW)
    match = await office.inbound("+14155550100", over=await office.sandbox())
    assert isinstance(match, InboundMatch)
    assert (match.agent_version_id, match.version.title) == (state.shown.id, "Second")


async def test_a_pinned_version_stays_and_a_deleted_agent_leaves_nobody(office: Office) -> None:
    number = await office.number("+12025550134")
    await office.change(number, inbound_agent_version_id=office.home.agent_version_id)
    async with office.database.write() as session:
        await agents.publish(session, office.who, office.home.agent_id, now=NOW)
    match = await office.inbound("+12025550134", over=number)
    assert isinstance(match, InboundMatch)
    assert match.agent_version_id == office.home.agent_version_id
    async with office.database.write() as session:
        await agents.delete(session, office.home.workspace_id, office.home.agent_id, now=NOW)
    assert await office.inbound("+12025550134", over=number) is NotRouted.NO_AGENT


async def test_the_caller_id_is_the_one_named_else_the_version_s_else_the_default_s(office: Office) -> None:
    second = await office.number("+12025550134")
    assert await office.caller_id("+12025550134") == "+12025550134"
    assert await office.caller_id(None, "av_other") == "+14155550100", "the default"
    await office.change(second, outbound_agent_version_id=office.home.agent_version_id)
    async with office.database.read() as session:
        first = (await service.repository.active(session, office.home.workspace_id, "+14155550100"))[0]
    await office.change(first, outbound_agent_version_id=None)
    assert await office.caller_id(None, office.home.agent_version_id) == "+12025550134"
    await office.change(first, is_default=False)
    with pytest.raises(BadRequest, match="from_phone_number is required"):
        await office.caller_id(None, "av_other")
    await office.change(second, status="unavailable")
    assert await office.caller_id(None) == "+14155550100", "the only one"
    with pytest.raises(Forbidden):
        await office.caller_id("+12025559999")


async def test_test_calls_may_show_live_numbers_but_not_the_other_way(office: Office) -> None:
    assert await office.caller_id("+14155550100", livemode=False) == "+14155550100"
    number = await office.number("+12025550134")
    await office.change(number, livemode=False)
    assert await office.caller_id("+12025550134", livemode=False) == "+12025550134"
    with pytest.raises(Forbidden):
        await office.caller_id("+12025550134", livemode=True)


async def test_a_trunk_of_an_agent_s_version_needs_a_config_that_can_be_read(office: Office) -> None:
    async with office.database.read() as session:
        version = await agents.resolve_for_call(session, office.home.workspace_id, agent_id=office.home.agent_id)
    assert isinstance(version.config, AgentConfig)
    assert version.config.flow is not None
