from __future__ import annotations

import pytest

from dialnexa.live.sip.messages.fields import FieldError, NameAddr, Uri, Via


class TestUri:
    @pytest.mark.parametrize(
        ("text", "user", "host", "port"),
        [
            ("sip:+16505550199@pbx1:5070", "+16505550199", "pbx1", 5070),
            ("SIP:alice@Example.COM;transport=UDP", "alice", "example.com", None),
            ("sip:[2001:db8::1]:5061;lr", "", "2001:db8::1", 5061),
            ("sip:user;par=u%40example.net@example.com", "user;par=u@example.net", "example.com", None),
            ("tel:+1-650-555-0199;phone-context=x", "+1-650-555-0199", "", None),
            ("sip:a:secret@h_1.example", "a", "h_1.example", None),
            ("sip:a\udcf7%ff@h", "a\ufffd\ufffd", "h", None),
        ],
    )
    def test_reads(self, text: str, user: str, host: str, port: int | None) -> None:
        uri = Uri.parse(text)
        assert (uri.user, uri.host, uri.port) == (user, host, port)

    @pytest.mark.parametrize("text", ["", "sip:", "nobody", "sip:a@", "sip:a@h:0", "sip:a@h:99999", "sip:a b@h",
                                      "http://h", "sip:a@[::1", "sip:a@h;;x"])  # fmt: skip
    def test_refuses(self, text: str) -> None:
        with pytest.raises(FieldError):
            Uri.parse(text)

    def test_writes_what_needs_escaping(self) -> None:
        assert str(Uri("sip", "2001:db8::1", "a b#@c", 5060)) == "sip:a%20b%23%40c@[2001:db8::1]:5060"


class TestNameAddr:
    def test_without_brackets_parameters_belong_to_the_header(self) -> None:
        address = NameAddr.parse("sip:a@h;tag=7")
        assert (address.uri, address.tag) == ("sip:a@h", "7")

    def test_with_brackets_they_belong_to_the_uri(self) -> None:
        address = NameAddr.parse("caller<sip:a@h;lr>;tag=7")
        assert (address.uri, address.display, address.tag) == ("sip:a@h;lr", "caller", "7")

    def test_retagged(self) -> None:
        address = NameAddr.parse('"A \\"B\\"" <sip:a@h>;tag=1;x=2')
        assert str(address.tagged("9")) == '"A \\"B\\"" <sip:a@h>;x=2;tag=9'
        assert address.tagged("").tag == ""


class TestVia:
    def test_is_stamped_with_where_it_came_from(self) -> None:
        via = Via.parse("SIP/2.0/UDP phone.local:5070;rport;branch=z9hG4bK1").stamped(("203.0.113.7", 40000))
        assert str(via) == "SIP/2.0/UDP phone.local:5070;rport=40000;branch=z9hG4bK1;received=203.0.113.7"
        assert via.reply_to == ("203.0.113.7", 40000)

    def test_without_rport_the_port_it_claims_counts(self) -> None:
        via = Via.parse("SIP/2.0/UDP 10.0.0.9:5070;branch=z9hG4bK1;received=6.6.6.6").stamped(("10.0.0.9", 40000))
        assert str(via) == "SIP/2.0/UDP 10.0.0.9:5070;branch=z9hG4bK1"
        assert via.reply_to == ("10.0.0.9", 5070)

    def test_maddr_does_not_aim_us_at_others(self) -> None:
        via = Via.parse("SIP/2.0/UDP 10.0.0.9;maddr=198.51.100.1").stamped(("10.0.0.9", 5060))
        assert via.reply_to == ("10.0.0.9", 5060)
