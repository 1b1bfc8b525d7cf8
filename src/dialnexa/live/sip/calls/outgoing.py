"""A call of ours, from its first INVITE to its answer (RFC 3261 §13.2): logins, other targets, redirections."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from dialnexa.live.plan import Credentials
from dialnexa.live.sip.calls.attempt import Attempt
from dialnexa.live.sip.calls.early import Answering
from dialnexa.live.sip.calls.invitation import Caller, Invitation
from dialnexa.live.sip.calls.session import Dialog
from dialnexa.live.sip.dialogs.session_timer import wanted_minimum
from dialnexa.live.sip.errors import CallRejected, CallTimedOut, Progress, rejection
from dialnexa.live.sip.messages.digest import DigestError, Login
from dialnexa.live.sip.messages.fields import Uri
from dialnexa.live.sip.messages.message import Response, reason_phrase
from dialnexa.live.sip.messages.redirection import alternatives
from dialnexa.live.sip.messages.sdp import SessionDescription
from dialnexa.live.sip.stack import Stack
from dialnexa.live.sip.targets import Destination, Targets
from dialnexa.live.sip.transactions.agenda import Appointment
from dialnexa.live.sip.transactions.transaction import Failure

_MAX_CHALLENGES = 4
"""Challenges answered per target: a proxy's, the far end's, and one more of each when a nonce has grown stale."""
MAX_REDIRECTS = 5
"""Redirections followed per call (3xx)."""
_NOT_ELSEWHERE = 600
"""Statuses from here on speak for every place the called person may be (§21.6)."""


class OutgoingCall:
    """One call to a peer. Nothing is sent before ``answered`` is awaited."""

    def __init__(
        self,
        stack: Stack,
        to: str,
        caller: Caller,
        destination: Destination,
        offer: SessionDescription,
        credentials: Credentials | None = None,
        headers: Sequence[tuple[str, str]] = (),
        answer: Answering | None = None,
    ) -> None:
        """Prepare it. Raises ``ValueError`` for a header that an INVITE cannot carry.

        ``answer`` as for ``EarlyDialog``.
        """
        self._stack = stack
        self._destination = destination
        self._invitation = Invitation.make(
            stack, destination.contact or destination.uri(to), destination.uri(to), caller, destination.routes, headers
        )
        self.call_id = self._invitation.call_id
        self._offer = offer
        self._answering = answer
        self._login = Login(credentials)
        self._session_s = stack.session_s
        self._cseq = self._challenges = 0
        self._seen = {self._invitation.uri}
        """Where we were sent, so that two servers that point at each other do not keep us busy."""
        self._others: list[Uri] = []
        """Where else we may try, as redirections said."""
        self._moving: asyncio.Task[None] | None = None
        self._targets: Targets | None = None
        self._attempt: Attempt | None = None
        self._watch: Appointment | None = None
        self._on_progress: Callable[[Progress], None] = lambda _: None
        self._outcome: asyncio.Future[Dialog] | None = None

    async def answered(self, on_progress: Callable[[Progress], None]) -> Dialog:
        """Dial; return the call once it is answered, and report provisional answers on the way.

        Raises ``CallRejected`` for any refusal, ``CallTimedOut`` when nobody answers at all: 64*T1 (32 s) on the last
        address of the destination, 4 s on each before it. A call that merely rings has no limit of its own: cancel the
        awaiting task, which sends CANCEL (§9.1) and cleans up, also when the answer crosses it. May be awaited once.
        """
        self._on_progress = on_progress
        self._outcome = asyncio.get_running_loop().create_future()
        self._stack.pending.add(self)
        try:
            self._targets = await Targets.of(self._stack, self._destination)
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

    def _invite(self) -> None:
        assert self._targets is not None
        self._cseq += 1
        target = self._targets.current
        invite = self._invitation.write(
            self._stack, target.transport, self._cseq, self._offer, self._session_s, self._login
        )
        attempt = self._attempt = Attempt(self._stack, invite, target, self._offer, self._login, self, self._answering)
        self._watch = self._targets.watch(attempt.inquiry, lambda: self._on_silence(attempt))

    def _on_silence(self, attempt: Attempt) -> None:
        if attempt is self._attempt and not self._is_over:
            attempt.abandon(quietly=True)
            self.on_refusal(Failure.TIMEOUT)

    @property
    def _is_over(self) -> bool:
        return self._outcome is None or self._outcome.done()

    # --- what the attempt tells --------------------------------------------------------------------------------------

    def on_progress(self, progress: Progress) -> None:
        """Pass a provisional answer on."""
        self._on_progress(progress)

    def on_answer(self, dialog: Dialog) -> None:
        """Take the answered call."""
        if self._outcome is None or self._outcome.done():
            dialog.send_bye()
        else:
            self._outcome.set_result(dialog)

    def on_unusable(self, refusal: CallRejected) -> None:
        """Fail: what was answered cannot be spoken."""
        self._fail(refusal)

    def on_refusal(self, event: Response | Failure) -> None:
        """Log in, ask for longer, go on to another address or person, or fail."""
        if self._watch is not None:
            self._watch.cancel()
        if self._is_over or self._targets is None:
            return
        if isinstance(event, Response) and event.status in (401, 407):
            self._answer_challenge(event)
        elif isinstance(event, Response) and self._is_longer_wanted(event):
            self._session_s = wanted_minimum(event, self._session_s)
            self._invite()
        elif self._targets.pass_over(event):
            self._challenges = 0
            self._invite()
        else:
            self._go_elsewhere(event)

    def _is_longer_wanted(self, response: Response) -> bool:
        return response.status == 422 and wanted_minimum(response, self._session_s) > self._session_s

    def _answer_challenge(self, response: Response) -> None:
        assert self._attempt is not None
        try:
            self._login.learn(response, self._attempt.request)
        except DigestError as error:
            self._fail(rejection(response, str(error)))
            return
        self._challenges += 1
        if self._challenges > _MAX_CHALLENGES:
            self._fail(rejection(response, "the far end keeps asking for a login"))
        else:
            self._invite()

    # --- redirection -----------------------------------------------------------------------------------------------

    def _go_elsewhere(self, event: Response | Failure, detail: str = "") -> None:
        """Try the next of the places a 3xx named, or fail with what was said last."""
        if isinstance(event, Response) and event.status < 400:
            self._others = [*alternatives(event, self._stack.wires), *self._others]
        final = isinstance(event, Response) and event.status >= _NOT_ELSEWHERE
        while self._others and not final and len(self._seen) <= MAX_REDIRECTS:
            target = self._others.pop(0)
            if str(target) not in self._seen:
                self._seen.add(str(target))
                self._moving = asyncio.ensure_future(self._move(target, event))
                return
        self._fail(self._failure(event, detail))

    async def _move(self, target: Uri, event: Response | Failure) -> None:
        host, proxy = self._destination.host.strip("[]").lower(), self._destination.proxy
        moved = Destination(target.host, target.port or 0, target.transport, proxy)
        try:
            targets = await Targets.of(self._stack, moved)
        except CallRejected as failure:
            if not self._is_over:
                self._go_elsewhere(event, failure.detail)
            return
        if self._is_over:
            return
        if target.host != host:
            self._login = Login(None)  # the login is for the trunk, not for whoever it sends us to
        self._invitation = self._invitation.redirected(str(target), moved.routes)
        self._destination, self._targets, self._challenges = moved, targets, 0
        self._invite()

    # --- giving up -------------------------------------------------------------------------------------------------

    def _abandon(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
        if self._moving is not None:
            self._moving.cancel()
        if self._attempt is not None:
            self._attempt.abandon()

    def _failure(self, event: Response | Failure, detail: str) -> Exception:
        missed = self._targets.missed if self._targets else []
        tried = f" (tried in vain: {', '.join(missed)})"[:300] if len(missed) > 1 else ""
        if event is Failure.TRANSPORT:
            transport = self._targets.current.transport if self._targets else self._destination.transport
            words = f"no {transport} connection to {self._destination}{tried}"
            return CallRejected(503, reason_phrase(503), detail=words)
        if isinstance(event, Failure):
            return CallTimedOut(f"{self._destination} does not answer{tried}")
        return rejection(event, detail or (tried.strip() if event.status == 503 else ""))

    def _fail(self, error: Exception) -> None:
        if self._outcome is not None and not self._outcome.done():
            self._outcome.set_exception(error)
