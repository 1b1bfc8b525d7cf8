"""Names as a real name server, the hosts file and the system tell them."""

from __future__ import annotations

from pathlib import Path

import dns.asyncresolver
import pytest
from tests.live.sip.name_server import name_server

from dialnexa.live.sip.transport.names import LookupFailed, Pointer, Service, SystemNames

NOWHERE = Path("/nonexistent")


class TestNameServer:
    async def test_tells_addresses_services_and_pointers(self) -> None:
        async with name_server(
            "sip.example. 17 A 192.0.2.1",
            "sip.example. 17 AAAA 2001:db8::1",
            "_sip._udp.example.com. 300 SRV 10 5 5070 Sip.example.",
            "_sip._tcp.example.com. 300 SRV 0 0 0 .",
            'example.com. 99999 NAPTR 20 7 "s" "SIP+D2t" "" _sip._tcp.example.com.',
        ) as resolver:
            names = SystemNames(resolver, NOWHERE)
            found = await names.addresses("sip.example", 4)
            assert (found.found, found.ttl_s) == (("192.0.2.1",), 17.0)
            assert (await names.addresses("sip.example", 6)).found == ("2001:db8::1",)
            assert (await names.services("_sip._udp.example.com")).found == (Service(10, 5, 5070, "Sip.example"),)
            assert (await names.services("_sip._tcp.example.com")).found == (Service(0, 0, 0, ""),)
            pointers = await names.pointers("example.com")
            assert pointers.found == (Pointer(20, 7, "S", "SIP+D2T", "_sip._tcp.example.com"),)
            assert pointers.ttl_s == 3600.0
            assert (await names.pointers("sip.example")).found == ()
            assert (await names.services("nothing.example")).found == ()

    @pytest.mark.parametrize("name", ["a" * 64 + ".example", "x..example", "\udcff.example"])
    async def test_names_that_are_none_are_a_failure_in_words(self, name: str) -> None:
        async with name_server() as resolver:
            with pytest.raises(LookupFailed, match="gave no A record"):
                await SystemNames(resolver, NOWHERE).addresses(name, 4)

    async def test_that_is_silent_is_a_failure_in_words(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("dialnexa.live.sip.transport.names.QUERY_S", 0.05)
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], 9
        with pytest.raises(LookupFailed):
            await SystemNames(resolver, NOWHERE).services("_sip._udp.example.com")


class TestThisMachine:
    async def test_the_hosts_file_overrules_everybody(self, tmp_path: Path) -> None:
        hosts = tmp_path / "hosts"
        hosts.write_text("# none\n127.0.0.3 PBX.example pbx # ours\n\n::1 pbx.example\nnonsense pbx\n127.0.0.4 pbx\n")
        async with name_server("pbx.example. 60 A 192.0.2.1") as resolver:
            names = SystemNames(resolver, hosts)
            assert (await names.addresses("pbx.example.", 4)).found == ("127.0.0.3",)
            assert (await names.addresses("pbx.example", 6)).found == ("::1",)
            assert (await names.addresses("pbx", 4)).found == ("127.0.0.3", "127.0.0.4")

    async def test_localhost_needs_no_name_server(self) -> None:
        names = SystemNames(dns.asyncresolver.Resolver(configure=False), NOWHERE)
        assert "127.0.0.1" in (await names.addresses("localhost", 4)).found
