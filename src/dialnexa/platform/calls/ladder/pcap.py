"""A ladder as a capture file for Wireshark or tshark: classic pcap with microseconds, raw IP packets.

Messages over UDP become datagrams; those over TCP and TLS become segments of one TCP stream per pair of addresses,
so that they are put together again however long they are. What came encrypted (TLS) is written in clear and on port
5060, for readers take what is on 5061 for TLS.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator

from dialnexa.platform.calls.records import Ladder, SipMessage

_MAGIC = 0xA1B2C3D4
_SNAP = 262_144
_RAW_IP = 101
"""LINKTYPE_RAW: each packet begins with its IPv4 or IPv6 header."""
_UDP, _TCP = 17, 6
_PUSH_ACK = 0x18
_SEGMENT = 1400
_LONGEST_DATAGRAM = 65_000
_SIPS, _SIP = 5061, 5060

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_End = tuple[_Address, int]


def pcap(ladder: Ladder) -> bytes:
    """Return the file."""
    sent: dict[tuple[_End, _End], int] = {}
    parts = [struct.pack("<IHHiIII", _MAGIC, 2, 4, 0, 0, _SNAP, _RAW_IP)]
    for message in ladder.messages:
        moment = round(message.at.timestamp() * 1e6)
        for packet in _packets(message, sent):
            size = len(packet)
            parts.append(struct.pack("<IIII", moment // 1_000_000, moment % 1_000_000, size, size) + packet)
    return b"".join(parts)


def _packets(message: SipMessage, sent: dict[tuple[_End, _End], int]) -> Iterator[bytes]:
    data = message.text.encode("utf-8", "surrogateescape")
    source, target = _ends(message)
    if message.transport == "UDP":
        datagram = data[:_LONGEST_DATAGRAM]
        head = struct.pack("!HHHH", source[1], target[1], 8 + len(datagram), 0)
        yield _ip(source[0], target[0], _UDP, head, 6, datagram)
        return
    for start in range(0, len(data), _SEGMENT):
        segment = data[start : start + _SEGMENT]
        so_far, acknowledged = sent.get((source, target), 1), sent.get((target, source), 1)
        sent[source, target] = so_far + len(segment)
        head = struct.pack("!HHIIBBHHH", source[1], target[1], so_far, acknowledged, 5 << 4, _PUSH_ACK, 65_535, 0, 0)
        yield _ip(source[0], target[0], _TCP, head, 16, segment)


def _ends(message: SipMessage) -> tuple[_End, _End]:
    local, peer = _end(message.local), _end(message.peer)
    if local[0].version != peer[0].version:  # we listen on a wildcard, or tell peers a name
        local = (type(peer[0])(0), local[1])
    if message.transport == "TLS":
        local, peer = _in_clear(local), _in_clear(peer)
    return (local, peer) if message.way == "out" else (peer, local)


def _end(written: str) -> _End:
    host, _, port = written.rpartition(":")
    try:
        address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        address = ipaddress.IPv4Address(0)
    return address, int(port) & 0xFFFF if port.isdecimal() else 0


def _in_clear(end: _End) -> _End:
    return (end[0], _SIP) if end[1] == _SIPS else end


def _ip(source: _Address, target: _Address, protocol: int, head: bytes, checksum_at: int, data: bytes) -> bytes:
    """Wrap a segment into an IP packet, with all checksums (RFC 791, RFC 8200 §8.1)."""
    length = len(head) + len(data)
    if source.version == 4:
        pseudo = source.packed + target.packed + struct.pack("!BBH", 0, protocol, length)
        bare = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0, 0, 64, protocol, 0) + source.packed + target.packed
        header = bare[:10] + struct.pack("!H", _checksum(bare)) + bare[12:]
    else:
        pseudo = source.packed + target.packed + struct.pack("!IBBBB", length, 0, 0, 0, protocol)
        header = struct.pack("!IHBB", 6 << 28, length, protocol, 64) + source.packed + target.packed
    checksum = _checksum(pseudo + head + data) or 0xFFFF
    return header + head[:checksum_at] + struct.pack("!H", checksum) + head[checksum_at + 2 :] + data


def _checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071)."""
    padded = data + b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
