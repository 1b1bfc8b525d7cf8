"""A claimed call always comes to a written end, promptly, whatever fails on the way."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from cryptography.fernet import Fernet
from sqlalchemy.exc import IntegrityError, OperationalError

from dialnexa.kit.secrets import Vault
from dialnexa.platform.agents import sealing
from dialnexa.platform.agents.config import AgentConfig
from dialnexa.platform.agents.functions import AgentFunction
from dialnexa.platform.calls.records import ClaimedCall, Result
from dialnexa.platform.tenancy.telephony import TelephonyRules
from dialnexa.worker import holding
from dialnexa.worker.holding import CallHolder
from dialnexa.worker.metrics import WorkerMetrics
from tests.live.fakes import VirtualClock


class Database:
    """A database that fails to read, and to write as often as told."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)

    @asynccontextmanager
    async def write(self) -> AsyncGenerator[None]:
        yield None
        if self.failures:
            raise self.failures.pop(0)

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[None]:
        raise OperationalError("SELECT", {}, Exception("disk I/O error"))
        yield None


class Clock(VirtualClock):
    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> list[Result]:
    written: list[Result] = []
    call = SimpleNamespace(
        call_id="call_1", workspace_id="ws_1", trunk_id="trunk_1", livemode=True, direction="outbound"
    )

    async def claim(*_: object, **__: object) -> object:
        return call

    async def finish(_session: object, _call_id: str, result: Result, **__: object) -> None:
        written.append(result)

    monkeypatch.setattr(holding.service, "claim", claim)
    monkeypatch.setattr(holding.service, "finish", finish)
    return written


class Readable(Database):
    """A database that has nothing to say, but can be read."""

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[None]:
        yield None


def holder(database: Database, vault: Vault | None = None) -> CallHolder:
    parts = SimpleNamespace(
        node_id="node_1",
        clock=Clock(),
        database=database,
        vault=vault,
        media=SimpleNamespace(overloaded=False),
        metrics=WorkerMetrics(Clock()),
        sandbox=SimpleNamespace(address=("127.0.0.1", 5070)),
        settings=SimpleNamespace(
            recordings=Path("recordings"),
            llm_base_url="",
            llm_api_key="",
            llm_model="",
            stt_base_url="",
            stt_api_key="",
            stt_model="",
            no_audio_seconds=30.0,
        ),
    )
    return CallHolder(cast("Any", parts))


async def test_a_call_whose_trunk_cannot_be_read_after_the_claim_fails_at_once(ends: list[Result]) -> None:
    held = holder(Database())
    await held.dial("call_1")
    (end,) = ends
    assert (end.state, end.end_reason) == ("failed", "error")
    assert held.live == 0


async def test_an_end_waits_for_a_database_that_is_away(ends: list[Result]) -> None:
    database = Database()
    held = holder(database)
    away = OperationalError("UPDATE", {}, Exception("database is locked"))
    original = held._finish

    async def finish(call_id: str, result: Result) -> None:
        database.failures += [away, away]
        await original(call_id, result)

    held._finish = finish  # type: ignore[method-assign]
    await held.dial("call_1")
    assert len(ends) == 3, "tried until it was taken"
    assert held.live == 0


async def test_an_end_the_database_refuses_for_good_does_not_keep_the_worker_busy_for_ever(ends: list[Result]) -> None:
    database = Database()
    held = holder(database)
    original = held._finish

    async def finish(call_id: str, result: Result) -> None:
        database.failures.append(IntegrityError("INSERT", {}, Exception("UNIQUE")))
        await original(call_id, result)

    held._finish = finish  # type: ignore[method-assign]
    with pytest.raises(IntegrityError):
        await held.dial("call_1")
    assert held.live == 0


async def test_a_trunk_that_was_removed_in_the_meantime_is_the_reason(
    ends: list[Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a call goes nowhere, least of all to the sandbox's people."""

    async def gone(*_: object) -> None:
        return None

    monkeypatch.setattr(holding, "route_for", gone)
    await holder(Readable()).dial("call_1")
    (end,) = ends
    assert end.state == "failed"
    assert "trunk" in end.detail


@pytest.fixture
def rules(monkeypatch: pytest.MonkeyPatch) -> None:
    async def none(*_: object) -> TelephonyRules:
        return TelephonyRules()

    monkeypatch.setattr(holding, "outbound_rules_of_call", none)


def with_a_secret(vault: Vault) -> ClaimedCall:
    config: dict[str, object] = {"url": "https://shop.example/", "api_token": "tok-1"}
    function = AgentFunction(display_name="order", type="custom", config=config)
    agent = AgentConfig(agent_functions=sealing.sealed([function], vault))
    assert "tok-1" not in agent.model_dump_json()
    where = ("outbound", "+14155550100", "+16505550199")
    return ClaimedCall("call_1", "ws_1", "acct_1", False, *where, "agent_1", "av_1", 1, "Ada", agent, {}, None)


@pytest.mark.usefixtures("rules")
async def test_only_the_plan_of_a_call_has_the_secrets_of_its_functions_in_clear() -> None:
    vault = Vault(Fernet.generate_key())
    call = with_a_secret(vault)
    built = await holder(Readable(), vault)._plan(call)
    assert built.plan.agent.functions[0].config["api_token"] == "tok-1"
    assert "tok-1" not in call.config.model_dump_json()


@pytest.mark.usefixtures("rules")
async def test_secrets_that_cannot_be_opened_any_more_end_the_call_with_the_reason(ends: list[Result]) -> None:
    held = holder(Readable(), Vault(Fernet.generate_key()))
    await held.answer(with_a_secret(Vault(Fernet.generate_key())), cast("Any", None), cast("Any", None))
    (end,) = ends
    assert (end.state, "restore the master.key file" in end.detail) == ("failed", True)
