"""``Idempotency-Key``: the same write is carried out once, whatever happens in between (contract B.2.5)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from dialnexa.platform.tenancy import key_routes as tenancy
from dialnexa.platform.tenancy.models import IdempotentRequest
from tests.api.world import World, agent_body


async def _make(world: World, key: str = "order-1", path: str = "/v1/agents", **fields: Any) -> Any:
    return await world.http.post(path, json={**agent_body(), **fields}, headers={"Idempotency-Key": key})


async def _count(world: World) -> int:
    return len((await world.http.get("/v1/agents")).json()["agents"])


async def test_the_same_request_gets_the_same_answer(world: World) -> None:
    first, second = await _make(world), await _make(world)
    assert second.json() == first.json()
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    older = await _make(world, path="/agents")
    assert older.json() == first.json(), "both base paths are one API"
    assert await _count(world) == 2


async def test_another_request_under_the_same_key_is_refused(world: World) -> None:
    await _make(world)
    answer = await _make(world, title="Another")
    assert answer.status_code == 409
    assert "different request" in answer.json()["message"]


async def test_keys_of_two_workspaces_do_not_meet(world: World) -> None:
    await _make(world)
    async with world.as_(world.neighbour.key) as neighbour:
        answer = await neighbour.post(
            "/v1/agents", json={**agent_body(), "title": "x"}, headers={"Idempotency-Key": "order-1"}
        )
        assert answer.status_code == 201


async def test_after_a_day_the_key_is_free_again(world: World) -> None:
    first = await _make(world)
    world.clock.later(hours=24)
    assert (await _make(world)).json()["id"] != first.json()["id"]


async def test_a_refused_request_may_be_tried_again(world: World) -> None:
    assert (await _make(world, title="")).status_code == 400
    assert (await _make(world)).status_code == 201


async def test_many_at_once_make_one(world: World) -> None:
    answers = await asyncio.gather(*(_make(world) for _ in range(10)))
    made = [answer for answer in answers if answer.status_code == 201]
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.json()["id"] for answer in made}) == 1
    assert await _count(world) == 2


async def test_an_answer_lost_after_the_work_does_not_repeat_the_work(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies between the commit and the answer; a client that tries again must not make a second key."""

    def die(*_: object) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as cut:
        cut.setattr(tenancy.NewKeyOut, "of_new", die)
        inside = await world.http.post("/v1/api-keys", json={"name": "a"}, headers={"Idempotency-Key": "k"})
    assert inside.status_code == 500, "the transaction was still open, so nothing was kept"
    assert (
        await world.http.post("/v1/api-keys", json={"name": "a"}, headers={"Idempotency-Key": "k"})
    ).status_code == 201

    with monkeypatch.context() as cut:
        cut.setattr(tenancy, "Done", die)
        path = f"/v1/api-keys/{(await world.key())['id']}"
        after = await world.http.delete(path, headers={"Idempotency-Key": "d"})
    assert after.status_code == 500, "the work was committed"
    for minutes in (0, 2, 60):
        world.clock.later(minutes=minutes)
        assert (await world.http.delete(path, headers={"Idempotency-Key": "d"})).status_code == 409


async def test_a_request_that_died_before_its_work_frees_the_key_after_a_minute(world: World) -> None:
    made = await _make(world)
    async with world.database.write() as session:
        row = (await session.scalars(select(IdempotentRequest))).one()
        row.answer = row.status = None
        row.carried_out = False
    assert (await _make(world)).status_code == 409
    world.clock.later(seconds=61)
    assert (await _make(world)).json()["id"] != made.json()["id"]


async def test_stored_answers_are_sealed(world: World) -> None:
    made = await world.http.post("/v1/api-keys", json={"name": "a"}, headers={"Idempotency-Key": "k"})
    async with world.database.read() as session:
        row = (await session.scalars(select(IdempotentRequest))).one()
    assert row.answer is not None
    assert made.json()["secret"] not in row.answer


async def test_old_keys_are_forgotten(world: World) -> None:
    await _make(world)
    world.clock.later(hours=25)
    await world.app.state.idempotency.forget_old()
    async with world.database.read() as session:
        assert (await session.scalars(select(IdempotentRequest))).all() == []


async def test_a_key_too_long(world: World) -> None:
    assert (await _make(world, key="x" * 256)).status_code == 400
