"""RTCP packets (RFC 3550, section 6): sender and receiver reports, descriptions, goodbyes. Parsing never raises."""

from __future__ import annotations

import struct
from dataclasses import dataclass

SENDER_REPORT, RECEIVER_REPORT, DESCRIPTION, GOODBYE = 200, 201, 202, 203
_NTP_EPOCH = 2_208_988_800
"""Seconds from 1900, where NTP begins, to 1970."""
_HEAD = struct.Struct("!BBH")
_SENDER = struct.Struct("!QIII")
_BLOCK = struct.Struct("!IIIIII")
_VERSION = 2
_CNAME = 1
_MOST_PACKETS = 32
_LONGEST_TEXT = 255


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What the reporting side heard of one stream (§6.4.1)."""

    ssrc: int
    """The stream it speaks of."""
    fraction_lost: int
    """Share lost since its last report, of 256."""
    lost: int
    """Packets lost since the beginning; negative where duplicates were counted."""
    highest_sequence: int
    """The highest sequence number heard, and above it how often it wrapped."""
    jitter: int
    """In units of the stream's timestamp."""
    last_report: int = 0
    """The middle 32 bits of the NTP time of the stream's last sender report; 0: none came."""
    delay: int = 0
    """How long ago that report came, in 1/65536 s."""


@dataclass(frozen=True, slots=True)
class SenderInfo:
    """What the reporting side sent itself."""

    ntp: int
    """When it says so, as a 64-bit NTP time."""
    timestamp: int
    """The same moment on its RTP clock."""
    packets: int
    octets: int


@dataclass(frozen=True, slots=True)
class Report:
    """A sender report, or without ``sender`` a receiver report."""

    ssrc: int
    sender: SenderInfo | None = None
    blocks: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class Goodbye:
    """Streams that have ended (§6.6)."""

    ssrcs: tuple[int, ...]


def is_rtcp(data: bytes) -> bool:
    """Tell RTCP on an RTP port from RTP, as RFC 5761 §4 does; in an encrypted packet too, for its head is in clear."""
    return len(data) >= 8 and data[0] >> 6 == _VERSION and 192 <= data[1] <= 223


def parse(data: bytes) -> list[Report | Goodbye]:
    """Return the reports and goodbyes of one datagram; what else it holds is skipped, malformed ones say nothing.

    A datagram that starts with a goodbye or a description alone is read as well (RFC 5506).
    """
    found: list[Report | Goodbye] = []
    at = 0
    while at + 4 <= len(data) and len(found) < _MOST_PACKETS:
        first, kind, words = _HEAD.unpack_from(data, at)
        end = at + 4 + 4 * words
        if first >> 6 != _VERSION or end > len(data):
            return []
        body = data[at + 4 : end]
        if first & 0x20:  # padding, of the last packet only; its last byte says how much
            if end != len(data) or not body or not 0 < body[-1] <= len(body):
                return []
            body = body[: -body[-1]]
        packet = _read(kind, first & 0x1F, body)
        if packet is not None:
            found.append(packet)
        at = end
    return found if at == len(data) else []


def build_report(report: Report, cname: str) -> bytes:
    """Return a compound packet: the report and, as it must be, the sender's name (§6.1)."""
    sender, blocks = report.sender, report.blocks[:31]
    body = struct.pack("!I", report.ssrc)
    if sender is not None:
        body += _SENDER.pack(
            sender.ntp, sender.timestamp & 0xFFFFFFFF, sender.packets & 0xFFFFFFFF, sender.octets & 0xFFFFFFFF
        )
    body += b"".join(_block(block) for block in blocks)
    kind = RECEIVER_REPORT if sender is None else SENDER_REPORT
    return _packet(kind, len(blocks), body) + _description(report.ssrc, cname)


def build_goodbye(ssrc: int, cname: str) -> bytes:
    """Return the compound packet that ends a stream: an empty report, the name, and the goodbye."""
    return build_report(Report(ssrc), cname) + _packet(GOODBYE, 1, struct.pack("!I", ssrc))


def ntp(wall_s: float) -> int:
    """Return seconds since 1970 as a 64-bit NTP time."""
    return int((wall_s + _NTP_EPOCH) * 65536) << 16 & 0xFFFFFFFFFFFFFFFF


def middle(ntp_time: int) -> int:
    """Return the 32 bits of an NTP time that report blocks speak of, in 1/65536 s."""
    return ntp_time >> 16 & 0xFFFFFFFF


def _packet(kind: int, count: int, body: bytes) -> bytes:
    return _HEAD.pack(_VERSION << 6 | count, kind, len(body) // 4) + body


def _description(ssrc: int, cname: str) -> bytes:
    text = cname.encode()[:_LONGEST_TEXT]
    chunk = struct.pack("!IBB", ssrc, _CNAME, len(text)) + text + b"\0"
    return _packet(DESCRIPTION, 1, chunk + b"\0" * (-len(chunk) % 4))


def _block(block: ReportBlock) -> bytes:
    lost = max(-0x800000, min(block.lost, 0x7FFFFF)) & 0xFFFFFF
    return _BLOCK.pack(
        block.ssrc,
        block.fraction_lost << 24 | lost,
        block.highest_sequence & 0xFFFFFFFF,
        min(block.jitter, 0xFFFFFFFF),
        block.last_report,
        block.delay & 0xFFFFFFFF,
    )


def _read(kind: int, count: int, body: bytes) -> Report | Goodbye | None:
    if kind == GOODBYE:
        return Goodbye(_words(body[: 4 * count])) if len(body) >= 4 * count else None
    if kind not in (SENDER_REPORT, RECEIVER_REPORT):
        return None
    start = 4 + (_SENDER.size if kind == SENDER_REPORT else 0)
    if len(body) < start + _BLOCK.size * count:
        return None
    sender = SenderInfo(*_SENDER.unpack_from(body, 4)) if kind == SENDER_REPORT else None
    blocks = tuple(_read_block(body, start + _BLOCK.size * n) for n in range(count))
    return Report(int.from_bytes(body[:4]), sender, blocks)


def _read_block(body: bytes, at: int) -> ReportBlock:
    ssrc, loss, highest, jitter, last_report, delay = _BLOCK.unpack_from(body, at)
    lost = loss & 0xFFFFFF
    return ReportBlock(
        ssrc, loss >> 24, lost - 0x1000000 if lost & 0x800000 else lost, highest, jitter, last_report, delay
    )


def _words(data: bytes) -> tuple[int, ...]:
    return struct.unpack(f"!{len(data) // 4}I", data)
