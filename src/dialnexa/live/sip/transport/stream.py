"""SIP over TCP and TLS (RFC 3261 §18, §26.2): connections that are made when needed and used again (RFC 5923)."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import cast

import structlog

from dialnexa.live.sip.messages.framing import PING, PONG, FramingError, StreamFramer
from dialnexa.live.sip.messages.hop import TCP, TLS, Address, Hop, ip_version

log = structlog.get_logger(__name__)

CONNECT_S = 4.0
"""A peer that has not taken the connection by then is not there. Short, for a UDP fall-back may be waiting."""
MESSAGE_S = 30.0
"""A new connection must bring its first message by then, and a message that began must end."""
IDLE_S = 3600.0
"""A connection over which nothing came for so long is closed; calls that need one make a new one."""
MAX_CONNECTIONS = 2048
MAX_PER_SOURCE = 256
UNHEARD_MS = 30_000
"""A connection whose peer acknowledges nothing for so long is dead: found out by the next message or keep-alive,
instead of after the quarter of an hour that TCP would go on repeating."""
_UNSENT_LIMIT = 1 << 20
"""Bytes a peer may leave unread before its connection is cut."""
_SWEEP_S = 5.0

Receiver = Callable[[bytes, Hop], None]
"""Takes one message and the connection it came over."""


class StreamTransport:
    """Every connection of one endpoint over TCP, or over TLS."""

    def __init__(
        self,
        on_message: Receiver,
        on_lost: Callable[[Hop, str], None],
        on_garbage: Callable[[Hop, str], None],
        client_context: ssl.SSLContext | None = None,
    ) -> None:
        """``on_lost``: a connection ended or could not be made, and why; ``on_garbage``: it brought no SIP."""
        self.name = TLS if client_context else TCP
        self.address: Address = ("", 0)
        self.on_message = on_message
        self.on_lost = on_lost
        self.on_garbage = on_garbage
        self._client_context = client_context
        self._server: asyncio.Server | None = None
        self._connections: dict[Hop, _Connection] = {}
        self._from: Counter[str] = Counter()
        self._waiting: dict[Hop, list[bytes]] = {}
        """What is to be sent once the connection stands."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False

    async def listen(self, host: str, port: int, server_context: ssl.SSLContext | None = None) -> None:
        """Accept connections; port 0 takes a free one. Raises ``OSError`` when the address is taken."""
        self._server = await self._loop.create_server(
            partial(_Connection, self, None), host, port, ssl=server_context, backlog=512
        )
        self.address = tuple(self._server.sockets[0].getsockname()[:2])

    def dial_from(self, host: str) -> None:
        """Make connections from this address, accepting none."""
        self.address = (host, 0)

    def reaches(self, hop: Hop) -> bool:
        """Whether a connection to this hop stands."""
        return hop in self._connections

    @property
    def connections(self) -> int:
        """How many connections stand."""
        return len(self._connections)

    def send(self, data: bytes, to: Hop) -> None:
        """Send one message over the connection to this hop, which is made if need be."""
        if self._closed:
            return
        connection = self._connections.get(to)
        if connection is not None:
            connection.write(data)
        elif to in self._waiting:
            self._waiting[to].append(data)
        else:
            self._waiting[to] = [data]
            task = asyncio.ensure_future(self._connect(to))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _connect(self, to: Hop) -> None:
        try:
            if ip_version(to.host) == 0 or not 0 < to.port < 65536:
                raise OSError(f"{to.host[:100]}:{to.port} is no address")
            async with asyncio.timeout(CONNECT_S):
                await self._loop.create_connection(
                    partial(_Connection, self, to),
                    to.host,
                    to.port,
                    ssl=self._client_context,
                    server_hostname=(to.name or to.host) if self._client_context else None,
                    local_addr=(self.address[0], 0) if ip_version(self.address[0]) == ip_version(to.host) else None,
                )
        except TimeoutError:
            self._give_up(to, f"no connection within {CONNECT_S:g} s")
        except (OSError, ssl.SSLError) as error:
            self._give_up(to, str(error)[:200])

    def _give_up(self, to: Hop, reason: str) -> None:
        self._waiting.pop(to, None)
        log.info("sip connection not made", to=f"{to.host}:{to.port}", transport=self.name, reason=reason)
        self.on_lost(to, reason)

    def close(self) -> None:
        """Close the listener and every connection, after what is written has left."""
        self._closed = True
        if self._server is not None:
            self._server.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
        for task in list(self._tasks):
            task.cancel()
        for connection in list(self._connections.values()):
            connection.close()

    # --- for connections ---------------------------------------------------------------------------------------------

    def admit(self, connection: _Connection, *, invited: bool) -> bool:
        """Take a new connection in; ``False`` when there are too many already."""
        host = connection.hop.host
        if self._closed or (
            not invited and (len(self._connections) >= MAX_CONNECTIONS or self._from[host] >= MAX_PER_SOURCE)
        ):
            return False
        self._connections[connection.hop] = connection
        self._from[host] += 1
        for data in self._waiting.pop(connection.hop, ()):
            connection.write(data)
        if self._sweeper is None:
            self._sweep()
        return True

    def dismiss(self, connection: _Connection, reason: str) -> None:
        """Forget a connection that has ended."""
        hop = connection.hop
        if self._connections.get(hop) is not connection:
            return
        del self._connections[hop]
        self._from[hop.host] -= 1
        if not self._from[hop.host]:
            del self._from[hop.host]
        if not self._closed:
            self.on_lost(hop, reason)

    def now(self) -> float:
        """Return the event loop's time."""
        return self._loop.time()

    def _sweep(self) -> None:
        now = self.now()
        for connection in [each for each in self._connections.values() if each.deadline <= now]:
            connection.cut("nothing complete came in time")
        again = bool(self._connections) and not self._closed
        self._sweeper = self._loop.call_later(_SWEEP_S, self._sweep) if again else None


class _Connection(asyncio.Protocol):
    """One connection, whoever made it."""

    def __init__(self, owner: StreamTransport, hop: Hop | None) -> None:
        self._owner = owner
        self._invited = hop is not None
        self.hop = hop or Hop("", 0, owner.name)
        self.deadline = owner.now() + (IDLE_S if self._invited else MESSAGE_S)
        self._framer = StreamFramer()
        self._transport: asyncio.Transport | None = None
        self._reason = "the far end closed the connection"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take part, unless there are too many."""
        self._transport = cast(asyncio.Transport, transport)
        _give_up_early(self._transport)
        if not self._invited:
            host, port = (transport.get_extra_info("peername") or ("", 0))[:2]
            self.hop = Hop(host, port, self._owner.name)
        if not self._owner.admit(self, invited=self._invited):
            log.warning("sip connection refused: too many", source=self.hop.host)
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Cut into messages, answer keep-alives, pass the rest on."""
        try:
            messages = self._framer.feed(data)
        except FramingError as error:
            self._owner.on_garbage(self.hop, str(error))
            self.cut(str(error))
            return
        waited = self._framer.is_waiting
        if messages or not waited:
            self.deadline = self._owner.now() + (MESSAGE_S if waited else IDLE_S)
        elif self.deadline > self._owner.now() + MESSAGE_S:
            self.deadline = self._owner.now() + MESSAGE_S
        for message in messages:
            if message == PING:
                self.write(PONG)
            else:
                self._owner.on_message(message, self.hop)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell those who wait for something over it."""
        self._owner.dismiss(self, str(exc)[:200] if exc else self._reason)

    def write(self, data: bytes) -> None:
        """Send; a peer that does not read is cut off."""
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > _UNSENT_LIMIT:
            self.cut("the far end does not read")

    def cut(self, reason: str) -> None:
        """End at once."""
        self._reason = reason
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """End after what is written has left."""
        if self._transport is not None:
            self._transport.close()


def _give_up_early(transport: asyncio.Transport) -> None:
    sock = transport.get_extra_info("socket")
    if sock is not None and hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux has it
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNHEARD_MS)
