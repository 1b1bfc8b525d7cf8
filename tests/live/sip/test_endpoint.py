"""What an endpoint says to requests that are no call of ours, as a peer hears it."""

from __future__ import annotations

import pytest

from dialnexa.live.sip.endpoint import IncomingCall
from dialnexa.live.sip.messages.message import Request, Response
from tests.live.sip.wire import SDP, Peer, Wire, request


class Bench:
    """One endpoint and one scripted peer."""

    def __init__(self) -> None:
        self.wire = Wire()
        self.calls: list[IncomingCall] = []
        self.accepting = True
        self.endpoint = self.wire.endpoint("10.0.0.1", self.calls.append, lambda: self.accepting)
        self.peer = self.wire.peer("10.0.0.9")

    async def ask(self, text: str, peer: Peer | None = None) -> Response:
        answer = await (peer or self.peer).says(text)
        assert isinstance(answer, Response)
        return answer


@pytest.fixture
def bench() -> Bench:
    return Bench()


class TestOptions:
    async def test_says_what_it_can(self, bench: Bench) -> None:
        answer = await bench.ask(request("OPTIONS"))
        assert answer.status == 200
        assert answer.headers.first("Allow") == "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, REFER, NOTIFY, PRACK"
        assert answer.headers.first("Accept") == "application/sdp"
        assert answer.recipient.tag

    async def test_says_503_while_draining(self, bench: Bench) -> None:
        bench.accepting = False
        answer = await bench.ask(request("OPTIONS"))
        assert (answer.status, answer.headers.first("Retry-After")) == (503, "30")


class TestScreening:
    @pytest.mark.parametrize(
        ("text", "status", "header"),
        [
            (request("BYE", to_tag="x"), 481, ""),
            (request("BYE"), 481, ""),
            (request("CANCEL"), 481, ""),
            (request(body=SDP, to_tag="x"), 481, ""),
            (request("REGISTER"), 405, "Allow"),
            (request("SUBSCRIBE"), 405, "Allow"),
            (request("TEAPOT"), 501, "Allow"),
            (request(uri="http://10.0.0.1"), 416, ""),
            (request(uri="sip:a@10.0.0.1?Route=x"), 400, ""),
            (request(uri="sip:a@[::"), 400, ""),
            (request("PRACK", extra="RAck: 1 1 INVITE\n"), 481, ""),
            (request(extra="Require: 100rel, foo\n", body=SDP), 420, "Unsupported"),
            (request(extra="Content-Type: text/plain\n", body="hello"), 415, "Accept"),
            (request(extra="Content-Encoding: gzip\n", body=SDP), 415, "Accept-Encoding"),
            (request(extra="Accept: text/plain\n", body=SDP), 406, ""),
            (request(body="v=0\nnonsense\n"), 400, "Warning"),
            (request(body=SDP.replace("audio", "video")), 488, "Warning"),
            (request().replace("CSeq: 1 INVITE", "CSeq: 1 BYE"), 400, ""),
            (request().replace("SIP/2.0\nVia", "SIP/3.0\nVia"), 505, ""),
        ],
    )
    async def test_refuses(self, bench: Bench, text: str, status: int, header: str) -> None:
        answer = await bench.ask(text)
        assert answer.status == status
        assert not header or header in answer.headers
        assert bench.calls == []

    async def test_names_the_extensions_it_lacks(self, bench: Bench) -> None:
        answer = await bench.ask(request(extra="Require: 100rel, foo\n", body=SDP))
        assert answer.headers.first("Unsupported") == "foo"

    async def test_a_request_that_came_over_two_ways_rings_once(self, bench: Bench) -> None:
        await bench.ask(request(body=SDP))
        answer = await bench.ask(request(body=SDP, branch="z9hG4bK-2"))
        assert answer.status == 482
        assert len(bench.calls) == 1

    async def test_an_owner_that_fails_leaves_nobody_waiting(self) -> None:
        wire = Wire()

        def broken(call: IncomingCall) -> None:
            raise RuntimeError("no")

        endpoint, peer = wire.endpoint("10.0.0.1", broken), wire.peer("10.0.0.9")
        answer = await peer.says(request(body=SDP))
        assert isinstance(answer, Response)
        assert answer.status == 500
        assert endpoint.counts().pending_calls == 0


class TestResponses:
    async def test_go_where_the_request_came_from_when_rport_asks_for_it(self, bench: Bench) -> None:
        behind_nat = bench.wire.peer("203.0.113.7", 40000)
        text = request("OPTIONS", branch="z9hG4bK-n;rport", source="192.168.1.2")
        answer = await bench.ask(text, behind_nat)
        assert answer.via.params["received"] == "203.0.113.7"
        assert answer.via.params["rport"] == "40000"

    async def test_go_to_the_port_of_the_via_otherwise(self, bench: Bench) -> None:
        sender, listener = bench.wire.peer("10.0.0.9", 33333), bench.wire.peer("10.0.0.9", 5060)
        sender.send(request("OPTIONS"))
        await bench.wire.settle()
        assert listener.statuses() == [200]
        assert sender.statuses() == []


class TestRetransmissions:
    async def test_of_an_invite_are_answered_and_absorbed(self, bench: Bench) -> None:
        for _ in range(3):
            await bench.ask(request(body=SDP))
        assert bench.peer.statuses() == [100, 100, 100]
        assert len(bench.calls) == 1
        bench.calls[0].ring()
        await bench.ask(request(body=SDP))
        assert bench.peer.statuses()[3:] == [180, 180]

    async def test_of_a_refusal_stop_with_its_ack(self, bench: Bench) -> None:
        await bench.ask(request(body=SDP))
        bench.calls[0].reject(486)
        await bench.wire.pass_time(4.0)
        assert bench.peer.statuses() == [100, 486, 486, 486, 486]
        tag = bench.peer.last.recipient.tag
        bench.peer.send(request("ACK", to_tag=tag))
        await bench.wire.pass_time(60.0)
        assert len(bench.peer.statuses()) == 5
        assert bench.endpoint.counts().server_transactions == 0


class TestIncomingCall:
    async def test_says_who_calls_whom(self, bench: Bench) -> None:
        extra = "P-Asserted-Identity: <sip:boss@x>\nX-A: 1\nX-A: 2\n"
        await bench.ask(request(uri="sip:%2B15550001@10.0.0.1", body=SDP, extra=extra))
        call = bench.calls[0]
        assert (call.from_user, call.to_user, call.call_id) == ("+16505550199", "+15550001", "call-1@10.0.0.9")
        assert call.source == ("10.0.0.9", 5060)
        assert call.headers("x-a") == ["1", "2"]
        assert call.offer
        assert call.offer.port == 30000

    async def test_shows_no_bytes_that_nobody_can_keep(self, bench: Bench) -> None:
        text = request(uri="sip:%001\udcff@10.0.0.1", body=SDP).encode("utf-8", "surrogateescape")
        await bench.peer.says(text.replace(b"\n", b"\r\n"))
        assert bench.calls[0].to_user == "\ufffd1\ufffd"
        bench.calls[0].ring()
        await bench.wire.settle()
        assert bench.peer.statuses() == [100, 180]

    async def test_rings_again_every_minute_and_gives_up_in_the_end(self, bench: Bench) -> None:
        await bench.ask(request(body=SDP))
        bench.calls[0].ring()
        await bench.wire.pass_time(179.0)
        assert bench.peer.statuses() == [100, 180, 180, 180, 180]
        await bench.wire.pass_time(1.0)
        assert bench.peer.statuses()[5:] == [480]
        assert bench.endpoint.counts().pending_calls == 0

    async def test_cannot_be_rejected_with_a_success(self, bench: Bench) -> None:
        await bench.ask(request(body=SDP))
        with pytest.raises(ValueError, match="does not refuse"):
            bench.calls[0].reject(200)

    async def test_close_refuses_it(self, bench: Bench) -> None:
        await bench.ask(request(body=SDP))
        bench.endpoint.close()
        await bench.wire.settle()
        assert bench.peer.statuses() == [100, 503]


class TestTrace:
    async def test_sees_both_directions(self, bench: Bench) -> None:
        seen: list[tuple[str, str]] = []
        bench.endpoint.on_message = lambda way, peer, message: seen.append((way, message.start_line))
        await bench.ask(request("OPTIONS"))
        assert seen == [("in", "OPTIONS sip:+14155550100@10.0.0.1 SIP/2.0"), ("out", "SIP/2.0 200 OK")]
        assert isinstance(bench.peer.last, Response)
        assert not isinstance(bench.peer.last, Request)
