"""Readiness that tells the truth, and the installation's numbers."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from dialnexa.platform.calls import nodes
from dialnexa.platform.calls.records import NodeLease
from tests import logs
from tests.api.world import World


async def readyz(world: World) -> tuple[int, dict[str, Any]]:
    answer = await world.http.get("/readyz")
    return answer.status_code, answer.json()


async def worker(world: World, *, draining: bool = False) -> None:
    async with world.database.write() as session:
        now = world.clock.now()
        await nodes.register(session, NodeLease("node_1", 10, "here"), now=now)
        await nodes.heartbeat(session, "node_1", now=now, live_calls=2, draining=draining, meters={"sip_dialogs": 4})


async def test_ready_means_database_schema_and_a_worker(world: World) -> None:
    await worker(world)
    ok = {"status": "ok", "parts": {"database": "ok", "schema": "ok", "workers": "ok"}}
    assert await readyz(world) == (200, ok)


@pytest.mark.parametrize("draining", [True, None])
async def test_without_a_worker_requests_are_served_but_calls_wait(world: World, draining: bool | None) -> None:
    if draining:
        await worker(world, draining=True)
    status, body = await readyz(world)
    assert (status, body["status"]) == (200, "degraded")
    assert "dialnexa worker" in body["parts"]["workers"]


@pytest.mark.parametrize("revision", ["0001", None])
async def test_a_schema_behind_the_program_is_not_ready_and_says_the_cure(world: World, revision: str | None) -> None:
    async with world.database.write() as session:
        await session.execute(text("DELETE FROM alembic_version"))
        if revision:
            await session.execute(text("INSERT INTO alembic_version VALUES (:it)"), {"it": revision})
    status, body = await readyz(world)
    assert (status, body["status"]) == (503, "not ready")
    assert "dialnexa migrate" in body["parts"]["schema"]


async def test_a_schema_of_a_newer_program_is_served_while_it_is_rolled_out(world: World) -> None:
    async with world.database.write() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert (await readyz(world))[0] == 200


async def test_a_database_that_is_gone_is_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> Any:
        raise ConnectionRefusedError("nobody listens")

    monkeypatch.setattr(world.database, "read", gone)
    status, body = await readyz(world)
    assert (status, [*body["parts"]]) == (503, ["database"])
    assert (await world.http.get("/healthz")).status_code == 200
    assert "dialnexa_http_requests_total" in (await world.http.get("/metrics")).text


async def test_the_metrics_tell_queue_slots_workers_and_webhooks(world: World) -> None:
    await worker(world)
    await world.http.post("/v1/calls", json={"to_number": "+16505550110", "agent_id": world.home.agent_id})
    world.clock.later(seconds=30)
    lines = (await world.http.get("/metrics")).text.splitlines()
    found = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert found['dialnexa_calls{state="queued"}'] == "2.0"  # the neighbour's as well: this is for the operator
    assert found['dialnexa_calls{state="in_progress"}'] == "0.0"
    assert found["dialnexa_queue_oldest_seconds"] == "30.0"
    assert found["dialnexa_slots"] == "2.0"
    assert found["dialnexa_webhook_deliveries_pending"] == "0.0"
    assert found["dialnexa_webhook_dead_letters"] == "1.0"  # the neighbour's
    assert found['dialnexa_worker_live_calls{node="node_1"}'] == "2.0"
    assert found['dialnexa_worker_sip_dialogs{node="node_1"}'] == "4.0"


async def test_what_a_request_logs_carries_its_id_and_its_call(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    body = {"to_number": "+16505550110", "agent_id": world.home.agent_id}
    with logs.as_json(capsys) as read:
        placed = await world.http.post("/v1/calls", json=body)
        call_id = placed.json()["call_id"]
        ended = await world.http.post(f"/v1/calls/{call_id}/hangup")
        lines = {line["event"]: line for line in read()}
    assert lines["call_placed"].items() >= {"call_id": call_id, "request_id": placed.headers["x-request-id"]}.items()
    assert lines["call_ended"].items() >= {"call_id": call_id, "request_id": ended.headers["x-request-id"]}.items()
