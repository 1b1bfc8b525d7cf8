"""What is asked of us (the user agent server core, RFC 3261 §8.2): new calls, and requests of the calls that stand."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from dialnexa.live.sip.calls.incoming import IncomingCall
from dialnexa.live.sip.calls.negotiation import refuse_sdp
from dialnexa.live.sip.calls.session import Dialog
from dialnexa.live.sip.calls.transfer import Replacement, read_replaces
from dialnexa.live.sip.gate.screening import screen
from dialnexa.live.sip.messages.fields import FieldError
from dialnexa.live.sip.messages.sdp import SdpError, parse_sdp
from dialnexa.live.sip.registrations.registrar import RegisterAnswer, RegisterRefused, Registrar, read_register
from dialnexa.live.sip.stack import ACCEPT, ALLOW, SUPPORTED, Stack
from dialnexa.live.sip.transactions.layer import Exchange

log = structlog.get_logger(__name__)

_RETRY_AFTER_S = "30"


class UserAgentServer:
    """Takes the requests that the gate let in and that are no repetition."""

    def __init__(
        self,
        stack: Stack,
        on_invite: Callable[[IncomingCall], None],
        accepting: Callable[[], bool],
        registrar: Registrar | None,
    ) -> None:
        """``on_invite`` gets each new call; ``accepting`` decides what OPTIONS says; no ``registrar``: 405."""
        self._stack = stack
        self._on_invite = on_invite
        self._accepting = accepting
        self._registrar = registrar
        self.faults = 0
        """Calls that a bug of ours kept from being handed over."""

    @property
    def registers(self) -> bool:
        """Whether phones may register now."""
        return self._registrar is not None and self._registrar.open

    def receive(self, exchange: Exchange) -> None:
        """Answer a request, or hand it to the call it belongs to."""
        request = exchange.request
        if request.method == "CANCEL":
            self._on_cancel(exchange)
            return
        if request.recipient.tag:
            dialog = self._stack.find(request)
            if dialog is None:
                self._stack.answer(exchange, 481)
            else:
                dialog.receive(exchange)
            return
        if request.method == "REGISTER" and request.login and self._registrar is not None:
            self._on_register(exchange, self._registrar)
            return
        refusal = screen(request)
        if refusal is not None:
            self._stack.answer(exchange, refusal.status, refusal.reason, headers=refusal.headers)
        elif request.method == "INVITE":
            self._on_new_call(exchange)
        else:
            self._on_options(exchange)

    def _on_cancel(self, exchange: Exchange) -> None:
        invite = self._stack.layer.find_invite(exchange.request)
        if invite is None:
            self._stack.answer(exchange, 481)
            return
        self._stack.answer(exchange, 200, to_tag=invite.local_tag)
        if invite.on_cancel is not None:
            invite.on_cancel(exchange.request)

    def _on_options(self, exchange: Exchange) -> None:
        if self._accepting():
            self._stack.answer(exchange, 200, headers=[ALLOW, ACCEPT, SUPPORTED])
        else:
            self._stack.answer(exchange, 503, headers=[("Retry-After", _RETRY_AFTER_S)])

    def _on_register(self, exchange: Exchange, registrar: Registrar) -> None:
        """Hand a REGISTER to the registrar; nobody registers for another than the login it showed."""

        def respond(answer: RegisterAnswer) -> None:
            self._stack.answer(exchange, answer.status, answer.reason, headers=answer.headers)

        try:
            asked = read_register(exchange.request, exchange.source)
        except RegisterRefused as refusal:
            respond(RegisterAnswer(refusal.status, refusal.reason, refusal.headers))
            return
        if asked.user != exchange.request.login:
            respond(RegisterAnswer(403, "Register Under Your Own User Name"))
        else:
            registrar.register(asked, respond)

    def _replaced(self, wanted: Replacement) -> Dialog | int:
        """Return the call that an INVITE wants the place of, or the status that refuses it (RFC 3891 §3)."""
        member = self._stack.dialogs.get(wanted.dialog)
        if isinstance(member, Dialog):
            return 486 if wanted.early_only else member
        return 603 if self._stack.has_departed(wanted.dialog) else 481

    def _on_new_call(self, exchange: Exchange) -> None:
        body = exchange.request.body
        try:
            offer = parse_sdp(body) if body else None
        except SdpError as error:
            refuse_sdp(self._stack, exchange, error)
            return
        try:
            wanted = read_replaces(exchange.request)
        except FieldError as error:
            self._stack.answer(exchange, 400, f"Bad Replaces ({error})"[:100])
            return
        replaced = self._replaced(wanted) if wanted else None
        if isinstance(replaced, int):
            self._stack.answer(exchange, replaced)
            return
        call = IncomingCall(self._stack, exchange, offer)
        call.replaces = replaced
        try:
            self._on_invite(call)
        except Exception:  # one call's accident must not cost its caller an answer, nor the others their endpoint
            self.faults += 1
            log.exception("incoming call could not be handed over", call_id=call.call_id)
            call.reject(500)
