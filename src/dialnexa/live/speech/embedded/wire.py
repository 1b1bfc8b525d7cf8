"""What a worker and its decoder processes say to each other over pipes: a header, then the payload."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

_HEADER = struct.Struct("<IBI")
"""Payload bytes, kind, ear."""


class Kind(IntEnum):
    """What a message is about."""

    OPEN = 1
    EXPECT = 2
    """Payload: a question as JSON."""
    AUDIO = 3
    """Payload: 8 kHz PCM, 16 bit little-endian."""
    FINALIZE = 4
    CLOSE = 5
    READY = 6
    """From the process: its models are loaded. Ear 0."""
    PARTIAL = 7
    FINAL = 8
    """Payload of both: JSON."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One message."""

    kind: Kind
    ear: int
    payload: bytes = b""


def pack(kind: Kind, ear: int, payload: bytes = b"") -> bytes:
    """Write a message."""
    return _HEADER.pack(len(payload), kind, ear) + payload


class Unpacker:
    """Cuts a byte stream back into messages."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> list[Packet]:
        """Add bytes and return the messages that are complete."""
        self._pending += data
        packets: list[Packet] = []
        start = 0
        while len(self._pending) - start >= _HEADER.size:
            length, kind, ear = _HEADER.unpack_from(self._pending, start)
            end = start + _HEADER.size + length
            if len(self._pending) < end:
                break
            packets.append(Packet(Kind(kind), ear, bytes(self._pending[start + _HEADER.size : end])))
            start = end
        del self._pending[:start]
        return packets
