"""The worker's registrar: what it keeps in the database, whom it then knows, and what it says when it cannot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, cast

import pytest
from cryptography.fernet import Fernet
from sqlalchemy.exc import OperationalError

from dialnexa.kit.secrets import Vault
from dialnexa.live.plan import Credentials, SipRoute
from dialnexa.live.sip.messages.hop import TCP, Hop
from dialnexa.live.sip.registrations.registrar import RegisterAnswer, RegisterRequest, Wish
from dialnexa.platform.numbers.models import SipTrunk, TrunkBinding
from dialnexa.worker import phones as module
from dialnexa.worker.phones import Phones, to_phone, to_phones
from tests.live.fakes import VirtualClock, settle

VAULT = Vault(Fernet.generate_key())
SOURCE = Hop("192.0.2.7", 40000, TCP)
ASKED = RegisterRequest("desk", SOURCE, "call-1", 1, (Wish("sip:desk@10.1.1.1;transport=tcp", 600, 1.0, ""),))


class Rows:
    """The tables of trunks and bindings."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bindings: list[TrunkBinding] = []
        self.away = False
        self.trunks = [SipTrunk(id="trunk_1", username="desk", password_sealed=VAULT.seal("s3cret"))]
        for name in ("open_trunks", "of_trunks", "hold", "replace"):
            monkeypatch.setattr(module.bindings, name, getattr(self, f"_{name}"))

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[None]:
        if self.away:
            raise OperationalError("SELECT", {}, Exception("away"))
        yield None

    write = read

    async def _open_trunks(self, _session: object) -> list[SipTrunk]:
        return self.trunks

    async def _of_trunks(self, *_: object) -> list[TrunkBinding]:
        return self.bindings

    async def _hold(self, *_: object) -> list[TrunkBinding]:
        return self.bindings

    async def _replace(self, _session: object, _trunk_id: str, rows: list[TrunkBinding]) -> None:
        self.bindings = rows


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> Rows:
    return Rows(monkeypatch)


@pytest.fixture
async def phones(rows: Rows) -> Phones:
    made = Phones(cast("Any", rows), VAULT, "node_1", VirtualClock())
    await made.look()
    return made


async def asks(phones: Phones, asked: RegisterRequest) -> RegisterAnswer:
    answers: list[RegisterAnswer] = []
    phones.register(asked, answers.append)
    await settle()
    [answer] = answers
    return answer


async def test_only_where_a_trunk_is_for_phones_may_anybody_register(rows: Rows, phones: Phones) -> None:
    assert (phones.open, phones.find_credentials("desk")) == (True, Credentials("desk", "s3cret"))
    assert phones.trunks_with("desk") == {"trunk_1"}
    rows.trunks = []
    await phones.look()
    assert (phones.open, phones.find_credentials("desk")) == (False, None)


async def test_a_phone_is_kept_known_at_once_and_called_over_its_connection(rows: Rows, phones: Phones) -> None:
    answer = await asks(phones, ASKED)
    assert answer.status == 200
    assert answer.headers == (("Contact", "<sip:desk@10.1.1.1;transport=tcp>;expires=600"),)
    assert (phones.trunks_at(SOURCE.address), phones.knows("192.0.2.7")) == ({"trunk_1"}, True)
    assert phones.trunks_at(("192.0.2.7", 40001)) == frozenset()
    [row] = rows.bindings
    assert row.node_id == "node_1"
    route = to_phone(SipRoute("phones.invalid", 0, Credentials("desk", "s3cret"), "trunk_1"), row)
    assert route == SipRoute(
        "192.0.2.7", 40000, None, "trunk_1", transport="tcp", contact="sip:desk@10.1.1.1;transport=tcp"
    )


async def test_phones_that_are_preferred_alike_ring_together(rows: Rows, phones: Phones) -> None:
    wishes = tuple(
        Wish(f"sip:{name}@10.1.1.1", 600, q, "") for name, q in (("hall", 1.0), ("desk", 1.0), ("shed", 0.5))
    )
    assert (await asks(phones, replace(ASKED, wishes=wishes))).status == 200
    best_first = sorted(rows.bindings, key=lambda row: -row.q)
    route = to_phones(SipRoute("", 0, trunk_id="trunk_1"), best_first)
    assert {route.contact, *(other.contact for other in route.also)} == {"sip:hall@10.1.1.1", "sip:desk@10.1.1.1"}
    assert to_phones(SipRoute("", 0), best_first[2:]).also == ()


async def test_a_phone_that_leaves_is_forgotten(rows: Rows, phones: Phones) -> None:
    await asks(phones, ASKED)
    leaving = replace(ASKED, cseq=2, wishes=(replace(ASKED.wishes[0], expires_s=0),))
    assert await asks(phones, leaving) == RegisterAnswer(200)
    await phones.look()
    assert (rows.bindings, phones.knows("192.0.2.7")) == ([], False)


async def test_who_only_asks_changes_nothing(rows: Rows, phones: Phones) -> None:
    await asks(phones, ASKED)
    before = rows.bindings
    assert (await asks(phones, replace(ASKED, cseq=2, wishes=()))).headers != ()
    assert rows.bindings is before


@pytest.mark.parametrize(
    ("asked", "status"), [(replace(ASKED, user="ghost"), 403), (replace(ASKED, cseq=0), 500), (ASKED, 503)]
)
async def test_what_cannot_be_done_is_answered_too(
    rows: Rows, phones: Phones, asked: RegisterRequest, status: int
) -> None:
    if status == 500:
        await asks(phones, ASKED)
    rows.away = status == 503
    assert (await asks(phones, asked)).status == status


async def test_nothing_outlives_the_worker(phones: Phones) -> None:
    phones.register(ASKED, lambda _: None)
    await phones.close()
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
