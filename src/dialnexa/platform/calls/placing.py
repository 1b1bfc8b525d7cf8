"""Placing a call: from a request to a queued call, its slots, its event and its place in the queue, in one transaction.

The order of the checks is the contract's (H.1): form, agent, number, destination, limit.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit import templates
from dialnexa.kit.errors import BadRequest, Conflict, DialNexaError, Unprocessable
from dialnexa.kit.ids import new_id
from dialnexa.platform.agents.config import AgentConfig
from dialnexa.platform.agents.service import ResolvedVersion, resolve_for_call
from dialnexa.platform.calls import repository
from dialnexa.platform.calls.admission import Refused, Room, scopes_of
from dialnexa.platform.calls.models import Call
from dialnexa.platform.calls.records import TimelineEntry
from dialnexa.platform.calls.request import CallIn
from dialnexa.platform.calls.service import event_of
from dialnexa.platform.calls.states import CallState
from dialnexa.platform.database import BeforeCommit
from dialnexa.platform.numbers.models import PhoneNumber
from dialnexa.platform.numbers.service import outbound_rules, resolve_caller_id
from dialnexa.platform.tenancy import audit, kyc, wallet
from dialnexa.platform.tenancy.principal import Principal
from dialnexa.platform.tenancy.terms import Terms
from dialnexa.platform.webhooks import outbox

T = TypeVar("T")

NO_TERMS = Terms()
"""What applies where nobody says otherwise."""


class Queue(Protocol):
    """Where a placed call waits for a worker: ``engine.EngineClient``."""

    async def enqueue_in_transaction(self, session: AsyncSession, *call_ids: str) -> None:
        """Queue calls as part of the session's transaction."""
        ...


@dataclass(frozen=True, slots=True)
class Order:
    """A call that somebody wants placed."""

    principal: Principal
    body: CallIn
    now: datetime
    origin: str = "api"
    line: audit.Line | None = None
    """Its line in the audit log, where the transaction does not write it by itself."""
    marks: Sequence[BeforeCommit] = ()
    """What must hold for the call to be placed, such as its ``Idempotency-Key``; asked last, in the transaction."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A call that was accepted."""

    call: Call
    version_number: int


async def place(
    session: AsyncSession,
    principal: Principal,
    body: CallIn,
    *,
    queue: Queue,
    now: datetime,
    origin: str = "api",
    terms: Terms = NO_TERMS,
) -> Placed:
    """Accept a call, or raise what is wrong with it; a refused one leaves no row. Must run in ``Database.write()``."""
    [verdict] = await place_all(session, [Order(principal, body, now, origin)], queue=queue, terms=terms)
    if isinstance(verdict, Exception):
        raise verdict
    return verdict


async def place_all(
    session: AsyncSession, orders: Sequence[Order], *, queue: Queue, terms: Terms = NO_TERMS
) -> list[Placed | DialNexaError]:
    """Accept several calls, each for itself: who is refused costs the others nothing. As ``place`` else.

    What they have in common is read once, and their rows go in together: most of what a call costs is its statements.
    """
    drafts = await _Clerk(session, terms).drafts(orders)
    verdicts = await _admit(session, drafts)
    placed = [
        draft
        for draft, verdict in zip(drafts, verdicts, strict=True)
        if isinstance(draft, _Draft) and isinstance(verdict, Placed)
    ]
    await _write(session, placed, queue)
    return verdicts


@dataclass(frozen=True, slots=True)
class _Draft:
    order: Order
    call: Call
    version_number: int
    scopes: tuple[str, ...]

    @property
    def placed(self) -> Placed:
        return Placed(self.call, self.version_number)


class _Clerk:
    """Checks orders; what several of them need is looked up once."""

    def __init__(self, session: AsyncSession, terms: Terms) -> None:
        self._session = session
        self._terms = terms
        self._known = dict[tuple[object, ...], Any]()

    async def drafts(self, orders: Sequence[Order]) -> list[_Draft | DialNexaError]:
        """Return the calls as they would be, or what is wrong with them; nothing is written."""
        found = list[_Draft | DialNexaError]()
        for order in orders:
            try:
                found.append(await self._draft(order))
            except DialNexaError as error:
                found.append(error)
        return found

    async def _draft(self, order: Order) -> _Draft:
        who, body = order.principal, order.body
        version = await self._version(who, body)
        number = await self._number(who, body, version)
        if who.livemode:  # a test call never leaves the machine
            await self._require_leave(order, number)
        trunk_id = _trunk(who, number)
        call = _call(who, body, version, number, order.now)
        call.trunk_id, call.origin = trunk_id, order.origin
        scopes = scopes_of(call.workspace_id, call.account_id, number_id=number.id, trunk_id=trunk_id)
        return _Draft(order, call, version.number, scopes)

    async def _require_leave(self, order: Order, number: PhoneNumber) -> None:
        session, workspace_id, destination = self._session, order.principal.workspace_id, order.body.destination
        rules = await self._once(("rules", number.id), lambda: outbound_rules(session, workspace_id, number))
        rules.require(destination)
        await kyc.require(session, self._terms.verification, workspace_id, number.e164, destination)
        if self._terms.billing:
            await self._once(("wallet", workspace_id), lambda: wallet.require(session, workspace_id, 0))
        await self._once(("cap", workspace_id), lambda: wallet.require_below_cap(session, workspace_id, order.now))

    async def _version(self, who: Principal, body: CallIn) -> ResolvedVersion:
        names = (body.agent_version_id, body.agent_id, body.agent_version_number)
        return await self._once(
            ("version", who.workspace_id, *names),
            lambda: resolve_for_call(
                self._session, who.workspace_id, agent_version_id=names[0], agent_id=names[1], version_number=names[2]
            ),
        )

    async def _number(self, who: Principal, body: CallIn, version: ResolvedVersion) -> PhoneNumber:
        return await self._once(
            ("number", who.workspace_id, who.livemode, body.caller_id, version.version_id),
            lambda: resolve_caller_id(
                self._session, who.workspace_id, body.caller_id, version.version_id, livemode=who.livemode
            ),
        )

    async def _once(self, key: tuple[object, ...], look_up: Callable[[], Awaitable[T]]) -> T:
        if key not in self._known:
            self._known[key] = await look_up()
        return self._known[key]


async def _admit(session: AsyncSession, drafts: Sequence[_Draft | DialNexaError]) -> list[Placed | DialNexaError]:
    """Take the slots of all that were checked, in their order; who finds none is refused."""
    wanted = [draft for draft in drafts if isinstance(draft, _Draft)]
    if not wanted:
        return [draft for draft in drafts if isinstance(draft, DialNexaError)]
    room = await Room.hold(session, {scope for draft in wanted for scope in draft.scopes})
    verdicts = list[Placed | DialNexaError]()
    for draft in drafts:
        verdicts.append(draft if isinstance(draft, DialNexaError) else await _let_in(session, room, draft))
    await room.write(session, wanted[0].order.now)
    return verdicts


async def _let_in(session: AsyncSession, room: Room, draft: _Draft) -> Placed | DialNexaError:
    verdict = room.take(draft.call.id, draft.scopes)
    if isinstance(verdict, Refused):
        return _at_the_limit(verdict)
    try:
        for mark in draft.order.marks:
            await mark(session)
    except DialNexaError as error:
        room.give_back(draft.call.id)
        return error
    return draft.placed


async def _write(session: AsyncSession, drafts: Sequence[_Draft], queue: Queue) -> None:
    if not drafts:
        return
    await repository.add(session, *(draft.call for draft in drafts))
    await repository.append_to(session, {draft.call.id: _first_lines(draft.call) for draft in drafts})
    await outbox.write(session, [_initiated(draft) for draft in drafts])
    lines = [(draft.order.line, draft.call.id) for draft in drafts if draft.order.line is not None]
    await audit.write_created(session, "calls", lines)
    for draft in drafts:
        if draft.order.line is None:
            audit.note(session, "calls", draft.call.id)
    await queue.enqueue_in_transaction(session, *(draft.call.id for draft in drafts))


def _first_lines(call: Call) -> list[TimelineEntry]:
    lines = [TimelineEntry(call.created_at, "call_queued")]
    if call.unresolved_variables:
        lines.append(TimelineEntry(call.created_at, "variables_unresolved", {"names": call.unresolved_variables}))
    return lines


def _initiated(draft: _Draft) -> dict[str, object]:
    return event_of(draft.call, "call.initiated", draft.order.now, version_number=draft.version_number)


def _trunk(principal: Principal, number: PhoneNumber) -> str | None:
    if not principal.livemode:
        return None  # a test key's calls go to the sandbox
    if number.trunk_id is None:
        raise Unprocessable(f"{number.e164} has no SIP trunk to call out through. Connect one to the number first.")
    return number.trunk_id


def _at_the_limit(refused: Refused) -> Conflict:
    what = {"ws": "Workspace", "acct": "Account", "num": "Phone number", "trunk": "Trunk"}
    name = what.get(refused.scope.partition(":")[0], "Campaign")
    return Conflict(
        f"{name} concurrency limit reached: {refused.limit} calls are active. Try again when one has ended.",
        code="concurrency_limit_reached",
        headers={"Retry-After": "5"},
    )


def _call(principal: Principal, body: CallIn, version: ResolvedVersion, number: PhoneNumber, now: datetime) -> Call:
    call_id = new_id("call")
    built_in = templates.built_ins(
        call_id=call_id, agent_id=version.agent_id, agent_name=version.title, caller_number=body.destination
    )
    missing = _unresolved(version.config, {**built_in, **body.prompt_variables})
    if missing and version.config.require_variables:
        raise BadRequest([f"variables.{name} should not be empty" for name in missing])
    return Call(
        id=call_id,
        workspace_id=principal.workspace_id,
        account_id=principal.account_id,
        livemode=principal.livemode,
        channel="phone",
        direction="outbound",
        agent_id=version.agent_id,
        agent_version_id=version.version_id,
        phone_number_id=number.id,
        from_number=number.e164,
        to_number=body.destination,
        state=str(CallState.QUEUED),
        variables=body.prompt_variables,
        metadata_=body.metadata or {},
        notes=body.notes,
        retry=None if body.retry is None else body.retry.model_dump(),
        unresolved_variables=missing,
        attempt=1,
        created_at=now,
    )


def _unresolved(config: AgentConfig, values: Mapping[str, object]) -> list[str]:
    """Return the variables the agent's texts use and nobody gave a value (H.4), each once."""
    missing: dict[str, None] = {}
    for text in (config.prompt_text, config.welcome_message, config.voicemail_message):
        missing.update(dict.fromkeys(templates.render(text, values, config.default_dynamic_variables).unresolved))
    return list(missing)
