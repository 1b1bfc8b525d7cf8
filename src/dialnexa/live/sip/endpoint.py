"""A SIP endpoint: one socket, its calls and its manners. The only place where the stack meets the event loop."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import structlog

from dialnexa.live.plan import Credentials
from dialnexa.live.sip.alarm import Alarm
from dialnexa.live.sip.calls.early import Answering
from dialnexa.live.sip.calls.incoming import IncomingCall
from dialnexa.live.sip.calls.invitation import Caller
from dialnexa.live.sip.calls.outgoing import OutgoingCall
from dialnexa.live.sip.calls.session import Dialog
from dialnexa.live.sip.calls.transfer import Referral, TransferProgress, TransferUnconfirmed
from dialnexa.live.sip.errors import CallCancelled, CallRejected, CallTimedOut, DialogEnd, EndedBy, Progress
from dialnexa.live.sip.gate.defence import RequestBudget, SourceLimiter, SourceRecord
from dialnexa.live.sip.gate.door import Door
from dialnexa.live.sip.gate.policy import Gate
from dialnexa.live.sip.ladder import Ladders
from dialnexa.live.sip.messages.fields import FieldError
from dialnexa.live.sip.messages.hop import TLS, Address, Hop
from dialnexa.live.sip.messages.message import Malformed, Request, Response, SipMessage, parse
from dialnexa.live.sip.messages.sdp import SessionDescription
from dialnexa.live.sip.options import ask_options
from dialnexa.live.sip.registrations.registrar import Registrar
from dialnexa.live.sip.registrations.registration import Registration, RegistrationState, RegistrationStatus
from dialnexa.live.sip.stack import Stack
from dialnexa.live.sip.targets import Destination, Targets
from dialnexa.live.sip.transactions.timers import Timers
from dialnexa.live.sip.transport.edge import Edges
from dialnexa.live.sip.transport.locate import Locator
from dialnexa.live.sip.transport.names import Names
from dialnexa.live.sip.transport.stream import StreamTransport
from dialnexa.live.sip.transport.tls import TlsSettings
from dialnexa.live.sip.transport.udp import Transport, UdpTransport, reachable
from dialnexa.live.sip.uas import UserAgentServer

__all__ = [
    "CallCancelled",
    "CallRejected",
    "CallTimedOut",
    "Dialog",
    "DialogEnd",
    "EndedBy",
    "EndpointCounts",
    "Gate",
    "IncomingCall",
    "OutgoingCall",
    "Progress",
    "Referral",
    "Registration",
    "RegistrationState",
    "RegistrationStatus",
    "RequestBudget",
    "SipEndpoint",
    "SourceRecord",
    "TlsSettings",
    "TransferProgress",
    "TransferUnconfirmed",
]

log = structlog.get_logger(__name__)

MessageHook = Callable[[str, Address, SipMessage], None]
"""Sees every message: ``in`` or ``out``, the peer's address, the message (not to be changed)."""

_SOURCES_KEPT = 1024
_PORT_TRIES = 8


@dataclass(frozen=True, slots=True)
class EndpointCounts:
    """What an endpoint holds and has seen: for leak checks and metrics."""

    client_transactions: int
    server_transactions: int
    dialogs: int
    pending_calls: int
    """Calls that are being set up, either way."""
    deadlines: int
    connections: int
    """TCP and TLS connections that stand."""
    received: int
    sent: int
    malformed: int
    malformed_by_source: dict[str, int]
    """Malformed datagrams per IP address, for the sources seen last."""
    dropped: int
    """Requests of sources over their budget."""
    refused: int
    """Requests of unknown sources that the gate did not let in."""
    wrong_logins: int
    """Logins with a wrong password, or of nobody."""
    faults: int
    """Messages that hit a bug of ours; always 0."""


class SipEndpoint:
    """One SIP user agent. ``open`` binds its sockets; leaving the block ends its calls and frees them."""

    def __init__(
        self,
        *,
        on_invite: Callable[[IncomingCall], None],
        now: Callable[[], float],
        user_agent: str = "DialNexa",
        accepting: Callable[[], bool] = lambda: True,
        timers: Timers | None = None,
        on_message: MessageHook | None = None,
        budget: RequestBudget | None = None,
        gate: Gate | None = None,
        registrar: Registrar | None = None,
        locator: Locator | None = None,
        edges: Edges | None = None,
    ) -> None:
        """Make an endpoint without a wire; ``attach`` gives it one. ``now``: seconds that never go back."""
        self.on_message = on_message
        self._stack = Stack(now, timers or Timers(), self._transmit, lambda asked: self._server.receive(asked), locator)
        self._server = UserAgentServer(self._stack, on_invite, accepting, registrar)
        self._stack.user_agent = user_agent
        self.ladders = Ladders(self._stack.local)
        """Who said what, by call."""
        self._door = Door(self._stack, SourceLimiter(budget or RequestBudget()), gate or Gate())
        self._edges = edges or Edges()
        self._audio_host = ""
        self._received = self._sent = self._malformed = self._faults = 0
        self._malformed_by_source: OrderedDict[str, int] = OrderedDict()

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        host: str,
        port: int,
        *,
        on_invite: Callable[[IncomingCall], None],
        advertised_host: str = "",
        audio_host: str = "",
        user_agent: str = "DialNexa",
        accepting: Callable[[], bool] = lambda: True,
        timers: Timers | None = None,
        on_message: MessageHook | None = None,
        tcp: bool = False,
        tls: TlsSettings | None = None,
        budget: RequestBudget | None = None,
        gate: Gate | None = None,
        registrar: Registrar | None = None,
        edges: Edges | None = None,
        names: Names | None = None,
    ) -> AsyncGenerator[SipEndpoint]:
        """Bind a UDP socket and answer on it. Port 0 takes a free one; raises ``OSError`` when the port is taken.

        ``tcp`` listens on the same port over TCP as well, ``tls`` on the port it names; both can then be dialled.
        Unusable certificate files raise ``OSError`` (``ssl.SSLError`` is one). ``budget`` limits what one source may
        ask outside calls, loopback excepted; ``gate`` decides what unknown sources get (by default all may call).
        ``registrar`` keeps where phones are that register here; without one a REGISTER gets 405. ``edges`` are proxies
        of ours, whose word on who sent a request is taken (by default there are none).

        ``on_invite`` gets each new call and must return at once. ``accepting`` decides what OPTIONS says: 200, or 503
        while draining. ``advertised_host`` goes into Via, Contact and SDP when the bound address is not the public one;
        ``audio_host`` goes into SDP in its place, when audio does not come in the way SIP does (behind an edge).
        ``names``: who is asked about host names, by default the system.
        """
        loop = asyncio.get_running_loop()
        endpoint = cls(
            on_invite=on_invite,
            now=loop.time,
            user_agent=user_agent,
            accepting=accepting,
            timers=timers,
            on_message=on_message,
            budget=budget,
            gate=gate,
            registrar=registrar,
            edges=edges,
            locator=Locator(loop.time, names),
        )
        endpoint._audio_host = audio_host
        alarm = Alarm(loop, endpoint)
        endpoint._stack.agenda.on_earlier = alarm.set
        try:
            await endpoint._bind(host, port, advertised_host, tcp, tls)
            yield endpoint
        finally:
            endpoint.close()
            alarm.stop()

    async def _bind(self, host: str, port: int, advertised_host: str, tcp: bool, tls: TlsSettings | None) -> None:
        """Bind every socket wanted; UDP and TCP share a port."""
        client_context, server_context = (tls.client_context(), tls.server_context()) if tls else (None, None)
        udp, stream = await self._bind_pair(host, port) if tcp else (await self._bind_udp(host, port), None)
        advertised = advertised_host or reachable(udp.address[0])
        self.attach(udp, advertised)
        if stream:
            self.attach(stream, advertised)
        if tls:
            secure = StreamTransport(self.receive_from, self._on_lost, self._on_garbage, client_context)
            if server_context:
                await secure.listen(host, tls.port, server_context)
            else:
                secure.dial_from(host)
            self.attach(secure, advertised)

    async def _bind_udp(self, host: str, port: int) -> UdpTransport:
        return await UdpTransport.open(host, port, self.receive)

    async def _bind_pair(self, host: str, port: int) -> tuple[UdpTransport, StreamTransport]:
        """Bind UDP and TCP to one port; a free one is looked for several times, for it may be free over UDP only."""
        tries = 1 if port else _PORT_TRIES
        while True:
            tries -= 1
            udp = await self._bind_udp(host, port)
            stream = StreamTransport(self.receive_from, self._on_lost, self._on_garbage)
            try:
                await stream.listen(host, udp.address[1])
            except OSError:
                udp.close()
                if not tries:
                    raise
                continue
            return udp, stream

    def attach(self, transport: Transport, advertised_host: str) -> None:
        """Put the endpoint on one more wire; what comes over it goes to ``receive``. The first one is the main one."""
        self._stack.wires[transport.name] = transport
        self._stack.local[transport.name] = (advertised_host.strip("[]"), transport.address[1])

    @property
    def address(self) -> Address:
        """Host and port as bound, for UDP and TCP."""
        return next(iter(self._stack.wires.values())).address

    @property
    def tls_address(self) -> Address:
        """Host and port as bound for TLS. Raises ``KeyError`` without TLS."""
        return self._stack.wires[TLS].address

    @property
    def advertised(self) -> Address:
        """Host and port told to peers."""
        return self._stack.advertised

    @property
    def audio_host(self) -> str:
        """The address that peers are told to send audio to."""
        return self._audio_host or self.advertised[0]

    def dial(
        self,
        to: str,
        *,
        from_user: str,
        host: str,
        port: int,
        offer: SessionDescription,
        credentials: Credentials | None = None,
        headers: Sequence[tuple[str, str]] = (),
        transport: str = "udp",
        proxy: str = "",
        account: str = "",
        from_domain: str = "",
        contact: str = "",
        path: tuple[str, ...] = (),
        hide_caller: bool = False,
        identity_header: str = "P-Asserted-Identity",
        answer: Answering | None = None,
    ) -> OutgoingCall:
        """Prepare a call to the user ``to`` (``+1650…``) at a host; ``answered`` makes it.

        ``port`` 0 leaves port, and with ``udp`` the transport too, to the host's NAPTR and SRV records (RFC 3263).
        ``transport``: ``udp``, ``tcp`` or ``tls``; over TLS the peer must show a certificate for ``host``. ``proxy``
        (``host[:port]``) is where requests go first. ``account`` stands in From instead of ``from_user``, which then is
        asserted (RFC 3325); ``from_domain`` is the host of both. ``contact`` is the URI of a phone that registered and
        was seen at ``host`` and ``port``, over ``path``: it is called by that name. ``hide_caller`` asks the trunk to
        keep the caller id from whom it calls; ``identity_header`` carries it when From does not show it. ``answer``
        answers an offer before the call is up; without it only one in clear is taken. Raises ``ValueError`` for a
        transport the endpoint was not opened with, and for a header an INVITE cannot carry.
        """
        destination = Destination(host, port, self._known(transport), proxy, contact, path)
        caller = Caller(from_user, account, from_domain, hide_caller, identity_header)
        return OutgoingCall(self._stack, to, caller, destination, offer, credentials, headers, answer)

    def register(
        self,
        user: str,
        *,
        host: str,
        port: int,
        credentials: Credentials | None = None,
        transport: str = "udp",
        proxy: str = "",
        domain: str = "",
        lifetime_s: int = 600,
        on_change: Callable[[Registration], None] = lambda _: None,
    ) -> Registration:
        """Register ``user`` at a trunk and keep it registered until ``Registration.end``, or until the endpoint closes.

        Failures are tried again by themselves, later each time (5 s to 5 min). ``port``, ``transport`` and ``proxy`` as
        in ``dial``; ``domain`` is the host of the address that is registered, by default ``host``. ``on_change`` hears
        every change of ``Registration.status``. Raises ``ValueError`` for a transport the endpoint was not opened with.
        """
        registrar = Destination(host, port, self._known(transport), proxy)
        made: Registration = Registration(
            self._stack, user, registrar, credentials, lifetime_s, lambda _: on_change(made), domain=domain
        )
        made.start()
        return made

    def _known(self, transport: str) -> str:
        name = transport.upper()
        if name not in self._stack.wires:
            raise ValueError(f"this endpoint does not speak SIP over {name}")
        return name

    async def options(self, destination: Address, transport: str = "udp", name: str = "") -> Response:
        """Ask a peer what it can do, and so whether it lives. ``name``: whom its TLS certificate must be for.

        Raises ``TimeoutError`` after 64*T1 without an answer, ``ConnectionError`` when no connection comes about.
        """
        hop = Hop(*destination, self._known(transport), name)
        asked = Destination(name or hop.host, hop.port, hop.transport)
        return await ask_options(self._stack, Targets(self._stack, [hop]), asked)

    async def reach(self, host: str, port: int, transport: str = "udp", proxy: str = "") -> Response:
        """Ask with OPTIONS, as ``options`` does, whoever ``dial`` would call: the first address that answers.

        Raises ``CallRejected`` (503) when the name is unknown, else as ``options``.
        """
        destination = Destination(host, port, self._known(transport), proxy)
        return await ask_options(self._stack, await Targets.of(self._stack, destination), destination)

    async def locate(self, host: str, port: int, transport: str = "udp", proxy: str = "") -> list[Hop]:
        """Return where calls for a host are sent, best first, as ``dial`` finds it. Raises ``CallRejected`` (503)."""
        try:
            place = Destination(host, port, self._known(transport), proxy).place()
        except FieldError as error:
            raise CallRejected(503, "Service Unavailable", detail=str(error)) from None
        return await self._stack.locate(*place)

    def counts(self) -> EndpointCounts:
        """Return what is held and what was seen."""
        return EndpointCounts(
            len(self._stack.layer.clients),
            len(self._stack.layer.servers),
            len(self._stack.dialogs),
            len(self._stack.pending),
            len(self._stack.agenda),
            sum(wire.connections for wire in self._stack.wires.values() if isinstance(wire, StreamTransport)),
            self._received,
            self._sent,
            self._malformed,
            dict(self._malformed_by_source),
            self._door.limiter.dropped,
            self._door.limiter.refused,
            self._door.gate.wrong.total,
            self._faults + self._server.faults,
        )

    def close(self) -> None:
        """End every call without waiting for anybody, then give the socket back."""
        for call in list(self._stack.pending):
            call.close()
        for dialog in list(self._stack.dialogs.values()):
            dialog.close()
        for wire in self._stack.wires.values():
            wire.close()

    # --- time ------------------------------------------------------------------------------------------------------

    @property
    def next_deadline(self) -> float | None:
        """When ``advance`` wants to be called; ``None``: not before the next message or call."""
        return self._stack.agenda.next_deadline

    def advance(self) -> None:
        """Do everything that is due by now."""
        self._stack.agenda.run_due()

    # --- the wire --------------------------------------------------------------------------------------------------

    def receive(self, data: bytes, source: Address) -> None:
        """Take one datagram, whatever is in it. Never raises."""
        self.receive_from(data, Hop(*source))

    def receive_from(self, data: bytes, source: Hop) -> None:
        """Take one message that came over any wire. Never raises."""
        self._received += 1
        if not data.strip(b"\r\n\0 "):
            return  # a keep-alive (RFC 5626 §3.5.1)
        try:
            message = parse(data)
            if isinstance(message, Malformed):
                self._refuse(message, source)
                return
            if self.on_message is not None:
                self.on_message("in", source.address, message)
            if isinstance(message, Request):
                message.stamp(source.address)
                message.origin = self._edges.origin(message, source).address
                turn_away = partial(self._turn_away, request=message, source=source)
                size = 0 if source.is_reliable else len(data)
                if self._door.lets_in(message, turn_away, registering=self._server.registers, size=size):
                    self.ladders.note("in", source, message, data)
                    self._stack.layer.receive_request(message, source)
            else:
                self.ladders.note("in", source, message, data)
                self._stack.layer.receive_response(message)
        except Exception:  # whatever strangers send, the socket is read on
            self._faults += 1
            log.exception("sip message hit a bug", source=source.host, size=len(data))

    def _turn_away(self, reply: Response, request: Request, source: Hop) -> None:
        self._transmit(reply, source if source.is_reliable else Hop(*request.via.reply_to))

    def suspects(self) -> dict[str, SourceRecord]:
        """Return the sources that asked too much or were turned away, the one heard last first."""
        return dict(self._door.limiter.suspects())

    def _transmit(self, message: SipMessage, to: Hop) -> None:
        wire = self._stack.wires.get(to.transport)
        if wire is None:
            return
        if isinstance(message, Response) and not wire.reaches(to):
            to = Hop(*message.via.listens_at, to.transport)  # the connection of the request is gone (§18.2.2)
        self._sent += 1
        if self.on_message is not None:
            self.on_message("out", to.address, message)
        data = message.encode()
        self.ladders.note("out", to, message, data)
        wire.send(data, to)

    def _on_lost(self, hop: Hop, reason: str) -> None:
        """Take note that a connection ended, or did not come about."""
        log.debug("sip connection ended", peer=f"{hop.host}:{hop.port}", transport=hop.transport, reason=reason)
        self._stack.layer.lose(hop)
        for member in [each for each in self._stack.pending if isinstance(each, Registration)]:
            member.lose(hop)

    def _on_garbage(self, hop: Hop, reason: str) -> None:
        """Take note that a stream brought something that is no SIP."""
        self._received += 1
        self._count_malformed(hop.host, reason)

    def _refuse(self, malformed: Malformed, source: Hop) -> None:
        """Count it, and answer a request that says where to; without a transaction, so it costs nothing."""
        self._count_malformed(source.host, malformed.reason)
        request = malformed.request
        if request is not None:
            request.stamp(source.address)
            request.origin = self._edges.origin(request, source).address
            if self._door.is_silent_to(request):
                return
            self._transmit(request.reply(malformed.status, headers=self._stack.server_header()), source)

    def _count_malformed(self, host: str, reason: str) -> None:
        self._malformed += 1
        self._malformed_by_source[host] = self._malformed_by_source.pop(host, 0) + 1
        if len(self._malformed_by_source) > _SOURCES_KEPT:
            self._malformed_by_source.popitem(last=False)
        if self._malformed_by_source[host] == 1:
            log.info("malformed sip message", source=host, reason=reason)
