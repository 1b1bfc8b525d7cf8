"""A fork of our INVITE that has not answered yet: its early media, its PRACKs, its UPDATEs (RFC 3262, RFC 3311)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dialnexa.live.sip.calls.negotiation import early_answer, refuse_sdp
from dialnexa.live.sip.calls.order import in_order
from dialnexa.live.sip.calls.reliable import Arrival, Order, Receipt
from dialnexa.live.sip.dialogs.dialog import DialogState
from dialnexa.live.sip.messages.digest import DigestError, Login
from dialnexa.live.sip.messages.hop import Hop
from dialnexa.live.sip.messages.message import Request, Response
from dialnexa.live.sip.messages.sdp import SdpError, SessionDescription, make_answer, narrowed, parse_sdp
from dialnexa.live.sip.stack import ACCEPT, ALLOW, SUPPORTED, Stack
from dialnexa.live.sip.transactions.layer import Exchange
from dialnexa.live.sip.transactions.transaction import Failure

Answering = Callable[[SessionDescription, SessionDescription], SessionDescription]
"""Answers an offer, given what we said last; may raise ``SdpError``."""


class EarlyDialog:
    """One early dialog, on the caller's side; in the table of dialogs until its fork answers, or never will."""

    def __init__(
        self,
        stack: Stack,
        invite: Request,
        response: Response,
        peer: Hop,
        offer: SessionDescription,
        login: Login,
        on_media: Callable[[SessionDescription], None],
        answer: Answering | None = None,
    ) -> None:
        """Begin with the first provisional that has a tag. ``on_media``: an UPDATE moved the early media.

        ``answer`` answers an offer in an UPDATE; without it one in clear gets the address and codecs we offered.
        """
        self.state = DialogState.of_caller(invite, response)
        self.local = offer
        """Our description: the offer, or our answer to an offer in an UPDATE."""
        self.remote: SessionDescription | None = None
        """The far end's, narrowed to ours; ``None``: no early media so far."""
        self.is_settled = False
        """Whether the far end answered our offer reliably, so that no answer need follow in the 2xx."""
        self.was_updated = False
        """Whether an UPDATE of the far end has replaced the first answer."""
        self._stack = stack
        self._invite = invite
        self._peer = peer
        self._login = login
        self._on_media = on_media
        self._answer = answer or _answer_alike
        self._order = Order()
        stack.dialogs[self.state.id] = self

    def take(self, response: Response) -> bool:
        """Take a provisional of this fork, and acknowledge a reliable one; ``False``: it is nothing new."""
        arrival, rseq = self._order.judge(response)
        if arrival is Arrival.IGNORED:
            return False
        sdp = early_answer(response, self.local)
        if arrival is Arrival.NEW:
            self.state.refresh_target(response)
            self.is_settled = self.is_settled or sdp is not None
            receipt = Receipt(rseq, self._invite.cseq.number, "INVITE")
            self._acknowledge((("RAck", str(receipt)),))
        self.remote = sdp or self.remote
        return True

    def confirm(self, response: Response) -> DialogState:
        """Return the state for the call that this fork answered with; route and target are the 2xx's (§13.2.2.4)."""
        self.close()
        fresh = DialogState.of_caller(self._invite, response)
        fresh.local_cseq, fresh.remote_cseq = self.state.local_cseq, self.state.remote_cseq
        return fresh

    def close(self) -> None:
        """Leave the table."""
        if self._stack.dialogs.get(self.state.id) is self:
            del self._stack.dialogs[self.state.id]

    def _acknowledge(self, headers: Sequence[tuple[str, str]]) -> None:
        """Send a PRACK; whatever becomes of it, the call goes on: the far end refuses the INVITE if it must."""
        prack = self.state.request("PRACK", headers)
        self._login.sign(prack)

        def on_response(event: Response | Failure) -> None:
            if not isinstance(event, Response) or event.status not in (401, 407):
                return
            try:
                self._login.learn(event, prack)
            except DigestError:
                return
            self._acknowledge(headers)

        self._stack.ask(prack, self._stack.way(self.state.next_hop, self._peer), on_response)

    # --- requests of the far end -----------------------------------------------------------------------------------

    def receive(self, exchange: Exchange) -> None:
        """Take a request inside the early dialog."""
        request = exchange.request
        if not in_order(self._stack, self.state, exchange):
            return
        if request.method == "UPDATE":
            self._receive_update(exchange)
        elif request.method == "BYE":
            self._stack.answer(exchange, 200)
            self.close()
        elif request.method == "INVITE":
            self._stack.answer(exchange, 491)
        elif request.method in ("INFO", "OPTIONS"):
            self._stack.answer(exchange, 200, headers=[ALLOW, ACCEPT])
        else:
            self._stack.answer(exchange, 481 if request.method in ("PRACK", "NOTIFY") else 405, headers=[ALLOW])

    def _receive_update(self, exchange: Exchange) -> None:
        request = exchange.request
        if request.body and not self.is_settled:
            self._stack.answer(exchange, 491)  # our own offer is still open (RFC 3311 §5.2)
            return
        body = b""
        if request.body:
            try:
                offer = parse_sdp(request.body)
                self.local = self._answer(offer, self.local)
            except SdpError as error:
                refuse_sdp(self._stack, exchange, error)
                return
            self.remote, body = narrowed(offer, self.local), self.local.encode()
        self.state.refresh_target(request)
        contact = ("Contact", self._stack.contact(self.state.local.user, self._peer.transport))
        self._stack.answer(exchange, 200, headers=[contact, ALLOW, SUPPORTED], body=body)
        if body and self.remote is not None:
            self.was_updated = True
            self._on_media(self.remote)

    def receive_ack(self, ack: Request) -> None:
        """Drop an ACK: nothing of ours waits for one."""


def _answer_alike(offer: SessionDescription, ours: SessionDescription) -> SessionDescription:
    return make_answer(offer, ours.address, ours.port, codecs=ours.codecs, previous=ours)
