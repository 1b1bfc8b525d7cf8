"""Encrypted packets: vectors, counters, replays, tampering."""

from __future__ import annotations

import secrets

import pytest

from dialnexa.live.rtp.packet import RtpPacket, build
from dialnexa.live.rtp.srtp import Srtp, SrtpKeys

SUITES = {
    "AES_CM_128_HMAC_SHA1_80": 30,
    "AES_CM_128_HMAC_SHA1_32": 30,
    "AEAD_AES_128_GCM": 28,
    "AEAD_AES_256_GCM": 44,
}


def pair(suite: str = "AES_CM_128_HMAC_SHA1_80") -> tuple[Srtp, Srtp]:
    near, far = (secrets.token_bytes(SUITES[suite]) for _ in range(2))
    return Srtp(SrtpKeys(suite, near, far)), Srtp(SrtpKeys(suite, far, near))


def packet(sequence: int) -> bytes:
    return build(RtpPacket(0, sequence, sequence * 160, 0xCAFE, b"\x55" * 160))


@pytest.mark.parametrize("suite", SUITES)
def test_both_directions_and_their_control_packets(suite: str) -> None:
    near, far = pair(suite)
    report = bytes.fromhex("80c80006") + bytes(24)
    for one, other in ((near, far), (far, near)):
        sealed = one.seal(packet(1))
        assert sealed[:12] == packet(1)[:12]
        assert sealed[12:172] != packet(1)[12:]
        assert other.open(sealed) == packet(1)
        assert other.open_control(one.seal_control(report)) == report


def test_the_packet_of_libsrtps_own_test_vector() -> None:
    key = bytes.fromhex("e1f97a0d3e018be0d64fa32c06de4139") + bytes.fromhex("0ec675ad498afeebb6960b3aabe6")
    plain = bytes.fromhex("800f1234decafbadcafebabe" + "ab" * 16)
    sealed = Srtp(SrtpKeys("AES_CM_128_HMAC_SHA1_80", key, key)).seal(plain)
    assert sealed.hex() == ("800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb")


def test_a_replayed_packet_and_a_tampered_one_are_nobodys() -> None:
    near, far = pair()
    sealed = near.seal(packet(1))
    assert far.open(sealed[:50] + bytes([sealed[50] ^ 1]) + sealed[51:]) is None
    assert far.open(sealed[:2] + b"\x00\x02" + sealed[4:]) is None
    assert far.open(sealed) == packet(1)
    assert far.open(sealed) is None


@pytest.mark.parametrize("garbage", [b"", b"\x80", b"x" * 11, b"\x80" * 5000, packet(1)])
def test_garbage_and_packets_in_clear_are_nobodys(garbage: bytes) -> None:
    _, far = pair()
    assert far.open(garbage) is None
    assert far.open_control(garbage) is None


def test_the_counter_rolls_over_also_where_packets_are_lost_and_swapped() -> None:
    near, far = pair()
    sealed = {n: near.seal(packet(n & 0xFFFF)) for n in range(65500, 65600)}
    order = [n for n in sealed if n % 7] + [n for n in sealed if not n % 7 and n > 65560]
    assert [far.open(sealed[n]) for n in order] == [packet(n & 0xFFFF) for n in order]


def test_a_key_that_stays_keeps_its_counters_and_a_new_one_takes_over_without_a_gap() -> None:
    near, far = pair()
    for n in range(65530, 65540):
        far.open(near.seal(packet(n & 0xFFFF)))
    late = near.seal(packet(4))
    ours, new, other = near._keys.ours, secrets.token_bytes(30), near._keys.theirs
    far.rekey(SrtpKeys(far.suite, other, ours))
    assert far.open(near.seal(packet(5))) == packet(5), "nothing changed, so neither did the roll-over counter"
    near.rekey(SrtpKeys(near.suite, new, other))
    far.rekey(SrtpKeys(far.suite, other, new))
    assert far.open(late) == packet(4), "still on its way when the keys changed"
    assert far.open(near.seal(packet(6))) == packet(6)
    assert far.open(near.seal(packet(7))) == packet(7)


def test_a_packet_too_long_to_seal_is_a_network_error_not_a_crash() -> None:
    near, _ = pair()
    with pytest.raises(OSError, match="not encrypted"):
        near.seal(b"\x80" * 1500)
    with pytest.raises(OSError, match="not encrypted"):
        near.seal_control(b"\x80" * 1500)


def test_a_stray_key_opens_no_memory() -> None:
    """Only packets that prove their key get a stream of their own, so forged sources cost nothing."""
    near, far = pair()
    sealed = near.seal(packet(1))
    for ssrc in range(2000):
        assert far.open(sealed[:8] + ssrc.to_bytes(4) + sealed[12:]) is None
    assert far.open(sealed) == packet(1)
