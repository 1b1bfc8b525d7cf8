"""Calls that are asked for at the same time share a transaction, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import cast

from sqlalchemy import event, select
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.errors import Conflict, Forbidden, NotFound
from dialnexa.kit.pagination import Page
from dialnexa.platform.calls.desk import Desk
from dialnexa.platform.calls.models import Call
from dialnexa.platform.calls.placing import Order, Placed, place_all
from dialnexa.platform.calls.request import CallIn
from dialnexa.platform.database import Database
from dialnexa.platform.tenancy import audit
from dialnexa.platform.tenancy.models import Limit
from dialnexa.platform.tenancy.terms import Terms
from tests.platform.calls.house import CUSTOMER, NOON, House, RememberingQueue

SCOPES = ("acct:acct_live1", "num:phn_1", "trunk:trunk_1", "ws:ws_1")


async def test_each_is_placed_for_itself(any_house: House) -> None:
    house = any_house
    await house.limit("ws:ws_1", 6)
    desk, bodies = Desk(house.database, house.queue, Terms()), [house.body(variables={"n": n}) for n in range(6)]
    with transactions(house.database) as commits:
        placed = await asyncio.gather(*(desk.place(house.who, read(body), now=NOON) for body in bodies))
    assert [one.call.variables for one in placed] == [{"n": n} for n in range(6)]
    assert len(commits) == 2  # the first alone; the others waited meanwhile
    assert sorted(queued(house)) == sorted(call.id for call in await house.calls())
    assert await house.events() == ["call.initiated"] * 6
    assert sorted(await house.slots()) == sorted(scope for scope in SCOPES for _ in range(6))


async def test_who_is_refused_costs_the_others_nothing(any_house: House) -> None:
    house = any_house
    await house.limit("ws:ws_1", 6)
    desk = Desk(house.database, house.queue, Terms())
    orders = [
        house.body(),
        house.body(agent_version_id="av_nobody"),
        house.body(to_number="+19005550123"),
        house.body(from_number="+14155550122"),
        house.body(),
    ]
    asked = [desk.place(house.who, read(order), now=NOON) for order in orders]
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(one) for one in found] == [Placed, NotFound, Forbidden, Forbidden, Placed]
    assert len(await house.calls()) == 2


async def test_the_limit_counts_within_a_transaction_too(any_house: House) -> None:
    house = any_house
    await house.limit("ws:ws_1", 3)
    desk = Desk(house.database, house.queue, Terms())
    asked = [desk.place(house.who, read(house.body()), now=NOON) for _ in range(8)]
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(one) for one in found] == [Placed] * 3 + [Conflict] * 5
    async with house.database.read() as session:
        assert (await session.scalars(select(Limit.peak))).one() == 3


async def test_a_mark_that_does_not_hold_refuses_its_call_and_frees_its_slot(house: House) -> None:
    """As an ``Idempotency-Key`` that another process has taken over."""
    await house.limit("ws:ws_1", 1)

    async def taken_over(_: AsyncSession) -> None:
        raise Conflict("taken over")

    refused = Order(house.who, read(house.body()), NOON, marks=(taken_over,))
    async with house.database.write() as session:
        found = await place_all(session, [refused, Order(house.who, read(house.body()), NOON)], queue=house.queue)
    assert [type(one) for one in found] == [Conflict, Placed]
    assert len(await house.calls()) == 1


async def test_a_database_that_fails_fails_each_once(house: House) -> None:
    """What breaks the shared transaction is tried again one by one."""
    desk = Desk(house.database, PickyQueue(), Terms())
    numbers = (CUSTOMER, "+16505550198", "+16505550197")
    asked = [desk.place(house.who, read(house.body(to_number=number)), now=NOON) for number in numbers]
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(one) for one in found] == [Placed, RuntimeError, Placed]
    assert [call.to_number for call in await house.calls()] == [CUSTOMER, "+16505550197"]


async def test_each_has_its_line_in_the_audit_log(house: House) -> None:
    desk = Desk(house.database, house.queue, Terms())

    async def asked_by(name: str) -> Placed:
        deed = audit.Deed("ws_1", "acct_live1", "api_key", name, name, "POST /v1/calls", "/v1/calls", NOON)
        with audit.recorded(deed):
            return await desk.place(house.who, read(house.body()), now=NOON)

    placed = await asyncio.gather(*(asked_by(name) for name in ("key_a", "key_b", "key_c")))
    async with house.database.read() as session:
        lines = (await audit.entries(session, "ws_1", audit.AuditSearch(), Page())).items
    told = {line.actor_id: [str(cast("dict[str, object]", change)["id"]) for change in line.changes] for line in lines}
    names = ("key_a", "key_b", "key_c")
    assert told == {name: [one.call.id] for name, one in zip(names, placed, strict=True)}


class PickyQueue(RememberingQueue):
    """Breaks on calls to one number, by way of the session's own calls."""

    async def enqueue_in_transaction(self, session: AsyncSession, *call_ids: str) -> None:
        numbers = await session.scalars(select(Call.to_number).where(Call.id.in_(call_ids)))
        if "+16505550198" in set(numbers):
            raise RuntimeError("no room for this one")


def read(body: Mapping[str, object]) -> CallIn:
    return CallIn.model_validate(body)


@contextmanager
def transactions(database: Database) -> Generator[list[object]]:
    """Collect the transactions that commit meanwhile."""
    seen = list[object]()

    def note(connection: object) -> None:
        seen.append(connection)

    event.listen(database.engine.sync_engine, "commit", note)
    try:
        yield seen
    finally:
        event.remove(database.engine.sync_engine, "commit", note)


def queued(house: House) -> list[str]:
    assert isinstance(house.queue, RememberingQueue)
    return house.queue.calls
