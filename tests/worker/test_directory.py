"""Whose call an address or a login brings, answered without waiting for anybody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dialnexa.live.plan import Credentials
from dialnexa.live.sip.errors import CallRejected
from dialnexa.worker.directory import Directory
from tests.live.fakes import VirtualClock
from tests.platform.numbers.carriers import Carriers, open_carriers


class Dns:
    """A name server that knows what the test says, and is silent about the rest."""

    def __init__(self) -> None:
        self.names: dict[str, list[str]] = {}
        self.asked: list[tuple[str, int, str]] = []
        self.silent = asyncio.Event()

    async def locate(self, host: str, port: int, transport: str) -> list[str]:
        self.asked.append((host, port, transport))
        if host == "slow.example":
            await self.silent.wait()
        if host not in self.names:
            raise CallRejected(503, "Service Unavailable", detail=f"cannot look up {host}")
        return self.names[host]


class Office:
    def __init__(self, carriers: Carriers) -> None:
        self.carriers = carriers
        self.dns = Dns()
        self.clock = VirtualClock()
        self.directory = Directory(carriers.database, carriers.vault, self.clock, self.dns.locate)

    async def at(self, source: str) -> set[str]:
        await self.directory.catch_up()
        return set(self.directory.trunks_at(source)) - {await self.sandbox()}

    async def sandbox(self) -> str:
        return next(iter(self.directory.trunks_at("127.0.0.1")))


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with open_carriers(f"sqlite:///{tmp_path / 'carriers.db'}") as carriers:
        opened = Office(carriers)
        yield opened
        await opened.directory.close()


@pytest.mark.parametrize(
    ("host", "sources", "source", "known"),
    [
        ("203.0.113.5", [], "203.0.113.5", True),
        ("203.0.113.5", [], "203.0.113.6", False),
        ("203.0.113.5", [], "::ffff:203.0.113.5", True),
        ("203.0.113.5", ["198.51.100.0/24"], "198.51.100.77", True),
        ("203.0.113.5", ["198.51.100.7/32"], "198.51.100.7", True),
        ("203.0.113.5", ["2001:db8::/32"], "2001:db8::7", True),
        ("2001:db8::1", [], "2001:db8:0::1", True),
        ("no-such-host.invalid", [], "203.0.113.5", False),
        ("203.0.113.5", [], "no address", False),
    ],
)
async def test_whose_call_an_address_may_bring(
    office: Office, host: str, sources: list[str], source: str, known: bool
) -> None:
    trunk = await office.carriers.trunk(host, sources=sources)
    assert await office.at(source) == ({trunk} if known else set())


async def test_every_target_of_the_host_and_of_the_proxy_is_known(office: Office) -> None:
    office.dns.names = {"carrier.example": ["203.0.113.1", "203.0.113.2"], "edge.example": ["198.51.100.1"]}
    trunk = await office.carriers.trunk("carrier.example", transport="tls", outbound_proxy="edge.example:5070")
    for source in ("203.0.113.1", "203.0.113.2", "198.51.100.1"):
        assert await office.at(source) == {trunk}
    assert sorted(office.dns.asked) == [("carrier.example", 0, "tls"), ("edge.example", 5070, "tls")]


async def test_one_silent_name_server_holds_up_nobody_else(office: Office) -> None:
    office.dns.names = {"quick.example": ["203.0.113.1"]}
    await office.carriers.trunk("slow.example")
    quick, literal = await office.carriers.trunk("quick.example"), await office.carriers.trunk("203.0.113.9")
    await office.directory.refresh()
    for _ in range(20):
        await asyncio.sleep(0)
    assert office.directory.trunks_at("203.0.113.9") == {literal}
    assert office.directory.trunks_at("203.0.113.1") == {quick}


async def test_addresses_stand_while_their_name_server_is_away_and_follow_it_when_it_is_back(office: Office) -> None:
    office.dns.names = {"carrier.example": ["203.0.113.1"]}
    trunk = await office.carriers.trunk()
    assert await office.at("203.0.113.1") == {trunk}
    office.dns.names = {}
    office.clock.advance(61)
    assert await office.at("203.0.113.1") == {trunk}
    office.dns.names = {"carrier.example": ["203.0.113.2"]}
    office.clock.advance(61)
    assert await office.at("203.0.113.2") == {trunk}
    assert await office.at("203.0.113.1") == set()


async def test_changes_are_followed(office: Office) -> None:
    trunk = await office.carriers.trunk("203.0.113.1")
    assert await office.at("203.0.113.1") == {trunk}
    office.carriers.now = office.carriers.now.replace(hour=13)
    await office.carriers.change(trunk, sources=["198.51.100.7"])
    assert await office.at("198.51.100.7") == {trunk}
    await office.carriers.delete(trunk)
    assert await office.at("203.0.113.1") == set()
    assert office.directory.find_credentials("acme") is None


async def test_logins_lead_to_trunks(office: Office) -> None:
    trunk = await office.carriers.trunk("203.0.113.1")
    await office.directory.refresh()
    assert office.directory.find_credentials("acme") == Credentials("acme", "s3cret")
    assert office.directory.trunks_with("acme") == {trunk}
    assert office.directory.find_credentials("nobody") is None
    assert office.directory.trunks_with("nobody") == frozenset()


async def test_a_login_that_two_trunks_name_leads_only_to_those_whose_password_it_showed(office: Office) -> None:
    first, second, third = [await office.carriers.trunk(f"203.0.113.{n}") for n in (1, 2, 3)]
    await office.carriers.change(third, password="another")
    await office.directory.refresh()
    assert office.directory.trunks_with("acme") == {first, second}
