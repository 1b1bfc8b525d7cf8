"""Messages out of a byte stream (RFC 3261 §18.3), with the keep-alives between them (RFC 5626 §3.5.1). No I/O."""

from __future__ import annotations

import re

from dialnexa.live.sip.messages.message import MAX_BYTES

PING = b"\r\n\r\n"
"""A peer's keep-alive; it wants ``PONG`` back."""
PONG = b"\r\n"

_LENGTH = re.compile(
    rb"^(?:content-length|l)[ \t]*:(?:[ \t]|\r\n[ \t])*(\d{1,9})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE
)


class FramingError(ValueError):
    """The stream cannot be cut into messages any more: it has to be closed."""


class StreamFramer:
    """Cuts one connection's bytes into messages. Holds at most one unfinished message, of at most ``MAX_BYTES``."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._scanned = 0
        self._wanted = 0
        """Length of the message at the front, once its head is complete; else 0."""

    @property
    def is_waiting(self) -> bool:
        """Whether part of a message has come, and the rest has not."""
        return len(self._buffer) > len(PONG)

    def feed(self, data: bytes) -> list[bytes]:
        """Take what arrived; return each complete message, and ``PING`` for each keep-alive, in order.

        Raises ``FramingError`` when a message says no Content-Length, several, or more than ``MAX_BYTES``.
        """
        self._buffer += data
        found: list[bytes] = []
        while (message := self._next()) is not None:
            found.append(message)
        return found

    def _next(self) -> bytes | None:
        if not self._wanted:
            if self._skip_blank_lines():
                return PING
            self._find_head()
        if not self._wanted or len(self._buffer) < self._wanted:
            return None
        message = bytes(self._buffer[: self._wanted])
        del self._buffer[: self._wanted]
        self._wanted = self._scanned = 0
        return message

    def _skip_blank_lines(self) -> bool:
        """Drop what stands between messages; return whether it was a keep-alive."""
        buffer = self._buffer
        if buffer.startswith(PING):
            del buffer[: len(PING)]
            return True
        # One CRLF is the answer to a keep-alive of ours, or the first half of one of theirs.
        if buffer.startswith(PONG) and len(buffer) > 2 and not PING.startswith(buffer[:4]):
            del buffer[: len(PONG)]
        return False

    def _find_head(self) -> None:
        end = self._buffer.find(b"\r\n\r\n", max(0, self._scanned - 3))
        self._scanned = len(self._buffer)
        if end < 0:
            if len(self._buffer) > MAX_BYTES:
                raise FramingError("the headers do not end")
            return
        lengths = set(_LENGTH.findall(bytes(self._buffer[: end + 2])))
        if len(lengths) != 1:
            raise FramingError("a message on a stream needs one Content-Length")
        self._wanted = end + 4 + int(lengths.pop())
        if self._wanted > MAX_BYTES:
            raise FramingError("the message is too long")
