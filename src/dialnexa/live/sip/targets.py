"""Where the requests for a peer go: its addresses, or its proxy's, one after another (RFC 3263 §4.3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dialnexa.live.sip.errors import CallRejected, retry_after
from dialnexa.live.sip.messages.fields import FieldError, NameAddr, Uri, bracket
from dialnexa.live.sip.messages.hop import UDP, Hop
from dialnexa.live.sip.messages.message import Request, Response
from dialnexa.live.sip.stack import Stack, quote_user, uri_transport
from dialnexa.live.sip.transactions.agenda import Appointment
from dialnexa.live.sip.transactions.layer import Inquiry, Listener
from dialnexa.live.sip.transactions.transaction import Failure, State
from dialnexa.live.sip.transport.edge import read_proxy

SILENCE_T1 = 8
"""After so many T1 (4 s) without a word the next address is tried, if there is one. The transaction itself would wait
64 (32 s), longer than most calls may ring; by 8 the request has been sent four times, and a host that lost four in a
row is taken for dead."""
DEAD_S = 60.0
"""How long an address that did not answer comes last for other requests."""
_LONGEST_AVOIDED_S = 3600.0


@dataclass(frozen=True, slots=True)
class Destination:
    """A peer as it is written down: host name or address, and the proxy before it, if any."""

    host: str
    port: int
    """0: as NAPTR and SRV records say."""
    transport: str = UDP
    proxy: str = ""
    """``host[:port]``, with ``;transport=…`` when it is not reached over the peer's own transport."""
    contact: str = ""
    """The URI a phone registered with; ``host`` and ``port`` are then where it was seen, or its open connection."""
    path: tuple[str, ...] = ()
    """Proxies on the way to that phone (RFC 3327)."""

    @property
    def flow(self) -> Hop:
        """The way a registered phone was seen to come."""
        return Hop(self.host, self.port, self.transport)

    def uri(self, user: str) -> str:
        """Return the URI of a user there, or with an empty user of the host itself."""
        port = f":{self.port}" if self.port else ""
        return f"sip:{quote_user(user)}{bracket(self.host.strip('[]'))}{port}{uri_transport(self.transport)}"

    @property
    def routes(self) -> tuple[str, ...]:
        """The Route that leads over the proxy (RFC 3261 §8.1.2): loose, so the Request-URI stays as it is."""
        if self.path:
            return self.path
        if not self.proxy:
            return ()
        over = "" if ";" in self.proxy else uri_transport(self.transport)
        return (f"<sip:{self.proxy}{over};lr>",)

    def place(self) -> tuple[str, int, str]:
        """Return host, port and transport to look up. Raises ``FieldError`` when the proxy is none."""
        if self.path or self.contact:
            uri = Uri.parse(NameAddr.parse(self.path[0]).uri if self.path else self.contact)
            return uri.host, uri.port or 0, uri.transport
        if not self.proxy:
            return self.host, self.port, self.transport
        uri = read_proxy(self.proxy)
        return uri.host, uri.port or 0, uri.transport if uri.params else self.transport

    def __str__(self) -> str:
        via = f" over the proxy {self.proxy}" if self.proxy else ""
        return (f"{bracket(self.host.strip('[]'))}:{self.port}" if self.port else self.host) + via


class Targets:
    """The addresses for one request, the best first; who fails is passed over and remembered."""

    def __init__(self, stack: Stack, hops: list[Hop]) -> None:
        self._stack = stack
        self._rest = hops[1:]
        self.current = hops[0]
        self.missed: list[str] = []
        """What was tried in vain, in words."""

    @classmethod
    async def of(cls, stack: Stack, destination: Destination, known: Hop | None = None) -> Targets:
        """Look the destination up; ``known`` comes first if it is still among its addresses.

        Raises ``CallRejected`` (503) when nothing is found.
        """
        wire = stack.wires.get(destination.transport)
        if destination.contact and not destination.path and wire is not None and wire.reaches(destination.flow):
            return cls(stack, [destination.flow])
        try:
            place = destination.place()
        except FieldError as error:
            raise CallRejected(503, "Service Unavailable", detail=str(error)) from None
        hops = await stack.locate(*place)
        return cls(stack, sorted(hops, key=lambda hop: hop != known))

    def ask(self, request: Request, listener: Listener) -> Inquiry:
        """Send a request (no INVITE) to the current target; with others left, its silence counts as failure early."""

        def on_event(event: Response | Failure) -> None:
            if watch is not None:
                watch.cancel()
            listener(event)

        inquiry = self._stack.ask(request, self.current, on_event)
        watch = self.watch(inquiry, inquiry.abort)
        return inquiry

    def watch(self, inquiry: Inquiry, on_silence: Callable[[], None]) -> Appointment | None:
        """Arrange to be told when the current target says nothing; ``None``: it is the last and gets all its time."""
        if not self._rest:
            return None

        def look() -> None:
            if inquiry.state in (State.CALLING, State.TRYING):
                on_silence()

        return self._stack.agenda.call_later(SILENCE_T1 * self._stack.timers.t1, look)

    def pass_over(self, event: Response | Failure) -> bool:
        """Go to the next target if ``event`` is a reason to, and there is one; the failed one is remembered."""
        if isinstance(event, Response) and event.status != 503:
            return False
        seconds = float(retry_after(event) or 0) if isinstance(event, Response) else DEAD_S
        if seconds:
            self._stack.locator.avoid(self.current, min(seconds, _LONGEST_AVOIDED_S))
        self.missed.append(f"{bracket(self.current.host)}:{self.current.port} {_words(event)}")
        if not self._rest:
            return False
        self.current = self._rest.pop(0)
        return True


def _words(event: Response | Failure) -> str:
    if isinstance(event, Response):
        return f"said {event.status} {event.reason}"[:80].rstrip()
    return "took no connection" if event is Failure.TRANSPORT else "did not answer"
