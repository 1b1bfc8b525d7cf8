"""Each registering trunk is kept by exactly one living worker, on every database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from dialnexa.platform.numbers import registrations
from dialnexa.platform.numbers.registrations import RegistrationReport, owner
from tests.platform.numbers.carriers import Carriers, open_carriers


@pytest.fixture
async def carriers(blank_url: str) -> AsyncIterator[Carriers]:
    async with open_carriers(blank_url) as opened:
        yield opened


async def test_workers_share_the_trunks_and_none_has_two_keepers(carriers: Carriers) -> None:
    trunks = {await carriers.trunk() for _ in range(12)}
    for node in ("node_a", "node_b", "node_c"):
        await carriers.worker(node)
    shares = await asyncio.gather(*(carriers.keeps(node) for node in ("node_a", "node_b", "node_c")))
    assert set().union(*shares) == trunks
    assert sum(map(len, shares)) == len(trunks)
    assert [await carriers.keeps(node) for node in ("node_a", "node_b", "node_c")] == shares, "and it stays so"


async def test_a_dead_worker_s_trunks_are_taken_over(carriers: Carriers) -> None:
    trunks = {await carriers.trunk() for _ in range(20)}
    await carriers.worker("node_a")
    await carriers.worker("node_b")
    await carriers.keeps("node_a")
    first = await carriers.keeps("node_b")
    await carriers.all_die_but("node_b")
    assert await carriers.keeps("node_b") == trunks > first


async def test_a_draining_worker_hands_over_what_it_has_let_go(carriers: Carriers) -> None:
    trunk = await carriers.trunk()
    await carriers.worker("node_a")
    assert await carriers.keeps("node_a") == {trunk}
    await carriers.worker("node_b")
    await carriers.drains("node_a")
    assert await carriers.keeps("node_a") == set(), "it is nobody's task to keep it longer"
    assert await carriers.keeps("node_b") == set(), "but it is not taken before it is let go"
    await carriers.releases("node_a", trunk)
    assert await carriers.keeps("node_b") == {trunk}


async def test_only_living_trunks_that_register_are_kept(carriers: Carriers) -> None:
    await carriers.worker("node_a")
    quiet, gone = await carriers.trunk(registration="none"), await carriers.trunk()
    await carriers.delete(gone)
    kept = await carriers.trunk(from_user="acme-sip", from_domain="acme.example", registration_expiry_s=300)
    async with carriers.database.write() as session:
        every = await registrations.keep(session, carriers.vault, "node_a", now=carriers.now, may_take=True)
    assert every is not None and len(every) == 1
    found = every[0]
    assert found.trunk_id not in (quiet, gone)
    assert (found.trunk_id, found.user, found.domain, found.username, found.password, found.lifetime_s) == (
        kept, "acme-sip", "acme.example", "acme", "s3cret", 300,
    )  # fmt: skip
    assert "s3cret" not in repr(found)


async def test_a_look_takes_nothing(carriers: Carriers) -> None:
    trunk = await carriers.trunk()
    await carriers.worker("node_a")
    async with carriers.database.read() as session:
        assert await registrations.keep(session, carriers.vault, "node_a", now=carriers.now, may_take=False) is None
    assert await carriers.row(trunk) is None


async def test_who_no_longer_keeps_a_trunk_does_not_write_over_who_does(carriers: Carriers) -> None:
    trunk = await carriers.trunk()
    await carriers.worker("node_a")
    await carriers.keeps("node_a")
    for node, state in (("node_a", "registered"), ("node_b", "failed")):
        async with carriers.database.write() as session:
            report = RegistrationReport(trunk, "registered" if state == "registered" else "failed")
            await registrations.report(session, node, [report], now=carriers.now)
    row = await carriers.row(trunk)
    assert row is not None and (row.node_id, row.state) == ("node_a", "registered")


def test_owners_change_little_when_workers_come_and_go() -> None:
    trunks = [f"trunk_{number}" for number in range(300)]
    before = {trunk: owner(trunk, {"a", "b", "c"}) for trunk in trunks}
    after = {trunk: owner(trunk, {"a", "c"}) for trunk in trunks}
    assert all(after[trunk] == before[trunk] for trunk in trunks if before[trunk] != "b")
    assert {before[trunk] for trunk in trunks} == {"a", "b", "c"}
    assert owner("trunk", ()) is None
