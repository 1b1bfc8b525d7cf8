"""What an INVITE of ours says: whom it is for, who calls, and which way it goes (RFC 3261 §8.1.1, RFC 3325)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dialnexa.live.sip.dialogs.session_timer import request_headers
from dialnexa.live.sip.messages.digest import Login
from dialnexa.live.sip.messages.fields import bracket
from dialnexa.live.sip.messages.message import Headers, Request
from dialnexa.live.sip.messages.sdp import SessionDescription
from dialnexa.live.sip.stack import ALLOW, SUPPORTED, Stack, new_tag, quote_user

_OURS = frozenset({
    "via", "from", "to", "call-id", "cseq", "contact", "max-forwards", "route", "record-route", "content-type",
    "content-length", "allow", "supported", "require", "authorization", "proxy-authorization", "session-expires",
    "min-se", "user-agent", "v", "f", "t", "i", "m", "c", "l", "k", "x",
})  # fmt: skip
"""Headers that a call writes by itself; a second one would break it."""
_ANONYMOUS = '"Anonymous" <sip:anonymous@anonymous.invalid>'
"""A caller who is nobody (RFC 3323 §4.1.1.3)."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, as the trunk wants to be told."""

    number: str
    """The caller id."""
    account: str = ""
    """Shown in From instead; the caller id then goes into P-Asserted-Identity. Empty: the caller id is in From."""
    domain: str = ""
    """Host part of both; empty: our own address."""
    hidden: bool = False
    """Whether the caller id is for the trunk only: it asks for privacy, and From names nobody unless ``account``."""
    identity_header: str = "P-Asserted-Identity"
    """Carries the caller id when From does not; or P-Preferred-Identity, for trunks that assert it themselves."""

    @property
    def user(self) -> str:
        """The user part of From and Contact."""
        return self.account or ("anonymous" if self.hidden else self.number)

    def shown(self, own_host: str) -> str:
        """Return the name-addr of From."""
        return _ANONYMOUS if self.hidden and not self.account else self.address(self.user, own_host)

    def identity(self, own_host: str) -> tuple[tuple[str, str], ...]:
        """Return the headers that tell the trunk more than From does (RFC 3325 §9)."""
        told = self.number and (self.hidden or self.user != self.number)
        named = ((self.identity_header, self.address(self.number, own_host)),) if told else ()
        return (*named, *((("Privacy", "id"),) if self.hidden else ()))

    def address(self, user: str, own_host: str) -> str:
        """Return a name-addr for one of the two users."""
        return f"<sip:{quote_user(user)}{bracket(self.domain.strip('[]') or own_host)}>"


@dataclass(frozen=True, slots=True)
class Invitation:
    """All INVITEs of one call share this; only CSeq, login and Request-URI change from one to the next."""

    uri: str
    to: str
    sender: str
    """From, with our tag."""
    call_id: str
    caller: Caller
    routes: tuple[str, ...]
    headers: tuple[tuple[str, str], ...]

    @classmethod
    def make(
        cls,
        stack: Stack,
        uri: str,
        to: str,
        caller: Caller,
        routes: tuple[str, ...],
        headers: Sequence[tuple[str, str]],
    ) -> Invitation:
        """Begin a call to the URI ``to``, at first sent to ``uri``.

        Raises ``ValueError`` for a header that cannot be written, or that the call writes itself.
        """
        own_host = stack.advertised[0]
        for name, value in headers:
            Headers().add(name, value)
            if name.lower() in _OURS:
                raise ValueError(f"the header {name[:40]!r} cannot be added to an INVITE: it is written by itself")
        return cls(
            uri,
            f"<{to}>",
            f"{caller.shown(own_host)};tag={new_tag()}",
            f"{new_tag()}@{own_host}",
            caller,
            routes,
            (*caller.identity(own_host), *headers),
        )

    def redirected(self, uri: str, routes: tuple[str, ...]) -> Invitation:
        """Return the same call to somebody else (§8.1.3.4): To, From and Call-ID stay."""
        return replace(self, uri=uri, routes=routes)

    def write(
        self, stack: Stack, transport: str, cseq: int, offer: SessionDescription, session_s: int, login: Login
    ) -> Request:
        """Write the INVITE, without Via. ``session_s``: the session interval asked for; 0: none."""
        invite = Request(method="INVITE", uri=self.uri, body=offer.encode())
        headers = invite.headers
        headers.set("Max-Forwards", "70")
        if self.routes:
            headers.set("Route", *self.routes)
        headers.set("From", self.sender)
        headers.set("To", self.to)
        headers.set("Call-ID", self.call_id)
        headers.set("CSeq", f"{cseq} INVITE")
        headers.set("Contact", stack.contact(self.caller.user, transport))
        headers.set("Content-Type", "application/sdp")
        headers.add(*ALLOW)
        headers.add(*SUPPORTED)
        for name, value in request_headers(session_s) if session_s else ():
            headers.add(name, value)
        for name, value in self.headers:
            headers.add(name, value)
        login.sign(invite)
        return invite
