"""One INVITE of ours: what answers it, every fork of it, and its CANCEL (RFC 3261 §9.1, §13.2)."""

from __future__ import annotations

from typing import Protocol

from dialnexa.live.sip.client_transaction import cancel
from dialnexa.live.sip.dialog import DialogState
from dialnexa.live.sip.digest import Login
from dialnexa.live.sip.errors import CallRejected, Progress
from dialnexa.live.sip.hop import Hop
from dialnexa.live.sip.layer import Inquiry
from dialnexa.live.sip.message import Request, Response
from dialnexa.live.sip.sdp import SdpError, SessionDescription, narrowed, parse_sdp
from dialnexa.live.sip.session import Dialog, answer_in
from dialnexa.live.sip.session_timer import agree_as_caller
from dialnexa.live.sip.stack import Stack
from dialnexa.live.sip.transaction import Failure, State


class Owner(Protocol):
    """Who hears of an attempt, as long as it is not abandoned."""

    def on_progress(self, progress: Progress) -> None:
        """Take a provisional answer."""
        ...

    def on_answer(self, dialog: Dialog) -> None:
        """Take the call: the first 2xx. It is acknowledged."""
        ...

    def on_unusable(self, refusal: CallRejected) -> None:
        """Hear that the call was answered, but with an answer of no use; it is hung up already."""
        ...

    def on_refusal(self, event: Response | Failure) -> None:
        """Hear that nothing comes of it: a final status from 300, or no answer at all."""
        ...


class Attempt:
    """An INVITE under way. It looks after itself once abandoned: what still comes back is cancelled or hung up."""

    def __init__(
        self, stack: Stack, invite: Request, target: Hop, offer: SessionDescription, login: Login, owner: Owner
    ) -> None:
        """Send the INVITE."""
        self.target = target
        self._stack = stack
        self._offer = offer
        self._login = login
        self._owner = owner
        self._abandoned = False
        self._cancel_sent = False
        self._early: dict[str, SessionDescription] = {}
        """Early media by the far end's tag: forks have each their own."""
        self._dialogs: dict[str, Dialog] = {}
        """By the far end's tag: the one that answered first, and forks that answered too."""
        self.inquiry: Inquiry = stack.ask(invite, target, self._on_event)

    @property
    def request(self) -> Request:
        """The INVITE as sent."""
        return self.inquiry.request

    def abandon(self, *, quietly: bool = False) -> None:
        """Cancel, as soon as that is allowed; the owner hears nothing more.

        ``quietly``: the INVITE is not repeated either, for a far end that comes back to life must not ring.
        """
        self._abandoned = True
        for dialog in self._dialogs.values():
            dialog.send_bye()  # the answer came in the very moment of the cancellation
        if quietly:
            self.inquiry.transaction.stop_repeating()
        # Before any provisional a CANCEL might overtake its INVITE, so it waits for one (§9.1).
        if self.inquiry.state is State.PROCEEDING:
            self._send_cancel()

    def _on_event(self, event: Response | Failure) -> None:
        if isinstance(event, Response) and event.status < 200:
            self._on_provisional(event)
        elif isinstance(event, Response) and event.status < 300:
            self._on_success(event)
        elif not self._abandoned:
            self._owner.on_refusal(event)

    def _on_provisional(self, response: Response) -> None:
        if self._abandoned:
            self._send_cancel()
        elif response.status > 100:
            sdp = self._early_media(response)
            if sdp is not None:
                self._early[response.recipient.tag] = sdp
            self._owner.on_progress(Progress(response.status, response.reason, sdp))

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
        if not first or refusal or self._abandoned:
            dialog.send_bye()  # another branch of a fork, an unusable answer, or the CANCEL came too late (§9.1)
            if first and refusal and not self._abandoned:
                self._owner.on_unusable(refusal)
            return
        self._owner.on_answer(dialog)

    def _answer(self, response: Response) -> tuple[SessionDescription | None, CallRejected | None]:
        early = self._early.get(response.recipient.tag)
        if not response.body and early is not None:
            return early, None  # said in a 183 and, against RFC 3261, not repeated
        try:
            return answer_in(response.body, self._offer), None
        except CallRejected as refusal:
            return None, refusal

    def _establish(self, response: Response, remote: SessionDescription) -> Dialog:
        state = DialogState.of_caller(self.request, response)
        dialog = Dialog(self._stack, state, self.target, self._offer, remote, self._login)
        self._dialogs[response.recipient.tag] = dialog
        dialog.learn(response)
        dialog.session.agree(agree_as_caller(response))
        dialog.acknowledge(response, self.request)
        return dialog

    # --- CANCEL ----------------------------------------------------------------------------------------------------

    def _send_cancel(self) -> None:
        if self._cancel_sent:
            return
        self._cancel_sent = True
        self._stack.layer.ask(cancel(self.request), self.inquiry.destination, lambda _: None)
        self._stack.agenda.call_later(self._stack.timers.give_up, self._stop)

    def _stop(self) -> None:
        """Forget an INVITE whose CANCEL had no effect (§9.1: 64*T1)."""
        if self.inquiry.state is State.PROCEEDING:
            self.inquiry.abort()
