"""Whose packets belong to the call."""

from __future__ import annotations

from dialnexa.live.rtp.latch import Latch
from dialnexa.live.rtp.packet import RtpPacket

SIGNALLED, NAT, NAT_MOVED, STRANGER = (
    ("192.0.2.1", 4000),
    ("198.51.100.7", 9000),
    ("198.51.100.7", 9100),
    ("6.6.6.6", 6),
)


def packet(sequence: int, ssrc: int = 1) -> RtpPacket:
    return RtpPacket(0, sequence & 0xFFFF, 0, ssrc, b"x")


def admitted(latch: Latch, source: tuple[str, int], sequences: range, ssrc: int = 1) -> list[int]:
    return [p.sequence for n in sequences for p in latch.admit(packet(n, ssrc), source)]


def test_the_signalled_address_is_believed_at_once():
    assert admitted(Latch(SIGNALLED), SIGNALLED, range(3)) == [0, 1, 2]


def test_a_phone_behind_nat_is_believed_after_a_run_and_loses_nothing():
    latch = Latch(SIGNALLED)
    assert admitted(latch, NAT, range(65534, 65537)) == []
    assert latch.target == SIGNALLED
    assert admitted(latch, NAT, range(65537, 65539)) == [65534, 65535, 0, 1, 2]
    assert latch.target == NAT


def test_scattered_packets_are_no_run():
    latch = Latch(SIGNALLED)
    assert admitted(latch, NAT, range(0, 40, 2)) == []
    assert [p for n in range(8) for p in latch.admit(packet(n), NAT if n % 2 else STRANGER)] == []
    assert [p for n in range(8) for p in latch.admit(packet(n, ssrc=n), NAT)] == []


def test_a_stranger_cannot_join_a_running_call():
    latch = Latch(SIGNALLED)
    admitted(latch, SIGNALLED, range(3))
    assert admitted(latch, STRANGER, range(20)) == []
    assert latch.target == SIGNALLED


def test_a_quiet_call_follows_its_own_stream_to_a_new_port_and_nobody_elses():
    latch = Latch(SIGNALLED)
    admitted(latch, NAT, range(10))
    for _ in range(60):
        latch.tick()
    assert admitted(latch, STRANGER, range(20), ssrc=666) == []
    assert admitted(latch, NAT_MOVED, range(10, 15)) == [10, 11, 12, 13, 14]
    assert latch.target == NAT_MOVED


def test_a_new_stream_from_the_believed_address_is_heard():
    latch = Latch(SIGNALLED)
    admitted(latch, SIGNALLED, range(3))
    assert admitted(latch, SIGNALLED, range(500, 502), ssrc=9) == [500, 501]
