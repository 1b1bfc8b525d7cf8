"""A call to us, from INVITE to our answer (RFC 3261 §13.3), with the caller's CANCEL."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from dialnexa.kit.weak import weakly
from dialnexa.live.sip.calls.negotiation import answer_in
from dialnexa.live.sip.calls.ringing import Ringing
from dialnexa.live.sip.calls.session import Dialog
from dialnexa.live.sip.dialogs.dialog import DialogState
from dialnexa.live.sip.errors import CallCancelled, CallRejected, CallTimedOut, EndedBy
from dialnexa.live.sip.messages.digest import Login
from dialnexa.live.sip.messages.fields import FieldError, Uri, readable
from dialnexa.live.sip.messages.identity import Diversion, caller_of, diversions, withholds_caller
from dialnexa.live.sip.messages.message import Request
from dialnexa.live.sip.messages.sdp import SessionDescription, narrowed
from dialnexa.live.sip.stack import Stack, new_tag
from dialnexa.live.sip.transactions.layer import Exchange
from dialnexa.live.sip.transactions.transaction import State

LONGEST_SET_UP_S = 180.0
"""An INVITE neither accepted nor refused by then is refused with 480 (RFC 3261's timer C)."""


class IncomingCall:
    """One call from a peer; 100 has been said. Accept or reject it once."""

    def __init__(self, stack: Stack, exchange: Exchange, offer: SessionDescription | None) -> None:
        request = exchange.request
        self.source = request.origin
        """Address and port of the peer that sent the INVITE, as our edge tells it if there is one."""
        self.transport = exchange.source.transport
        """UDP, TCP or TLS."""
        self.login = request.login
        """The user name that the caller proved to be, when it was asked or said so unasked; empty: nobody's."""
        self.call_id = request.call_id
        self.from_user = readable(request.sender.user)
        self.to_user = readable(_user_of(request))
        """From the Request-URI, where trunks put the dialled number; else from To."""
        self.addressed_user = request.recipient.user
        """From To: where registered trunks put the dialled number, with our account in the Request-URI."""
        self.offer = offer
        """``None``: the caller wants us to offer (in ``accept``'s argument)."""
        self._stack = stack
        self._exchange = exchange
        self._tag = new_tag()
        self.replaces: Dialog | None = None
        """The call of ours that this one takes the place of once accepted (attended transfer)."""
        self._cancelled = asyncio.Event()
        self._ringing: Ringing | None = None
        self._limit = stack.agenda.call_later(LONGEST_SET_UP_S, lambda: self._end(480))
        exchange.local_tag = self._tag
        exchange.on_cancel = self._on_cancel
        stack.pending.add(self)

    def headers(self, name: str) -> list[str]:
        """Return the values of a header of the INVITE, one per line, as written."""
        return self._exchange.request.headers.all(name)

    @property
    def caller(self) -> str:
        """Who calls: whom the peer vouches for, unless hidden, else ``from_user``. Worth as much as the peer."""
        return readable(caller_of(self._exchange.request))

    @property
    def diversions(self) -> list[Diversion]:
        """The detours by which the call came, the latest first."""
        return diversions(self._exchange.request.headers)

    @property
    def withholds_caller(self) -> bool:
        """Whether the caller asks not to be known to whom they call (RFC 3323, RFC 3325)."""
        return withholds_caller(self._exchange.request.headers)

    def ring(self) -> None:
        """Say 180, and again every minute while nothing else is said; reliably when the caller insists (RFC 3262)."""
        if self._exchange.state is not State.PROCEEDING:
            return
        if self._ringing is None:
            contact = self._stack.contact(self.to_user, self.transport)
            self._ringing = Ringing(self._stack, self._exchange, self._tag, contact, weakly(self._end))
        self._ringing.say()

    async def accept(self, answer: SessionDescription) -> Dialog:
        """Say 200 and return the call once the caller acknowledged it; the call that it replaces ends then.

        Raises ``CallCancelled`` when the caller gave up first, ``CallTimedOut`` when no ACK comes for 64*T1 (32 s; a
        BYE was sent), ``CallRejected`` when the caller was to answer our offer and did not. Cancelling the awaiting
        task hangs up as soon as that is allowed.
        """
        if self._exchange.state is not State.PROCEEDING:
            raise CallCancelled("the caller gave up before the answer")
        ringing = self._ringing
        state = ringing.state if ringing else DialogState.of_callee(self._exchange.request, self._tag)
        remote = narrowed(self.offer, answer) if self.offer else answer
        dialog = Dialog(self._stack, state, self._exchange.source, answer, remote, Login(None))
        dialog.learn(self._exchange.request)
        dialog.on_prack = ringing.receive_prack if ringing else None
        acknowledged = dialog.send_success(self._exchange, answer)
        self._settle()
        try:
            ack = await asyncio.shield(acknowledged)
        except asyncio.CancelledError:
            # A callee must not send BYE before the ACK (§15).
            acknowledged.add_done_callback(lambda _: dialog.send_bye())
            raise
        if ack is None:
            end = await dialog.ended()
            if end.by is EndedBy.LOST:
                raise CallTimedOut(end.reason)
            raise CallCancelled("the caller hung up before acknowledging our answer")
        if self.offer is None:
            try:
                dialog.remote_sdp = answer_in(ack.body, answer)
            except CallRejected:
                dialog.send_bye()
                raise
        if self.replaces is not None:
            self.replaces.send_bye()
        return dialog

    def reject(self, status: int, reason: str = "", headers: Sequence[tuple[str, str]] = ()) -> None:
        """Refuse with a final status (300–699); after an answer or a CANCEL it does nothing."""
        if not 300 <= status <= 699:
            raise ValueError(f"{status} does not refuse a call")
        if self._exchange.state is State.PROCEEDING:
            self._stack.answer(self._exchange, status, reason, to_tag=self._tag, headers=headers)
        self._settle()

    async def cancelled(self) -> None:
        """Wait until the caller gives up before our answer, or nobody answers in time; it is refused by then."""
        await self._cancelled.wait()

    def close(self) -> None:
        """Refuse: the endpoint goes away."""
        self.reject(503)

    def _on_cancel(self, cancel: Request) -> None:
        if self._exchange.state is not State.PROCEEDING:
            return  # too late: our final answer is on its way (§9.2)
        self._end(487)

    def _end(self, status: int) -> None:
        """Refuse because the caller left, or is not heard of."""
        self.reject(status)
        self._cancelled.set()

    def _settle(self) -> None:
        """The INVITE has its final answer: no more deadlines of its own."""
        self._limit.cancel()
        self._exchange.on_cancel = None
        if self._ringing is not None:
            self._ringing.settle()
        self._stack.pending.discard(self)


def _user_of(request: Request) -> str:
    try:
        return Uri.parse(request.uri).user or request.recipient.user
    except FieldError:
        return request.recipient.user
