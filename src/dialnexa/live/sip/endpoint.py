"""A SIP endpoint: one socket, its calls and its manners. The only place where the stack meets the event loop."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from dialnexa.live.plan import Credentials
from dialnexa.live.sip.errors import CallCancelled, CallRejected, CallTimedOut, DialogEnd, EndedBy, Progress
from dialnexa.live.sip.incoming import IncomingCall
from dialnexa.live.sip.layer import Exchange
from dialnexa.live.sip.message import Malformed, Request, Response, SipMessage, parse
from dialnexa.live.sip.outgoing import OutgoingCall
from dialnexa.live.sip.screening import screen
from dialnexa.live.sip.sdp import SdpError, SessionDescription, parse_sdp
from dialnexa.live.sip.session import Dialog, refuse_sdp
from dialnexa.live.sip.stack import ACCEPT, ALLOW, Stack
from dialnexa.live.sip.timers import Timers
from dialnexa.live.sip.transaction import Failure
from dialnexa.live.sip.transport import Address, Transport, UdpTransport

__all__ = [
    "CallCancelled",
    "CallRejected",
    "CallTimedOut",
    "Dialog",
    "DialogEnd",
    "EndedBy",
    "EndpointCounts",
    "IncomingCall",
    "OutgoingCall",
    "Progress",
    "SipEndpoint",
]

log = structlog.get_logger(__name__)

MessageHook = Callable[[str, Address, SipMessage], None]
"""Sees every message: ``in`` or ``out``, the peer's address, the message (not to be changed)."""

_SOURCES_KEPT = 1024
_RETRY_AFTER_S = "30"


@dataclass(frozen=True, slots=True)
class EndpointCounts:
    """What an endpoint holds and has seen: for leak checks and metrics."""

    client_transactions: int
    server_transactions: int
    dialogs: int
    pending_calls: int
    """Calls that are being set up, either way."""
    deadlines: int
    received: int
    sent: int
    malformed: int
    malformed_by_source: dict[str, int]
    """Malformed datagrams per IP address, for the sources seen last."""
    faults: int
    """Messages that hit a bug of ours; always 0."""


class SipEndpoint:
    """One SIP user agent on one socket. ``open`` binds it; leaving the block ends its calls and frees the socket."""

    def __init__(
        self,
        *,
        on_invite: Callable[[IncomingCall], None],
        now: Callable[[], float],
        user_agent: str = "DialNexa",
        accepting: Callable[[], bool] = lambda: True,
        timers: Timers | None = None,
        on_message: MessageHook | None = None,
    ) -> None:
        """Make an endpoint without a wire; ``attach`` gives it one. ``now``: seconds that never go back."""
        self.on_message = on_message
        self._on_invite = on_invite
        self._accepting = accepting
        self._stack = Stack(now, timers or Timers(), self._transmit, self._on_request)
        self._stack.user_agent = user_agent
        self._transport: Transport | None = None
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
        user_agent: str = "DialNexa",
        accepting: Callable[[], bool] = lambda: True,
        timers: Timers | None = None,
        on_message: MessageHook | None = None,
    ) -> AsyncGenerator[SipEndpoint]:
        """Bind a UDP socket and answer on it. Port 0 takes a free one; raises ``OSError`` when the port is taken.

        ``on_invite`` gets each new call and must return at once. ``accepting`` decides what OPTIONS says: 200, or 503
        while draining. ``advertised_host`` goes into Via, Contact and SDP when the bound address is not the public one.
        """
        loop = asyncio.get_running_loop()
        endpoint = cls(
            on_invite=on_invite,
            now=loop.time,
            user_agent=user_agent,
            accepting=accepting,
            timers=timers,
            on_message=on_message,
        )
        transport = await UdpTransport.open(host, port, endpoint.receive)
        endpoint.attach(transport, advertised_host or _reachable(transport.address[0]))
        alarm = _Alarm(loop, endpoint)
        endpoint._stack.agenda.on_earlier = alarm.set
        try:
            yield endpoint
        finally:
            endpoint.close()
            alarm.stop()

    def attach(self, transport: Transport, advertised_host: str) -> None:
        """Put the endpoint on a wire; its datagrams go to ``receive``."""
        self._transport = transport
        self._stack.transport_name = transport.name
        self._stack.advertised = (advertised_host.strip("[]"), transport.address[1])

    @property
    def address(self) -> Address:
        """Host and port as bound."""
        assert self._transport is not None
        return self._transport.address

    @property
    def advertised(self) -> Address:
        """Host and port told to peers."""
        return self._stack.advertised

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
    ) -> OutgoingCall:
        """Prepare a call to the user ``to`` (``+1650…``) at a host; ``answered`` makes it."""
        return OutgoingCall(self._stack, to, from_user, host, port, offer, credentials, headers)

    async def options(self, destination: Address) -> Response:
        """Ask a peer what it can do, and so whether it lives. Raises ``TimeoutError`` after 64*T1 without an answer."""
        outcome: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

        def on_response(event: Response | Failure) -> None:
            if outcome.done():
                return
            if isinstance(event, Failure):
                outcome.set_exception(TimeoutError(f"{destination[0]}:{destination[1]} does not answer"))
            elif event.status >= 200:
                outcome.set_result(event)

        self._stack.ask(self._stack.out_of_dialog("OPTIONS", destination), destination, on_response)
        return await outcome

    def counts(self) -> EndpointCounts:
        """Return what is held and what was seen."""
        return EndpointCounts(
            len(self._stack.layer.clients),
            len(self._stack.layer.servers),
            len(self._stack.dialogs),
            len(self._stack.pending),
            len(self._stack.agenda),
            self._received,
            self._sent,
            self._malformed,
            dict(self._malformed_by_source),
            self._faults,
        )

    def close(self) -> None:
        """End every call without waiting for anybody, then give the socket back."""
        for call in list(self._stack.pending):
            call.close()
        for dialog in list(self._stack.dialogs.values()):
            dialog.close()
        if self._transport is not None:
            self._transport.close()

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
        self._received += 1
        if not data.strip(b"\r\n\0 "):
            return  # a keep-alive (RFC 5626 §3.5.1)
        try:
            message = parse(data)
            if isinstance(message, Malformed):
                self._refuse(message, source)
                return
            if self.on_message is not None:
                self.on_message("in", source, message)
            if isinstance(message, Request):
                message.stamp(source)
                self._stack.layer.receive_request(message, source)
            else:
                self._stack.layer.receive_response(message)
        except Exception:
            self._faults += 1
            log.exception("sip message hit a bug", source=source[0], size=len(data))

    def _transmit(self, message: SipMessage, to: Address) -> None:
        if self._transport is None:
            return
        self._sent += 1
        if self.on_message is not None:
            self.on_message("out", to, message)
        self._transport.send(message.encode(), to)

    def _refuse(self, malformed: Malformed, source: Address) -> None:
        """Count it, and answer a request that says where to; without a transaction, so it costs nothing."""
        self._malformed += 1
        host = source[0]
        self._malformed_by_source[host] = self._malformed_by_source.pop(host, 0) + 1
        if len(self._malformed_by_source) > _SOURCES_KEPT:
            self._malformed_by_source.popitem(last=False)
        if self._malformed_by_source[host] == 1:
            log.info("malformed sip message", source=host, reason=malformed.reason)
        request = malformed.request
        if request is not None:
            request.stamp(source)
            self._transmit(request.reply(malformed.status, headers=self._stack.server_header()), source)

    # --- requests --------------------------------------------------------------------------------------------------

    def _on_request(self, exchange: Exchange) -> None:
        request = exchange.request
        if request.method == "CANCEL":
            self._on_cancel(exchange)
            return
        if request.recipient.tag:
            dialog = self._stack.find(request)
            if dialog is None:
                self._stack.answer(exchange, 481)
            else:
                dialog.receive(exchange)
            return
        refusal = screen(request)
        if refusal is not None:
            self._stack.answer(exchange, refusal.status, refusal.reason, headers=refusal.headers)
        elif request.method == "INVITE":
            self._on_new_call(exchange)
        else:
            self._on_options(exchange)

    def _on_cancel(self, exchange: Exchange) -> None:
        invite = self._stack.layer.find_invite(exchange.request)
        if invite is None:
            self._stack.answer(exchange, 481)
            return
        self._stack.answer(exchange, 200, to_tag=invite.local_tag)
        if invite.on_cancel is not None:
            invite.on_cancel(exchange.request)

    def _on_options(self, exchange: Exchange) -> None:
        if self._accepting():
            self._stack.answer(exchange, 200, headers=[ALLOW, ACCEPT, ("Supported", "")])
        else:
            self._stack.answer(exchange, 503, headers=[("Retry-After", _RETRY_AFTER_S)])

    def _on_new_call(self, exchange: Exchange) -> None:
        body = exchange.request.body
        try:
            offer = parse_sdp(body) if body else None
        except SdpError as error:
            refuse_sdp(self._stack, exchange, error)
            return
        call = IncomingCall(self._stack, exchange, offer)
        try:
            self._on_invite(call)
        except Exception:
            self._faults += 1
            log.exception("incoming call could not be handed over", call_id=call.call_id)
            call.reject(500)


class _Alarm:
    """One event-loop timer, set to the endpoint's next deadline."""

    def __init__(self, loop: asyncio.AbstractEventLoop, endpoint: SipEndpoint) -> None:
        self._loop = loop
        self._endpoint = endpoint
        self._handle: asyncio.TimerHandle | None = None

    def set(self) -> None:
        """Set it to the next deadline, which has just become an earlier one."""
        self.stop()
        deadline = self._endpoint.next_deadline
        if deadline is not None:
            self._handle = self._loop.call_at(deadline, self._ring)

    def stop(self) -> None:
        """Set it to never."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _ring(self) -> None:
        try:
            self._endpoint.advance()
        finally:
            self.set()


def _reachable(host: str) -> str:
    """Return what to tell peers when bound to ``host``: for a wildcard, the address of the default route."""
    if not ipaddress.ip_address(host.partition("%")[0]).is_unspecified:
        return host
    family, probe = (socket.AF_INET6, "2001:db8::1") if ":" in host else (socket.AF_INET, "192.0.2.1")
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect((probe, 9))  # sends nothing; it only picks a route
        except OSError:
            return "::1" if ":" in host else "127.0.0.1"
        return sock.getsockname()[0]
