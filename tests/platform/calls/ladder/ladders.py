"""Ladders made by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from dialnexa.platform.calls.records import Ladder, SipMessage

BEGUN = datetime(2026, 5, 23, 12, 0, 0, 123456, UTC)
SDP = "v=0\r\nm=audio {port} {proto} {codecs}\r\n{more}"


def sdp(codecs: str = "0 8 101", *, port: int = 4000, proto: str = "RTP/AVP", more: str = "") -> str:
    return SDP.format(port=port, proto=proto, codecs=codecs, more=f"a=rtpmap:101 telephone-event/8000\r\n{more}")


def says(
    first: str, ms: float = 0, *, cseq: str = "", call_id: str = "a@b", body: str = "", headers: str = "",
    transport: str = "UDP", peer: str = "203.0.113.5:5060", local: str = "192.0.2.1:5060", repeated: bool = False,
) -> SipMessage:  # fmt: skip
    """A message as ``> INVITE sip:…`` (ours) or ``< SIP/2.0 200 OK`` (theirs)."""
    way, _, start = first.partition(" ")
    method = cseq or f"1 {start.split(' ')[0]}"
    kind = "Content-Type: application/sdp\r\n" if body else ""
    text = (
        f"{start}\r\nCall-ID: {call_id}\r\nCSeq: {method}\r\n{headers}{kind}Content-Length: {len(body)}\r\n\r\n{body}"
    )
    at = BEGUN + timedelta(milliseconds=ms)
    return SipMessage(at, "out" if way == ">" else "in", local, peer, transport, repeated, text)


def invite(ms: float = 0, **more: object) -> SipMessage:
    return says("> INVITE sip:+16505550199@203.0.113.5 SIP/2.0", ms, body=sdp(), **more)  # type: ignore[arg-type]


ANSWERED = Ladder(
    (
        invite(),
        says("< SIP/2.0 100 Trying", 3, cseq="1 INVITE"),
        says("< SIP/2.0 180 Ringing", 15, cseq="1 INVITE"),
        says("< SIP/2.0 200 OK", 1200, cseq="1 INVITE", body=sdp("8 101")),
        says("> ACK sip:b@203.0.113.5 SIP/2.0", 1201),
        says("< BYE sip:a@192.0.2.1 SIP/2.0", 9000, cseq="2 BYE"),
        says("> SIP/2.0 200 OK", 9001, cseq="2 BYE"),
    )
)
BUSY = Ladder(
    (
        invite(),
        says("< SIP/2.0 486 Busy Here", 30, cseq="1 INVITE", headers='Reason: Q.850;cause=17;text="User busy"\r\n'),
        says("> ACK sip:b@203.0.113.5 SIP/2.0", 31),
    )
)
