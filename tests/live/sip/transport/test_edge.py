"""Who a request really came from, when an edge proxy of ours stands before us."""

from __future__ import annotations

import pytest
from tests.live.sip.wire import SDP, Wire, request

from dialnexa.live.sip.endpoint import Gate, IncomingCall
from dialnexa.live.sip.gate.defence import RequestBudget
from dialnexa.live.sip.gate.policy import Treatment
from dialnexa.live.sip.messages.fields import FieldError
from dialnexa.live.sip.messages.hop import Hop
from dialnexa.live.sip.messages.message import Request
from dialnexa.live.sip.transport.edge import SOURCE_HEADER, Edges, read_proxy

EDGE, STRANGER = Hop("10.0.0.5", 5060), Hop("198.51.100.9", 5080)
EDGES = Edges.parse("10.0.0.5, 10.8.0.0/16")


def claiming(*sources: str) -> Request:
    made = Request(method="INVITE", uri="sip:+1@10.0.0.1")
    for source in sources:
        made.headers.add(SOURCE_HEADER, source)
    return made


class TestOrigin:
    @pytest.mark.parametrize(
        ("claim", "origin"),
        [
            ("203.0.113.7:5071;transport=tcp", Hop("203.0.113.7", 5071, "TCP")),
            ("203.0.113.7:5071;transport=UDP", Hop("203.0.113.7", 5071)),
            (" 203.0.113.7 ", Hop("203.0.113.7", 5060)),
            ("[2001:db8::7]:5061;transport=tls", Hop("2001:db8::7", 5061, "TLS")),
        ],
    )
    def test_is_whom_the_edge_names(self, claim: str, origin: Hop) -> None:
        assert EDGES.origin(claiming(claim), EDGE) == origin
        assert EDGES.origin(claiming(claim), Hop("10.8.3.1", 40000, "TCP")) == origin
        assert EDGES.origin(claiming(claim), Hop("::ffff:10.0.0.5", 5060)) == origin

    @pytest.mark.parametrize("source", [STRANGER, Hop("127.0.0.1", 5060), Hop("::1", 5060), Hop("fe80::1%eth0", 5060)])
    def test_is_the_sender_when_that_is_no_edge(self, source: Hop) -> None:
        assert EDGES.origin(claiming("203.0.113.7:5071"), source) == source
        assert Edges().origin(claiming("203.0.113.7:5071"), source) == source

    @pytest.mark.parametrize(
        "claims",
        [
            [],
            [""],
            ["carrier.example:5060"],
            ["203.0.113.7:99999"],
            ["203.0.113.7;transport=ws"],
            ["not an address"],
            ["203.0.113.7", "198.51.100.9"],
        ],
    )
    def test_is_the_edge_when_it_says_nothing_clear(self, claims: list[str]) -> None:
        assert EDGES.origin(claiming(*claims), EDGE) == EDGE


class TestSettings:
    def test_the_edge_is_its_own_source(self) -> None:
        assert Edges.parse("", "10.0.0.5:5060;transport=tcp") == Edges.parse("10.0.0.5")
        assert Edges.parse("", "[2001:db8::5]:5060") == Edges.parse("2001:db8::5")
        assert Edges.parse("", "") == Edges()

    def test_sources_that_are_listed_stand_for_all(self) -> None:
        assert Edges.parse("10.0.0.7", "10.0.0.5") == Edges.parse("10.0.0.7")
        assert Edges.parse("10.0.0.7", "edge.example") == Edges.parse("10.0.0.7")

    @pytest.mark.parametrize(
        ("sources", "proxy", "sentence"),
        [
            ("", "edge.example", "edge.example is a name: say which addresses are the edge's own"),
            ("10.0.0.300", "", "'10.0.0.300' is no address or network such as 10.0.0.0/24"),
            ("", "10.0.0.5;transport=ws", "is not a proxy; write host, host:port or host:port;transport=tcp"),
            ("", "me@10.0.0.5", "is not a proxy"),
            ("", "10.0.0.5:port", "port"),
        ],
    )
    def test_what_makes_no_sense_is_said(self, sources: str, proxy: str, sentence: str) -> None:
        with pytest.raises(ValueError, match=sentence):
            Edges.parse(sources, proxy)

    def test_a_proxy_may_say_how_it_is_reached(self) -> None:
        assert read_proxy("edge.example:5070;transport=tcp").hop == Hop("edge.example", 5070, "TCP")
        with pytest.raises(FieldError):
            read_proxy("edge.example;lr")


class TestEndpoint:
    async def test_a_call_carries_the_source_that_the_edge_names(self) -> None:
        calls: list[IncomingCall] = []
        wire = Wire()
        wire.endpoint("10.0.0.1", calls.append, edges=EDGES)
        wire.peer("10.0.0.5").send(_from("203.0.113.7:5071", 1))
        wire.peer("10.0.0.9").send(_from("203.0.113.7:5071", 2))
        await wire.settle()
        assert [call.source for call in calls] == [("203.0.113.7", 5071), ("10.0.0.9", 5060)]

    async def test_budget_and_gate_look_through_the_edge(self) -> None:
        calls: list[IncomingCall] = []
        wire = Wire()
        gate = Gate(lambda _, host: Treatment.DROP if host == "198.51.100.9" else Treatment.ADMIT)
        endpoint = wire.endpoint(
            "10.0.0.1", calls.append, edges=EDGES, gate=gate, budget=RequestBudget(per_second=1, burst=2)
        )
        edge = wire.peer("10.0.0.5")
        for number in range(4):
            edge.send(_from("203.0.113.7:5071", number))
        edge.send(_from("198.51.100.9:5060", 5))
        edge.send(_from("203.0.113.8:5071", 6))
        await wire.settle()
        assert [call.source[0] for call in calls] == ["203.0.113.7", "203.0.113.7", "203.0.113.8"]
        suspects = endpoint.suspects()
        assert (suspects["203.0.113.7"].dropped, suspects["198.51.100.9"].refused) == (2, 1)
        assert "10.0.0.5" not in suspects


def _from(source: str, number: int) -> str:
    claim = f"{SOURCE_HEADER}: {source}\n"
    return request(body=SDP, branch=f"z9hG4bK-{number}", call_id=str(number), extra=claim)
