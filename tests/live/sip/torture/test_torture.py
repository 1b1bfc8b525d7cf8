"""RFC 4475: every torture message gets the verdict the RFC gives it, as far as it concerns a user agent."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from dialnexa.live.sip.endpoint import IncomingCall, SipEndpoint
from dialnexa.live.sip.messages.fields import Uri
from dialnexa.live.sip.messages.message import Malformed, Request, Response, parse
from tests.live.sip.torture.messages import MESSAGES
from tests.live.sip.wire import Wire

CALL = 100
"""The INVITE is a call: 100, and it is handed over."""
DROPPED = 0

VERDICTS = {
    # 3.1.1 valid messages. A method that is not ours gets 501; REGISTER and MESSAGE get 405: we are no registrar.
    # wsinv has a To tag, so it belongs to a call that we know nothing of.
    "wsinv": 481, "intmeth": 501, "esc01": CALL, "escnull": 405, "esc02": 501, "lwsdisp": 200, "longreq": CALL,
    "dblreq": 405, "semiuri": 200, "transports": 200, "mpart01": 405, "unreason": DROPPED, "noreason": DROPPED,
    # 3.1.2 invalid messages. badinv01 has no Via that could be answered. An element may be lenient with the white space
    # of lwsstart, trws and badaspec and with the date of baddate; we are with the last two.
    "badinv01": DROPPED, "clerr": 400, "ncl": 400, "scalar02": 400, "scalarlg": DROPPED, "quotbal": 400,
    "ltgtruri": 400, "lwsruri": 400, "lwsstart": 400, "trws": 400, "escruri": 400, "baddate": CALL, "regbadct": 400,
    "badaspec": 200, "baddn": 400, "badvers": 505, "mismatch01": 400, "mismatch02": 400, "bigcode": DROPPED,
    # 3.2 transaction layer, 3.3 application layer, 3.4 backward compatibility
    "badbranch": 200, "insuf": 400, "unkscm": 416, "novelsc": 416, "unksm2": 405, "bext01": 420, "invut": 415,
    "regaut01": 405, "multi01": 400, "mcl01": 400, "bcast": DROPPED, "zeromf": 200, "cparam01": 405, "cparam02": 405,
    "regescrt": 405, "sdp01": 406, "inv2543": CALL,
}  # fmt: skip


@dataclass
class Victim:
    """An endpoint that gets one message, and what it said to it."""

    wire: Wire = field(default_factory=Wire)
    calls: list[IncomingCall] = field(default_factory=list)
    endpoint: SipEndpoint = field(init=False)

    def __post_init__(self) -> None:
        self.endpoint = self.wire.endpoint("10.0.0.1", self.calls.append)

    def answer_to(self, data: bytes) -> int:
        self.endpoint.receive(data, ("10.0.0.9", 5060))
        statuses = [int(line.split(" ")[1]) for line in self.wire.log]
        return statuses[-1] if statuses else DROPPED


def request(name: str) -> Request:
    message = parse(MESSAGES[name])
    assert isinstance(message, Request), message
    return message


async def test_every_message_has_a_verdict() -> None:
    assert VERDICTS.keys() == MESSAGES.keys()
    assert len(MESSAGES) == 49


@pytest.mark.parametrize("name", MESSAGES)
async def test_the_endpoint_says_what_the_rfc_says(name: str) -> None:
    victim = Victim()
    assert victim.answer_to(MESSAGES[name]) == VERDICTS[name]
    assert len(victim.calls) == (VERDICTS[name] == CALL)
    assert victim.endpoint.counts().faults == 0


@pytest.mark.parametrize("name", MESSAGES)
async def test_what_we_write_reads_the_same(name: str) -> None:
    message = parse(MESSAGES[name])
    if not isinstance(message, Malformed):
        again = parse(message.encode())
        assert not isinstance(again, Malformed), again
        assert (again.start_line, again.body) == (message.start_line, message.body)
        assert (again.headers, again.via) == (message.headers, message.via) or "Content-Length" not in message.headers


class TestValidMessages:
    def test_a_short_tortuous_invite(self) -> None:
        invite = request("wsinv")
        assert (invite.recipient.tag, invite.recipient.user) == ("1918181833n", "vivekg")
        assert (invite.sender.display, invite.sender.tag) == ('J Rosenberg \\"', "98asjd8")
        assert (invite.cseq.number, invite.cseq.method) == (9, "INVITE")
        assert [item.split(";")[0].split()[-1] for item in invite.headers.items_of("Via")] == [
            "192.0.2.2", "spindle.example.com", "192.168.255.111",
        ]  # fmt: skip
        assert invite.via.branch == "390skdjuw"
        assert invite.headers.first("NewFangledHeader") == "newfangled value continued newfangled value"
        assert invite.headers.first("UnknownHeaderWithUnusualValue") == ";;,,;;,;"
        assert invite.headers.all("Subject") == [""]
        assert len(invite.body) == 150

    def test_a_wide_range_of_valid_characters(self) -> None:
        message = request("intmeth")
        assert message.method == "!interesting-Method0123456789_*+`.%indeed'~"
        assert message.recipient.display == "BEL:\x07 NUL:\x00 DEL:\x7f"
        assert message.sender.tag == "_token~1'+`*%!-."
        assert message.sender.params["fromparam''~+*_!.-%"] == '"работающий"'
        assert message.headers.first("extensionHeader-!.%*+_`'~") == "\ufeff大停電"
        assert message.call_id == "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"
        assert Uri.parse(message.uri).host == "example.com"

    def test_escapes_are_undone_once(self) -> None:
        invite = request("esc01")
        assert Uri.parse(invite.uri).user == "sips:user@example.com"
        assert (invite.recipient.user, invite.sender.user) == ("user", "I have spaces")

    def test_escaped_nulls_are_users_like_others(self) -> None:
        assert request("escnull").recipient.user == "null-\0-null"

    def test_a_percent_sign_outside_uris_is_a_percent_sign(self) -> None:
        message = request("esc02")
        assert message.method == "RE%47IST%45R"
        assert message.recipient.display == "%Z%45"
        assert len(message.headers.all("Contact")) == 2

    def test_a_display_name_may_touch_its_bracket(self) -> None:
        assert request("lwsdisp").sender.display == "caller"

    def test_long_values(self) -> None:
        invite = request("longreq")
        assert len(invite.headers.items_of("Via")) == 34
        assert invite.sender.tag == f"12{'982' * 50}424"

    def test_a_second_request_in_the_datagram_is_not_looked_at(self) -> None:
        assert request("dblreq").body == b""

    def test_semicolons_belong_to_the_user(self) -> None:
        uri = Uri.parse(request("semiuri").uri)
        assert (uri.user, uri.host, dict(uri.params)) == ("user;par=u@example.net", "example.com", {})

    def test_unusual_and_missing_reasons(self) -> None:
        first, second = parse(MESSAGES["unreason"]), parse(MESSAGES["noreason"])
        assert isinstance(first, Response) and isinstance(second, Response)
        assert first.reason == "= 2**3 * 5**2 но сто девяносто девять - простое"
        assert (second.status, second.reason) == (100, "")

    def test_a_request_of_rfc_2543_needs_no_tag(self) -> None:
        invite = request("inv2543")
        assert (invite.sender.tag, invite.via.branch) == ("", "")
        assert invite.headers.first("Content-Length") == ""
        assert invite.body.startswith(b"v=0")
