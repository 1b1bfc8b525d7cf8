"""A hundred thousand spoilt packets, outside calls, inside them and as answers: the endpoint stays up, memory flat."""

from __future__ import annotations

import asyncio
import gc
import random
import sys
from collections.abc import Iterator
from itertools import count

import pytest

from dialnexa.live.plan import Credentials
from dialnexa.live.sip.endpoint import IncomingCall, SipEndpoint
from dialnexa.live.sip.gate.defence import RequestBudget
from dialnexa.live.sip.messages.message import Request, Response, parse
from dialnexa.live.sip.messages.sdp import SdpError, make_answer
from tests.live.sip.test_fuzz import SEEDS, mutate
from tests.live.sip.wire import OFFER, SDP, Wire, request

PACKETS = 100_000
ROUND = 1_000
"""Packets between two looks at what is held."""
THEM = ("10.0.0.9", 5060)
MORE_BLOCKS = 20_000
"""How many more blocks of memory (of some 80 bytes) may be held after the last round than after the first few: caches
of bounded size fill slowly. One block leaked per packet would be five times as many."""


class Attacker:
    """Knows the calls that are up, and spoils every packet it sends about them."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.wire = Wire()
        self.serial = count()
        self.tasks: set[asyncio.Task[object]] = set()
        self.endpoint: SipEndpoint = self.wire.endpoint("10.0.0.1", self._on_invite, budget=RequestBudget(1e9, 10**9))
        self.heard: list[bytes] = []
        self.wire._receivers[THEM] = lambda data, source: self.heard.append(data)

    def _on_invite(self, call: IncomingCall) -> None:
        call.ring()
        if call.offer is None or self.rng.random() < 0.5:
            call.reject(486)
            return
        try:
            answer = make_answer(call.offer, "10.0.0.1", 4000)
        except SdpError:
            call.reject(488)
            return
        self._keep(call.accept(answer))

    def _keep(self, work: object) -> None:
        task = asyncio.ensure_future(work)  # type: ignore[arg-type]
        self.tasks.add(task)
        task.add_done_callback(lambda done: (self.tasks.discard(done), done.cancelled() or done.exception()))

    def packets(self) -> Iterator[bytes]:
        """Yield spoilt messages of every kind, for ever."""
        while True:
            number = next(self.serial)
            call_id = f"{number}@fuzz"
            yield from (mutate(self.rng.choice(SEEDS), self.rng) for _ in range(4))
            yield from self._inside_a_call_of_theirs(call_id)
            yield from self._answers_to_a_call_of_ours()

    def _inside_a_call_of_theirs(self, call_id: str) -> Iterator[bytes]:
        """Begin a call properly, then ask for all sorts of things inside it."""
        self.heard.clear()
        demand = self.rng.choice(["", "Require: 100rel\n", "Supported: timer\nSession-Expires: 90\n"])
        yield _wire(request(body=SDP, call_id=call_id, branch=f"z9hG4bK-{call_id}", extra=demand))
        answers = [parsed for data in self.heard if isinstance(parsed := parse(data), Response)]
        tag = next((answer.recipient.tag for answer in answers if answer.recipient.tag), "x")
        for cseq, method in enumerate(("PRACK", "UPDATE", "ACK", "INVITE", "INFO", "REFER", "NOTIFY"), 1):
            body = SDP if method in ("UPDATE", "INVITE") else ""
            extra = "RAck: 1 1 INVITE\nRefer-To: <sip:x@y>\nEvent: refer\n"
            inside = request(
                method,
                to_tag=tag,
                call_id=call_id,
                cseq=cseq,
                branch=f"z9hG4bK-{method}{call_id}",
                body=body,
                extra=extra,
            )
            yield mutate(_wire(inside), self.rng)
        yield _wire(request("BYE", to_tag=tag, call_id=call_id, cseq=2**31 - 1, branch=f"z9hG4bK-b{call_id}"))

    def _answers_to_a_call_of_ours(self) -> Iterator[bytes]:
        """Let us dial, and answer with spoilt responses."""
        self.heard.clear()
        call = self.endpoint.dial(
            "+1", from_user="+2", host=THEM[0], port=THEM[1], offer=OFFER, credentials=Credentials("a", "b")
        )
        self._keep(asyncio.wait_for(call.answered(lambda _: None), 1e6))
        yield b"\r\n\r\n"  # time for the INVITE to leave
        invite = next((parsed for data in self.heard if isinstance(parsed := parse(data), Request)), None)
        if invite is None:
            return
        reliable = [("Require", "100rel"), ("RSeq", "1"), ("Contact", "<sip:far@10.0.0.9>")]
        body = SDP.replace("\n", "\r\n").encode()
        challenge = [("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth"')]
        for status, headers, text in (
            (183, reliable, body),
            (401, challenge, b""),
            (302, reliable, b""),
            (200, reliable, body),
        ):
            yield mutate(invite.reply(status, to_tag="far", headers=headers, body=text).encode(), self.rng)
        yield invite.reply(486, to_tag="far").encode()


def _wire(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


def _held() -> int:
    gc.collect()
    return sys.getallocatedblocks()


@pytest.fixture
def others_frozen() -> Iterator[None]:
    """Keep what other tests left alive out of the collections here, which would go through it each time."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


async def test_a_hundred_thousand_spoilt_packets_leave_nothing_behind(others_frozen: None) -> None:
    attacker = Attacker(random.Random(20261126))
    packets, levels = attacker.packets(), list[int]()
    for _ in range(PACKETS // ROUND):
        for _ in range(ROUND):
            attacker.endpoint.receive(next(packets), THEM)
            await asyncio.sleep(0)
            while attacker.wire._in_flight:
                data, _source, to = attacker.wire._in_flight.popleft()
                if to == THEM:
                    attacker.heard.append(data)
        attacker.wire.log.clear()
        for _ in range(6):  # every timer of RFC 3261 runs out, and whatever a call still owes
            attacker.wire.now += 100.0
            attacker.endpoint.advance()
            await asyncio.sleep(0)
            attacker.wire._in_flight.clear()
        levels.append(_held())
    counts = attacker.endpoint.counts()
    assert counts.faults == 0
    assert (counts.client_transactions, counts.server_transactions, counts.pending_calls) == (0, 0, 0)
    assert levels[-1] - max(levels[:5]) < MORE_BLOCKS, levels[::10]
    assert counts.malformed > PACKETS / 10, "the packets were spoilt indeed"
    attacker.endpoint.close()
    for task in list(attacker.tasks):
        task.cancel()
    await asyncio.sleep(0)
