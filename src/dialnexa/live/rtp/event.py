"""Keypad digits as RTP telephone-events (RFC 4733)."""

from __future__ import annotations

import struct

from dialnexa.live.line import SAMPLE_RATE

KEYS = "0123456789*#ABCD"
"""Keys by their event code, 0 to 15."""
_PAYLOAD = struct.Struct("!BBH")
_END = 0x80
_LATE_S = 5
"""Seconds a packet of an older press may lag behind."""
_LONGEST = 0xFFFF
"""Timestamp units one event can last; a longer press goes on as the next one (RFC 4733 §2.5.1.3)."""
_NEARLY = 0xF000
"""Some senders begin the next one at their last whole packet before that."""
_VOLUME = 10
"""−10 dBm0, the level most phones announce."""


def build(digit: str, duration: int, end: bool) -> bytes:
    """Return the payload for one key; ``duration`` in timestamp units, 0 to 65535."""
    return _PAYLOAD.pack(KEYS.index(digit), (_END if end else 0) | _VOLUME, min(duration, _LONGEST))


_SOURCES = 4
"""Streams remembered per call: a gateway may mix keys of its own with those it passes on."""


class KeyReceiver:
    """Reports each key press once, however many packets tell of it and whichever of them get lost."""

    def __init__(self, clock_rate: int = SAMPLE_RATE) -> None:
        """Take the Hz the events' timestamps are counted in."""
        self._late = _LATE_S * clock_rate
        self._sources: dict[int, _Source] = {}
        """By SSRC, the one heard last at the end: packets of two presses may interleave."""

    def feed(self, payload: bytes, timestamp: int, ssrc: int = 0) -> str | None:
        """Return the key when this is the first packet of its press, else ``None``; garbage is ``None`` too.

        All packets of one press carry the timestamp of its start (RFC 4733, 2.5.1.2). Packets of an older press that
        come late are recognised by a timestamp slightly older; one that is far off is a stream that began anew.
        """
        if len(payload) < _PAYLOAD.size or payload[0] >= len(KEYS):
            return None
        code, flags, duration = _PAYLOAD.unpack_from(payload)
        lasts = 0 if flags & _END else duration
        source = self._sources.pop(ssrc, None)
        if source is None and len(self._sources) >= _SOURCES:
            del self._sources[next(iter(self._sources))]
        fresh = source is None or source.is_new(KEYS[code], timestamp, lasts, self._late)
        self._sources[ssrc] = source or _Source(KEYS[code], timestamp, lasts)
        return KEYS[code] if fresh else None


class _Source:
    """The latest press of one stream."""

    __slots__ = ("_digit", "_lasts", "_started_at")

    def __init__(self, digit: str, started_at: int, lasts: int) -> None:
        """``lasts``: how long the press lasts so far, in timestamp units; 0 once it ended."""
        self._digit, self._started_at, self._lasts = digit, started_at, lasts

    def is_new(self, digit: str, timestamp: int, lasts: int, late: int) -> bool:
        """Take a packet; return whether it begins another press."""
        later_by = (timestamp - self._started_at) & 0xFFFFFFFF
        if -later_by & 0xFFFFFFFF <= late and later_by:
            return False
        held_on = _NEARLY <= later_by <= _LONGEST and self._lasts > _LONGEST // 2
        same = digit == self._digit and (not later_by or held_on)
        self._digit, self._started_at, self._lasts = digit, timestamp, lasts
        return not same
