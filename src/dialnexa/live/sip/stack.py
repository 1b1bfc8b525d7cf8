"""What calls and dialogs share of their endpoint: identity, transactions, deadlines, and the table of dialogs."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Protocol
from urllib.parse import quote

from dialnexa.live.sip.agenda import Agenda
from dialnexa.live.sip.dialog import DialogId
from dialnexa.live.sip.fields import bracket
from dialnexa.live.sip.layer import Address, Exchange, Inquiry, Listener, TransactionLayer
from dialnexa.live.sip.message import Request, Response, SipMessage
from dialnexa.live.sip.timers import Timers
from dialnexa.live.sip.transaction import MAGIC_COOKIE
from dialnexa.live.sip.transport import ip_version

METHODS = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO")
"""What we understand; goes into Allow."""
ALLOW = ("Allow", ", ".join(METHODS))
ACCEPT = ("Accept", "application/sdp")
EXTENSIONS: frozenset[str] = frozenset()
"""Option tags we support (RFC 3261 §19.2)."""


class Member(Protocol):
    """What lives in the table of dialogs."""

    def receive(self, exchange: Exchange) -> None:
        """Take a request inside the dialog."""
        ...

    def receive_ack(self, ack: Request) -> None:
        """Take the ACK to a 2xx of ours."""
        ...

    def close(self) -> None:
        """End at once: the endpoint goes away."""
        ...


def new_tag() -> str:
    """Return a tag (RFC 3261 §19.3)."""
    return secrets.token_hex(8)


class Stack:
    """The shared ground of one endpoint."""

    def __init__(
        self,
        now: Callable[[], float],
        timers: Timers,
        transmit: Callable[[SipMessage, Address], None],
        on_request: Callable[[Exchange], None],
    ) -> None:
        self.agenda = Agenda(now)
        self.timers = timers
        self.transmit = transmit
        self.layer = TransactionLayer(self.agenda, timers, transmit, on_request, self._on_ack, self._on_stray)
        self.dialogs: dict[DialogId, Member] = {}
        self.pending: set[Member | Closable] = set()
        """Calls that are no dialogs yet, so that closing the endpoint ends them too."""
        self.advertised: Address = ("", 0)
        self.transport_name = "UDP"
        self.user_agent = ""

    # --- who we are ------------------------------------------------------------------------------------------------

    def contact(self, user: str) -> str:
        """Return our Contact for a user, as a name-addr."""
        host, port = self.advertised
        return f"<sip:{quote_user(user)}{bracket(host)}:{port}>"

    def address_of_record(self, user: str) -> str:
        """Return our From for a user, without a tag."""
        return f"<sip:{quote_user(user)}{bracket(self.advertised[0])}>"

    def add_via(self, request: Request) -> None:
        """Give a request the Via of a new transaction; ``rport`` asks to be answered where it came from."""
        host, port = self.advertised
        branch = f"{MAGIC_COOKIE}{secrets.token_hex(10)}"
        request.headers.set("Via", f"SIP/2.0/{self.transport_name} {bracket(host)}:{port};branch={branch};rport")
        request.__dict__.pop("via", None)
        if self.user_agent:
            request.headers.set("User-Agent", self.user_agent)

    def out_of_dialog(self, method: str, destination: Address) -> Request:
        """Build a request to a host itself, outside any call and without Via."""
        uri = f"sip:{bracket(destination[0])}:{destination[1]}"
        request = Request(method=method, uri=uri)
        request.headers.set("Max-Forwards", "70")
        request.headers.set("From", f"{self.address_of_record('dialnexa')};tag={new_tag()}")
        request.headers.set("To", f"<{uri}>")
        request.headers.set("Call-ID", f"{new_tag()}@{bracket(self.advertised[0])}")
        request.headers.set("CSeq", f"1 {method}")
        request.headers.set("Contact", self.contact("dialnexa"))
        request.headers.add(*ACCEPT)
        return request

    # --- what we send ----------------------------------------------------------------------------------------------

    def ask(self, request: Request, to: Address, listener: Listener) -> Inquiry:
        """Send a request in a transaction of its own."""
        self.add_via(request)
        return self.layer.ask(request, to, listener)

    def answer(
        self,
        exchange: Exchange,
        status: int,
        reason: str = "",
        *,
        to_tag: str = "",
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> Response:
        """Respond to a request; anything but 100 gets a To tag (§8.2.6.2)."""
        response = exchange.request.reply(
            status, reason, to_tag=to_tag or new_tag(), headers=[*headers, *self.server_header()], body=body
        )
        exchange.respond(response)
        return response

    def server_header(self) -> list[tuple[str, str]]:
        """Return the Server header, if we have a name."""
        return [("Server", self.user_agent)] if self.user_agent else []

    # --- what finds its dialog -------------------------------------------------------------------------------------

    def find(self, request: Request) -> Member | None:
        """Return the dialog a request from the peer belongs to."""
        return self.dialogs.get((request.call_id, request.recipient.tag, request.sender.tag))

    def _on_ack(self, ack: Request) -> None:
        member = self.find(ack)
        if member is not None:
            member.receive_ack(ack)

    def _on_stray(self, response: Response) -> None:
        """Drop a response nobody waits for: its transaction is long over (§8.1.3.3 in the eyes of RFC 6026)."""


class Closable(Protocol):
    """A call that can be ended without a word."""

    def close(self) -> None:
        """End at once: the endpoint goes away."""
        ...


def quote_user(user: str) -> str:
    """Escape a user part and add its @, or nothing for no user (RFC 3261 §19.1.2)."""
    return f"{quote(user, safe='-_.!~*()&=+$,;?/' + chr(39))}@" if user else ""


def literal(address: Address | None, otherwise: Address) -> Address:
    """Return an address that can be sent to now: host names need a look-up, so the peer's known address stands in."""
    return address if address is not None and ip_version(address[0]) else otherwise
