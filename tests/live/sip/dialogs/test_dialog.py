from __future__ import annotations

from tests.live.sip.transactions.test_client import made

from dialnexa.live.sip.dialogs.dialog import DialogState
from dialnexa.live.sip.messages.hop import Hop

ROUTES = "Record-Route: <sip:near.example;lr>, <sip:far.example:5070;lr>\n"


class TestDialogState:
    def test_the_callee_keeps_the_route_as_recorded(self) -> None:
        dialog = DialogState.of_callee(made(extra=ROUTES), "us")
        assert dialog.id == ("call-1@10.0.0.9", "us", "caller")
        bye = dialog.request("BYE")
        assert bye.encode() == (
            b"BYE sip:phone@10.0.0.9:5060 SIP/2.0\r\nMax-Forwards: 70\r\nRoute: <sip:near.example;lr>\r\n"
            b"Route: <sip:far.example:5070;lr>\r\nFrom: <sip:+14155550100@10.0.0.1>;tag=us\r\n"
            b"To: <sip:+16505550199@10.0.0.9>;tag=caller\r\nCall-ID: call-1@10.0.0.9\r\nCSeq: 1 BYE\r\n"
            b"Content-Length: 0\r\n\r\n"
        )
        assert dialog.next_hop == Hop("near.example", 5060)

    def test_the_caller_reverses_it(self) -> None:
        invite = made(extra=ROUTES)
        contact, routes = ("Contact", "<sip:x@10.0.0.1:5080>"), ("Record-Route", "<sip:near;lr>,<sip:far:5070;lr>")
        dialog = DialogState.of_caller(invite, invite.reply(200, to_tag="far", headers=[contact, routes]))
        ack = dialog.acknowledge(1)
        assert ack.headers.all("Route") == ["<sip:far:5070;lr>", "<sip:near;lr>"]
        assert (ack.uri, ack.recipient.tag, str(ack.cseq)) == ("sip:x@10.0.0.1:5080", "far", "1 ACK")
        assert dialog.next_hop == Hop("far", 5070)
        assert str(dialog.request("BYE").cseq) == "2 BYE"

    def test_a_strict_router_becomes_the_target(self) -> None:
        dialog = DialogState.of_callee(made(extra="Record-Route: <sip:strict>, <sip:loose;lr>\n"), "us")
        info = dialog.request("INFO")
        assert info.uri == "sip:strict"
        assert info.headers.all("Route") == ["<sip:loose;lr>", "<sip:phone@10.0.0.9:5060>"]

    def test_refuses_requests_that_go_back_in_time(self) -> None:
        dialog = DialogState.of_callee(made(), "us")
        assert dialog.take(made("BYE", cseq=5))
        assert not dialog.take(made("BYE", cseq=4))

    def test_a_host_name_nobody_can_read_has_no_next_hop(self) -> None:
        dialog = DialogState.of_callee(made(), "us")
        dialog.remote_target = "urn:service:sos"
        assert dialog.next_hop is None
