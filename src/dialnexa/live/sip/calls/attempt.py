"""One INVITE of ours: what answers it, every fork of it, and its CANCEL (RFC 3261 §9.1, §13.2)."""

from __future__ import annotations

from typing import Protocol

from dialnexa.live.sip.calls.early import Answering, EarlyDialog
from dialnexa.live.sip.calls.negotiation import answer_in, early_answer
from dialnexa.live.sip.calls.session import Dialog
from dialnexa.live.sip.dialogs.dialog import DialogState
from dialnexa.live.sip.dialogs.session_timer import agree_as_caller
from dialnexa.live.sip.errors import CallRejected, Progress
from dialnexa.live.sip.messages.digest import Login
from dialnexa.live.sip.messages.hop import Hop
from dialnexa.live.sip.messages.message import Request, Response, reason_phrase
from dialnexa.live.sip.messages.sdp import SessionDescription
from dialnexa.live.sip.stack import Stack
from dialnexa.live.sip.transactions.client import cancel
from dialnexa.live.sip.transactions.layer import Inquiry
from dialnexa.live.sip.transactions.transaction import Failure, State

MAX_FORKS = 32
"""Early dialogs kept per INVITE; a far end that invents more of them than any forking proxy is not followed."""


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
        self,
        stack: Stack,
        invite: Request,
        target: Hop,
        offer: SessionDescription,
        login: Login,
        owner: Owner,
        answer: Answering | None = None,
    ) -> None:
        """Send the INVITE. ``answer`` as for ``EarlyDialog``."""
        self.target = target
        self._stack = stack
        self._offer = offer
        self._login = login
        self._owner = owner
        self._answering = answer
        self._abandoned = False
        self._cancel_sent = False
        self._early: dict[str, EarlyDialog] = {}
        """By the far end's tag: forks have each their own media and their own counting."""
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
        self._leave_forks()
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
        else:
            self._leave_forks()
            if not self._abandoned:
                self._owner.on_refusal(event)

    def _on_provisional(self, response: Response) -> None:
        if self._abandoned:
            self._send_cancel()
        elif response.status > 100:
            early = self._fork(response)
            if early is None or early.take(response):
                sdp = early_answer(response, early.local if early else self._offer)
                self._owner.on_progress(Progress(response.status, response.reason, sdp, response.recipient.tag))

    def _fork(self, response: Response) -> EarlyDialog | None:
        """Return the early dialog of a provisional; ``None``: it has no tag, comes late, or is one too many."""
        tag = response.recipient.tag
        if tag not in self._early and tag and not self._dialogs and len(self._early) < MAX_FORKS:

            def moved(sdp: SessionDescription) -> None:
                self._owner.on_progress(Progress(183, reason_phrase(183), sdp, tag))

            self._early[tag] = EarlyDialog(
                self._stack, self.request, response, self.target, self._offer, self._login, moved, self._answering
            )
        return self._early.get(tag)

    def _leave_forks(self) -> None:
        for early in self._early.values():
            early.close()
        self._early.clear()

    # --- 2xx -------------------------------------------------------------------------------------------------------

    def _on_success(self, response: Response) -> None:
        tag = response.recipient.tag
        known = self._dialogs.get(tag)
        if known is not None:
            known.acknowledge(response, None)  # our ACK was lost
            return
        first = not self._dialogs
        early = self._early.pop(tag, None)
        sdp, refusal = self._answer(response, early)
        dialog = self._establish(response, early, sdp or self._offer)
        if first and not refusal:
            self._leave_forks()
        if not first or refusal or self._abandoned:
            dialog.send_bye()  # another branch of a fork, an unusable answer, or the CANCEL came too late (§9.1)
            if first and refusal and not self._abandoned:
                self._owner.on_unusable(refusal)
            return
        self._owner.on_answer(dialog)

    def _answer(
        self, response: Response, early: EarlyDialog | None
    ) -> tuple[SessionDescription | None, CallRejected | None]:
        """Return what the far end wants heard: the 2xx's answer, else the early one (RFC 3262 §5 lets it suffice)."""
        said = early.remote if early else None
        if said is not None and (not response.body or (early and early.was_updated)):
            return said, None
        try:
            return answer_in(response.body, self._offer), None
        except CallRejected as refusal:
            return (said, None) if early and early.is_settled else (None, refusal)

    def _establish(self, response: Response, early: EarlyDialog | None, remote: SessionDescription) -> Dialog:
        state = early.confirm(response) if early else DialogState.of_caller(self.request, response)
        local = early.local if early else self._offer
        dialog = Dialog(self._stack, state, self.target, local, remote, self._login)
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
