"""A network in virtual time: endpoints and scripted peers exchange datagrams, some of which get lost."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from dialnexa.live.sip.endpoint import Gate, IncomingCall, RequestBudget, SipEndpoint
from dialnexa.live.sip.messages.framing import PING
from dialnexa.live.sip.messages.hop import Hop, ip_version
from dialnexa.live.sip.messages.message import Request, Response, parse
from dialnexa.live.sip.messages.sdp import make_offer
from dialnexa.live.sip.registrations.registrar import Registrar
from dialnexa.live.sip.transactions.timers import Timers
from dialnexa.live.sip.transport.edge import Edges
from dialnexa.live.sip.transport.locate import Locator
from dialnexa.live.sip.transport.names import LookupFailed, Names, Pointer, Records, Service

Address = tuple[str, int]
T = TypeVar("T")

OFFER = make_offer("10.0.0.1", 4000)


@dataclass
class Zone:
    """Names as the test wants them; ``asked`` keeps every question."""

    hosts: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    srv: dict[str, list[Service]] = field(default_factory=dict[str, list[Service]])
    naptr: dict[str, list[Pointer]] = field(default_factory=dict[str, list[Pointer]])
    asked: list[str] = field(default_factory=list[str])
    ttl: float = 60.0
    dead: bool = False

    async def addresses(self, name: str, version: int) -> Records[str]:
        found = [each for each in self.hosts.get(name, []) if ip_version(each) == version]
        return self._answer(f"{'A' if version == 4 else 'AAAA'} {name}", found)

    async def services(self, name: str) -> Records[Service]:
        return self._answer(f"SRV {name}", self.srv.get(name, []))

    async def pointers(self, name: str) -> Records[Pointer]:
        return self._answer(f"NAPTR {name}", self.naptr.get(name, []))

    def _answer(self, question: str, found: list[T]) -> Records[T]:
        self.asked.append(question)
        if self.dead:
            raise LookupFailed(f"no name server answers {question}")
        return Records(tuple(found), self.ttl)


class Wire:
    """Delivers in order and at once, unless ``lose`` says otherwise; time only moves when nothing is left to do."""

    def __init__(self) -> None:
        self.now = 0.0
        self.lose: Callable[[bytes], bool] = lambda data: False
        self.log: list[str] = []
        """Start lines of everything sent, lost or not."""
        self._receivers: dict[Address, Callable[[bytes, Address], None]] = {}
        self._in_flight: deque[tuple[bytes, Address, Address]] = deque()
        self._endpoints: list[SipEndpoint] = []

    def endpoint(
        self,
        host: str,
        on_invite: Callable[[IncomingCall], None] = lambda call: call.reject(486),
        accepting: Callable[[], bool] = lambda: True,
        budget: RequestBudget | None = None,
        gate: Gate | None = None,
        registrar: Registrar | None = None,
        names: Names | None = None,
        edges: Edges | None = None,
    ) -> SipEndpoint:
        endpoint = SipEndpoint(
            on_invite=on_invite,
            now=lambda: self.now,
            timers=Timers(),
            accepting=accepting,
            budget=budget,
            gate=gate,
            registrar=registrar,
            locator=Locator(lambda: self.now, names or Zone(), random.Random(1)),
            edges=edges,
        )
        endpoint.attach(_Plug(self, (host, 5060)), host)
        self._receivers[host, 5060] = endpoint.receive
        self._endpoints.append(endpoint)
        return endpoint

    def peer(self, host: str, port: int = 5060) -> Peer:
        peer = Peer(self, (host, port))
        self._receivers[host, port] = peer.take
        return peer

    def send(self, data: bytes, source: Address, to: Address) -> None:
        self.log.append(data.split(b"\r\n", 1)[0].decode("utf-8", "replace"))
        if not self.lose(data):
            self._in_flight.append((data, source, to))

    async def settle(self) -> None:
        """Deliver and let tasks run until nothing moves any more."""
        quiet = 0
        while quiet < 10:
            quiet += 1
            await asyncio.sleep(0)
            while self._in_flight:
                quiet = 0
                data, source, to = self._in_flight.popleft()
                receiver = self._receivers.get(to)
                if receiver is not None:
                    receiver(data, source)

    async def pass_time(self, seconds: float) -> None:
        """Let that much time pass, keeping every deadline in it at its own moment."""
        end = self.now + seconds
        await self.settle()
        while (deadline := self._next_deadline()) is not None and deadline <= end:
            await self._advance(deadline)
        self.now = end

    async def until(self, awaitable: Awaitable[T]) -> T:
        """Run until this is done, letting time pass only when nothing else can happen."""
        task = asyncio.ensure_future(awaitable)
        await self.settle()
        while not task.done():
            deadline = self._next_deadline()
            assert deadline is not None, "nothing is left that could ever end the wait"
            await self._advance(deadline)
        return await task

    async def _advance(self, deadline: float) -> None:
        self.now = max(self.now, deadline)
        for endpoint in self._endpoints:
            endpoint.advance()
        await self.settle()

    def _next_deadline(self) -> float | None:
        deadlines = [endpoint.next_deadline for endpoint in self._endpoints]
        return min((deadline for deadline in deadlines if deadline is not None), default=None)


class _Plug:
    """One endpoint's end of the wire."""

    name = "UDP"

    def __init__(self, wire: Wire, address: Address) -> None:
        self._wire = wire
        self.address = address

    def send(self, data: bytes, to: Hop) -> None:
        self._wire.send(data, self.address, to.address)

    def reaches(self, hop: Hop) -> bool:
        return True

    def close(self) -> None:
        pass


class Peer:
    """A far end that only says what the test says."""

    def __init__(self, wire: Wire, address: Address) -> None:
        self._wire = wire
        self.address = address
        self.received: list[Request | Response] = []
        self.pings = 0

    def take(self, data: bytes, source: Address) -> None:
        if data == PING:
            self.pings += 1
            return
        message = parse(data)
        assert isinstance(message, Request | Response), message
        self.received.append(message)

    @property
    def last(self) -> Request | Response:
        return self.received[-1]

    def requests(self, method: str) -> list[Request]:
        return [message for message in self.received if isinstance(message, Request) and message.method == method]

    def statuses(self) -> list[int]:
        return [message.status for message in self.received if isinstance(message, Response)]

    def send(self, message: str | bytes | Request | Response, to: Address = ("10.0.0.1", 5060)) -> None:
        data = message.encode() if isinstance(message, Request | Response) else message
        data = data.replace("\n", "\r\n").encode() if isinstance(data, str) else data
        self._wire.send(data, self.address, to)

    async def says(self, message: str | bytes | Request | Response) -> Request | Response:
        """Send it and return the last thing that came back."""
        self.send(message)
        await self._wire.settle()
        return self.last


def request(
    method: str = "INVITE",
    *,
    uri: str = "sip:+14155550100@10.0.0.1",
    branch: str = "z9hG4bK-1",
    to_tag: str = "",
    cseq: int = 1,
    call_id: str = "call-1@10.0.0.9",
    extra: str = "",
    body: str = "",
    source: str = "10.0.0.9",
    from_tag: str = "caller",
) -> str:
    """A request as a plain peer writes it; ``extra`` holds whole header lines."""
    tag = f";tag={to_tag}" if to_tag else ""
    kind = "Content-Type: application/sdp\n" if body and "Content-Type" not in extra else ""
    return (
        f"{method} {uri} SIP/2.0\nVia: SIP/2.0/UDP {source}:5060;branch={branch}\nMax-Forwards: 70\n"
        f"From: <sip:+16505550199@{source}>;tag={from_tag}\nTo: <sip:+14155550100@10.0.0.1>{tag}\n"
        f"Call-ID: {call_id}\nCSeq: {cseq} {method}\nContact: <sip:phone@{source}:5060>\n"
        f"{extra}{kind}Content-Length: {len(body.replace(chr(10), chr(13) + chr(10)))}\n\n{body}"
    )


SDP = """v=0
o=phone 7 7 IN IP4 10.0.0.9
s=-
c=IN IP4 10.0.0.9
t=0 0
m=audio 30000 RTP/AVP 0 8 101
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
"""
