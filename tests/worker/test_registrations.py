"""A worker follows the trunks that are its own to keep registered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from dialnexa.live.sip.endpoint import RegistrationState, RegistrationStatus
from dialnexa.worker.registrations import Registrations
from tests.live.fakes import VirtualClock
from tests.platform.numbers.carriers import Carriers, open_carriers


class Registration:
    """A registration at a carrier that says what the test says."""

    def __init__(self, book: Book, user: str, on_change: Callable[[Any], None], settings: dict[str, Any]) -> None:
        self.status = RegistrationStatus(RegistrationState.TRYING)
        self.user = user
        self.settings = settings
        self._book = book
        self._on_change = on_change

    def becomes(self, state: RegistrationState, reason: str = "", *, for_s: float = 0, again_s: float = 0) -> None:
        now = asyncio.get_running_loop().time()
        self.status = RegistrationStatus(state, reason, for_s and now + for_s, again_s and now + again_s)
        self._on_change(self)

    async def end(self) -> None:
        if self._book.silent:
            await asyncio.Event().wait()
        self.close()

    def close(self) -> None:
        self._book.log.append(f"- {self.user}")
        self._book.registered.remove(self)


class Book:
    """An endpoint's registrations."""

    def __init__(self) -> None:
        self.registered: list[Registration] = []
        self.log: list[str] = []
        self.silent = False

    def register(self, user: str, *, on_change: Callable[[Any], None], transport: str, **settings: Any) -> Registration:
        if transport == "tls":
            raise ValueError("this endpoint does not speak SIP over TLS")
        self.log.append(f"+ {user}")
        self.registered.append(Registration(self, user, on_change, settings))
        return self.registered[-1]


class House:
    """One worker and its trunks."""

    def __init__(self, carriers: Carriers) -> None:
        self.carriers = carriers
        self.book = Book()
        self.registrations = Registrations(
            carriers.database, carriers.vault, "node_a", cast("Any", self.book), VirtualClock(), "our-edge.example"
        )

    async def look(self) -> None:
        for _ in range(2):  # the second one writes down what came of the first
            await self.registrations._look()
            for _ in range(5):
                await asyncio.sleep(0)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_carriers(f"sqlite:///{tmp_path / 'carriers.db'}") as carriers:
        await carriers.worker("node_a")
        opened = House(carriers)
        yield opened
        opened.book.silent = False
        await opened.registrations.close()


async def test_a_trunk_is_registered_and_its_status_is_written_down(house: House) -> None:
    trunk = await house.carriers.trunk(outbound_proxy="edge.example", from_domain="acme.example")
    await house.look()
    (made,) = house.book.registered
    assert (made.user, made.settings["host"], made.settings["port"]) == ("acme", "carrier.example", 0)
    assert (made.settings["proxy"], made.settings["domain"]) == ("edge.example", "acme.example")
    made.becomes(RegistrationState.REGISTERED, for_s=600, again_s=500)
    await house.look()
    row = await house.carriers.row(trunk)
    assert row is not None and row.registered_until is not None and row.next_try_at is not None
    assert (row.state, row.node_id) == ("registered", "node_a")
    assert 99 < (row.registered_until - row.next_try_at).total_seconds() < 101
    made.becomes(RegistrationState.FAILED, "403 Forbidden", again_s=5)
    await house.look()
    row = await house.carriers.row(trunk)
    assert row is not None and (row.state, row.detail, row.registered_until) == ("failed", "403 Forbidden", None)


async def test_our_edge_stands_in_for_a_proxy(house: House) -> None:
    await house.carriers.trunk()
    await house.look()
    assert house.book.registered[0].settings["proxy"] == "our-edge.example"


async def test_a_changed_trunk_is_taken_back_before_it_is_registered_anew(house: House) -> None:
    trunk = await house.carriers.trunk()
    await house.look()
    await house.look()
    assert house.book.log == ["+ acme"], "what stays the same is left alone"
    await house.carriers.change(trunk, password="another")
    await house.look()
    assert house.book.log == ["+ acme", "- acme", "+ acme"]
    assert house.book.registered[0].settings["credentials"].password == "another"


@pytest.mark.parametrize("how", ["deleted", "no longer wanted"])
async def test_a_trunk_that_is_not_to_be_registered_is_let_go(house: House, how: str) -> None:
    trunk = await house.carriers.trunk()
    await house.look()
    if how == "deleted":
        await house.carriers.delete(trunk)
    else:
        await house.carriers.change(trunk, registration="none")
    await house.look()
    assert house.book.log == ["+ acme", "- acme"]
    assert await house.carriers.row(trunk) is None


async def test_a_registrar_that_is_silent_at_the_end_holds_nobody_up(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dialnexa.worker.registrations._FAREWELL_S", 0.0)
    trunk = await house.carriers.trunk()
    await house.look()
    house.book.silent = True
    await house.registrations.close()
    assert house.book.registered == []
    assert await house.carriers.row(trunk) is None, "another worker may have it now"
    await house.registrations._look()
    assert house.book.registered == [], "a closed one takes nothing again"


async def test_what_cannot_be_registered_says_why(house: House) -> None:
    trunk = await house.carriers.trunk(transport="tls")
    await house.look()
    row = await house.carriers.row(trunk)
    assert row is not None and row.state == "failed"
    assert "does not speak SIP over TLS" in row.detail


async def test_news_of_a_registration_that_was_replaced_is_no_news(house: House) -> None:
    trunk = await house.carriers.trunk()
    await house.look()
    old = house.book.registered[0]
    await house.carriers.change(trunk, from_user="other")
    await house.look()
    old.becomes(RegistrationState.FAILED, "late")
    await house.look()
    row = await house.carriers.row(trunk)
    assert row is not None and row.state == "trying"
