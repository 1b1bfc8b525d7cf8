"""Which version a call runs (contract H.1 steps 5 and 6)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from dialnexa.kit.errors import BadRequest, Forbidden, NotFound
from dialnexa.kit.secrets import Vault
from dialnexa.platform.agents import service
from dialnexa.platform.agents.config import AgentConfig
from dialnexa.platform.agents.nested import FLAT_TO_NESTED, flatten, nest
from dialnexa.platform.agents.service import ResolvedVersion
from dialnexa.platform.database import Database
from dialnexa.platform.migrations import migrate
from dialnexa.platform.tenancy import repository
from dialnexa.platform.tenancy.bootstrap import bootstrap
from dialnexa.platform.tenancy.principal import Principal

NOW = datetime(2026, 5, 23, 12, tzinfo=UTC)


class Studio:
    """An agent with versions 1 and 2 published and 3 a draft."""

    def __init__(self, database: Database, vault: Vault, who: Principal, agent_id: str, ids: dict[int, str]) -> None:
        self.database = database
        self.vault = vault
        self.who = who
        self.agent_id = agent_id
        self.ids = ids

    async def resolve(
        self, version: str | None = None, *, agent: str | None = None, number: int | None = None
    ) -> ResolvedVersion:
        async with self.database.read() as session:
            return await service.resolve_for_call(
                session, self.who.workspace_id, agent_version_id=version, agent_id=agent, version_number=number
            )


@pytest.fixture
async def studio(tmp_path: Path) -> AsyncIterator[Studio]:
    url = f"sqlite:///{tmp_path / 'studio.db'}"
    migrate(url)
    async with Database.open(url) as database:
        home = await bootstrap(database, vault := Vault(Fernet.generate_key()), now=NOW)
        async with database.write() as session:
            account = await repository.default_account(session, home.workspace_id, livemode=True)
            who = Principal(home.workspace_id, account.id, "key", livemode=True, kind="secret")
            made = await service.create(session, vault, who, AgentConfig(title="Ada"), now=NOW)
            await service.publish(session, who, made.agent.id, now=NOW)
            state = await service.publish(session, who, made.agent.id, now=NOW)
        yield Studio(database, vault, who, made.agent.id, {version.number: version.id for version in state.versions})


async def test_a_version_by_its_id(studio: Studio) -> None:
    found = await studio.resolve(studio.ids[1])
    assert (found.agent_id, found.version_id, found.number) == (studio.agent_id, studio.ids[1], 1)
    assert found.config.title == "Ada"


async def test_an_agent_runs_its_latest_published_version_or_the_pinned_one(studio: Studio) -> None:
    assert (await studio.resolve(agent=studio.agent_id)).number == 2
    async with studio.database.write() as session:
        await service.roll_back(session, studio.who.workspace_id, studio.agent_id, 1, now=NOW)
    assert (await studio.resolve(agent=studio.agent_id)).number == 1
    assert (await studio.resolve(agent=studio.agent_id, number=2)).number == 2


async def test_what_cannot_run(studio: Studio) -> None:
    with pytest.raises(NotFound, match="av_unknown"):
        await studio.resolve("av_unknown")
    with pytest.raises(Forbidden, match="is a draft"):
        await studio.resolve(studio.ids[3])
    with pytest.raises(Forbidden, match=r"Version 3 .* is a draft"):
        await studio.resolve(agent=studio.agent_id, number=3)
    with pytest.raises(NotFound, match=r"Published versions: 1, 2\."):
        await studio.resolve(agent=studio.agent_id, number=0)
    with pytest.raises(NotFound):
        await studio.resolve(agent="agent_unknown")
    with pytest.raises(BadRequest, match="does not belong"):
        await studio.resolve(studio.ids[1], agent="agent_other")
    async with studio.database.write() as session:
        fresh = await service.create(session, studio.vault, studio.who, AgentConfig(title="New"), now=NOW)
    with pytest.raises(Forbidden, match="no published version"):
        await studio.resolve(agent=fresh.agent.id)


def test_every_flat_field_survives_the_nested_form() -> None:
    config = AgentConfig(title="Ada", flow={"nodes": [{"id": "a"}]}, voice_speed=2).model_dump(mode="json")
    flat, unknown = flatten(nest(config))
    assert flat == config
    assert unknown == []
    routing = {"inbound_phone_number_id", "outbound_phone_number_id"}
    assert set(FLAT_TO_NESTED) - routing <= set(AgentConfig.model_fields)
