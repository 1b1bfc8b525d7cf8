"""A call of ours, from INVITE to its answer (RFC 3261 §13.2), with its login, forks and cancellation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from dialnexa.live.plan import Credentials
from dialnexa.live.sip.client_transaction import cancel
from dialnexa.live.sip.dialog import DialogState
from dialnexa.live.sip.digest import DigestError, Login
from dialnexa.live.sip.errors import CallRejected, CallTimedOut, Progress
from dialnexa.live.sip.fields import FieldError, NameAddr, Uri, bracket
from dialnexa.live.sip.hop import Hop
from dialnexa.live.sip.layer import Inquiry
from dialnexa.live.sip.message import Request, Response, reason_phrase
from dialnexa.live.sip.resolve import resolve
from dialnexa.live.sip.sdp import SdpError, SessionDescription, narrowed, parse_sdp
from dialnexa.live.sip.session import Dialog, answer_in
from dialnexa.live.sip.session_timer import agree_as_caller, request_headers, wanted_minimum
from dialnexa.live.sip.stack import ALLOW, SUPPORTED, Stack, new_tag, quote_user, uri_transport
from dialnexa.live.sip.transaction import Failure, State

_MAX_LOGINS = 3
"""INVITEs per target: the first, one with a login, one more if the server calls the nonce stale."""
MAX_REDIRECTS = 5
"""Redirections followed per call (3xx)."""


class OutgoingCall:
    """One call to a peer. Nothing is sent before ``answered`` is awaited."""

    def __init__(
        self,
        stack: Stack,
        to: str,
        from_user: str,
        host: str,
        port: int,
        transport: str,
        offer: SessionDescription,
        credentials: Credentials | None,
        headers: Sequence[tuple[str, str]],
    ) -> None:
        self.call_id = f"{new_tag()}@{stack.advertised[0]}"
        self._stack = stack
        self._uri = f"sip:{quote_user(to)}{bracket(host)}:{port}{uri_transport(transport)}"
        self._to = f"<{self._uri}>"
        self._host, self._port, self._transport = host, port, transport
        self._from_user = from_user
        self._from = f"{stack.address_of_record(from_user)};tag={new_tag()}"
        self._offer = offer
        self._headers = tuple(headers)
        self._login = Login(credentials)
        self._session_s = stack.session_s
        self._cseq = self._invites = 0
        self._tried = {self._uri}
        """Where we were sent, so that two servers that point at each other do not keep us busy."""
        self._redirecting: asyncio.Task[None] | None = None
        self._destination = Hop(host, port, transport)
        self._inquiry: Inquiry | None = None
        self._abandoned = False
        self._cancel_sent = False
        self._early_sdp: SessionDescription | None = None
        self._dialogs: dict[str, Dialog] = {}
        """By the far end's tag: the one that answered first, and forks that answered too."""
        self._on_progress: Callable[[Progress], None] = lambda _: None
        self._outcome: asyncio.Future[Dialog] | None = None

    async def answered(self, on_progress: Callable[[Progress], None]) -> Dialog:
        """Dial; return the call once it is answered, and report provisional answers on the way.

        Raises ``CallRejected`` for any refusal, ``CallTimedOut`` when nobody answers at all (64*T1, 32 s). A call that
        merely rings has no limit of its own: cancel the awaiting task, which sends CANCEL (§9.1) and cleans up, also
        when the answer crosses it. May be awaited once.
        """
        self._on_progress = on_progress
        self._outcome = asyncio.get_running_loop().create_future()
        self._stack.pending.add(self)
        try:
            address, port = await resolve(self._host, self._port)
            self._destination = Hop(address, port, self._transport, self._host.strip("[]"))
            self._invite()
            return await self._outcome
        except asyncio.CancelledError:
            self._abandon()
            raise
        finally:
            self._stack.pending.discard(self)

    def close(self) -> None:
        """Give up at once: the endpoint goes away."""
        self._abandon()
        self._fail(CallTimedOut("the SIP endpoint was closed"))

    # --- INVITE ----------------------------------------------------------------------------------------------------

    def _invite(self) -> None:
        self._cseq += 1
        self._invites += 1
        invite = Request(method="INVITE", uri=self._uri, body=self._offer.encode())
        headers = invite.headers
        headers.set("Max-Forwards", "70")
        headers.set("From", self._from)
        headers.set("To", self._to)
        headers.set("Call-ID", self.call_id)
        headers.set("CSeq", f"{self._cseq} INVITE")
        headers.set("Contact", self._stack.contact(self._from_user, self._transport))
        headers.set("Content-Type", "application/sdp")
        headers.add(*ALLOW)
        headers.add(*SUPPORTED)
        for name, value in request_headers(self._session_s) if self._session_s else ():
            headers.add(name, value)
        for name, value in self._headers:
            headers.add(name, value)
        self._login.sign(invite)
        self._inquiry = self._stack.ask(invite, self._destination, self._on_event)

    def _on_event(self, event: Response | Failure) -> None:
        if event is Failure.TRANSPORT:
            detail = f"no {self._transport} connection to {self._host}:{self._port}"
            self._fail(CallRejected(503, reason_phrase(503), detail=detail))
        elif isinstance(event, Failure):
            self._fail(CallTimedOut(f"{self._host}:{self._port} does not answer"))
        elif event.status < 200:
            self._on_provisional(event)
        elif event.status < 300:
            self._on_success(event)
        elif event.status in (401, 407):
            self._on_challenge(event)
        elif event.status == 422 and wanted_minimum(event, self._session_s) > self._session_s and not self._abandoned:
            self._session_s = wanted_minimum(event, self._session_s)
            self._invite()
        elif event.status < 400 and (target := self._redirection(event)) is not None:
            self._redirecting = asyncio.ensure_future(self._redirect(target, event))
        else:
            self._fail(_rejection(event))

    def _on_provisional(self, response: Response) -> None:
        if self._abandoned:
            self._send_cancel()
        elif response.status > 100:
            sdp = self._early_media(response)
            self._early_sdp = sdp or self._early_sdp
            self._on_progress(Progress(response.status, response.reason, sdp))

    def _on_challenge(self, response: Response) -> None:
        assert self._inquiry is not None
        if self._abandoned:
            return
        try:
            self._login.learn(response, self._inquiry.request)
        except DigestError as error:
            self._fail(_rejection(response, str(error)))
            return
        if self._invites >= _MAX_LOGINS:
            self._fail(_rejection(response, "the far end keeps asking for a login"))
            return
        self._invite()

    def _redirection(self, response: Response) -> Uri | None:
        """Return the first Contact of a 3xx that can be called and was not tried yet (§8.1.3.4)."""
        if self._abandoned or len(self._tried) > MAX_REDIRECTS:
            return None
        for item in response.headers.items_of("Contact"):
            try:
                uri = replace(Uri.parse(NameAddr.parse(item).uri), headers="")
            except FieldError:
                continue
            if uri.host and uri.transport in self._stack.wires and str(uri) not in self._tried:
                return uri
        return None

    async def _redirect(self, target: Uri, response: Response) -> None:
        hop = target.hop
        try:
            address, port = await resolve(hop.host, hop.port)
        except CallRejected as failure:
            self._fail(_rejection(response, failure.detail))
            return
        if self._abandoned:
            return
        if hop.host != self._host.strip("[]").lower():
            self._login = Login(None)  # the login is for the trunk, not for whoever it sends us to
        self._uri, self._host, self._port, self._transport = str(target), hop.host, hop.port, hop.transport
        self._tried.add(self._uri)
        self._invites = 0
        self._destination = Hop(address, port, hop.transport, hop.host)
        self._invite()

    def _early_media(self, response: Response) -> SessionDescription | None:
        if response.content_type != "application/sdp" or not response.body:
            return None
        try:
            return narrowed(parse_sdp(response.body), self._offer)
        except SdpError:
            return None

    # --- 2xx -------------------------------------------------------------------------------------------------------

    def _on_success(self, response: Response) -> None:
        tag = response.recipient.tag
        known = self._dialogs.get(tag)
        if known is not None:
            known.acknowledge(response, None)  # our ACK was lost
            return
        first = not self._dialogs
        sdp, refusal = self._answer(response)
        dialog = self._establish(response, sdp or self._offer)
        if not first or refusal or self._abandoned or self._outcome is None or self._outcome.done():
            dialog.send_bye()  # another branch of a fork, an unusable answer, or the CANCEL came too late (§9.1)
            if first and refusal:
                self._fail(refusal)
            return
        self._outcome.set_result(dialog)

    def _answer(self, response: Response) -> tuple[SessionDescription | None, CallRejected | None]:
        if not response.body and self._early_sdp is not None:
            return self._early_sdp, None  # said in a 183 and, against RFC 3261, not repeated
        try:
            return answer_in(response.body, self._offer), None
        except CallRejected as refusal:
            return None, refusal

    def _establish(self, response: Response, remote: SessionDescription) -> Dialog:
        assert self._inquiry is not None
        state = DialogState.of_caller(self._inquiry.request, response)
        dialog = Dialog(self._stack, state, self._destination, self._offer, remote, self._login)
        self._dialogs[response.recipient.tag] = dialog
        dialog.learn(response)
        dialog.session.agree(agree_as_caller(response))
        dialog.acknowledge(response, self._inquiry.request)
        return dialog

    # --- giving up -------------------------------------------------------------------------------------------------

    def _abandon(self) -> None:
        """Cancel what is under way; what still comes back is dealt with by ``_on_event``."""
        self._abandoned = True
        for dialog in self._dialogs.values():
            dialog.send_bye()  # the answer came in the very moment of the cancellation
        # Before any provisional a CANCEL might overtake its INVITE, so it waits for one (§9.1).
        if self._inquiry is not None and self._inquiry.state is State.PROCEEDING:
            self._send_cancel()

    def _send_cancel(self) -> None:
        if self._cancel_sent or self._inquiry is None:
            return
        self._cancel_sent = True
        inquiry = self._inquiry
        self._stack.layer.ask(cancel(inquiry.request), inquiry.destination, lambda _: None)
        self._stack.agenda.call_later(self._stack.timers.give_up, lambda: _stop(inquiry))

    def _fail(self, error: Exception) -> None:
        if self._outcome is not None and not self._outcome.done():
            self._outcome.set_exception(error)


def _stop(inquiry: Inquiry) -> None:
    """Forget an INVITE whose CANCEL had no effect (§9.1: 64*T1)."""
    if inquiry.state is State.PROCEEDING:
        inquiry.abort()


def _rejection(response: Response, detail: str = "") -> CallRejected:
    retry = response.headers.first("Retry-After").split(" ")[0].partition(";")[0]
    seconds = int(retry) if retry.isascii() and retry.isdigit() and len(retry) < 10 else None
    words = detail or response.headers.first("Reason") or response.headers.first("Warning")
    return CallRejected(response.status, response.reason, seconds, words[:300])
