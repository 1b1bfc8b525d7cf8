"""The door of an endpoint: which requests are looked at at all, before anything is kept for them.

Those inside calls and repetitions always are. Others have a budget per source; what is left goes through the gate.
Answers to whom the gate does not let in need no transaction: nothing is kept, and nothing is repeated.
"""

from __future__ import annotations

from collections.abc import Callable

from dialnexa.live.sip.gate.defence import SourceLimiter
from dialnexa.live.sip.gate.policy import Gate, Judgement, Passage, Treatment
from dialnexa.live.sip.messages.hop import is_loopback
from dialnexa.live.sip.messages.message import Request, Response
from dialnexa.live.sip.stack import Stack, new_tag

_MOST_TIMES = 3
"""How much longer than the question an answer to a stranger may be over UDP: as for QUIC (RFC 9000 §8.1).

No phone's request is so short that this matters; forged ones gain their sender nothing.
"""


class Door:
    """Lets requests in, or says what they are answered."""

    def __init__(self, stack: Stack, limiter: SourceLimiter, gate: Gate) -> None:
        self.limiter = limiter
        self.gate = gate
        self._stack = stack

    def lets_in(self, request: Request, answer: Callable[[Response], None], *, registering: bool, size: int) -> bool:
        """Whether a request is looked at; otherwise it has been answered, or is not.

        ``registering``: there is a registrar, which only serves those who show a login. ``size``: bytes of a datagram,
        whose source may be forged; 0 for what came over a connection.
        """
        if self._stack.layer.knows(request):
            return True
        now, host = self._stack.agenda.now(), request.origin[0]
        if request.recipient.tag or request.method in ("ACK", "CANCEL"):
            return self._belongs(request) or not self.is_silent_to(request)
        if not is_loopback(host) and not self.limiter.admits(host, now):
            return False
        ask = self.gate.ask_login if registering and request.method == "REGISTER" else self.gate.judge
        judgement = ask(request, host, now)
        request.login = judgement.login
        if judgement.passage is Passage.OPEN:
            return True
        self.limiter.note_refused(host, now)
        reply = self._reply(request, judgement)
        if reply and not (size and len(reply.encode()) > size * _MOST_TIMES):
            answer(reply)
        return False

    def is_silent_to(self, request: Request) -> bool:
        """Whether the sender of a request must not even learn that somebody lives here."""
        return self.gate.treat(request, request.origin[0]) is Treatment.DROP

    def _belongs(self, request: Request) -> bool:
        """Whether a request speaks of a call we have."""
        if request.method == "CANCEL":
            return self._stack.layer.find_invite(request) is not None
        return request.method == "ACK" or self._stack.find(request) is not None

    def _reply(self, request: Request, judgement: Judgement) -> Response | None:
        status = {Passage.CHALLENGED: 401, Passage.REFUSED: 403}.get(judgement.passage)
        if status is None:
            return None
        return request.reply(status, to_tag=new_tag(), headers=[*judgement.headers, *self._stack.server_header()])
