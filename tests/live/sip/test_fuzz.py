"""Whatever arrives, nothing raises and nothing is left behind."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from dialnexa.live.sip.messages.message import Malformed, parse
from dialnexa.live.sip.messages.sdp import SdpError, parse_sdp
from tests.live.sip.wire import SDP, Wire, request

SEEDS = [
    text.replace("\n", "\r\n").encode()
    for text in (
        request(body=SDP),
        request("OPTIONS", extra="Require: foo\nAccept: text/plain\nRoute: <sip:a;lr>\n"),
        request("BYE", to_tag="x", extra="Reason: Q.850;cause=16\n"),
        request("CANCEL"),
        request("ACK", to_tag="x"),
        request("INFO", to_tag="x", extra="Content-Type: application/dtmf-relay\n", body="Signal=5\nDuration=100\n"),
        request("INVITE", extra='Record-Route: <sip:p1;lr>,"q" <sip:p2>\n', body=SDP.replace("audio 30000", "audio 0")),
        request("REGISTER", extra='Authorization: Digest username="a", realm="b,c", nonce="\\"", response=""\n'),
        request("INVITE", body=SDP).replace("INVITE sip:+14155550100@10.0.0.1 SIP/2.0", "SIP/2.0 200 OK"),
    )
]
NASTY = [b"\r\n", b"\0", b'"', b"<", b">", b";", b",", b":", b"\xff", b"%", b"\\", b" ", b"@", b"=", b"z9hG4bK",
         b"self", b"999999999999999999999", b"-1", b"[::1", b"\n ", b"sip:", b"Via: ", b"Content-Length: "]  # fmt: skip


def mutate(data: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(5):
            case 0:
                data = data[:at]
            case 1:
                data = data[:at] + rng.choice(NASTY) + data[at:]
            case 2:
                data = data[:at] + data[at + rng.randint(1, 20) :]
            case 3:
                data = data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
            case _:
                other = rng.choice(SEEDS)
                data = data[:at] + other[rng.randrange(len(other)) :]
    return data


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(SEEDS), st.integers(0, 2**32))
def test_mutated_messages_never_hurt_an_endpoint(seed: bytes, number: int) -> None:
    wire = Wire()
    endpoint = wire.endpoint("10.0.0.1")
    data = mutate(seed, random.Random(number))
    endpoint.receive(data, ("10.0.0.9", 5060))
    endpoint.receive(data, ("10.0.0.9", 5060))
    wire.now = 200.0
    endpoint.advance()
    wire.now = 400.0
    endpoint.advance()
    counts = endpoint.counts()
    assert counts.faults == 0
    held = (counts.server_transactions, counts.client_transactions, counts.dialogs, counts.pending_calls)
    assert held == (0, 0, 0, 0)
    assert counts.deadlines == 0


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_bytes_never_raise(data: bytes) -> None:
    message = parse(data)
    if not isinstance(message, Malformed):
        assert parse(message.encode())
    wire = Wire()
    endpoint = wire.endpoint("10.0.0.1")
    endpoint.receive(data, ("10.0.0.9", 5060))
    assert endpoint.counts().faults == 0


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2**32))
def test_mutated_descriptions_raise_only_their_own_error(number: int) -> None:
    data = mutate(SDP.encode(), random.Random(number))
    try:
        description = parse_sdp(data)
    except SdpError:
        return
    if description.codecs:
        assert parse_sdp(description.encode()).port == description.port


def test_a_flood_of_sources_is_counted_in_bounded_memory() -> None:
    endpoint = Wire().endpoint("10.0.0.1")
    for number in range(3000):
        endpoint.receive(b"scan scan scan", (f"10.{number // 250}.{number % 250}.1", 5060))
    counts = endpoint.counts()
    assert counts.malformed == 3000
    assert len(counts.malformed_by_source) == 1024


def test_keep_alives_are_not_malformed() -> None:
    endpoint = Wire().endpoint("10.0.0.1")
    endpoint.receive(b"\r\n\r\n", ("10.0.0.9", 5060))
    endpoint.receive(b"\0\0\0\0", ("10.0.0.9", 5060))
    assert endpoint.counts().malformed == 0
