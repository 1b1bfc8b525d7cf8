"""REGISTER at a trunk that wants to know where we are (RFC 3261 §10.2): kept fresh, and tried again when it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import structlog

from dialnexa.live.plan import Credentials
from dialnexa.live.sip.errors import CallRejected, retry_after
from dialnexa.live.sip.messages.digest import DigestError, Login
from dialnexa.live.sip.messages.fields import FieldError, NameAddr, Uri, bracket
from dialnexa.live.sip.messages.hop import UDP, Hop
from dialnexa.live.sip.messages.message import Request, Response
from dialnexa.live.sip.registrations.keep_alive import KeepAlive
from dialnexa.live.sip.stack import Stack, new_tag, quote_user
from dialnexa.live.sip.targets import Destination, Targets
from dialnexa.live.sip.transactions.agenda import Appointment
from dialnexa.live.sip.transactions.transaction import Failure

log = structlog.get_logger(__name__)

_LONGEST_S = 86_400
_FIRST_RETRY_S = 5.0
_LAST_RETRY_S = 300.0
_MAX_TRIES = 4
"""REGISTERs per refresh: plain, with login, with a fresh nonce, with a longer lifetime."""


class RegistrationState(StrEnum):
    """Whether the trunk knows where to find us."""

    TRYING = "trying"
    REGISTERED = "registered"
    FAILED = "failed"
    """Not now; it is tried again by itself."""
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class RegistrationStatus:
    """Where a registration stands, for operators."""

    state: RegistrationState
    reason: str = ""
    """Why it failed: a sentence."""
    expires_at: float = 0.0
    """When the trunk forgets us unless refreshed, in seconds of the endpoint's clock; 0 when it does not know us."""
    next_try_at: float = 0.0
    """When the next REGISTER goes out, in the same seconds."""


class Registration:
    """One binding at one registrar. It lives from ``start`` until ``end`` or until the endpoint closes."""

    def __init__(
        self,
        stack: Stack,
        user: str,
        registrar: Destination,
        credentials: Credentials | None,
        lifetime_s: int,
        on_change: Callable[[RegistrationStatus], None],
        domain: str = "",
    ) -> None:
        """``domain``: host part of the address of record; empty: the registrar's host."""
        self.status = RegistrationStatus(RegistrationState.TRYING)
        self._stack = stack
        self._user, self._registrar = user, registrar
        self._domain = domain or registrar.host
        self._credentials = credentials
        self._login = Login(credentials)
        self._lifetime_s = lifetime_s
        self._on_change = on_change
        self._call_id = f"{new_tag()}@{stack.advertised[0]}"
        self._tag = new_tag()
        self._cseq = self._tries = 0
        self._failures = 0
        self._ending = False
        self._targets: Targets | None = None
        self._keep_alive = KeepAlive(stack)
        self._appointment: Appointment | None = None
        self._resolving: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()

    def start(self) -> None:
        """Register, and keep registered."""
        self._stack.pending.add(self)
        self._refresh()

    async def end(self) -> None:
        """Take the binding back; returns once the registrar answered, or after 64*T1 without an answer."""
        if not self._ending:
            self._ending = True
            self._cancel_timers()
            if self.status.expires_at:
                self._tries = 0
                self._register()
            else:
                self._finish()
        await self._ended.wait()

    def close(self) -> None:
        """End at once: the endpoint goes away. The binding is taken back without waiting for the answer."""
        if not self._ending and self.status.expires_at:
            self._ending = True
            self._tries = 0
            self._register()
        self._finish()

    def lose(self, hop: Hop) -> None:
        """Register anew when the connection the registrar would call us over is gone (RFC 5626 §4.4.1)."""
        registered = self.status.state is RegistrationState.REGISTERED and not self._ending
        if registered and self._targets is not None and self._targets.current == hop:
            # Not at once: a registrar that cuts every connection would keep us busy.
            at = self._stack.agenda.now() + _FIRST_RETRY_S
            self._set(replace(self.status, next_try_at=min(at, self.status.next_try_at)))
            self._arrange(self.status.next_try_at)

    # --- one refresh -----------------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        self._tries = 0
        self._login = Login(self._credentials) if self._failures else self._login
        self._resolving = asyncio.ensure_future(self._resolve_and_register())

    async def _resolve_and_register(self) -> None:
        try:
            # Whoever knows us is asked again, so that a flow which is kept open goes on serving.
            known = self._targets.current if self._targets and not self._failures else None
            self._targets = await Targets.of(self._stack, self._registrar, known)
        except CallRejected as failure:
            self._fail(failure.detail, None)
            return
        if not self._ending:
            self._register()

    def _register(self) -> None:
        if self._targets is None:
            return
        self._tries += 1
        self._cseq += 1
        record = f"<sip:{quote_user(self._user)}{bracket(self._domain.strip('[]'))}>"
        request = Request(method="REGISTER", uri=self._registrar.uri(""))
        headers = request.headers
        headers.set("Max-Forwards", "70")
        if self._registrar.routes:
            headers.set("Route", *self._registrar.routes)
        headers.set("From", f"{record};tag={self._tag}")
        headers.set("To", record)
        headers.set("Call-ID", self._call_id)
        headers.set("CSeq", f"{self._cseq} REGISTER")
        headers.set("Contact", self._contact())
        headers.set("Expires", str(0 if self._ending else self._lifetime_s))
        self._login.sign(request)
        self._targets.ask(request, lambda event: self._on_event(event, request))

    def _contact(self) -> str:
        return self._stack.contact(self._user, self._targets.current.transport if self._targets else UDP)

    def _on_event(self, event: Response | Failure, request: Request) -> None:
        if self._ended.is_set() or self._targets is None:
            return
        if self._targets.pass_over(event):
            self._tries = 0
            self._register()
        elif event is Failure.TRANSPORT:
            self._fail(f"no {self._targets.current.transport} connection to {self._registrar}", None)
        elif isinstance(event, Failure):
            self._fail(f"{self._registrar} does not answer", None)
        elif event.status < 200:
            return
        elif event.status < 300:
            self._succeed(event)
        elif event.status in (401, 407):
            self._on_challenge(event, request)
        elif event.status == 423 and self._tries < _MAX_TRIES and (least := _seconds(event, "Min-Expires")):
            self._lifetime_s = min(max(least, self._lifetime_s), _LONGEST_S)
            self._register()
        else:
            self._fail(f"{event.status} {event.reason}"[:200], retry_after(event))

    def _on_challenge(self, response: Response, request: Request) -> None:
        try:
            self._login.learn(response, request)
        except DigestError as error:
            self._fail(f"{response.status} {response.reason}: {error}"[:200], None)
            return
        if self._tries >= _MAX_TRIES:
            self._fail("the far end keeps asking for a login", None)
        else:
            self._register()

    # --- what comes of it ------------------------------------------------------------------------------------------

    def _succeed(self, response: Response) -> None:
        if self._ending:
            self._finish()
            return
        self._failures = 0
        now, lifetime = self._stack.agenda.now(), self._granted(response)
        # Early enough for the refresh to be repeated and refused once; a short lifetime is halved.
        again = now + max(lifetime - 32.0, lifetime / 2)
        self._set(RegistrationStatus(RegistrationState.REGISTERED, "", now + lifetime, again))
        self._arrange(again)
        if self._targets is not None:
            self._keep_alive.start(self._targets.current)

    def _granted(self, response: Response) -> int:
        """Return how long the registrar keeps us: said with our Contact, else in Expires, else as asked (§10.2.4).

        An edge puts its own address in the place of ours; then it is our user's freshest contact, which lasts longest.
        """
        ours = Uri.parse(NameAddr.parse(self._contact()).uri)
        others: list[int] = []
        for item in response.headers.items_of("Contact"):
            try:
                contact = NameAddr.parse(item)
                uri = Uri.parse(contact.uri)
            except FieldError:
                continue
            expires = _number(contact.params.get("expires") or "")
            if expires and (uri.user, uri.host, uri.port) == (ours.user, ours.host, ours.port):
                return min(expires, _LONGEST_S)
            if expires and uri.user == ours.user:
                others.append(min(expires, self._lifetime_s))
        return min(max(others, default=0) or _seconds(response, "Expires") or self._lifetime_s, _LONGEST_S)

    def _fail(self, reason: str, retry_after: int | None) -> None:
        """Try again later: sooner at first, and never before the registrar wants us to."""
        if self._ending:
            self._finish()
            return
        self._failures += 1
        now = self._stack.agenda.now()
        wait = max(min(_FIRST_RETRY_S * 2 ** min(self._failures - 1, 10), _LAST_RETRY_S), retry_after or 0)
        expires_at = self.status.expires_at if self.status.expires_at > now else 0.0
        log.warning("sip registration failed", host=self._registrar.host, user=self._user, reason=reason, retry_s=wait)
        self._set(RegistrationStatus(RegistrationState.FAILED, reason, expires_at, now + wait))
        self._arrange(now + wait)

    def _finish(self) -> None:
        if self._ended.is_set():
            return
        self._cancel_timers()
        self._keep_alive.stop()
        self._stack.pending.discard(self)
        self._ended.set()
        self._set(RegistrationStatus(RegistrationState.ENDED))

    def _set(self, status: RegistrationStatus) -> None:
        self.status = status
        self._on_change(status)

    def _arrange(self, at: float) -> None:
        self._cancel_timers()
        self._appointment = self._stack.agenda.call_at(at, self._refresh)

    def _cancel_timers(self) -> None:
        if self._appointment is not None:
            self._appointment.cancel()


def _seconds(response: Response, name: str) -> int | None:
    return _number(response.headers.first(name).partition(" ")[0].partition(";")[0].partition("(")[0])


def _number(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
