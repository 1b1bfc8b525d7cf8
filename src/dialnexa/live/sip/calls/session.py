"""An established call, either side: the handle that lines hold, over the pure ``DialogState``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from dialnexa.kit.weak import weakly
from dialnexa.live.sip.calls.negotiation import answer_in, refuse_sdp
from dialnexa.live.sip.calls.order import in_order
from dialnexa.live.sip.calls.referring import Transfers, Voice
from dialnexa.live.sip.calls.success import Success
from dialnexa.live.sip.calls.transfer import Referral, TransferProgress
from dialnexa.live.sip.dialogs.dialog import DialogState, glare_pause
from dialnexa.live.sip.dialogs.session_timer import (
    SHORTEST_S,
    SessionClock,
    agree_as_callee,
    agree_as_caller,
    too_brief,
)
from dialnexa.live.sip.errors import CallRejected, CallTimedOut, DialogEnd, EndedBy, rejection
from dialnexa.live.sip.messages.digest import DigestError, Login
from dialnexa.live.sip.messages.fields import readable
from dialnexa.live.sip.messages.hop import Hop
from dialnexa.live.sip.messages.message import Request, Response, SipMessage, reason_phrase
from dialnexa.live.sip.messages.sdp import SdpError, SessionDescription, make_answer, narrowed, parse_sdp
from dialnexa.live.sip.stack import ACCEPT, ALLOW, SUPPORTED, Stack
from dialnexa.live.sip.transactions.layer import Exchange, Inquiry
from dialnexa.live.sip.transactions.transaction import Failure

if TYPE_CHECKING:
    from dialnexa.live.sip.calls.incoming import IncomingCall

log = structlog.get_logger(__name__)

_OFFER_TRIES = 3
HANG_UP_CAP_S = 2.0
"""How long a hang-up waits for the peer's answer."""


class Dialog:
    """A call that is up. ``remote_sdp`` and ``local_sdp`` follow re-INVITEs."""

    def __init__(
        self,
        stack: Stack,
        state: DialogState,
        peer: Hop,
        local_sdp: SessionDescription,
        remote_sdp: SessionDescription,
        login: Login,
    ) -> None:
        self.local_sdp = local_sdp
        self.remote_sdp = remote_sdp
        self.on_offer: Callable[[SessionDescription], SessionDescription] | None = None
        """Answers a re-INVITE; may raise ``NoCommonCodec`` (488). ``None``: as before, with mirrored direction."""
        self.on_answer: Callable[[SessionDescription, SessionDescription], None] | None = None
        """Takes an offer of ours and its answer, when one is made while the call is up; may raise ``SdpError``."""
        self.on_info: Callable[[str, bytes], None] | None = None
        """Takes media type and body of an INFO, such as ``application/dtmf-relay``."""
        self.on_refer: Callable[[Referral], None] | None = None
        """Takes a transfer the far end asks for; ``None``: it is declined."""
        self.on_replace: Callable[[IncomingCall, Collection[str]], bool] | None = None
        """Takes a call that wants this one's place, and the trunks it may have come over; ``False``: it does not."""
        self.on_prack: Callable[[Exchange], None] | None = None
        """Takes a PRACK that comes after our 2xx, for a provisional response before it."""
        self.state = state
        self._stack = stack
        self._peer = peer
        self._login = login
        self._successes: dict[int, Success] = {}
        self._own_invite: Inquiry | None = None
        self._ack: Request | None = None
        self._bye_sent = False
        self.peer_methods: frozenset[str] = frozenset()
        """What the peer says it understands (Allow)."""
        self._ended: asyncio.Future[DialogEnd] = asyncio.get_running_loop().create_future()
        self.session = SessionClock(stack.agenda, weakly(self._refresh), weakly(self._expire))
        self._refreshing: asyncio.Task[None] | None = None
        contact, ask, retry = weakly(self._contact), weakly(self._ask), weakly(self._retry)
        self._transfers = Transfers(Voice(stack, state, contact, ask, retry, self._ended.done))
        stack.dialogs[state.id] = self

    @property
    def call_id(self) -> str:
        """The Call-ID both sides know."""
        return self.state.call_id

    @property
    def is_over(self) -> bool:
        """Whether the call has ended."""
        return self._ended.done()

    async def ended(self) -> DialogEnd:
        """Wait until the call is over, whoever ended it; any number may wait."""
        return await asyncio.shield(self._ended)

    async def hang_up(self, headers: Sequence[tuple[str, str]] = (), timeout: float = HANG_UP_CAP_S) -> None:
        """Send BYE; idempotent. Returns once the peer answered, or after ``timeout`` seconds."""
        self.send_bye(headers, timeout)
        await asyncio.shield(self._ended)

    def send_bye(self, headers: Sequence[tuple[str, str]] = (), timeout: float = HANG_UP_CAP_S) -> None:
        """Begin to hang up without waiting."""
        if self.is_over or self._bye_sent:
            return
        self._bye_sent = True
        cap = self._stack.agenda.call_later(
            timeout, lambda: self._end(EndedBy.LOST, f"the far end did not answer our BYE within {timeout:g} s")
        )

        def on_response(event: Response | Failure) -> None:
            if isinstance(event, Response) and event.status < 200:
                return
            nonlocal bye
            if isinstance(event, Response) and (again := self._retry(event, bye.request, headers, on_response)):
                bye = again
                return
            cap.cancel()
            answered = isinstance(event, Response)
            self._end(EndedBy.NEAR if answered else EndedBy.LOST, "" if answered else "our BYE was never answered")

        bye = self._ask("BYE", headers, on_response)

    async def offer(self, description: SessionDescription) -> SessionDescription:
        """Send a re-INVITE (hold, resume, move media) and return the peer's answer.

        When both sides ask at once it is asked again after a while, twice at most. Raises ``CallRejected`` when the
        peer refuses, ``CallTimedOut`` when it does not answer, upon which the call is ended as lost, or is over.
        """
        tries = 0
        while True:
            tries += 1
            try:
                return await self._offer(description)
            except CallRejected as refusal:
                if refusal.status != 491 or tries == _OFFER_TRIES:
                    raise
            await self._stack.pause(glare_pause(self.state))
            if description.version <= self.local_sdp.version:  # the peer was first, and we answered meanwhile
                description = replace(description, version=self.local_sdp.version + 1)

    async def _offer(self, description: SessionDescription) -> SessionDescription:
        if self.is_over:
            raise CallTimedOut("the call is over")
        if self._own_invite is not None or self._successes:
            raise CallRejected(491, reason_phrase(491), detail="another change of this call is under way")
        outcome: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        timer = self.session.headers()
        headers = (self._contact(), ALLOW, SUPPORTED, *timer, ("Content-Type", "application/sdp"))
        body = description.encode()

        def on_response(event: Response | Failure) -> None:
            self._on_reinvite_response(event, headers, body, on_response, outcome)

        self._own_invite = self._ask("INVITE", headers, on_response, body)
        try:
            response = await outcome
        finally:
            self._own_invite = None
        self.local_sdp, self.remote_sdp = description, answer_in(response.body, description)
        self._follow()
        return self.remote_sdp

    def _on_reinvite_response(
        self,
        event: Response | Failure,
        headers: Sequence[tuple[str, str]],
        body: bytes,
        listener: Callable[[Response | Failure], None],
        outcome: asyncio.Future[Response],
    ) -> None:
        if isinstance(event, Failure):
            _fail(outcome, CallTimedOut("the far end did not answer our re-INVITE"))
            self._lose("the far end did not answer our re-INVITE")
        elif 200 <= event.status < 300:
            self.state.refresh_target(event)
            self.session.agree(agree_as_caller(event))
            self.acknowledge(event, self._own_invite.request if self._own_invite else None)
            if not outcome.done():
                outcome.set_result(event)
        elif event.status >= 300:
            if self._own_invite and self._retry(event, self._own_invite.request, headers, listener, body):
                return
            _fail(outcome, rejection(event))
            if event.status in (408, 481):
                self._lose(f"the far end knows nothing of this call any more ({event.status})")

    # --- requests of ours ------------------------------------------------------------------------------------------

    def _ask(
        self,
        method: str,
        headers: Sequence[tuple[str, str]],
        listener: Callable[[Response | Failure], None],
        body: bytes = b"",
    ) -> Inquiry:
        request = self.state.request(method, headers)
        request.body = body
        self._login.sign(request)
        return self._stack.ask(request, self._way(), listener)

    def _retry(
        self,
        response: Response,
        request: Request,
        headers: Sequence[tuple[str, str]],
        listener: Callable[[Response | Failure], None],
        body: bytes = b"",
    ) -> Inquiry | None:
        """Answer a challenge to ``request``, one inside the call, and return the new one.

        ``None``: it was no challenge, or one that cannot be answered.
        """
        if response.status not in (401, 407):
            return None
        try:
            self._login.learn(response, request)
        except DigestError as error:
            log.warning("sip challenge not answered", call_id=self.call_id, reason=str(error))
            return None
        inquiry = self._ask(request.method, headers, listener, body)
        if request.method == "INVITE":
            self._own_invite = inquiry
        return inquiry

    def _way(self) -> Hop:
        return self._stack.way(self.state.next_hop, self._peer)

    def _contact(self) -> tuple[str, str]:
        return "Contact", self._stack.contact(self.state.local.user, self._peer.transport)

    def acknowledge(self, response: Response, invite: Request | None) -> None:
        """Send the ACK to a 2xx of our INVITE; for a repeated 2xx the same one again (§13.2.2.4)."""
        ack = self._ack
        if ack is None or ack.cseq.number != response.cseq.number:
            ack = self._ack = self.state.acknowledge(response.cseq.number)
            self._stack.add_via(ack, self._way().transport)
            for name in ("Authorization", "Proxy-Authorization"):  # the INVITE's own, unchanged (§22.1)
                ack.headers.set(name, *(invite.headers.all(name) if invite else ()))
        self._stack.transmit(ack, self._way())

    # --- requests of the peer --------------------------------------------------------------------------------------

    def receive(self, exchange: Exchange) -> None:
        """Take a request inside the dialog."""
        request = exchange.request
        if not in_order(self._stack, self.state, exchange):
            return
        if request.method == "BYE":
            self._receive_bye(exchange)
        elif self.is_over:
            self._stack.answer(exchange, 481)
        elif request.method in ("INVITE", "UPDATE") and too_brief(request):
            self._stack.answer(exchange, 422, headers=[("Min-SE", str(SHORTEST_S))])
        elif request.method == "INVITE":
            self._receive_invite(exchange)
        elif request.method == "UPDATE":
            self._receive_update(exchange)
        elif request.method == "INFO":
            self._receive_info(exchange)
        elif request.method == "REFER":
            self._transfers.receive_refer(exchange, self.on_refer)
        elif request.method == "NOTIFY":
            self._transfers.receive_notify(exchange)
        elif request.method == "OPTIONS":
            self._stack.answer(exchange, 200, headers=[ALLOW, ACCEPT])
        elif request.method == "PRACK":
            self._receive_prack(exchange)
        else:
            self._stack.answer(exchange, 405, headers=[ALLOW])

    def _receive_bye(self, exchange: Exchange) -> None:
        self._stack.answer(exchange, 200)
        self._end(EndedBy.FAR, readable(exchange.request.headers.first("Reason")))

    def _receive_prack(self, exchange: Exchange) -> None:
        if self.on_prack is None:
            self._stack.answer(exchange, 481)
        else:
            self.on_prack(exchange)

    def _receive_info(self, exchange: Exchange) -> None:
        self._stack.answer(exchange, 200)
        request = exchange.request
        if self.on_info is not None and request.body:
            self.on_info(request.content_type, request.body)

    def _receive_invite(self, exchange: Exchange) -> None:
        if self._own_invite is not None:
            self._stack.answer(exchange, 491)
            return
        if self._successes:
            # The peer has not acknowledged our answer to its last one (§14.2).
            self._stack.answer(exchange, 500, headers=[("Retry-After", "1")])
            return
        answer = self._settle(exchange, exchange.request)
        if answer is not None:
            self.send_success(exchange, answer)

    def _receive_update(self, exchange: Exchange) -> None:
        """Take an UPDATE (RFC 3311): a sign of life, perhaps with an offer, answered at once."""
        request = exchange.request
        if request.body and (self._own_invite is not None or self._successes):
            status = 491 if self._own_invite is not None else 500
            self._stack.answer(exchange, status, headers=[("Retry-After", "1")] if status == 500 else [])
            return
        answer = self._settle(exchange, request) if request.body else None
        if request.body and answer is None:
            return
        self.state.refresh_target(request)
        interval, timer = agree_as_callee(request)
        self.session.agree(interval)
        headers = [self._contact(), ALLOW, SUPPORTED, *timer]
        self._stack.answer(exchange, 200, headers=headers, body=answer.encode() if answer else b"")

    def _settle(self, exchange: Exchange, request: Request) -> SessionDescription | None:
        """Take the offer of a request, or make one; return our description, ``None`` when it was refused."""
        try:
            offer = parse_sdp(request.body) if request.body else None
            answer = self._answer(offer) if offer else self.local_sdp.revised()
        except SdpError as error:
            refuse_sdp(self._stack, exchange, error)
            return None
        self.state.refresh_target(request)
        self.local_sdp = answer
        if offer is not None:
            self.remote_sdp = narrowed(offer, answer)
        return answer

    def _answer(self, offer: SessionDescription) -> SessionDescription:
        if self.on_offer is not None:
            return self.on_offer(offer)
        ours = self.local_sdp
        return make_answer(offer, ours.address, ours.port, codecs=ours.codecs, previous=ours)

    # --- our 2xx to an INVITE, until its ACK comes -------------------------------------------------------------------

    def send_success(self, exchange: Exchange, description: SessionDescription) -> asyncio.Future[Request | None]:
        """Answer an INVITE with 200 and repeat it until acknowledged (§13.3.1.4).

        The future holds the ACK, or ``None`` when the call ended before one came. No ACK at all ends the call as lost.
        """
        interval, timer = agree_as_callee(exchange.request)
        self.session.agree(interval)
        response = exchange.request.reply(
            200,
            to_tag=self.state.local.tag,
            headers=[
                *(("Record-Route", route) for route in exchange.request.headers.all("Record-Route")),
                self._contact(),
                ALLOW,
                SUPPORTED,
                *timer,
                *self._stack.server_header(),
            ],
            body=description.encode(),
        )
        success = Success(self._stack, exchange, response, self._on_unacknowledged)
        self._successes[response.cseq.number] = success
        exchange.on_ack = self.receive_ack
        exchange.respond(response)
        return success.acknowledged

    def receive_ack(self, ack: Request) -> None:
        """Take the ACK to a 2xx of ours; an answer in it belongs to an offer of ours."""
        success = self._successes.pop(ack.cseq.number, None)
        if success is None:
            return
        if not success.exchange.request.body and ack.body:
            try:
                self.remote_sdp = narrowed(parse_sdp(ack.body), self.local_sdp)
                self._follow()
            except SdpError as error:
                log.warning("sip answer in ack refused", call_id=self.call_id, reason=str(error))
        success.settle(ack)

    def _follow(self) -> None:
        """Tell the line what was answered to an offer of ours; an answer it cannot follow ends the call."""
        if self.on_answer is None:
            return
        try:
            self.on_answer(self.local_sdp, self.remote_sdp)
        except SdpError as error:
            log.warning("sip answer cannot be followed", call_id=self.call_id, reason=str(error))
            self.send_bye()

    def _on_unacknowledged(self) -> None:
        self._lose("our answer was never acknowledged")

    # --- information -----------------------------------------------------------------------------------------------

    def inform(self, content_type: str, body: bytes, on_final: Callable[[int], None]) -> None:
        """Send an INFO (RFC 6086 §4.2.2: without a package) and tell its final status; 408: nobody answered.

        Does nothing once the call is over. A far end that knows nothing of the call (481) ends it as lost.
        """
        if self.is_over:
            return
        headers = (self._contact(), ("Content-Type", content_type))

        def on_response(event: Response | Failure) -> None:
            nonlocal inquiry
            if isinstance(event, Failure):
                on_final(408)
            elif event.status == 481:
                self._lose("the far end knows nothing of this call any more (481)")
            elif again := self._retry(event, inquiry.request, headers, on_response, body):
                inquiry = again
            elif event.status >= 200:
                on_final(event.status)

        inquiry = self._ask("INFO", headers, on_response, body)

    # --- transfer --------------------------------------------------------------------------------------------------

    async def transfer(
        self,
        target: str,
        replaces: Dialog | None = None,
        on_progress: Callable[[TransferProgress], None] = lambda _: None,
    ) -> TransferProgress:
        """Ask the far end to call ``target`` (a URI) instead of us; return how its call ended up (RFC 3515).

        ``replaces``: another call of ours whose place the new one takes (attended). This call stays up: hang it up once
        the transfer succeeded. There is no limit of its own. Raises ``CallRejected`` when the far end will not,
        ``CallTimedOut`` when it does not answer, and ``TransferUnconfirmed`` (one of those) when it agreed and then
        ended the call without saying how it went.
        """
        if self.is_over:
            raise CallTimedOut("the call is over")
        return await self._transfers.ask(target, replaces.state if replaces else None, on_progress)

    # --- signs of life ---------------------------------------------------------------------------------------------

    def learn(self, message: SipMessage) -> None:
        """Take note of what the peer says it can do."""
        if "Allow" in message.headers:
            self.peer_methods = frozenset(method.upper() for method in message.headers.items_of("Allow"))

    def _refresh(self) -> None:
        """Tell the peer that we are alive, and hear whether it is (RFC 4028 §7.4)."""
        if self._own_invite is not None or self._successes:
            self.session.try_again()
        elif "UPDATE" in self.peer_methods:
            self._update()
        else:
            self._refreshing = asyncio.ensure_future(self._reinvite())

    def _update(self) -> None:
        headers = (self._contact(), ALLOW, SUPPORTED, *self.session.headers())

        def on_response(event: Response | Failure) -> None:
            nonlocal inquiry
            if isinstance(event, Failure) or event.status in (408, 481):
                self._lose("the far end did not answer when asked for a sign of life")
            elif 200 <= event.status < 300:
                self.state.refresh_target(event)
                self.session.agree(agree_as_caller(event))
            elif again := self._retry(event, inquiry.request, headers, on_response):
                inquiry = again
            elif event.status >= 300:
                self.session.try_again()

        inquiry = self._ask("UPDATE", headers, on_response)

    async def _reinvite(self) -> None:
        try:
            await self.offer(self.local_sdp)
        except CallRejected as refusal:
            log.info("session refresh refused", call_id=self.call_id, status=refusal.status)
            if not self.is_over:
                self.session.try_again()
        except CallTimedOut:
            pass  # the call has ended as lost

    def _expire(self) -> None:
        self._lose("the session expired: the far end gave no sign of life")

    # --- the end ---------------------------------------------------------------------------------------------------

    def _lose(self, reason: str) -> None:
        """End a call whose peer seems gone; it gets a BYE all the same, in case it is not (§13.3.1.4)."""
        if not self.is_over:
            self._bye_sent = True
            self._ask("BYE", (), lambda _: None)
            self._end(EndedBy.LOST, reason)

    def close(self) -> None:
        """End at once, with a BYE whose answer nobody hears: the endpoint goes away."""
        self.send_bye()
        self._end(EndedBy.LOST, "the SIP endpoint was closed")

    def _end(self, by: EndedBy, reason: str) -> None:
        if self.is_over:
            return
        self.session.stop()
        self._transfers.abandon()
        self._ended.set_result(DialogEnd(by, reason))
        self._stack.depart(self.state.id)
        self.on_prack = None
        for success in self._successes.values():
            success.settle(None)
        self._successes.clear()


def _fail(outcome: asyncio.Future[Response], error: Exception) -> None:
    if not outcome.done():
        outcome.set_exception(error)
