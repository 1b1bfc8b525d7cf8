"""The state of a dialog, whichever side began it (RFC 3261 §12). Pure: it builds and judges requests, sends nothing."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from dialnexa.live.sip.messages.fields import FieldError, NameAddr, Uri
from dialnexa.live.sip.messages.hop import Hop
from dialnexa.live.sip.messages.message import Request, Response, SipMessage

DialogId = tuple[str, str, str]
"""Call-ID, local tag, remote tag."""


@dataclass(slots=True)
class DialogState:
    """Who talks to whom, over which way, and how far both sides have counted."""

    call_id: str
    local: NameAddr
    """Our own address with our tag: From of what we send."""
    remote: NameAddr
    """The peer's address with its tag: To of what we send."""
    remote_target: str
    """The peer's Contact: Request-URI of what we send."""
    route_set: tuple[str, ...] = ()
    """Proxies to pass, nearest first, as name-addrs as they were written."""
    local_cseq: int = 0
    remote_cseq: int | None = None
    is_caller: bool = False
    """Whether we began the dialog, and so chose its Call-ID."""

    @classmethod
    def of_caller(cls, invite: Request, response: Response) -> DialogState:
        """Start from our INVITE and the response that made the dialog (§12.1.2): the route set is reversed."""
        return cls(
            invite.call_id,
            invite.sender,
            response.recipient,
            contact_of(response) or invite.uri,
            tuple(reversed(response.headers.items_of("Record-Route"))),
            local_cseq=invite.cseq.number,
            is_caller=True,
        )

    @classmethod
    def of_callee(cls, invite: Request, local_tag: str) -> DialogState:
        """Start from a peer's INVITE that we answer with ``local_tag`` (§12.1.1)."""
        return cls(
            invite.call_id,
            invite.recipient.tagged(local_tag),
            invite.sender,
            contact_of(invite) or invite.sender.uri,
            tuple(invite.headers.items_of("Record-Route")),
            remote_cseq=invite.cseq.number,
        )

    @property
    def id(self) -> DialogId:
        """What incoming requests are matched with."""
        return self.call_id, self.local.tag, self.remote.tag

    def request(self, method: str, headers: Sequence[tuple[str, str]] = ()) -> Request:
        """Build the next request of ours, without Via and Contact (§12.2.1.1)."""
        self.local_cseq += 1
        request = self._addressed(method, self.local_cseq)
        for name, value in headers:
            request.headers.add(name, value)
        return request

    def acknowledge(self, cseq: int) -> Request:
        """Build the ACK to a 2xx of our INVITE with that CSeq, without Via (§13.2.2.4)."""
        return self._addressed("ACK", cseq)

    def _addressed(self, method: str, cseq: int) -> Request:
        uri, routes = self._way()
        request = Request(method=method, uri=uri)
        request.headers.set("Max-Forwards", "70")
        if routes:
            request.headers.set("Route", *routes)
        request.headers.set("From", str(self.local))
        request.headers.set("To", str(self.remote))
        request.headers.set("Call-ID", self.call_id)
        request.headers.set("CSeq", f"{cseq} {method}")
        return request

    def _way(self) -> tuple[str, tuple[str, ...]]:
        """Return Request-URI and Route: a first proxy without ``lr`` routes strictly and wants to be the target."""
        if not self.route_set or _is_loose(self.route_set[0]):
            return self.remote_target, self.route_set
        strict = NameAddr.parse(self.route_set[0]).uri
        return strict, (*self.route_set[1:], f"<{self.remote_target}>")

    @property
    def next_hop(self) -> Hop | None:
        """Where the next request goes; ``None`` when nothing readable was given."""
        try:
            uri = Uri.parse(NameAddr.parse(self.route_set[0]).uri if self.route_set else self.remote_target)
        except FieldError:
            return None
        return uri.hop if uri.host else None

    def take(self, request: Request) -> bool:
        """Note a request of the peer; ``False`` when it is older than one before, and must get 500 (§12.2.2)."""
        if self.remote_cseq is not None and request.cseq.number < self.remote_cseq:
            return False
        self.remote_cseq = request.cseq.number
        return True

    def refresh_target(self, message: SipMessage) -> None:
        """Take the Contact of a re-INVITE or its 2xx as the new target (§12.2)."""
        self.remote_target = contact_of(message) or self.remote_target


def glare_pause(state: DialogState) -> float:
    """Return how many seconds to wait after a 491 (§14.1): the callee goes first, in steps of 10 ms."""
    return random.randint(210, 400) / 100 if state.is_caller else random.randint(0, 200) / 100


def contact_of(message: SipMessage) -> str:
    """Return the first Contact's URI, empty when there is none."""
    contacts = message.headers.items_of("Contact")
    return NameAddr.parse(contacts[0]).uri if contacts else ""


def _is_loose(route: str) -> bool:
    try:
        return "lr" in Uri.parse(NameAddr.parse(route).uri).params
    except FieldError:
        return True
