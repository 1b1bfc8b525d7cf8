"""Phones and PBXs that register with this worker: who may, where they are, and whose calls they bring.

Bindings live in the database, so every worker can call every phone. What must be judged at once, for each INVITE and
REGISTER, is kept in memory and read anew every second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

import structlog
from sqlalchemy.exc import SQLAlchemyError

from dialnexa.kit.clock import Clock
from dialnexa.kit.ids import new_id
from dialnexa.kit.secrets import Vault
from dialnexa.live.plan import Credentials, SipRoute
from dialnexa.live.sip.messages.hop import Address, Hop
from dialnexa.live.sip.registrations.registrar import (
    Binding,
    RegisterAnswer,
    RegisterRefused,
    RegisterRequest,
    answer_headers,
    carry_out,
)
from dialnexa.platform.database import Database
from dialnexa.platform.numbers import bindings
from dialnexa.platform.numbers.models import SipTrunk, TrunkBinding
from dialnexa.worker.patience import one_round

log = structlog.get_logger(__name__)

_LOOK_EVERY_S = 1.0
_MOST_RINGING = 10
_RETRY_AFTER = (("Retry-After", "5"),)

_TRANSPORTS: Mapping[str, Literal["udp", "tcp", "tls"]] = {"TCP": "tcp", "TLS": "tls"}
_Respond = Callable[[RegisterAnswer], None]


class Phones:
    """The registrar of one worker. ``run`` it; ``close`` ends what is under way."""

    def __init__(self, database: Database, vault: Vault, node_id: str, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._node_id = node_id
        self._clock = clock
        self._logins: dict[str, Credentials] = {}
        self._trunks: dict[str, str] = {}
        """User name → trunk."""
        self._opened: dict[str, str] = {}
        """Sealed password → password, so that each is opened once."""
        self._seen: dict[Address, str] = {}
        """Where a registered phone was seen → its trunk."""
        self._hosts: frozenset[str] = frozenset()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def open(self) -> bool:
        """Whether there is any trunk that phones may register under."""
        return bool(self._logins)

    def find_credentials(self, username: str) -> Credentials | None:
        """Return the login of phones that go by this name."""
        return self._logins.get(username)

    def knows(self, host: str) -> bool:
        """Whether a phone is registered from this IP address."""
        return host in self._hosts

    def trunks_at(self, source: Address) -> frozenset[str]:
        """Return the trunk of the phone that is registered from exactly this address and port."""
        return frozenset({self._seen[source]} if source in self._seen else ())

    def trunks_with(self, username: str) -> frozenset[str]:
        """Return the trunk that phones register under by this name."""
        return frozenset({self._trunks[username]} if username in self._trunks else ())

    async def run(self) -> None:
        """Follow the database until cancelled."""
        while True:
            with one_round("phones"):
                await self.look()
            await self._clock.sleep(_LOOK_EVERY_S)

    async def look(self) -> None:
        """Read who may register, and who has."""
        async with self._database.read() as session:
            trunks = await bindings.open_trunks(session)
            ids = [trunk.id for trunk in trunks]
            standing = await bindings.of_trunks(session, ids, self._clock.now())
        self._learn(trunks)
        self._see({(row.source_host, row.source_port): row.trunk_id for row in standing})

    async def close(self) -> None:
        """End what is under way."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def register(self, asked: RegisterRequest, respond: _Respond) -> None:
        """Take a REGISTER whose login was good."""
        task = asyncio.create_task(self._answer(asked, respond))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, asked: RegisterRequest, respond: _Respond) -> None:
        try:
            respond(await self._carry_out(asked))
        except RegisterRefused as refusal:
            respond(RegisterAnswer(refusal.status, refusal.reason, refusal.headers))
        except (SQLAlchemyError, OSError) as error:
            log.warning("registration_without_database", user=asked.user, error=repr(error))
            respond(RegisterAnswer(503, headers=_RETRY_AFTER))
        except Exception:  # one phone's accident must leave it an answer, or it asks again and again
            log.exception("registration_failed", user=asked.user)
            respond(RegisterAnswer(500))

    async def _carry_out(self, asked: RegisterRequest) -> RegisterAnswer:
        trunk_id = self._trunks.get(asked.user)
        if trunk_id is None:  # taken away between the login and now
            raise RegisterRefused(403)
        now = self._clock.now().timestamp()
        async with self._database.write() as session:
            rows = await bindings.hold(session, trunk_id)
            known = [_binding(row) for row in rows]
            after = carry_out(asked, known, now)
            if asked.wishes or asked.clearing:
                holders = {row.contact: row.node_id for row in rows}
                fresh = [self._row(trunk_id, each, asked, holders) for each in after]
                await bindings.replace(session, trunk_id, fresh)
        if after:
            self._see({**self._seen, asked.source.address: trunk_id})
        log.info("phone_registered", user=asked.user, places=len(after), source=asked.source.host)
        return RegisterAnswer(200, headers=tuple(answer_headers(after, asked.path, now)))

    def _row(self, trunk_id: str, binding: Binding, asked: RegisterRequest, holders: dict[str, str]) -> TrunkBinding:
        ours = (binding.call_id, binding.cseq) == (asked.call_id, asked.cseq)
        return TrunkBinding(
            id=new_id("bind"),
            trunk_id=trunk_id,
            node_id=self._node_id if ours else holders.get(binding.contact, self._node_id),
            contact=binding.contact,
            source_host=binding.source.host,
            source_port=binding.source.port,
            transport=binding.source.transport,
            call_id=binding.call_id,
            cseq=binding.cseq,
            q=binding.q,
            instance=binding.instance,
            path=list(binding.path),
            user_agent=binding.user_agent,
            expires_at=datetime.fromtimestamp(binding.expires_at, UTC),
        )

    def _see(self, seen: dict[Address, str]) -> None:
        self._seen, self._hosts = seen, frozenset(host for host, _ in seen)

    def _learn(self, trunks: Sequence[SipTrunk]) -> None:
        usable = [trunk for trunk in trunks if trunk.username and trunk.password_sealed]
        sealed = {trunk.password_sealed or "" for trunk in usable}
        self._opened = {text: self._opened.get(text) or self._vault.open(text) for text in sealed}
        self._trunks = {trunk.username or "": trunk.id for trunk in usable}
        self._logins = {
            trunk.username or "": Credentials(trunk.username or "", self._opened[trunk.password_sealed or ""])
            for trunk in usable
        }


def to_phone(route: SipRoute, row: TrunkBinding) -> SipRoute:
    """Return the route of a trunk as it leads to one registered phone."""
    binding = _binding(row)
    hop = binding.hop
    return replace(
        route,
        host=hop.host,
        port=hop.port,
        transport=_TRANSPORTS.get(hop.transport, "udp"),
        credentials=None,
        proxy="",
        contact=binding.contact,
        path=binding.path,
    )


def to_phones(route: SipRoute, rows: Sequence[TrunkBinding]) -> SipRoute:
    """Return the route to all phones that are preferred alike, best first as ``rows`` are: they ring together."""
    first, *others = (to_phone(route, row) for row in rows if row.q == rows[0].q)
    return replace(first, also=tuple(others[: _MOST_RINGING - 1]))


def _binding(row: TrunkBinding) -> Binding:
    return Binding(
        contact=row.contact,
        source=Hop(row.source_host, row.source_port, row.transport),
        call_id=row.call_id,
        cseq=row.cseq,
        expires_at=row.expires_at.timestamp(),
        q=row.q,
        instance=row.instance,
        path=tuple(row.path),
        user_agent=row.user_agent,
    )
