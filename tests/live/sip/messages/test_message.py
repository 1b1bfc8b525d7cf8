from __future__ import annotations

import pytest
from tests.live.sip.wire import SDP, request

from dialnexa.live.sip.messages.message import Headers, Malformed, Request, Response, parse


def read(text: str) -> Request | Response | Malformed:
    return parse(text.replace("\n", "\r\n").encode())


class TestParse:
    def test_reads_a_request(self) -> None:
        invite = read(request(body=SDP))
        assert isinstance(invite, Request)
        assert (invite.method, invite.uri) == ("INVITE", "sip:+14155550100@10.0.0.1")
        assert invite.via.branch == "z9hG4bK-1"
        assert invite.sender.tag == "caller"
        assert invite.sender.user == "+16505550199"
        assert (invite.cseq.number, invite.cseq.method) == (1, "INVITE")
        assert invite.content_type == "application/sdp"
        assert invite.body.startswith(b"v=0\r\n")

    def test_writes_what_it_read(self) -> None:
        invite = read(request(body=SDP))
        assert isinstance(invite, Request)
        assert parse(invite.encode()) == invite

    def test_joins_folded_lines_and_expands_compact_names(self) -> None:
        message = read(
            "OPTIONS sip:100@pbx1 SIP/2.0\nv: SIP / 2.0\n / UDP\n   pbx1:5061 ;branch=z9hG4bK-x\n"
            'f: "A, \\"B\\" <x>"\n\t<sip:a@pbx1>;tag=1\nt : sip:100@pbx1\ni: 1\nCSeq: 0009\n  OPTIONS\nl: 0\n\n'
        )
        assert isinstance(message, Request), message
        assert (message.via.host, message.via.port, message.via.branch) == ("pbx1", 5061, "z9hG4bK-x")
        assert message.sender.display == 'A, "B" <x>'
        assert message.cseq.number == 9

    def test_splits_lists_outside_quotes_and_brackets_only(self) -> None:
        headers = Headers([("Contact", '"Watson, T." <sip:w@h?x=1,2>;q=0.7, <sip:b@h>'), ("Contact", "<sip:c@h>")])
        assert headers.items_of("m") == ['"Watson, T." <sip:w@h?x=1,2>;q=0.7', "<sip:b@h>", "<sip:c@h>"]

    def test_keeps_bytes_that_are_no_utf8(self) -> None:
        raw = request("OPTIONS", extra="Subject: X\n").replace("\n", "\r\n").encode().replace(b"X", b"\xff\xfe")
        message = parse(raw)
        assert isinstance(message, Request)
        assert b"Subject: \xff\xfe\r\n" in message.encode()

    def test_drops_what_follows_content_length(self) -> None:
        message = parse(request("OPTIONS").replace("\n", "\r\n").encode() + b"INVITE sip:another")
        assert isinstance(message, Request)
        assert message.body == b""

    def test_reads_a_status_line_without_words(self) -> None:
        text = request("OPTIONS").replace("OPTIONS sip:+14155550100@10.0.0.1 SIP/2.0", "SIP/2.0 200 ")
        message = read(text)
        assert isinstance(message, Response)
        assert (message.status, message.reason) == (200, "")

    @pytest.mark.parametrize(
        ("wrong", "right", "status", "words"),
        [
            ("Call-ID: call-1@10.0.0.9\n", "", 400, "call-id header is missing"),
            ("CSeq: 1 INVITE\n", "", 400, "cseq header is missing"),
            ("CSeq: 1 INVITE", "CSeq: 1 BYE", 400, "another method"),
            ("CSeq: 1 INVITE", "CSeq: 36893488147419103232 INVITE", 400, "2**31"),
            ("CSeq: 1 INVITE", "CSeq: -1 INVITE", 400, "not a CSeq"),
            ("Content-Length: 0", "Content-Length: -999", 400, "not a number"),
            ("Content-Length: 0", "Content-Length: 9999", 400, "shorter"),
            ("Content-Length: 0", "Content-Length: 0\nContent-Length: 0", 400, "more than once"),
            ("Max-Forwards: 70", "Max-Forwards: 300", 400, "Max-Forwards"),
            ("From: <", 'From: "never closed <', 400, "never closed"),
            ("From: <", "From: Watson, Thomas <", 400, "quoted"),
            (";branch=", ";;,;,,branch=", 400, "not a parameter"),
            (" sip:+14155550100@10.0.0.1 SIP", " <sip:+14155550100@10.0.0.1> SIP", 400, "Request-URI"),
            (" sip:+14155550100@10.0.0.1 SIP", "  sip:+14155550100@10.0.0.1 SIP", 400, "request line"),
            ("SIP/2.0\nVia", "SIP/7.0\nVia", 505, "2.0"),
            ("Call-ID:", "Call ID:", 400, "not a header"),
            ("Contact: <sip:phone@", "Contact: sip:x@y?Route=%3Csip:z%3E,<sip:phone@", 400, "angle brackets"),
        ],
    )
    def test_refuses(self, wrong: str, right: str, status: int, words: str) -> None:
        text = request()
        assert wrong in text
        refused = read(text.replace(wrong, right, 1))
        assert isinstance(refused, Malformed)
        assert refused.status == status
        assert words in refused.reason

    def test_says_whom_to_answer_when_the_via_is_good(self) -> None:
        refused = read(request().replace("To: <sip:+14155550100@10.0.0.1>\n", ""))
        assert isinstance(refused, Malformed)
        assert refused.request is not None
        assert refused.request.reply(400).encode().startswith(b"SIP/2.0 400 Bad Request\r\nVia: ")

    def test_never_answers_an_ack_or_a_lost_via(self) -> None:
        for text in (request("ACK").replace("To:", "X:"), request().replace("Via: SIP", "Via: SAP")):
            refused = read(text)
            assert isinstance(refused, Malformed)
            assert refused.request is None

    @pytest.mark.parametrize("data", [b"", b"\r\n\r\n", b"\0" * 40, b"INVITE", b"A\r\n\r\n", b"SIP/2.0 999 X\r\n\r\n"])
    def test_bytes_that_are_no_message(self, data: bytes) -> None:
        assert isinstance(parse(data), Malformed)

    def test_too_many_headers(self) -> None:
        assert isinstance(read(request(extra="X-Y: z\n" * 300)), Malformed)


class TestHeaders:
    @pytest.mark.parametrize(("name", "value"), [("X\r\nY", "z"), ("X", "a\r\nBad: b"), ("X:", "y"), ("", "y")])
    def test_nothing_breaks_out_of_its_line(self, name: str, value: str) -> None:
        with pytest.raises(ValueError, match="cannot be written"):
            Headers().add(name, value)

    def test_via_is_written_first(self) -> None:
        assert list(Headers([("to", "b"), ("v", "a"), ("cseq", "c")])) == [("Via", "a"), ("To", "b"), ("CSeq", "c")]


class TestReply:
    def test_copies_what_the_rfc_says_and_tags_the_to(self) -> None:
        invite = read(request(extra="Via: SIP/2.0/UDP 10.0.0.8;branch=z9hG4bK-0\n"))
        assert isinstance(invite, Request)
        reply = invite.reply(180, to_tag="ours")
        assert reply.start_line == "SIP/2.0 180 Ringing"
        assert reply.headers.all("Via") == [
            "SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bK-1",
            "SIP/2.0/UDP 10.0.0.8;branch=z9hG4bK-0",
        ]
        assert reply.headers.first("To") == "<sip:+14155550100@10.0.0.1>;tag=ours"
        assert "Contact" not in reply.headers

    def test_a_tag_that_is_there_stays(self) -> None:
        bye = read(request("BYE", to_tag="theirs"))
        assert isinstance(bye, Request)
        assert bye.reply(200, to_tag="ours").recipient.tag == "theirs"
