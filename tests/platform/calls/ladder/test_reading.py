"""What the messages of a ladder mean, and how they are drawn."""

from __future__ import annotations

import pytest

from dialnexa.platform.calls.ladder.drawing import draw
from dialnexa.platform.calls.ladder.packing import pack, unpack
from dialnexa.platform.calls.ladder.steps import steps, verdict
from dialnexa.platform.calls.records import Ladder
from tests.platform.calls.ladder.ladders import ANSWERED, BUSY, invite, says, sdp


def summaries(*messages: object) -> list[str]:
    return [step.summary for step in steps(Ladder(messages))]  # type: ignore[arg-type]


def test_a_call_step_by_step() -> None:
    assert [(step.ms, step.summary) for step in steps(ANSWERED)] == [
        (0, "INVITE with offer PCMU, PCMA"),
        (3, "100 Trying"),
        (15, "180 Ringing"),
        (1200, "200 OK with answer PCMA"),
        (1201, "ACK"),
        (9000, "BYE"),
        (9001, "200 OK (BYE)"),
    ]


def test_an_offer_may_come_late_and_its_answer_in_the_ack() -> None:
    assert summaries(
        says("> INVITE sip:x SIP/2.0"),
        says("< SIP/2.0 200 OK", cseq="1 INVITE", body=sdp("0 101")),
        says("> ACK sip:x SIP/2.0", body=sdp("0 101")),
    ) == ["INVITE", "200 OK with offer PCMU", "ACK with answer PCMU"]


@pytest.mark.parametrize(
    ("body", "summary"),
    [
        (sdp(proto="RTP/SAVP"), "INVITE with offer PCMU, PCMA (encrypted)"),
        (sdp("96 0", more="a=rtpmap:96 opus/48000/2\r\n"), "INVITE with offer opus, PCMU"),
        (sdp(more="a=sendonly\r\n"), "INVITE with offer PCMU, PCMA (hold: sendonly)"),
        (sdp(more="a=inactive\r\n"), "INVITE with offer PCMU, PCMA (hold: inactive)"),
        (sdp("0", port=0), "INVITE with offer PCMU (audio refused)"),
    ],
)
def test_what_an_offer_says(body: str, summary: str) -> None:
    assert summaries(says("> INVITE sip:x SIP/2.0", body=body)) == [summary]


def test_what_explains_a_message_is_told() -> None:
    assert summaries(*BUSY.messages)[1] == '486 Busy Here (Q.850;cause=17;text="User busy")'
    assert summaries(says("< SIP/2.0 302 Moved", cseq="1 INVITE", headers="m: <sip:b@c>\r\n")) == [
        "302 Moved to <sip:b@c>"
    ]
    assert summaries(says("> REFER sip:x SIP/2.0", headers="Refer-To: <sip:c@d>\r\n")) == ["REFER to <sip:c@d>"]
    assert summaries(says("> INVITE sip:x SIP/2.0", headers="Authorization: Digest x\r\n")) == ["INVITE with a login"]


@pytest.mark.parametrize(
    ("ladder", "said"),
    [
        (ANSWERED, "The call was answered, and the far end hung up (BYE)."),
        (BUSY, 'The far end refused the call: 486 Busy Here (Q.850;cause=17;text="User busy").'),
        (
            Ladder((invite(), invite(500, repeated=True), invite(1500, repeated=True))),
            "No answer at all to the INVITE, sent 3 times: nothing listens at 203.0.113.5:5060, or a firewall drops "
            "what it says.",
        ),
        (
            Ladder((*ANSWERED.messages[:3], says("> CANCEL sip:x SIP/2.0", 30000))),
            "We gave up (CANCEL) before there was an answer; the call got as far as 180 Ringing.",
        ),
        (Ladder(ANSWERED.messages[:3]), "The call got no further than 180 Ringing."),
        (Ladder(ANSWERED.messages[:4]), "The call was answered, but never acknowledged (no ACK from us)."),
        (Ladder(ANSWERED.messages[:5]), "The call was answered; no BYE was seen."),
        (
            Ladder((*ANSWERED.messages[:5], says("> BYE sip:x SIP/2.0", 9000, cseq="2 BYE"))),
            "The call was answered, and we hung up (BYE); nobody confirmed it.",
        ),
        (
            Ladder((*ANSWERED.messages, says("< SIP/2.0 488 Not Acceptable Here", 9500, cseq="3 INVITE"))),
            "The call was answered, and the far end hung up (BYE).",
        ),
        (
            Ladder(
                (
                    *ANSWERED.messages[:5],
                    invite(2000, call_id="leg@2"),
                    says("< SIP/2.0 486 Busy Here", 2030, cseq="1 INVITE", call_id="leg@2"),
                    *ANSWERED.messages[5:],
                )
            ),
            "The call was answered, and the far end hung up (BYE).",
        ),
        (Ladder(()), "No INVITE was seen."),
    ],
)
def test_one_sentence_on_how_it_ended(ladder: Ladder, said: str) -> None:
    assert verdict(ladder) == said


def test_the_drawing() -> None:
    assert draw(BUSY, "call_1  outbound").splitlines() == [
        "call_1  outbound",
        "2026-05-23 12:00:00.123456 UTC, SIP over UDP",
        "",
        "      ms  DialNexa                                               far end",
        "          192.0.2.1:5060                                203.0.113.5:5060",
        "       0  |-------------- INVITE with offer PCMU, PCMA --------------->|",
        '      30  |<----- 486 Busy Here (Q.850;cause=17;text="User busy") -----|',
        "      31  |--------------------------- ACK --------------------------->|",
        "",
        'The far end refused the call: 486 Busy Here (Q.850;cause=17;text="User busy").',
    ]


def test_the_drawing_says_what_is_missing_who_else_spoke_and_what_came_again() -> None:
    elsewhere = says("< SIP/2.0 200 OK", 9, cseq="1 INVITE", peer="198.51.100.7:5070", transport="TCP", repeated=True)
    drawn = draw(Ladder((invite(), elsewhere), left_out=7, gap_at=1), "t")
    assert " 7 messages were not kept " in drawn
    assert "200 OK (again) " in drawn
    assert "198.51.100.7:5070  over TCP" in drawn


def test_the_far_end_cannot_paint_on_the_terminal() -> None:
    drawn = draw(Ladder((invite(), says("< SIP/2.0 486 \x1b[31mBusy", cseq="1 INVITE"))), "t")
    assert "\x1b" not in drawn


@pytest.mark.parametrize("text", ["", "\n", "SIP/2.0", "SIP/2.0 abc", "INVITE", "\udcff\udcfe", "a:b\r\n\r\nm=audio"])
def test_no_text_is_too_odd(text: str) -> None:
    odd = says("< x")
    odd = type(odd)(odd.at, odd.way, odd.local, odd.peer, odd.transport, odd.repeated, text)
    ladder = unpack(pack(Ladder((invite(), odd))))
    assert ladder == Ladder((invite(), odd))
    steps(ladder)
    verdict(ladder)
    draw(ladder, "t").encode("utf-8", "replace")


def test_a_ladder_is_kept_whole_and_small() -> None:
    ladder = Ladder(ANSWERED.messages, 3, 2)
    assert unpack(pack(ladder)) == ladder
    assert len(pack(ladder)) < sum(len(one.text) for one in ladder.messages) * 0.6
