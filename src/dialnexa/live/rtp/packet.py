"""RTP packets (RFC 3550, section 5.1): bytes to values and back. Parsing never raises."""

from __future__ import annotations

import struct
from typing import NamedTuple

_FIXED = struct.Struct("!BBHII")
HEADER_BYTES = _FIXED.size
_VERSION = 2
_PLAIN = 0x80
"""First byte of nearly every packet: version 2, no padding, no extension, no contributing sources."""
_RTCP_TYPES = range(72, 77)
"""RTCP sent to the RTP port (RFC 5761): packet types 200 to 204, seen as marker and payload type."""


class RtpPacket(NamedTuple):
    """One packet; contributing sources and header extension are skipped when parsing, never written."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False


def parse(data: bytes) -> RtpPacket | None:
    """Return the packet, or ``None`` for anything that is not well-formed RTP (RTCP, STUN, garbage, truncation)."""
    if len(data) < HEADER_BYTES:
        return None
    first, second, sequence, timestamp, ssrc = _FIXED.unpack_from(data)
    payload_type = second & 0x7F
    if first >> 6 != _VERSION or payload_type in _RTCP_TYPES:
        return None
    payload = data[HEADER_BYTES:] if first == _PLAIN else _payload(data, first)
    if payload is None:
        return None
    return RtpPacket(payload_type, sequence, timestamp, ssrc, payload, second > 0x7F)


def build(packet: RtpPacket) -> bytes:
    """Return the packet's bytes; every field is cut to its width, so counters may simply run on."""
    return header(packet.payload_type, packet.sequence, packet.timestamp, packet.ssrc, packet.marker) + packet.payload


def header(payload_type: int, sequence: int, timestamp: int, ssrc: int, marker: bool) -> bytes:
    """Return the 12 bytes before a payload."""
    return _FIXED.pack(
        _PLAIN,
        payload_type & 0x7F | (0x80 if marker else 0),
        sequence & 0xFFFF,
        timestamp & 0xFFFFFFFF,
        ssrc & 0xFFFFFFFF,
    )


def _payload(data: bytes, first: int) -> bytes | None:
    """Return what is left without contributing sources, extension (5.3.1) and padding."""
    start, end = HEADER_BYTES + 4 * (first & 0x0F), len(data)
    if first & 0x10:
        if start + 4 > end:
            return None
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4])
    if first & 0x20:
        padding = data[-1]
        if not padding:
            return None
        end -= padding
    return data[start:end] if start <= end else None
