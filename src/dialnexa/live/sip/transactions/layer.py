"""The transaction layer: finds the transaction of each message and keeps their timers (RFC 3261 §17.1.3, §17.2.3).

Still no I/O: messages leave through ``transmit``, time comes from the agenda.
"""

from __future__ import annotations

from collections.abc import Callable

from dialnexa.live.sip.messages.hop import Hop
from dialnexa.live.sip.messages.message import Request, Response, SipMessage
from dialnexa.live.sip.transactions.agenda import Agenda, Appointment
from dialnexa.live.sip.transactions.client import (
    ClientTransaction,
    InviteClientTransaction,
    NonInviteClientTransaction,
)
from dialnexa.live.sip.transactions.server import (
    InviteServerTransaction,
    NonInviteServerTransaction,
    ServerTransaction,
)
from dialnexa.live.sip.transactions.timers import Timers
from dialnexa.live.sip.transactions.transaction import (
    Action,
    ClientKey,
    Deliver,
    Failure,
    Send,
    ServerKey,
    State,
    client_key,
    invite_key,
    server_key,
)

Listener = Callable[[Response | Failure], None]
"""Who asked; called with each response, or with why there is none."""


class Inquiry:
    """A request of ours under way."""

    def __init__(self, layer: TransactionLayer, transaction: ClientTransaction, to: Hop, listener: Listener) -> None:
        self.transaction = transaction
        self.destination = to
        self.listener = listener
        self.appointment: Appointment | None = None
        self._layer = layer

    @property
    def request(self) -> Request:
        """The request as sent."""
        return self.transaction.request

    @property
    def state(self) -> State:
        """Where its transaction stands."""
        return self.transaction.state

    def abort(self) -> None:
        """Stop waiting; the listener hears a timeout."""
        self._layer.run_client(self, self.transaction.abort(Failure.TIMEOUT))


class Exchange:
    """A request from a peer, and the way back to it."""

    def __init__(self, layer: TransactionLayer, transaction: ServerTransaction, source: Hop) -> None:
        self.transaction = transaction
        self.source = source
        self.appointment: Appointment | None = None
        self.on_ack: Callable[[Request], None] | None = None
        """Called with an ACK that came on the INVITE's own branch."""
        self.on_cancel: Callable[[Request], None] | None = None
        """Called when a CANCEL for this INVITE came (and was answered)."""
        self.local_tag = ""
        """The To tag of our answers to an INVITE, for the answer to its CANCEL."""
        self._layer = layer

    @property
    def request(self) -> Request:
        """The request."""
        return self.transaction.request

    @property
    def state(self) -> State:
        """Where its transaction stands."""
        return self.transaction.state

    @property
    def reply_to(self) -> Hop:
        """Where answers go: back over the connection the request came on; over UDP where its Via says (§18.2.2)."""
        return self.source if self.source.is_reliable else Hop(*self.request.via.reply_to)

    def respond(self, response: Response) -> None:
        """Send a response; retransmission and repetitions are taken care of. Too late: it is dropped."""
        self._layer.run_server(self, self.transaction.respond(response, self._layer.agenda.now()))


class TransactionLayer:
    """All transactions of one endpoint."""

    def __init__(
        self,
        agenda: Agenda,
        timers: Timers,
        transmit: Callable[[SipMessage, Hop], None],
        on_request: Callable[[Exchange], None],
        on_ack: Callable[[Request], None],
        on_stray: Callable[[Response], None],
    ) -> None:
        """Take where messages leave (``transmit``) and who gets what belongs to no transaction.

        ``on_ack`` gets each ACK to a 2xx, ``on_stray`` each response nobody waits for.
        """
        self.agenda = agenda
        self.timers = timers
        self._transmit = transmit
        self._on_request = on_request
        self._on_ack = on_ack
        self._on_stray = on_stray
        self.clients: dict[ClientKey, Inquiry] = {}
        self.servers: dict[ServerKey, Exchange] = {}
        self._birthmarks: dict[tuple[str, ...], ServerKey] = {}
        """From tag, Call-ID and CSeq of each out-of-dialog request → its transaction (§8.2.2.2)."""

    # --- our requests ----------------------------------------------------------------------------------------------

    def ask(self, request: Request, destination: Hop, listener: Listener) -> Inquiry:
        """Send a request that has its Via, and report what comes back."""
        inquiry = Inquiry(self, self._client(request, destination), destination, listener)
        self._start(inquiry)
        return inquiry

    def restart(self, inquiry: Inquiry, request: Request, destination: Hop, listener: Listener) -> None:
        """Begin an inquiry anew on another way, in a transaction of its own; the request has a new Via."""
        inquiry.transaction = self._client(request, destination)
        inquiry.destination, inquiry.listener = destination, listener
        self._start(inquiry)

    def _client(self, request: Request, destination: Hop) -> ClientTransaction:
        machine = InviteClientTransaction if request.method == "INVITE" else NonInviteClientTransaction
        return machine(request, self.timers, reliable=destination.is_reliable)

    def _start(self, inquiry: Inquiry) -> None:
        self.clients[client_key(inquiry.request)] = inquiry
        self.run_client(inquiry, inquiry.transaction.start(self.agenda.now()))

    def lose(self, hop: Hop) -> None:
        """Fail what was sent over a connection and nobody has said a word to: it broke, or never came up (§18.4)."""
        for inquiry in list(self.clients.values()):
            if inquiry.destination == hop and inquiry.state in (State.CALLING, State.TRYING):
                self.run_client(inquiry, inquiry.transaction.abort(Failure.TRANSPORT))

    def receive_response(self, response: Response) -> None:
        """Take a response from the wire."""
        inquiry = self.clients.get(client_key(response))
        if inquiry is None:
            self._on_stray(response)
            return
        self.run_client(inquiry, inquiry.transaction.receive(response, self.agenda.now()))

    def run_client(self, inquiry: Inquiry, actions: list[Action]) -> None:
        """Do what a client transaction asks for, then see to its timer."""
        if inquiry.state is State.TERMINATED:
            self.clients.pop(client_key(inquiry.request), None)
        self._arrange(inquiry, lambda now: self.run_client(inquiry, inquiry.transaction.timeout(now)))
        for action in actions:
            if isinstance(action, Send):
                self._transmit(action.message, inquiry.destination)
            elif not isinstance(action, Deliver):
                inquiry.listener(action.failure)
            elif isinstance(action.message, Response):
                inquiry.listener(action.message)

    # --- requests from others --------------------------------------------------------------------------------------

    def receive_request(self, request: Request, source: Hop) -> None:
        """Take a request from the wire, its Via already stamped."""
        key = server_key(request)
        exchange = self.servers.get(key)
        if exchange is not None:
            self.run_server(exchange, exchange.transaction.receive(request, self.agenda.now()))
        elif request.method == "ACK":
            self._on_ack(request)
        else:
            self._begin(key, request, source)

    def knows(self, request: Request) -> bool:
        """Whether this repeats a request that is being dealt with."""
        return server_key(request) in self.servers

    def find_invite(self, cancel: Request) -> Exchange | None:
        """Return the INVITE that a CANCEL is for."""
        return self.servers.get(invite_key(cancel))

    def _begin(self, key: ServerKey, request: Request, source: Hop) -> None:
        machine = InviteServerTransaction if request.method == "INVITE" else NonInviteServerTransaction
        exchange = Exchange(self, machine(request, self.timers, reliable=source.is_reliable), source)
        self.servers[key] = exchange
        mark = _birthmark(request)
        merged = mark is not None and self._birthmarks.setdefault(mark, key) != key
        if merged:
            # The same request came over two ways; only the first may ring (§8.2.2.2).
            exchange.transaction.start(self.agenda.now())
            exchange.respond(request.reply(482, "Merged Request"))
            return
        self.run_server(exchange, exchange.transaction.start(self.agenda.now()))

    def run_server(self, exchange: Exchange, actions: list[Action]) -> None:
        """Do what a server transaction asks for, then see to its timer."""
        if exchange.state is State.TERMINATED:
            self._forget(exchange)
        self._arrange(exchange, lambda now: self.run_server(exchange, exchange.transaction.timeout(now)))
        for action in actions:
            if isinstance(action, Send):
                self._transmit(action.message, exchange.reply_to)
            elif isinstance(action, Deliver) and isinstance(action.message, Request):
                self._pass_up(exchange, action.message)

    def _pass_up(self, exchange: Exchange, request: Request) -> None:
        if request.method != "ACK":
            self._on_request(exchange)
        elif exchange.on_ack is not None:
            exchange.on_ack(request)
        else:
            self._on_ack(request)

    def _forget(self, exchange: Exchange) -> None:
        key = server_key(exchange.request)
        self.servers.pop(key, None)
        mark = _birthmark(exchange.request)
        if mark is not None and self._birthmarks.get(mark) == key:
            del self._birthmarks[mark]

    # --- time ------------------------------------------------------------------------------------------------------

    def _arrange(self, owner: Inquiry | Exchange, timeout: Callable[[float], None]) -> None:
        deadline = owner.transaction.next_deadline
        current = owner.appointment
        if current is not None and current.callback is not None:
            if current.at == deadline:
                return
            current.cancel()
        owner.appointment = None
        if deadline is not None:
            owner.appointment = self.agenda.call_at(deadline, lambda: timeout(self.agenda.now()))


def _birthmark(request: Request) -> tuple[str, ...] | None:
    if request.recipient.tag or request.method == "CANCEL":
        return None
    return request.sender.tag, request.call_id, str(request.cseq)
