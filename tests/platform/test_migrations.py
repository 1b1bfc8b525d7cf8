"""The schema: forward, back, and the same as the models say, on every database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from cryptography.fernet import Fernet
from sqlalchemy import create_engine, func, inspect, select, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import IntegrityError

from dialnexa.kit.pagination import Page
from dialnexa.kit.secrets import Vault
from dialnexa.platform.agents.models import Agent, AgentVersion
from dialnexa.platform.calls.models import Call
from dialnexa.platform.database import Database, Moment
from dialnexa.platform.migrations import WrongSchema, downgrade, migrate, require_current, revision_of, sync_url
from dialnexa.platform.migrations.tables import METADATA, described
from dialnexa.platform.tenancy import repository, service
from dialnexa.platform.tenancy.bootstrap import bootstrap, read_home
from dialnexa.platform.tenancy.principal import Principal
from dialnexa.platform.webhooks import fanout, signing
from dialnexa.platform.webhooks import service as webhooks
from dialnexa.platform.webhooks.models import Event, Webhook
from dialnexa.platform.webhooks.schemas import WebhookIn
from tests.platform.calls.house import build, said

NOW = datetime(2026, 5, 23, 12, tzinfo=UTC)


def test_migrations_make_exactly_the_tables_of_the_models(blank_url: str) -> None:
    migrate(blank_url)
    migrate(blank_url)
    engine = create_engine(sync_url(blank_url))
    with engine.connect() as connection:
        differences = compare_metadata(
            MigrationContext.configure(connection, opts={"include_name": described}), METADATA
        )
    engine.dispose()
    assert differences == []


def test_migrations_go_back(blank_url: str) -> None:
    migrate(blank_url)
    downgrade(blank_url, "base")
    engine = create_engine(sync_url(blank_url))
    with engine.connect() as connection:
        assert set(inspect(connection).get_table_names()) <= {"alembic_version"}
    engine.dispose()
    migrate(blank_url)


async def test_what_was_kept_survives_the_way_back_and_forward_again(blank_url: str) -> None:
    migrate(blank_url)
    async with Database.open(blank_url) as database:
        house = await build(database)
        await house.node()
        call = await house.talking()
        await house.finish(call.id, turns=[said("agent", "Hello!", 0)], duration_ms=1000)
        vault = Vault(Fernet.generate_key())
        hook = WebhookIn(url="https://hooks.example/", events=["*"], is_active=False)
        async with database.write() as session:
            await signing.set_workspace_secret(
                session, vault, house.who, secret="shared", name=None, grace=timedelta(), now=NOW
            )
            webhook, _ = await webhooks.create(session, vault, house.who, hook, now=NOW)
            await fanout.hand_out(session, now=NOW)
    downgrade(blank_url, "0004")
    migrate(blank_url)
    async with Database.open(blank_url) as database, database.read() as session:
        kept = await session.get_one(Call, call.id)
        assert (kept.state, kept.metadata_) == ("completed", call.metadata_)
        assert await session.scalar(select(func.count()).select_from(Event)) == 4
        assert await session.get_one(AgentVersion, house.version_id)
        again = await session.get_one(Webhook, webhook.id)
        assert vault.open(again.secret_sealed) == "shared", "it signs as before, with a copy of its own"


def test_a_schema_from_the_future_is_refused_and_left_alone(blank_url: str) -> None:
    with pytest.raises(WrongSchema, match="dialnexa migrate"):
        require_current(blank_url)
    migrate(blank_url)
    require_current(blank_url)
    engine = create_engine(sync_url(blank_url))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    for attempt in (migrate, require_current):
        with pytest.raises(WrongSchema, match="newer DialNexa: its schema is 9999"):
            attempt(blank_url)
    assert revision_of(blank_url) == "9999"


async def test_an_installation_is_furnished_once(blank_url: str) -> None:
    migrate(blank_url)
    vault = Vault(Fernet.generate_key())
    async with Database.open(blank_url) as database:
        assert await read_home(database, vault) is None
        first = await bootstrap(database, vault, now=NOW)
        again = await bootstrap(database, vault, now=NOW + timedelta(days=1))
        assert again == first
        assert await read_home(database, vault) == first
    assert first.from_number == "+14155550100"
    assert first.keys.secret_key.startswith("sk_live_")
    assert first.keys.test_secret_key.startswith("sk_test_")
    assert first.keys.publishable_key.startswith("pk_live_")
    assert "sk_live" not in repr(first)


async def test_what_was_taken_away_is_furnished_again(blank_url: str) -> None:
    migrate(blank_url)
    vault = Vault(Fernet.generate_key())
    async with Database.open(blank_url) as database:
        first = await bootstrap(database, vault, now=NOW)
        async with database.write() as session:
            account = await repository.default_account(session, first.workspace_id, livemode=True)
            owner = Principal(first.workspace_id, account.id, "key_1", livemode=True, kind="secret")
            found = await repository.keys(session, first.workspace_id, Page(), "Secret key")
            for key in found.items:
                await service.revoke_key(session, owner, key.id, now=NOW)
            agent = await session.get(Agent, first.agent_id)
            assert agent is not None
            agent.deleted_at = NOW
        again = await bootstrap(database, vault, now=NOW)
    assert again.keys.secret_key != first.keys.secret_key
    assert again.keys.publishable_key == first.keys.publishable_key
    assert again.agent_id != first.agent_id
    assert again.from_number == first.from_number


async def test_a_row_cannot_point_into_another_tenant(blank_url: str) -> None:
    migrate(blank_url)
    async with Database.open(blank_url) as database:
        async with database.write() as session:
            ours = await service.create_workspace(session, "ours", concurrency_limit=1, now=NOW)
            theirs = await service.create_workspace(session, "theirs", concurrency_limit=1, now=NOW)
            their_account = await repository.default_account(session, theirs.id, livemode=True)
        with pytest.raises(IntegrityError):
            async with database.write() as session:
                session.add(
                    Agent(
                        id="agent_x",
                        workspace_id=ours.id,
                        account_id=their_account.id,
                        title="x",
                        created_at=NOW,
                        updated_at=NOW,
                    )
                )


async def test_moments_come_back_in_utc_whatever_zone_they_had(blank_url: str) -> None:
    migrate(blank_url)
    elsewhere = datetime(2026, 5, 23, 17, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    async with Database.open(blank_url) as database:
        async with database.write() as session:
            workspace = await service.create_workspace(session, "w", concurrency_limit=1, now=elsewhere)
        async with database.read() as session:
            account = await repository.default_account(session, workspace.id, livemode=False)
            assert account.created_at == NOW
            assert account.created_at.tzinfo is UTC


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without a time zone"):
        Moment.process_bind_param(datetime(2026, 1, 1), sqlite.dialect())
