"""Lets calls in: INVITE → trunk → number → agent version → admission; or the right refusal, written down."""

from __future__ import annotations

import asyncio
from typing import Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError

from dialnexa.kit.phone import from_sip_user
from dialnexa.live.sip.endpoint import Dialog, IncomingCall, SipEndpoint
from dialnexa.live.sip.messages.fields import readable
from dialnexa.live.sip.messages.identity import ANONYMOUS
from dialnexa.platform.calls import rejections, service
from dialnexa.platform.calls.admission import Refused
from dialnexa.platform.calls.records import ClaimedCall, InboundCall, Ladder
from dialnexa.platform.numbers.service import InboundMatch, NotRouted, find_inbound
from dialnexa.worker.holding import MODE, CallHolder
from dialnexa.worker.parts import Parts
from dialnexa.worker.translate import ladder as as_ladder

log = structlog.get_logger(__name__)

_BUSY_FOR_S = 5
_MOST_DETOURS, _LONGEST = 10, 255


class Reception:
    """Answers the worker's INVITEs, each call in a task of its own."""

    def __init__(self, parts: Parts, holder: CallHolder) -> None:
        self._parts = parts
        self._holder = holder
        self._tasks: set[asyncio.Task[None]] = set()
        self.open = True
        """False while draining: everybody is sent elsewhere with 503."""

    def on_invite(self, incoming: IncomingCall) -> None:
        """Take a new INVITE; called by the SIP endpoint."""
        self._take(incoming, _Outside(self._parts))

    def on_sandbox_invite(self, incoming: IncomingCall) -> None:
        """Take an INVITE of the sandbox for a number that none of its people has."""
        self._take(incoming, _Inside(self._parts))

    def _take(self, incoming: IncomingCall, door: _Door) -> None:
        if incoming.replaces is not None:
            self._replace(incoming, incoming.replaces, door)
            return
        if not self.open or self._parts.media.overloaded or self._holder.live >= self._parts.settings.capacity:
            incoming.reject(503, "Service Unavailable", [("Retry-After", str(_BUSY_FOR_S))])
            return
        task = asyncio.create_task(self._receive(incoming, door))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End what still runs; ask the calls to hang up first, for this is no goodbye."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _replace(self, incoming: IncomingCall, replaced: Dialog, door: _Door) -> None:
        """Let somebody into a live call in its far end's place; that is no further call, so a full worker does it too.

        Whoever knows a call's tags could take it over, or end it. So only its own trunk may, and only where that one
        accepts transfers.
        """
        let_in = replaced.on_replace
        if let_in is None or not let_in(incoming, door.trunks_of(incoming)):
            incoming.reject(603)

    async def _receive(self, incoming: IncomingCall, door: _Door) -> None:
        try:
            call = await self._let_in(incoming, door)
            if call is not None:
                await self._holder.answer(call, incoming, door.endpoint)
        except (SQLAlchemyError, OSError) as error:
            log.warning("inbound_without_database", error=repr(error))
            incoming.reject(503, "Service Unavailable", [("Retry-After", str(_BUSY_FOR_S))])
        except Exception:  # one caller's accident must not cost the worker, and so all calls it holds
            log.exception("inbound_call_failed", source=incoming.source[0])
        finally:
            # Whoever was neither answered nor refused by now never will be; does nothing otherwise.
            incoming.reject(500)

    async def _let_in(self, incoming: IncomingCall, door: _Door) -> ClaimedCall | None:
        parts = self._parts
        source, now = incoming.source[0], parts.clock.now()
        match = await self._find(incoming, door)
        if match is NotRouted.UNKNOWN_NUMBER and not door.notes_wrong_numbers:
            incoming.reject(404, "Not Found")
            return None
        to_number, from_number = _as_number(incoming.to_user), _as_number(self._caller(incoming))
        async with parts.database.write() as session:
            if isinstance(match, InboundMatch):
                verdict = await service.admit_inbound(
                    session,
                    InboundCall(
                        workspace_id=match.workspace_id,
                        account_id=match.account_id,
                        livemode=match.livemode,
                        from_number=from_number,
                        to_number=match.e164,
                        phone_number_id=match.phone_number_id,
                        trunk_id=match.trunk_id,
                        agent_id=match.agent_id,
                        agent_version_id=match.agent_version_id,
                        diverted_from=_detours(incoming),
                    ),
                    parts.node_id,
                    now=now,
                )
                if not isinstance(verdict, Refused):
                    return verdict
                refusal = rejections.full(verdict, match.workspace_id)
            else:
                refusal = rejections.no_route(match)
            incoming.reject(refusal.sip_status or 403, refusal.phrase)  # first, so that it is on the ladder
            await rejections.write(
                session,
                refusal,
                from_number=from_number,
                to_number=to_number,
                source=source,
                now=now,
                ladder=_said(incoming, door),
            )
        return None

    async def _find(self, incoming: IncomingCall, door: _Door) -> InboundMatch | NotRouted:
        """Find who answers; a trunk or number may have come a moment ago, so who is not found is looked for twice."""
        match = await self._look(incoming, door)
        if match in (NotRouted.UNKNOWN_SOURCE, NotRouted.UNKNOWN_NUMBER):
            await self._parts.directory.catch_up()
            match = await self._look(incoming, door)
        return match

    async def _look(self, incoming: IncomingCall, door: _Door) -> InboundMatch | NotRouted:
        over, dialled = door.trunks_of(incoming), (incoming.to_user, incoming.addressed_user)
        async with self._parts.database.read() as session:
            return await find_inbound(session, dialled, over, livemode=door.mode_of(incoming))

    def _caller(self, incoming: IncomingCall) -> str:
        """Return who calls: only a trunk known by its address may vouch for somebody else than From names.

        Whoever asks not to be known is ``anonymous``, whatever the trunk tells us: what we are told is told to agents,
        webhooks and everybody who reads the record, none of whom the caller trusts (RFC 3325 §7).
        A phone's login proves who the phone is, not whom it may claim to be; registered ones are no trunk's voice even
        at a trunk's address, for both may be behind one NAT.
        """
        if incoming.withholds_caller:
            return ANONYMOUS
        phones = self._parts.phones
        by_phone = phones.trunks_at(incoming.source) or phones.trunks_with(incoming.login)
        vouched = self._parts.directory.trunks_at(incoming.source[0]) and not by_phone
        return incoming.caller if vouched else incoming.from_user


class _Door(Protocol):
    """Where a call comes in, and so which numbers it can be for."""

    notes_wrong_numbers: bool
    """Whether an operator wants to read of calls to numbers that are nobody's."""

    @property
    def endpoint(self) -> SipEndpoint:
        """The endpoint it came to, and goes on through."""
        ...

    def trunks_of(self, incoming: IncomingCall) -> frozenset[str]:
        """Return the trunks that a call may have come over."""
        ...

    def mode_of(self, incoming: IncomingCall) -> bool | None:
        """Tell whether it is for live numbers; ``None``: for either kind."""
        ...


class _Outside:
    """The endpoint that carriers and phones reach: whose call it is says its address, or its login."""

    notes_wrong_numbers = True

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    @property
    def endpoint(self) -> SipEndpoint:
        return self._parts.endpoint

    def trunks_of(self, incoming: IncomingCall) -> frozenset[str]:
        known, phones = self._parts.directory, self._parts.phones
        over = known.trunks_at(incoming.source[0]) | phones.trunks_at(incoming.source)
        if incoming.login:
            over |= phones.trunks_with(incoming.login) or known.trunks_with(incoming.login)
        return over

    def mode_of(self, incoming: IncomingCall) -> bool | None:
        return None


class _Inside:
    """The sandbox: its numbers call each other, live ones live ones and those for tests their like."""

    notes_wrong_numbers = False
    """It was one of our own calls, whose record says so."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    @property
    def endpoint(self) -> SipEndpoint:
        return self._parts.sandbox.endpoint

    def trunks_of(self, incoming: IncomingCall) -> frozenset[str]:
        return self._parts.directory.sandbox_trunks()

    def mode_of(self, incoming: IncomingCall) -> bool | None:
        return {"live": True, "test": False}.get("".join(incoming.headers(MODE)))


def _said(incoming: IncomingCall, door: _Door) -> Ladder | None:
    """Return what was signalled for a call that was refused."""
    ladder = door.endpoint.ladders.open()
    ladder.follow(incoming.call_id)
    ladder.close()
    return as_ladder(ladder.read())


def _detours(incoming: IncomingCall) -> tuple[str, ...]:
    """Return the numbers that forwarded the call, as far as the trunk tells."""
    return tuple(_as_number(readable(each.user))[:_LONGEST] for each in incoming.diversions[:_MOST_DETOURS])


def _as_number(user: str) -> str:
    """Read the user part of a SIP address as E.164 where it is one; else keep it as it came."""
    return from_sip_user(user) or user
