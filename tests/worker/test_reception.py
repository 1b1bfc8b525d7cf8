"""The reception survives its callers: nobody is left ringing, and no accident costs anybody else's call."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dialnexa.worker.reception import Reception


class Caller:
    """An INVITE."""

    source = ("192.0.2.7", 5060)
    replaces: object = None
    login = ""

    def __init__(self, accident: Exception | None = None) -> None:
        self.accident = accident
        self.refused_with: list[int] = []

    def reject(self, status: int, reason: str = "", headers: object = ()) -> None:
        if not self.refused_with:
            self.refused_with.append(status)


class Holder:
    """Holds calls until told otherwise; a caller may bring an accident along."""

    live = 0

    def __init__(self) -> None:
        self.held: list[Caller] = []
        self.over = asyncio.Event()

    async def answer(self, call: object, incoming: Caller, endpoint: object) -> None:
        self.held.append(incoming)
        if incoming.accident:
            raise incoming.accident
        await self.over.wait()


@pytest.fixture
def holder() -> Holder:
    return Holder()


@pytest.fixture
def reception(holder: Holder, monkeypatch: pytest.MonkeyPatch) -> Reception:
    media, settings = SimpleNamespace(overloaded=False), SimpleNamespace(capacity=10)
    parts = SimpleNamespace(media=media, settings=settings, endpoint=None)

    async def let_in(self: Reception, incoming: object, door: object) -> object:
        return "call"

    monkeypatch.setattr(Reception, "_let_in", let_in)
    return Reception(cast("Any", parts), cast("Any", holder))


async def rings(reception: Reception, caller: Caller) -> Caller:
    reception.on_invite(cast("Any", caller))
    for _ in range(5):
        await asyncio.sleep(0)
    return caller


async def test_one_callers_accident_is_refused_and_costs_nobody_else(reception: Reception, holder: Holder) -> None:
    calm = await rings(reception, Caller())
    unlucky = await rings(reception, Caller(accident=KeyError("a bug")))
    later = await rings(reception, Caller())
    assert unlucky.refused_with == [500]
    assert holder.held == [calm, unlucky, later]
    assert calm.refused_with == later.refused_with == []
    await reception.close()


async def test_a_database_that_is_away_sends_the_caller_elsewhere(reception: Reception) -> None:
    caller = await rings(reception, Caller(accident=OSError("no route")))
    assert caller.refused_with == [503]


async def test_closing_ends_calls_that_did_not_end_when_asked_to(reception: Reception, holder: Holder) -> None:
    await rings(reception, Caller())
    await reception.close()
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


async def test_while_draining_everybody_is_sent_elsewhere(reception: Reception, holder: Holder) -> None:
    reception.open = False
    caller = await rings(reception, Caller())
    assert caller.refused_with == [503]
    assert holder.held == []


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(
    ("over", "allowed", "refused"),
    [("trunk_carrier", True, []), ("trunk_other", True, [603]), ("trunk_carrier", False, [603])],
    ids=["its own trunk", "somebody else's trunk", "its own trunk, which accepts no transfers"],
)
async def test_into_a_live_call_only_its_own_trunk_puts_somebody(
    reception: Reception, holder: Holder, over: str, allowed: bool, refused: list[int], full: bool
) -> None:
    def let_in(incoming: object, trunks: Collection[str]) -> bool:
        return "trunk_carrier" in trunks

    nobody = SimpleNamespace(trunks_at=lambda _: frozenset(), trunks_with=lambda _: frozenset())
    parts = cast("Any", reception)._parts
    parts.directory = SimpleNamespace(trunks_at=lambda host: frozenset({over} if host == "192.0.2.7" else ()))
    parts.phones = nobody
    parts.media.overloaded = full
    taker = Caller()
    taker.replaces = SimpleNamespace(on_replace=let_in if allowed else None)
    assert (await rings(reception, taker)).refused_with == refused
    assert holder.held == []


CARRIER, PHONE, STRANGER = ("192.0.2.7", 5060), ("198.51.100.9", 5061), ("203.0.113.4", 5060)


@pytest.mark.parametrize(
    ("source", "login", "caller"),
    [
        (CARRIER, "", "asserted"),
        (CARRIER, "acme", "asserted"),
        (PHONE, "", "named"),
        (STRANGER, "desk", "named"),
        (STRANGER, "acme", "named"),
        (STRANGER, "", "named"),
        (("192.0.2.7", 5061), "", "named"),
        (CARRIER, "desk", "named"),
    ],
    ids=[
        "carrier by address",
        "carrier by address and login",
        "registered phone",
        "phone that logs in",
        "carrier's login from anywhere",
        "stranger",
        "registered phone behind the carrier's NAT",
        "phone that logs in behind the carrier's NAT",
    ],
)
async def test_only_a_trunk_known_by_its_address_may_vouch_for_a_caller(
    source: tuple[str, int], login: str, caller: str
) -> None:
    directory = SimpleNamespace(
        trunks_at=lambda host: {"192.0.2.7": frozenset({"trunk_carrier"})}.get(host, frozenset())
    )
    phones = SimpleNamespace(
        trunks_at=lambda at: frozenset({"trunk_desk"} if at in (PHONE, ("192.0.2.7", 5061)) else ()),
        trunks_with=lambda user: frozenset({"trunk_desk"} if user == "desk" else ()),
    )
    parts = SimpleNamespace(directory=directory, phones=phones)
    reception = Reception(cast("Any", parts), cast("Any", Holder()))
    for withheld, shown in ((False, caller), (True, "anonymous")):
        said = SimpleNamespace(
            source=source, login=login, caller="asserted", from_user="named", withholds_caller=withheld
        )
        assert reception._caller(cast("Any", said)) == shown
