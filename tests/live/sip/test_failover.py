"""A trunk with several addresses: the next is tried when one fails, and who failed is remembered (RFC 3263 §4.3)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from dialnexa.live.plan import Credentials
from dialnexa.live.sip.endpoint import CallRejected, CallTimedOut, Dialog, Progress, SipEndpoint
from dialnexa.live.sip.messages.hop import Hop
from dialnexa.live.sip.messages.message import Request, Response
from dialnexa.live.sip.transport.names import Service
from tests.live.sip.wire import OFFER, SDP, Peer, Wire, Zone

BODY = SDP.replace("\n", "\r\n").encode()


@dataclass
class Trunk:
    """``trunk.example`` with one address after another; each may have somebody behind it, or nobody."""

    zone: Zone = field(default_factory=Zone)
    wire: Wire = field(default_factory=Wire)
    progress: list[Progress] = field(default_factory=list)
    endpoint: SipEndpoint = field(init=False)

    def __post_init__(self) -> None:
        self.endpoint = self.wire.endpoint("10.0.0.1", names=self.zone)
        hosts = ["10.0.0.9", "10.0.0.8", "10.0.0.7"]
        self.zone.srv["_sip._udp.trunk.example"] = [
            Service(number, 0, 5060, f"{number}.trunk.example") for number in range(3)
        ]
        self.zone.hosts |= {f"{number}.trunk.example": [host] for number, host in enumerate(hosts)}

    def dial(self, **options: object) -> asyncio.Task[Dialog]:
        call = self.endpoint.dial("+1", from_user="+2", host="trunk.example", port=0, offer=OFFER, **options)  # type: ignore[arg-type]
        return asyncio.ensure_future(call.answered(self.progress.append))

    def ok(self, peer: Peer, invite: Request | None = None) -> Response:
        invite = invite or peer.requests("INVITE")[-1]
        contact = f"<sip:far@{peer.address[0]}:{peer.address[1]}>"
        return invite.reply(200, to_tag=f"at-{peer.address[0]}", headers=[("Contact", contact)], body=BODY)


class UnusedTcp:
    """A wire that is there and must stay silent."""

    name = "TCP"
    address: tuple[str, int] = ("10.0.0.1", 5060)

    def send(self, data: bytes, to: Hop) -> None:
        raise AssertionError(f"sent over TCP to {to}")

    def reaches(self, hop: Hop) -> bool:
        return True

    def close(self) -> None:
        pass


@pytest.fixture
def trunk() -> Trunk:
    return Trunk()


class TestCall:
    async def test_goes_on_when_an_address_is_silent(self, trunk: Trunk) -> None:
        second = trunk.wire.peer("10.0.0.8")
        dialling = trunk.dial()
        await trunk.wire.settle()
        await trunk.wire.pass_time(3.9)
        assert second.received == []
        await trunk.wire.pass_time(0.2)
        second.send(trunk.ok(second))
        dialog = await trunk.wire.until(dialling)
        assert second.requests("ACK")
        invite = second.requests("INVITE")[0]
        assert (invite.uri, invite.cseq.number) == ("sip:+1@trunk.example", 2)
        dialog.send_bye()
        await trunk.wire.settle()
        assert second.requests("BYE")

    async def test_the_next_call_asks_the_living_first(self, trunk: Trunk) -> None:
        second = trunk.wire.peer("10.0.0.8")
        for wait in (4.1, 0.0):
            dialling = trunk.dial()
            await trunk.wire.pass_time(wait)
            second.send(trunk.ok(second))
            await trunk.wire.until(dialling)

    async def test_a_dead_address_that_wakes_up_neither_rings_nor_is_answered_twice(self, trunk: Trunk) -> None:
        second = trunk.wire.peer("10.0.0.8")
        trunk.wire.lose = lambda data: data.startswith(b"INVITE") and trunk.wire.now < 4.0
        dialling = trunk.dial()
        await trunk.wire.pass_time(4.0)
        first = trunk.wire.peer("10.0.0.9")
        second.send(second.requests("INVITE")[0].reply(180, to_tag="x"))
        await trunk.wire.pass_time(20.0)
        assert first.received == [], "it is not sent the INVITE any more"
        second.send(trunk.ok(second))
        await trunk.wire.until(dialling)

    @pytest.mark.parametrize("late", ["ringing", "answer"])
    async def test_a_slow_address_is_cancelled_or_hung_up(self, trunk: Trunk, late: str) -> None:
        first, second = trunk.wire.peer("10.0.0.9"), trunk.wire.peer("10.0.0.8")
        dialling = trunk.dial()
        await trunk.wire.pass_time(4.1)
        invite = first.requests("INVITE")[0]
        first.send(invite.reply(180, to_tag="slow") if late == "ringing" else trunk.ok(first, invite))
        await trunk.wire.settle()
        assert first.requests("CANCEL" if late == "ringing" else "BYE")
        assert trunk.progress == []
        second.send(trunk.ok(second))
        assert not (await trunk.wire.until(dialling)).is_over

    async def test_goes_on_after_503_and_leaves_that_address_alone_as_long_as_it_wants(self, trunk: Trunk) -> None:
        first, second = trunk.wire.peer("10.0.0.9"), trunk.wire.peer("10.0.0.8")
        dialling = trunk.dial()
        await trunk.wire.settle()
        busy = first.requests("INVITE")[0].reply(503, to_tag="x", headers=[("Retry-After", "120")])
        first.send(busy)
        await trunk.wire.settle()
        second.send(trunk.ok(second))
        await trunk.wire.until(dialling)
        for wait, asked in ((100.0, 1), (30.0, 2)):
            await trunk.wire.pass_time(wait)
            dialling = trunk.dial()
            await trunk.wire.settle()
            assert len(first.requests("INVITE")) == asked
            dialling.cancel()

    async def test_that_finds_every_address_busy_says_so(self, trunk: Trunk) -> None:
        peers = [trunk.wire.peer(f"10.0.0.{number}") for number in (9, 8, 7)]
        dialling = trunk.dial()
        for peer in peers:
            await trunk.wire.settle()
            peer.send(peer.requests("INVITE")[0].reply(503, "Full", to_tag="x", headers=[("Retry-After", "7")]))
        with pytest.raises(CallRejected, match=r"tried in vain: 10.0.0.9:5060 said 503 Full") as refused:
            await trunk.wire.until(dialling)
        assert refused.value.retry_after == 7

    async def test_that_finds_nobody_gives_the_last_address_its_full_time(self, trunk: Trunk) -> None:
        with pytest.raises(CallTimedOut, match=r"10.0.0.9:5060 did not answer, 10.0.0.8:5060 did not answer, 10.0.0.7"):
            await trunk.wire.until(trunk.dial())
        assert trunk.wire.now == 4.0 + 4.0 + 32.0

    @pytest.mark.parametrize("status", [486, 404, 500, 603])
    async def test_other_refusals_are_final(self, trunk: Trunk, status: int) -> None:
        first, second = trunk.wire.peer("10.0.0.9"), trunk.wire.peer("10.0.0.8")
        dialling = trunk.dial()
        await trunk.wire.settle()
        first.send(first.requests("INVITE")[0].reply(status, to_tag="x"))
        with pytest.raises(CallRejected):
            await trunk.wire.until(dialling)
        assert second.received == []

    async def test_a_login_stays_with_the_address_that_wants_it(self, trunk: Trunk) -> None:
        second = trunk.wire.peer("10.0.0.8")
        dialling = trunk.dial(credentials=Credentials("alice", "s3cret"))
        await trunk.wire.pass_time(4.1)
        challenge = ("WWW-Authenticate", 'Digest realm="r", nonce="n"')
        second.send(second.requests("INVITE")[0].reply(401, to_tag="x", headers=[challenge]))
        await trunk.wire.settle()
        assert second.requests("INVITE")[-1].headers.first("Authorization")
        second.send(trunk.ok(second))
        await trunk.wire.until(dialling)

    async def test_a_cancellation_stops_the_search(self, trunk: Trunk) -> None:
        second = trunk.wire.peer("10.0.0.8")
        dialling = trunk.dial()
        await trunk.wire.pass_time(1.0)
        dialling.cancel()
        await trunk.wire.pass_time(60.0)
        assert second.received == []
        assert trunk.endpoint.counts().deadlines == 0


class TestOtherRequests:
    async def test_a_registration_finds_the_living(self, trunk: Trunk) -> None:
        second = trunk.wire.peer("10.0.0.8")
        registration = trunk.endpoint.register("alice", host="trunk.example", port=0)
        await trunk.wire.pass_time(4.1)
        asked = second.requests("REGISTER")[0]
        assert (asked.uri, asked.recipient.uri) == ("sip:trunk.example", "sip:alice@trunk.example")
        second.send(asked.reply(200, to_tag="r"))
        await trunk.wire.settle()
        assert registration.status.state == "registered"

    async def test_options_too(self, trunk: Trunk) -> None:
        third = trunk.wire.peer("10.0.0.7")
        asking = asyncio.ensure_future(trunk.endpoint.reach("trunk.example", 0))
        await trunk.wire.pass_time(8.1)
        third.send(third.requests("OPTIONS")[0].reply(200, to_tag="o"))
        assert (await trunk.wire.until(asking)).status == 200

    async def test_options_to_nobody(self, trunk: Trunk) -> None:
        with pytest.raises(TimeoutError, match=r"trunk.example does not answer"):
            await trunk.wire.until(trunk.endpoint.reach("trunk.example", 0))


class TestProxy:
    async def test_is_sent_everything_with_a_route(self, trunk: Trunk) -> None:
        trunk.zone.hosts["edge.example"] = ["10.0.0.5"]
        edge = trunk.wire.peer("10.0.0.5", 5070)
        dialling = trunk.dial(proxy="edge.example:5070")
        await trunk.wire.settle()
        invite = edge.requests("INVITE")[0]
        assert (invite.uri, invite.headers.all("Route")) == ("sip:+1@trunk.example", ["<sip:edge.example:5070;lr>"])
        edge.send(invite.reply(180, to_tag="x"))
        await trunk.wire.settle()
        dialling.cancel()
        await trunk.wire.settle()
        assert edge.requests("CANCEL")[0].headers.all("Route") == ["<sip:edge.example:5070;lr>"]

    async def test_is_reached_over_a_transport_of_its_own(self, trunk: Trunk) -> None:
        trunk.endpoint.attach(UnusedTcp(), "10.0.0.1")
        edge = trunk.wire.peer("10.0.0.5")
        dialling = trunk.dial(transport="tcp", proxy="10.0.0.5;transport=udp")
        await trunk.wire.settle()
        invite = edge.requests("INVITE")[0]
        assert invite.uri == "sip:+1@trunk.example;transport=tcp"
        assert invite.headers.all("Route") == ["<sip:10.0.0.5;transport=udp;lr>"]
        assert "transport=tcp" not in invite.headers.first("Contact"), "the edge comes back the way it is asked"
        dialling.cancel()
        await trunk.wire.settle()

    async def test_registers_over_it_and_is_found_by_its_own_services(self, trunk: Trunk) -> None:
        trunk.zone.srv["_sip._udp.edge.example"] = [Service(1, 1, 5080, "a.edge.example")]
        trunk.zone.hosts["a.edge.example"] = ["10.0.0.5"]
        edge = trunk.wire.peer("10.0.0.5", 5080)
        trunk.endpoint.register("alice", host="trunk.example", port=5060, proxy="edge.example")
        await trunk.wire.settle()
        asked = edge.requests("REGISTER")[0]
        assert (asked.uri, asked.headers.all("Route")) == ("sip:trunk.example:5060", ["<sip:edge.example;lr>"])

    async def test_that_makes_no_sense_refuses_the_call_in_words(self, trunk: Trunk) -> None:
        with pytest.raises(CallRejected, match="is not a"):
            await trunk.wire.until(trunk.dial(proxy="a b"))
        with pytest.raises(CallRejected, match="write host, host:port"):
            await trunk.wire.until(trunk.dial(proxy="me@edge.example"))
