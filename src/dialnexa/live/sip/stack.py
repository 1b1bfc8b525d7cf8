"""What calls and dialogs share of their endpoint: identity, transactions, deadlines, and the table of dialogs."""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Protocol
from urllib.parse import quote

from dialnexa.live.sip.dialogs.dialog import DialogId
from dialnexa.live.sip.dialogs.session_timer import USUAL_S
from dialnexa.live.sip.messages.fields import bracket
from dialnexa.live.sip.messages.hop import TCP, UDP, Address, Hop, default_port, ip_version
from dialnexa.live.sip.messages.message import Request, Response, SipMessage
from dialnexa.live.sip.transactions.agenda import Agenda
from dialnexa.live.sip.transactions.layer import Exchange, Inquiry, Listener, TransactionLayer
from dialnexa.live.sip.transactions.timers import Timers
from dialnexa.live.sip.transactions.transaction import MAGIC_COOKIE, Failure
from dialnexa.live.sip.transport.locate import Locator
from dialnexa.live.sip.transport.udp import Transport

METHODS = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO", "UPDATE", "REFER", "NOTIFY", "PRACK")
"""What we understand; goes into Allow."""
ALLOW = ("Allow", ", ".join(METHODS))
ACCEPT = ("Accept", "application/sdp")
EXTENSIONS = ("timer", "replaces", "100rel")
"""Option tags we support (RFC 3261 §19.2)."""
SUPPORTED = ("Supported", ", ".join(EXTENSIONS))

LARGEST_DATAGRAM = 1300
"""A longer request goes over TCP (RFC 3261 §18.1.1: 200 bytes less than the usual path takes)."""
_DEPARTED_KEPT = 1024
_NARROW_S = 600.0
_NARROW_KEPT = 1024


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
        transmit: Callable[[SipMessage, Hop], None],
        on_request: Callable[[Exchange], None],
        locator: Locator | None = None,
    ) -> None:
        self.agenda = Agenda(now)
        self.locator = locator or Locator(now)
        self.timers = timers
        self.transmit = transmit
        self.layer = TransactionLayer(self.agenda, timers, transmit, on_request, self._on_ack, self._on_stray)
        self.dialogs: dict[DialogId, Member] = {}
        self._departed: OrderedDict[DialogId, None] = OrderedDict()
        self.pending: set[Member | Closable] = set()
        """Calls that are no dialogs yet, so that closing the endpoint ends them too."""
        self.wires: dict[str, Transport] = {}
        """By name: UDP, TCP, TLS."""
        self.local: dict[str, Address] = {}
        """What peers are told to reach us at, for each of them; port 0: nobody can."""
        self.user_agent = ""
        self.session_s = USUAL_S
        """The session interval asked for, in seconds; 0: none."""
        self._narrow: dict[str, float] = {}
        """Hosts that take no TCP, until when to believe it."""

    # --- who we are ------------------------------------------------------------------------------------------------

    @property
    def advertised(self) -> Address:
        """Host and port told to peers."""
        return next(iter(self.local.values()), ("", 0))

    def contact(self, user: str, transport: str = UDP) -> str:
        """Return our Contact for a user, as a name-addr that leads back over the same transport."""
        host, port = self.local.get(transport, self.advertised)
        # Without a listener of ours the peer can only come back over the connection it has; the port is a formality.
        return f"<sip:{quote_user(user)}{bracket(host)}:{port or default_port(transport)}{uri_transport(transport)}>"

    def address_of_record(self, user: str) -> str:
        """Return our From for a user, without a tag."""
        return f"<sip:{quote_user(user)}{bracket(self.advertised[0])}>"

    def add_via(self, request: Request, transport: str = UDP) -> None:
        """Give a request the Via of a new transaction; ``rport`` asks to be answered where it came from."""
        host, port = self.local.get(transport, self.advertised)
        sent_by = f"{bracket(host)}:{port or default_port(transport)}"
        branch = f"{MAGIC_COOKIE}{secrets.token_hex(10)}"
        request.send_via(f"SIP/2.0/{transport} {sent_by};branch={branch};rport")
        if self.user_agent:
            request.headers.set("User-Agent", self.user_agent)

    async def pause(self, seconds: float) -> None:
        """Let time pass, as the agenda counts it."""
        over = asyncio.Event()
        appointment = self.agenda.call_later(seconds, over.set)
        try:
            await over.wait()
        finally:
            appointment.cancel()

    # --- where peers are -------------------------------------------------------------------------------------------

    async def locate(self, host: str, port: int, transport: str) -> list[Hop]:
        """Return the addresses of a host that our wires can reach, best first. Raises ``CallRejected`` (503)."""
        # IPv4 first: it is what nearly every trunk speaks.
        versions = sorted({ip_version(wire.address[0]) for wire in self.wires.values()} - {0}) or [4]
        return await self.locator.locate(host, port, transport, wires=tuple(self.wires), versions=versions)

    # --- what we send ----------------------------------------------------------------------------------------------

    def way(self, next_hop: Hop | None, peer: Hop) -> Hop:
        """Return where to send what belongs to a call with ``peer``, whose own words want it at ``next_hop``.

        Host names would need a look-up, and a transport we do not have cannot be used: the peer's known address stands
        in. A connection that stands is used again as long as it leads to the same host (RFC 5923 §5).
        """
        if next_hop is None or not ip_version(next_hop.host) or next_hop.transport not in self.wires:
            return peer
        if peer.is_reliable and next_hop.host == peer.host and self.wires[peer.transport].reaches(peer):
            return peer
        return next_hop._replace(name=peer.name) if next_hop.is_reliable else next_hop

    def ask(self, request: Request, to: Hop, listener: Listener) -> Inquiry:
        """Send a request in a transaction of its own; too long for a datagram, over TCP if the peer lets us."""
        self.add_via(request, to.transport)
        if not self._wants_tcp(request, to):
            return self.layer.ask(request, to, listener)

        def on_event(event: Response | Failure) -> None:
            if event is not Failure.TRANSPORT:
                listener(event)
                return
            self._remember_narrow(to.host)
            self.add_via(request, to.transport)
            self.layer.restart(inquiry, request, to, listener)

        self.add_via(request, TCP)
        inquiry = self.layer.ask(request, to._replace(transport=TCP), on_event)
        return inquiry

    def _wants_tcp(self, request: Request, to: Hop) -> bool:
        """Whether a request has outgrown UDP, where it would be cut to pieces on the way (§18.1.1)."""
        if to.transport != UDP or TCP not in self.wires or self.agenda.now() < self._narrow.get(to.host, 0.0):
            return False
        return len(request.encode()) > LARGEST_DATAGRAM

    def _remember_narrow(self, host: str) -> None:
        if len(self._narrow) >= _NARROW_KEPT:
            self._narrow.pop(next(iter(self._narrow)))
        self._narrow[host] = self.agenda.now() + _NARROW_S

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

    def depart(self, dialog: DialogId) -> None:
        """Take an ended call out of the table, and remember for a while that there was one."""
        if self.dialogs.pop(dialog, None) is not None:
            self._departed[dialog] = None
            if len(self._departed) > _DEPARTED_KEPT:
                self._departed.popitem(last=False)

    def has_departed(self, dialog: DialogId) -> bool:
        """Whether this was a call that has ended."""
        return dialog in self._departed

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


def uri_transport(transport: str) -> str:
    """Return the URI parameter that asks for a transport; UDP needs none."""
    return "" if transport == UDP else f";transport={transport.lower()}"


def warning(text: str) -> tuple[str, str]:
    """Say in a Warning header what is wrong with a request (RFC 3261 §20.43)."""
    safe = "".join(char if char.isprintable() and char not in '"\\' else "?" for char in text)
    return "Warning", f'399 dialnexa "{safe}"'
