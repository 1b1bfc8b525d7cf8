"""A registration over hours of virtual time: refreshed, refused, forgotten, taken back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from tests.live.sip.wire import Peer, Wire, Zone

from dialnexa.live.plan import Credentials
from dialnexa.live.sip.endpoint import Registration, SipEndpoint
from dialnexa.live.sip.messages.digest import Verdict, make_nonce, verify
from dialnexa.live.sip.messages.hop import Hop
from dialnexa.live.sip.messages.message import Request
from dialnexa.live.sip.transport.names import Service

ALICE = Credentials("alice", "s3cret")


@dataclass
class Trunk:
    """Our endpoint, registering as ``alice`` at a scripted registrar."""

    wire: Wire = field(default_factory=Wire)
    changes: list[str] = field(default_factory=list)
    endpoint: SipEndpoint = field(init=False)
    registrar: Peer = field(init=False)

    def __post_init__(self) -> None:
        self.endpoint = self.wire.endpoint("10.0.0.1")
        self.registrar = self.wire.peer("10.0.0.9")

    async def start(self, credentials: Credentials | None = ALICE) -> Registration:
        registration = self.endpoint.register(
            "alice", host="10.0.0.9", port=5060, credentials=credentials,
            on_change=lambda each: self.changes.append(each.status.state),
        )  # fmt: skip
        await self.wire.settle()
        return registration

    @property
    def asked(self) -> list[Request]:
        """Every REGISTER, repetitions left out."""
        return list({each.cseq.number: each for each in self.registrar.requests("REGISTER")}.values())

    async def say(self, status: int, *headers: tuple[str, str]) -> None:
        self.registrar.send(self.asked[-1].reply(status, to_tag="r", headers=headers))
        await self.wire.settle()


@pytest.fixture
def trunk() -> Trunk:
    return Trunk()


class TestRegistration:
    async def test_knows_its_contact_behind_an_edge_that_names_itself(self, trunk: Trunk) -> None:
        registration = await trunk.start()
        desk, edge = "<sip:alice@10.0.0.7:5060>;expires=20", "<sip:alice@203.0.113.5:5060>;expires=120"
        await trunk.say(200, ("Contact", f"{desk}, {edge}"), ("Expires", "3600"))
        assert (registration.status.state, registration.status.expires_at) == ("registered", 120.0)

    async def test_logs_in_and_is_refreshed_before_it_expires(self, trunk: Trunk) -> None:
        registration = await trunk.start()
        first = trunk.asked[0]
        assert (first.uri, first.recipient.uri) == ("sip:10.0.0.9:5060", "sip:alice@10.0.0.9")
        assert first.headers.first("Contact") == "<sip:alice@10.0.0.1:5060>"
        nonce = make_nonce(b"key", 0.0)
        await trunk.say(401, ("WWW-Authenticate", f'Digest realm="r", nonce="{nonce}", qop="auth"'))
        second = trunk.asked[1]
        assert verify(second.headers.first("Authorization"), "REGISTER", ALICE, "r", b"key", 0.0) is Verdict.GOOD
        assert (second.call_id, second.cseq.number) == (first.call_id, 2)
        await trunk.say(200, ("Contact", "<sip:else@10.0.0.7>;expires=9999, <sip:alice@10.0.0.1:5060>;expires=300"))
        assert (registration.status.state, registration.status.expires_at) == ("registered", 300.0)
        await trunk.wire.pass_time(267.0)
        assert len(trunk.asked) == 2
        await trunk.wire.pass_time(2.0)
        assert len(trunk.asked) == 3
        assert trunk.asked[2].headers.first("Authorization")
        await trunk.say(200, ("Expires", "60"))
        assert registration.status.expires_at == pytest.approx(trunk.wire.now + 60.0)

    async def test_backs_off_while_nobody_answers_and_recovers(self, trunk: Trunk) -> None:
        trunk.wire.lose = lambda data: True
        registration = await trunk.start()
        await trunk.wire.pass_time(2000.0)
        assert registration.status.state == "failed"
        assert registration.status.reason == "10.0.0.9:5060 does not answer"
        tries = {line for line in trunk.wire.log if line.startswith("REGISTER")}
        assert tries
        assert registration.status.next_try_at - trunk.wire.now <= 300.0
        trunk.wire.lose = lambda data: False
        while not trunk.registrar.received:
            await trunk.wire.pass_time(10.0)
        await trunk.say(200)
        assert registration.status.state == "registered"
        assert trunk.changes[-2:] == ["failed", "registered"]

    async def test_asks_for_longer_when_told_so(self, trunk: Trunk) -> None:
        registration = await trunk.start()
        await trunk.say(423, ("Min-Expires", "3600"))
        assert trunk.asked[1].headers.first("Expires") == "3600"
        await trunk.say(200)
        assert registration.status.expires_at == 3600.0

    async def test_waits_as_long_as_the_registrar_wants(self, trunk: Trunk) -> None:
        registration = await trunk.start()
        await trunk.say(503, ("Retry-After", "120 (later)"))
        assert (registration.status.state, registration.status.next_try_at) == ("failed", 120.0)

    async def test_a_wrong_password_is_said_and_not_hammered(self, trunk: Trunk) -> None:
        registration = await trunk.start()
        for _ in range(2):
            await trunk.say(401, ("WWW-Authenticate", 'Digest realm="r", nonce="n"'))
        assert "refused our user name or password" in registration.status.reason
        assert len(trunk.asked) == 2
        await trunk.wire.pass_time(4.0)
        assert len(trunk.asked) == 2

    async def test_is_taken_back(self, trunk: Trunk) -> None:
        registration = await trunk.start()
        await trunk.say(200)
        ending = asyncio.ensure_future(registration.end())
        await trunk.wire.settle()
        assert trunk.asked[-1].headers.first("Expires") == "0"
        await trunk.say(200)
        await trunk.wire.until(ending)
        assert registration.status.state == "ended"
        await trunk.wire.pass_time(100.0)
        counts = trunk.endpoint.counts()
        assert (counts.pending_calls, counts.deadlines, len(trunk.asked)) == (0, 0, 2)

    async def test_a_closing_endpoint_takes_it_back_without_waiting(self, trunk: Trunk) -> None:
        registration = await trunk.start()
        await trunk.say(200)
        trunk.endpoint.close()
        await trunk.wire.settle()
        assert trunk.asked[-1].headers.first("Expires") == "0"
        assert registration.status.state == "ended"


class TestKeepAlive:
    async def test_holds_the_way_open_while_registered(self, trunk: Trunk) -> None:
        registration = await trunk.start()
        await trunk.wire.pass_time(20.0)
        assert trunk.registrar.pings == 0
        await trunk.say(200)
        await trunk.wire.pass_time(101.0)
        assert trunk.registrar.pings == 4, "every 25 s"
        ending = asyncio.ensure_future(registration.end())
        await trunk.wire.settle()
        await trunk.say(200)
        await trunk.wire.until(ending)
        await trunk.wire.pass_time(100.0)
        assert trunk.registrar.pings == 4

    async def test_a_refresh_does_not_double_it(self, trunk: Trunk) -> None:
        await trunk.start()
        await trunk.say(200, ("Expires", "60"))
        await trunk.wire.pass_time(31.0)
        await trunk.say(200, ("Expires", "3600"))
        await trunk.wire.pass_time(100.0)
        assert trunk.registrar.pings == 1 + 4

    async def test_refreshes_stay_with_the_registrar_that_knows_us(self) -> None:
        zone = Zone(srv={"_sip._udp.trunk.example": [Service(1, 1, 5060, f"{n}.trunk.example") for n in range(5)]})
        zone.hosts |= {f"{n}.trunk.example": [f"10.0.0.{n + 20}"] for n in range(5)}
        wire = Wire()
        endpoint = wire.endpoint("10.0.0.1", names=zone)
        peers = [wire.peer(f"10.0.0.{n + 20}") for n in range(5)]
        endpoint.register("alice", host="trunk.example", port=0)
        await wire.settle()
        known = next(peer for peer in peers if peer.received)
        for _ in range(6):
            known.send(known.requests("REGISTER")[-1].reply(200, to_tag="r", headers=[("Expires", "60")]))
            await wire.settle()
            await wire.pass_time(31.0)
        assert [peer for peer in peers if peer.received] == [known]

    async def test_a_lost_connection_is_made_anew(self, trunk: Trunk) -> None:
        registration = await trunk.start()
        await trunk.say(200)
        trunk.endpoint._on_lost(Hop("10.0.0.7", 5060), "another peer's")
        await trunk.wire.pass_time(6.0)
        assert len(trunk.asked) == 1
        trunk.endpoint._on_lost(Hop("10.0.0.9", 5060, name="10.0.0.9"), "the far end closed the connection")
        await trunk.wire.pass_time(6.0)
        assert len(trunk.asked) == 2
        assert registration.status.state == "registered"
