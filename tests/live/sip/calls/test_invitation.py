"""What an INVITE says about who calls."""

from __future__ import annotations

import asyncio

import pytest
from tests.live.sip.wire import OFFER, Wire

from dialnexa.live.sip.messages.message import Request


async def _invite(**options: object) -> Request:
    wire = Wire()
    endpoint, peer = wire.endpoint("10.0.0.1"), wire.peer("10.0.0.9")
    call = endpoint.dial("+1", from_user="+2", host="10.0.0.9", port=5060, offer=OFFER, **options)  # type: ignore[arg-type]
    dialling = asyncio.ensure_future(call.answered(lambda _: None))
    await wire.settle()
    dialling.cancel()
    return peer.requests("INVITE")[0]


class TestCaller:
    async def test_is_in_from(self) -> None:
        invite = await _invite()
        assert invite.sender.uri == "sip:+2@10.0.0.1"
        assert "P-Asserted-Identity" not in invite.headers

    async def test_an_account_stands_in_from_and_the_caller_id_is_asserted(self) -> None:
        invite = await _invite(account="acme", from_domain="carrier.example")
        assert invite.sender.uri == "sip:acme@carrier.example"
        assert invite.headers.first("P-Asserted-Identity") == "<sip:+2@carrier.example>"
        assert invite.headers.first("Contact") == "<sip:acme@10.0.0.1:5060>"

    async def test_an_account_that_is_the_caller_id_needs_no_assertion(self) -> None:
        assert "P-Asserted-Identity" not in (await _invite(account="+2")).headers

    async def test_who_is_hidden_is_named_to_the_trunk_alone(self) -> None:
        invite = await _invite(hide_caller=True)
        assert (invite.sender.uri, invite.sender.display) == ("sip:anonymous@anonymous.invalid", "Anonymous")
        assert invite.headers.first("Contact") == "<sip:anonymous@10.0.0.1:5060>"
        assert invite.headers.first("P-Asserted-Identity") == "<sip:+2@10.0.0.1>"
        assert invite.headers.first("Privacy") == "id"

    async def test_a_trunk_that_knows_us_by_an_account_sees_it_even_when_the_caller_is_hidden(self) -> None:
        invite = await _invite(hide_caller=True, account="acme")
        assert (invite.sender.user, invite.headers.first("Privacy")) == ("acme", "id")
        assert invite.headers.first("P-Asserted-Identity") == "<sip:+2@10.0.0.1>"

    async def test_a_trunk_may_want_to_assert_the_caller_itself(self) -> None:
        invite = await _invite(account="acme", identity_header="P-Preferred-Identity")
        assert invite.headers.first("P-Preferred-Identity") == "<sip:+2@10.0.0.1>"
        assert "P-Asserted-Identity" not in invite.headers

    async def test_a_domain_may_be_an_address(self) -> None:
        assert (await _invite(from_domain="2001:db8::1")).sender.uri == "sip:+2@[2001:db8::1]"


class TestHeaders:
    async def test_are_added(self) -> None:
        invite = await _invite(headers=[("X-Account", "7"), ("X-Account", "8")])
        assert invite.headers.all("X-Account") == ["7", "8"]

    @pytest.mark.parametrize("header", [("From", "<sip:x@y>"), ("v", "x"), ("X-A", "1\r\nX-B: 2"), ("X A", "1")])
    async def test_that_would_break_the_call_are_refused(self, header: tuple[str, str]) -> None:
        with pytest.raises(ValueError, match="header"):
            await _invite(headers=[header])
