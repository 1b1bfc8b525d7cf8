"""RTP packets, byte by byte (RFC 3550, 5.1)."""

from hypothesis import given, settings
from hypothesis import strategies as st

from dialnexa.live.rtp.packet import RtpPacket, build, parse

PLAIN = bytes.fromhex("80001234 00000f a0 deadbeef".replace(" ", "")) + b"audio"


def test_a_plain_packet():
    assert parse(PLAIN) == RtpPacket(0, 0x1234, 0xFA0, 0xDEADBEEF, b"audio", False)


def test_building_is_the_reverse_of_parsing():
    assert build(RtpPacket(0, 0x1234, 0xFA0, 0xDEADBEEF, b"audio")) == PLAIN


def test_the_marker_shares_a_byte_with_the_payload_type():
    assert build(RtpPacket(101, 1, 2, 3, b"", True))[1] == 0x80 | 101
    assert parse(bytes([0x80, 0x80 | 101]) + bytes(10)) == RtpPacket(101, 0, 0, 0, b"", True)


def test_sources_extension_and_padding_are_no_audio():
    head = bytes([0x80 | 0x20 | 0x10 | 2, 8]) + bytes(10)
    sources, extension = b"AAAABBBB", bytes.fromhex("bede0001") + b"EEEE"
    assert parse(head + sources + extension + b"audio" + b"\0\0\x03") == RtpPacket(8, 0, 0, 0, b"audio")


def test_counters_wrap():
    packet = parse(build(RtpPacket(0, 65536, 2**32 + 5, 2**32 + 7, b"x")))
    assert packet == RtpPacket(0, 0, 5, 7, b"x")


def test_what_is_not_rtp_is_nothing():
    assert parse(b"") is None
    assert parse(PLAIN[:11]) is None
    assert parse(bytes([0x40]) + PLAIN[1:]) is None, "version 1"
    assert parse(bytes([0x80, 200]) + bytes(26)) is None, "an RTCP sender report"
    assert parse(bytes.fromhex("000100002112a442") + bytes(12)) is None, "STUN"
    assert parse(bytes([0x8F, 0]) + bytes(20)) is None, "fifteen sources that are not there"
    assert parse(bytes([0x90, 0]) + bytes(10) + b"\0\0\xff\xff") is None, "an extension that is not there"
    assert parse(bytes([0x90, 0]) + bytes(12)) is None, "half an extension header"
    assert parse(bytes([0xA0, 0]) + bytes(10) + b"\x09") is None, "more padding than packet"
    assert parse(bytes([0xA0, 0]) + bytes(10) + b"a\0") is None, "padding of no length"


@settings(deadline=None)
@given(st.binary(max_size=80))
def test_no_bytes_at_all_make_it_raise(data):
    packet = parse(data)
    assert packet is None or len(packet.payload) <= len(data) - 12


@settings(deadline=None)
@given(
    st.integers(0, 127).filter(lambda t: t not in range(72, 77)),
    st.integers(0, 65535),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.binary(max_size=200),
    st.booleans(),
)
def test_every_packet_survives_the_wire(payload_type, sequence, timestamp, ssrc, payload, marker):
    packet = RtpPacket(payload_type, sequence, timestamp, ssrc, payload, marker)
    assert parse(build(packet)) == packet
