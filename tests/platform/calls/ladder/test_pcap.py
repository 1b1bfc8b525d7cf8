"""The capture file, read by a strict reader of our own: every length and checksum must be right."""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from dialnexa.platform.calls.ladder.pcap import pcap
from dialnexa.platform.calls.records import Ladder
from tests.platform.calls.ladder.ladders import ANSWERED, BEGUN, invite, says


@dataclass(frozen=True)
class Packet:
    at: datetime
    protocol: int
    source: tuple[str, int]
    target: tuple[str, int]
    sequence: int
    data: bytes


def read(file: bytes) -> list[Packet]:
    """Read a capture of raw IP packets; any wrong length or checksum fails."""
    assert struct.unpack("<IHHiIII", file[:24]) == (0xA1B2C3D4, 2, 4, 0, 0, 262144, 101)
    packets: list[Packet] = []
    rest = file[24:]
    while rest:
        seconds, micros, kept, length = struct.unpack("<IIII", rest[:16])
        assert kept == length
        assert micros < 1_000_000
        packets.append(_packet(datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=micros), rest[16:][:kept]))
        rest = rest[16 + kept :]
    return packets


def _packet(at: datetime, packet: bytes) -> Packet:
    if packet[0] >> 4 == 4:
        assert _sum(packet[:20]) == 0xFFFF
        assert struct.unpack("!H", packet[2:4])[0] == len(packet)
        protocol, addresses, segment = packet[9], (packet[12:16], packet[16:20]), packet[20:]
    else:
        assert struct.unpack("!H", packet[4:6])[0] == len(packet) - 40
        protocol, addresses, segment = packet[6], (packet[8:24], packet[24:40]), packet[40:]
    assert _sum(b"".join(addresses) + struct.pack("!HH", protocol, len(segment)) + segment) == 0xFFFF
    source_port, target_port = struct.unpack("!HH", segment[:4])
    sequence, header = (struct.unpack("!I", segment[4:8])[0], 20) if protocol == 6 else (0, 8)
    if protocol == 17:
        assert struct.unpack("!H", segment[4:6])[0] == len(segment)
    source, target = (str(ipaddress.ip_address(raw)) for raw in addresses)
    return Packet(at, protocol, (source, source_port), (target, target_port), sequence, segment[header:])


def _sum(data: bytes) -> int:
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def test_each_message_over_udp_is_a_datagram_at_its_time() -> None:
    packets = read(pcap(ANSWERED))
    assert [packet.data.decode() for packet in packets] == [one.text for one in ANSWERED.messages]
    assert [packet.at for packet in packets] == [one.at for one in ANSWERED.messages]
    assert packets[0].at == BEGUN
    assert {packet.protocol for packet in packets} == {17}
    assert (packets[0].source, packets[0].target) == (("192.0.2.1", 5060), ("203.0.113.5", 5060))
    assert (packets[1].source, packets[1].target) == (("203.0.113.5", 5060), ("192.0.2.1", 5060))


def test_over_tcp_a_long_message_is_one_stream() -> None:
    long = says("> INFO sip:x SIP/2.0", transport="TCP", body="x" * 5000)
    packets = read(pcap(Ladder((long, says("> BYE sip:x SIP/2.0", 5, transport="TCP")))))
    assert {packet.protocol for packet in packets} == {6}
    sequence = 1
    for packet in packets:
        assert packet.sequence == sequence
        sequence += len(packet.data)
    assert b"".join(packet.data for packet in packets).startswith(long.text.encode())


def test_what_was_encrypted_is_shown_in_clear_on_the_clear_port() -> None:
    secure = invite(transport="TLS", local="192.0.2.1:5061", peer="203.0.113.5:5061")
    assert {read(pcap(Ladder((secure,))))[0].target[1]} == {5060}


def test_ipv6_names_and_wildcards() -> None:
    six = invite(local="[2001:db8::1]:5060", peer="[2001:db8::2]:5060")
    named = invite(local="sip.example.com:5060", peer="[2001:db8::2]:5060")
    packets = read(pcap(Ladder((six, named))))
    assert packets[0].source == ("2001:db8::1", 5060)
    assert packets[1].source == ("::", 5060)
    assert read(pcap(Ladder((invite(local=":0"),))))[0].source == ("0.0.0.0", 0)


def test_the_very_bytes_come_back() -> None:
    odd = says("> INFO sip:x SIP/2.0", body="\udcff\udc80")
    assert read(pcap(Ladder((odd,))))[0].data.endswith(b"\xff\x80")


def test_nothing_said_is_an_empty_capture() -> None:
    assert read(pcap(Ladder(()))) == []
