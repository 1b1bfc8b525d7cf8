"""How keypad digits go out on one call: in the RTP stream, by SIP INFO, or as tones in the audio.

RFC 4733 is what nearly everybody speaks. INFO (``application/dtmf-relay``) is what old gateways and some PBXs want
instead; its keys go one at a time, each after the answer to the one before, so that they arrive in order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from dialnexa.live.media.keys import TONE_TICKS, checked
from dialnexa.live.plan import Dtmf
from dialnexa.live.timeline import Happening, Trouble

RELAY = "application/dtmf-relay"
_FRAME_MS = 20
_UNHEARD = 408


class Informed(Protocol):
    """The signalling of a call, as far as keys need it."""

    @property
    def peer_methods(self) -> frozenset[str]:
        """What the far end says it understands (Allow)."""
        ...

    def inform(self, content_type: str, body: bytes, on_final: Callable[[int], None]) -> None:
        """Send an INFO and tell its final status; 408: nobody answered."""
        ...


class Sounding(Protocol):
    """The audio of a call, as far as keys need it."""

    @property
    def takes_events(self) -> bool:
        """Whether RFC 4733 was agreed on."""
        ...

    def press(self, keys: str) -> None:
        """Send keys with the audio: by RFC 4733 where agreed on, else as tones."""
        ...


class Keypad:
    """Sends keys to one far end the way its trunk wants them."""

    def __init__(self, wish: Dtmf, far: Informed, audio: Sounding, tell: Callable[[Happening], None]) -> None:
        """``tell`` hears of it, once, when the far end takes no INFO after all; the audio carries the keys then."""
        self._wish = wish
        self._far = far
        self._audio = audio
        self._tell = tell
        self._waiting: deque[str] = deque()
        self._under_way = False
        self._refused = False

    def press(self, digits: str) -> None:
        """Send keys in order. Raises ``ValueError`` for what no keypad has."""
        keys = checked(digits)
        if self._waiting or self._by_info:
            self._waiting.extend(keys)
            self._next()
        else:
            self._audio.press(keys)

    @property
    def _by_info(self) -> bool:
        if self._refused or self._wish not in (Dtmf.AUTO, Dtmf.INFO):
            return False
        offered = "INFO" in self._far.peer_methods and not self._audio.takes_events
        return offered or self._wish is Dtmf.INFO

    def _next(self) -> None:
        if self._waiting and not self._under_way:
            self._under_way = True
            self._far.inform(RELAY, relay_body(self._waiting[0]), self._answered)

    def _answered(self, status: int) -> None:
        self._under_way = False
        if status < 300:
            self._waiting.popleft()
            self._next()
            return
        if status == _UNHEARD:
            self._waiting.popleft()  # it may have arrived, and only the answer got lost: twice would be worse
        self._refused = True
        self._tell(Trouble("keypad", _words(status)))
        keys, self._waiting = "".join(self._waiting), deque()
        if keys:
            self._audio.press(keys)


def relay_body(key: str) -> bytes:
    """Return what an INFO says of one key, held as long as we hold it elsewhere."""
    return f"Signal={key}\r\nDuration={TONE_TICKS * _FRAME_MS}\r\n".encode()


def _words(status: int) -> str:
    said = "did not answer" if status == _UNHEARD else f"answered {status} to"
    return (
        f"The far end {said} a key sent by SIP INFO, so keys go with the audio from now on. "
        "Set the trunk's dtmf to rfc4733 or inband to have them go so at once."
    )
