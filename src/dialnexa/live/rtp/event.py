"""Keypad digits as RTP telephone-events (RFC 4733)."""

from __future__ import annotations

import struct

KEYS = "0123456789*#ABCD"
"""Keys by their event code, 0 to 15."""
_PAYLOAD = struct.Struct("!BBH")
_END = 0x80
_LATE = 40_000
"""Samples (5 s) a packet of an older press may lag behind."""
_VOLUME = 10
"""−10 dBm0, the level most phones announce."""


def build(digit: str, duration: int, end: bool) -> bytes:
    """Return the payload for one key; ``duration`` in timestamp units, 0 to 65535."""
    return _PAYLOAD.pack(KEYS.index(digit), (_END if end else 0) | _VOLUME, min(duration, 0xFFFF))


class KeyReceiver:
    """Reports each key press once, however many packets tell of it and whichever of them get lost."""

    def __init__(self) -> None:
        self._source: int | None = None
        self._started_at: int | None = None
        self._digit = ""

    def feed(self, payload: bytes, timestamp: int, ssrc: int = 0) -> str | None:
        """Return the key when this is the first packet of its press, else ``None``; garbage is ``None`` too.

        All packets of one press carry the timestamp of its start (RFC 4733, 2.5.1.2). Packets of an older press that
        come late are recognised by a timestamp slightly older; one that is far off is a stream that began anew.
        """
        if len(payload) < _PAYLOAD.size or payload[0] >= len(KEYS):
            return None
        digit = KEYS[payload[0]]
        if ssrc == self._source and self._started_at is not None:
            older_by = (self._started_at - timestamp) & 0xFFFFFFFF
            if 0 < older_by <= _LATE or (not older_by and digit == self._digit):
                return None
        self._source, self._started_at, self._digit = ssrc, timestamp, digit
        return digit
