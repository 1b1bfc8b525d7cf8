"""Which addresses a host name leads to, and in which order (RFC 3263)."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest
from tests.live.sip.wire import Zone

from dialnexa.live.sip.errors import CallRejected
from dialnexa.live.sip.messages.hop import TCP, TLS, UDP, Hop
from dialnexa.live.sip.transport.locate import Locator
from dialnexa.live.sip.transport.names import Pointer, Service


class Desk:
    """A locator, the names it knows, and its clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.zone = Zone()
        self.locator = Locator(lambda: self.now, self.zone, random.Random(7))

    async def find(self, host: str, port: int = 0, transport: str = UDP, **options: object) -> list[str]:
        hops = await self.locator.locate(host, port, transport, **options)  # type: ignore[arg-type]
        return [f"{hop.transport} {hop.host}:{hop.port}" for hop in hops]


@pytest.fixture
def desk() -> Desk:
    return Desk()


class TestAddresses:
    @pytest.mark.parametrize("host", ["192.0.2.7", "2001:db8::7", "[2001:DB8::7]"])
    async def test_a_literal_is_asked_of_nobody(self, desk: Desk, host: str) -> None:
        hops = await desk.locator.locate(host, 0, TLS)
        assert [(hop.port, hop.transport) for hop in hops] == [(5061, TLS)]
        assert desk.zone.asked == []

    async def test_a_port_needs_no_more_than_addresses(self, desk: Desk) -> None:
        desk.zone.hosts["sip.example"] = ["192.0.2.1", "192.0.2.2", "2001:db8::1"]
        assert await desk.find("SIP.example.", 5070) == [
            "UDP 192.0.2.1:5070", "UDP 192.0.2.2:5070", "UDP 2001:db8::1:5070",
        ]  # fmt: skip
        assert desk.zone.asked == ["A sip.example", "AAAA sip.example"]

    async def test_only_the_versions_of_our_sockets_count(self, desk: Desk) -> None:
        desk.zone.hosts["sip.example"] = ["2001:db8::1"]
        with pytest.raises(CallRejected, match="no IPv4 address") as refused:
            await desk.find("sip.example", 5060, versions=[4])
        assert refused.value.status == 503
        with pytest.raises(CallRejected, match="this endpoint speaks IPv4"):
            await desk.find("2001:db8::1", 5060, versions=[4])

    async def test_a_certificate_must_be_for_what_was_dialled(self, desk: Desk) -> None:
        desk.zone.srv["_sips._tcp.example.com"] = [Service(1, 1, 5061, "edge7.carrier.net")]
        desk.zone.hosts["edge7.carrier.net"] = ["192.0.2.1"]
        assert await desk.locator.locate("example.com", 0, TLS) == [Hop("192.0.2.1", 5061, TLS, "example.com")]


class TestServices:
    async def test_srv_says_port_and_order(self, desk: Desk) -> None:
        desk.zone.srv["_sip._udp.example.com"] = [Service(20, 0, 5080, "b.example"), Service(10, 0, 5070, "a.example")]
        desk.zone.hosts |= {"a.example": ["192.0.2.1", "192.0.2.2"], "b.example": ["192.0.2.3"]}
        assert await desk.find("example.com") == ["UDP 192.0.2.1:5070", "UDP 192.0.2.2:5070", "UDP 192.0.2.3:5080"]

    async def test_weights_share_the_load(self, desk: Desk) -> None:
        weights = {"a.example": 0, "b.example": 1, "c.example": 9}
        desk.zone.srv["_sip._udp.example.com"] = [Service(1, weight, 5060, name) for name, weight in weights.items()]
        desk.zone.hosts |= {name: [f"192.0.2.{index}"] for index, name in enumerate(weights)}
        first = Counter([(await desk.find("example.com"))[0] for _ in range(2000)])
        assert first["UDP 192.0.2.2:5060"] > 1500
        assert 100 < first["UDP 192.0.2.1:5060"] < 350
        assert len(await desk.find("example.com")) == 3

    async def test_naptr_chooses_among_the_transports_we_have(self, desk: Desk) -> None:
        desk.zone.naptr["example.com"] = [
            Pointer(30, 1, "S", "SIP+D2U", "_sip._udp.example.com"),
            Pointer(10, 1, "S", "SIPS+D2T", "_sips._tcp.example.com"),
            Pointer(20, 1, "S", "SIP+D2T", "odd.example.com"),
            Pointer(5, 1, "U", "E2U+SIP", ""),
        ]
        desk.zone.srv |= {
            "_sip._udp.example.com": [Service(1, 1, 5060, "a.example")],
            "odd.example.com": [Service(1, 1, 5090, "a.example")],
        }
        desk.zone.hosts["a.example"] = ["192.0.2.1"]
        assert await desk.find("example.com", wires=(UDP, TCP)) == ["TCP 192.0.2.1:5090"]
        assert await desk.find("example.com", wires=(UDP,)) == ["UDP 192.0.2.1:5060"]

    async def test_without_naptr_the_first_transport_with_a_service_counts(self, desk: Desk) -> None:
        desk.zone.srv["_sip._tcp.example.com"] = [Service(1, 1, 5075, "a.example")]
        desk.zone.hosts["a.example"] = ["192.0.2.1"]
        assert await desk.find("example.com") == ["TCP 192.0.2.1:5075"]

    async def test_a_transport_that_was_named_stays(self, desk: Desk) -> None:
        desk.zone.naptr["example.com"] = [Pointer(1, 1, "S", "SIP+D2U", "_sip._udp.example.com")]
        desk.zone.hosts["example.com"] = ["192.0.2.1"]
        assert await desk.find("example.com", transport=TLS) == ["TLS 192.0.2.1:5061"]
        assert "NAPTR example.com" not in desk.zone.asked

    async def test_without_services_the_host_itself_is_called(self, desk: Desk) -> None:
        desk.zone.hosts["example.com"] = ["192.0.2.1"]
        assert await desk.find("example.com") == ["UDP 192.0.2.1:5060"]

    async def test_a_service_that_is_decidedly_absent_is_not_called(self, desk: Desk) -> None:
        desk.zone.srv["_sip._udp.example.com"] = [Service(0, 0, 0, "")]
        desk.zone.hosts["example.com"] = ["192.0.2.1"]
        with pytest.raises(CallRejected):
            await desk.find("example.com", wires=(UDP,))


class TestMemory:
    async def test_records_are_believed_as_long_as_they_live(self, desk: Desk) -> None:
        desk.zone.hosts["sip.example"] = ["192.0.2.1"]
        for desk.now, asked in ((0.0, 1), (59.0, 1), (61.0, 2)):
            await desk.find("sip.example", 5060, versions=[4])
            assert len(desk.zone.asked) == asked

    async def test_old_records_are_better_than_none(self, desk: Desk) -> None:
        desk.zone.hosts["sip.example"] = ["192.0.2.1"]
        await desk.find("sip.example", 5060)
        desk.now, desk.zone.dead = 1000.0, True
        assert await desk.find("sip.example", 5060) == ["UDP 192.0.2.1:5060"]
        with pytest.raises(CallRejected, match="no name server answers"):
            await desk.find("other.example", 5060)

    async def test_it_is_bounded(self, desk: Desk) -> None:
        for number in range(3000):
            desk.zone.hosts[f"{number}.example"] = ["192.0.2.1"]
            await desk.find(f"{number}.example", 5060, versions=[4])
            desk.locator.avoid(Hop("192.0.2.1", number), 60.0)
        assert len(desk.locator._cache) == len(desk.locator._avoided) == 1024

    async def test_who_fared_badly_comes_last_for_a_while(self, desk: Desk) -> None:
        desk.zone.hosts["sip.example"] = ["192.0.2.1", "192.0.2.2"]
        desk.locator.avoid(Hop("192.0.2.1", 5060, UDP, "sip.example"), 30.0)
        for desk.now, first in ((29.0, "192.0.2.2"), (31.0, "192.0.2.1")):
            assert (await desk.locator.locate("sip.example", 5060, UDP))[0].host == first

    async def test_a_silent_name_server_costs_no_more_than_the_deadline(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def never(name: str, version: int) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr("dialnexa.live.sip.transport.locate.DEADLINE_S", 0.01)
        monkeypatch.setattr(desk.zone, "addresses", never)
        with pytest.raises(CallRejected, match="no answer within"):
            await desk.find("sip.example", 5060)
