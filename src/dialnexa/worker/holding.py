"""Holds calls: from the claimed record through the live call to the finished record, for both directions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from dialnexa.kit.logging import about_call
from dialnexa.kit.secrets import SealBroken
from dialnexa.kit.templates import TemplateError
from dialnexa.live.call import CallControl, hold_call
from dialnexa.live.line import Line
from dialnexa.live.lines.sip import SipLine
from dialnexa.live.outcome import CallOutcome, Ending, EndReason
from dialnexa.live.plan import CallPlan, Encryption, SipRoute
from dialnexa.live.sip.endpoint import IncomingCall, SipEndpoint
from dialnexa.live.timeline import CallEvent, Happening
from dialnexa.platform.calls import service
from dialnexa.platform.calls.records import ClaimedCall, Result
from dialnexa.platform.numbers import bindings
from dialnexa.platform.numbers.service import outbound_rules_of_call, route_for
from dialnexa.platform.tenancy.principal import Principal
from dialnexa.worker.calling import CallFunctions
from dialnexa.worker.knowledge import library
from dialnexa.worker.parts import Parts
from dialnexa.worker.patience import patiently
from dialnexa.worker.phones import to_phone, to_phones
from dialnexa.worker.plans import BuiltPlan, EarsDefaults, ModelDefaults, build_plan, with_secrets
from dialnexa.worker.routes import sip_route
from dialnexa.worker.translate import result as as_result
from dialnexa.worker.watching import CallWatch

log = structlog.get_logger(__name__)

_OVERLOAD_POLL_S = 0.2
_RETRY_S = 0.5
_SANDBOX = "sandbox"
MODE = "X-DialNexa-Mode"
"""Header of calls within the sandbox: ``live``, or ``test``, which reach only numbers that test keys rented."""
_MakeLine = Callable[[CallPlan], Line]


class _NotRunnable(Exception):
    """The call cannot be dialled as it stands; the message says why."""


class _NobodyThere(Exception):
    """The call is for a phone that is not registered now; the message says so."""


class CallHolder:
    """All calls of one worker. ``dial`` and ``answer`` return when their call is finished and written."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._held: dict[str, CallControl] = {}
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def live(self) -> int:
        """How many calls are held now."""
        return len(self._held)

    @property
    def held(self) -> frozenset[str]:
        """The ids of the calls held now."""
        return frozenset(self._held)

    def hang_up(self, call_id: str, detail: str) -> None:
        """Ask one call to end; nothing happens when it is not held here."""
        if held := self._held.get(call_id):
            held.hang_up(detail)

    def hang_up_all(self, detail: str) -> None:
        """Ask every call to end."""
        for call_id in tuple(self._held):
            self.hang_up(call_id, detail)

    async def idle(self) -> None:
        """Wait until no call is held."""
        await self._idle.wait()

    async def dial(self, call_id: str) -> None:
        """Run an admitted outbound call; returns at once when another node has dialled it or it was cancelled."""
        while self._parts.media.overloaded:  # keep running calls on the grid; the call waits in state queued
            await self._parts.clock.sleep(_OVERLOAD_POLL_S)
        with about_call(call_id):
            async with self._parts.database.write() as session:
                call = await service.claim(session, call_id, self._parts.node_id, now=self._parts.clock.now())
            if call is None:
                return
            await self._hold(call, self._dialling)

    async def answer(self, call: ClaimedCall, incoming: IncomingCall, endpoint: SipEndpoint) -> None:
        """Run an inbound call that was let in; ``endpoint`` is the one it came to."""
        with about_call(call.call_id):
            await self._hold(call, lambda plan: self._answering(plan, incoming, endpoint))

    async def _hold(self, call: ClaimedCall, make_line: _MakeLine) -> None:
        self._held[call.call_id] = control = CallControl()
        self._idle.clear()
        watch = CallWatch(self._parts.metrics, self._parts.clock, call.call_id, call.direction, self._parts.node_id)
        try:
            result = await self._run(call, make_line, control, watch)
            await self._finish(call.call_id, result)
            watch.ended(result)
        finally:
            del self._held[call.call_id]
            if not self._held:
                self._idle.set()

    async def _run(self, call: ClaimedCall, make_line: _MakeLine, control: CallControl, watch: CallWatch) -> Result:
        """Bring the call to its end, whatever happens: from here on it is nobody else's to end."""
        try:
            return await self._talk(call, make_line, control, watch)
        except _NotRunnable as error:
            return self._broken(str(error))
        except _NobodyThere as error:
            return self._ended(Ending.NO_ANSWER, EndReason.USER_UNREACHABLE, str(error), 480)
        except Exception as error:  # a bug must cost its own call only, and must be on its record
            log.exception("call_crashed")
            return self._broken(
                f"The call stopped because of a fault in DialNexa ({type(error).__name__}); see the log."
            )

    async def _talk(self, call: ClaimedCall, make_line: _MakeLine, control: CallControl, watch: CallWatch) -> Result:
        parts = self._parts

        def note(event: CallEvent) -> None:
            parts.scribe.note(call.call_id, event)
            watch.note(event)

        built = await self._plan(call)
        outcome = await hold_call(
            built.plan,
            make_line(built.plan),
            parts.speech,
            note,
            clock=parts.clock,
            control=control,
            functions=CallFunctions(
                parts.outgoing,
                parts.database,
                Principal(call.workspace_id, call.account_id, "", livemode=call.livemode, kind="secret"),
                built.plan.agent.variables,
                now=parts.clock.now,
                call_id=call.call_id,
            ),
            library=library(parts.search, call.workspace_id, built.plan.agent.knowledge),
        )
        await parts.scribe.flush()
        return as_result(outcome, parts.settings.recordings, built.unresolved)

    async def _plan(self, call: ClaimedCall) -> BuiltPlan:
        settings = self._parts.settings
        models = ModelDefaults(settings.llm_base_url, settings.llm_api_key, settings.llm_model)
        ears = EarsDefaults(settings.stt_base_url, settings.stt_api_key, settings.stt_model)
        route = await self._route(call)
        recording = settings.recordings / f"{call.call_id}.wav"
        async with self._parts.database.read() as session:
            rules = await outbound_rules_of_call(session, call.workspace_id, call.phone_number_id)
        no_audio_s = settings.no_audio_seconds
        try:
            in_clear = with_secrets(call, self._parts.vault)
            return build_plan(in_clear, route, recording, models=models, ears=ears, no_audio_s=no_audio_s, rules=rules)
        except (TemplateError, ValueError, SealBroken) as error:
            raise _NotRunnable(f"The agent version cannot be run: {error}") from error

    async def _finish(self, call_id: str, result: Result) -> None:
        """Write the end; a database that is away is waited for, because an end must not be lost.

        Raises when the database refuses this end for good; the worker's next beats end the call then (``drop_unheld``).
        """

        async def write() -> None:
            async with self._parts.database.write() as session:
                ended = await service.finish(session, call_id, result, node_id=self._parts.node_id)
                if ended and result.recording is not None and result.recording.bytes:
                    await self._parts.finishing.promise(session, call_id)
                if ended and result.turns:
                    await self._parts.analysing.promise(session, call_id)

        await patiently(write, self._parts.clock, every_s=_RETRY_S, waiting="end_not_written_yet")

    def _broken(self, detail: str) -> Result:
        return self._ended(Ending.FAILED, EndReason.ERROR, detail)

    def _ended(self, ending: Ending, reason: EndReason, detail: str, sip_status: int | None = None) -> Result:
        """Return the end of a call that never went out."""
        outcome = CallOutcome(ending, reason, None, self._parts.clock.now(), 0, sip_status=sip_status, detail=detail)
        return as_result(outcome, self._parts.settings.recordings, ())

    async def _route(self, call: ClaimedCall) -> SipRoute:
        """The trunk an outbound call goes through, or an inbound one came over; or the sandbox."""
        host, port = self._parts.sandbox.address
        # The built-in people speak in clear; who calls the sandbox number from outside may encrypt.
        encryption = Encryption.NEVER if call.direction == "outbound" else Encryption.OFFERED
        mode = ((MODE, "live" if call.livemode else "test"),)
        to_sandbox = SipRoute(host, port, trunk_id=_SANDBOX, encryption=encryption, headers=mode)
        if not call.livemode or call.trunk_id is None:
            return to_sandbox
        async with self._parts.database.read() as session:
            trunk = await route_for(session, self._parts.vault, call.workspace_id, call.trunk_id)
        if trunk is None:
            raise _NotRunnable("The trunk of this call was removed after the call was placed.")
        if trunk.is_sandbox:
            return to_sandbox
        route = sip_route(trunk, self._parts.settings.sip_edge)
        return await self._to_phone(call, route) if trunk.settings.registration == bindings.INBOUND else route

    async def _to_phone(self, call: ClaimedCall, route: SipRoute) -> SipRoute:
        """The way to the phones that are registered under the trunk: to all that are preferred alike, at once."""
        async with self._parts.database.read() as session:
            phones = await bindings.of_trunks(session, [route.trunk_id], self._parts.clock.now())
        if phones:
            return to_phones(route, phones) if call.direction == "outbound" else to_phone(route, phones[0])
        if call.direction == "inbound":  # it proved its login without having registered
            return route
        raise _NobodyThere(
            f"No phone is registered as {route.credentials.username if route.credentials else route.trunk_id}. "
            "Calls over this trunk go to where its phone or PBX is; let it register with this installation first."
        )

    def _note(self, plan: CallPlan) -> Callable[[Happening], None]:
        parts = self._parts
        return lambda what: parts.scribe.note(plan.call_id, CallEvent(parts.clock.now(), what))

    def _dialling(self, plan: CallPlan) -> Line:
        assert plan.route is not None  # ``_route`` gave it one
        parts = self._parts
        return SipLine.dialling(
            plan.to_number,
            from_user=plan.from_number,
            route=plan.route,
            endpoint=parts.loopback if plan.route.trunk_id == _SANDBOX else parts.endpoint,
            media=parts.media,
            ports=parts.ports,
            limits=plan.limits,
            recording=plan.recording,
            tell=self._note(plan),
            may_call=plan.may_call,
        )

    def _answering(self, plan: CallPlan, incoming: IncomingCall, endpoint: SipEndpoint) -> Line:
        assert plan.route is not None  # ``_route`` gave it one
        parts = self._parts
        return SipLine.answering(
            incoming,
            endpoint,
            parts.media,
            parts.ports,
            plan.limits,
            plan.recording,
            encryption=plan.route.encryption,
            codecs=plan.route.codecs,
            onward=plan.route if plan.route.trunk_id != _SANDBOX else None,
            tell=self._note(plan),
            may_call=plan.may_call,
        )
