"""SIP ladders: what was said on the wire for each call, kept within bounds, for whoever asks why it went as it did.

While a call runs only references to its datagrams are kept (about a microsecond each); texts are made, and secrets
taken out of them, when the ladder is read.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from dialnexa.live.outcome import SipLadder, SipMessageSeen
from dialnexa.live.sip.messages.fields import bracket
from dialnexa.live.sip.messages.hop import Address, Hop
from dialnexa.live.sip.messages.identity import names_of_caller, withholds_caller
from dialnexa.live.sip.messages.message import Request, SipMessage
from dialnexa.live.sip.messages.redaction import redacted, without_names

_KEPT_EACH = 64
"""Messages kept of a call's beginning, and as many of its end; what is between them is left out."""
_BYTES_EACH = 64 * 1024
_STRANGERS = 512
"""Calls from outside that nobody has asked about yet; a flood of them pushes out the oldest."""
_STEPS_SHOWN = 24

Way = Literal["in", "out"]


@dataclass(slots=True, eq=False)
class _Note:
    at: float
    way: Way
    peer: Hop
    data: bytes
    told: SipMessageSeen | None = None
    """What was made of it when the ladder was first read, as it is more than once per call."""


class _Tape:
    """The messages of one call: its beginning, and the latest."""

    __slots__ = ("_bytes_late", "_bytes_room", "_early", "_late", "left_out", "withheld")

    def __init__(self) -> None:
        self._early: list[_Note] = []
        self._late: deque[_Note] = deque()
        self._bytes_room = _BYTES_EACH
        self._bytes_late = 0
        self.left_out = 0
        self.withheld = frozenset[str]()
        """Numbers and names of a caller who does not want to be known."""

    def add(self, note: _Note) -> None:
        """Append a message; the oldest of those after the beginning makes room."""
        size = len(note.data)
        if not self._late and len(self._early) < _KEPT_EACH and size <= self._bytes_room:
            self._early.append(note)
            self._bytes_room -= size
            return
        self._late.append(note)
        self._bytes_late += size
        while len(self._late) > 1 and (len(self._late) > _KEPT_EACH or self._bytes_late > _BYTES_EACH):
            self._bytes_late -= len(self._late.popleft().data)
            self.left_out += 1

    @property
    def gap_at(self) -> int:
        """How many messages are kept before the place of those left out."""
        return len(self._early)

    def notes(self) -> list[_Note]:
        """Return all that is kept, in order."""
        return [*self._early, *self._late]


class Ladders:
    """Those of one endpoint, by Call-ID. ``local``: what peers are told to reach us at, per transport."""

    def __init__(self, local: Mapping[str, Address], wall: Callable[[], float] = time.time) -> None:
        """``wall``: seconds since 1970."""
        self.local = local
        self._wall = wall
        self._followed: dict[str, _Tape] = {}
        self._strangers: OrderedDict[str, _Tape] = OrderedDict()

    def note(self, way: Way, peer: Hop, message: SipMessage, data: bytes) -> None:
        """Keep a message if it belongs to a call that is followed, or begins one from outside."""
        call_id = message.call_id
        tape = self._followed.get(call_id) or self._strangers.get(call_id)
        if tape is None:
            if way == "out" or not isinstance(message, Request) or message.method != "INVITE" or message.recipient.tag:
                return
            tape = self._strangers[call_id] = _Tape()
            if len(self._strangers) > _STRANGERS:
                self._strangers.popitem(last=False)
        if way == "in" and isinstance(message, Request) and withholds_caller(message.headers):
            tape.withheld |= names_of_caller(message)
        tape.add(_Note(self._wall(), way, peer, data))

    def open(self) -> Ladder:
        """Begin the ladder of one call, which may have several Call-IDs."""
        return Ladder(self, _Tape())

    def follow(self, call_id: str, tape: _Tape) -> None:
        """Put all messages of a Call-ID onto this tape, those that were heard before first."""
        before = self._strangers.pop(call_id, None)
        for note in before.notes() if before else ():
            tape.add(note)
        tape.withheld |= before.withheld if before else frozenset()
        self._followed[call_id] = tape

    def forget(self, call_id: str) -> None:
        """Follow a Call-ID no longer."""
        self._followed.pop(call_id, None)

    def __len__(self) -> int:
        return len(self._followed)


class Ladder:
    """What was said for one call."""

    def __init__(self, ladders: Ladders, tape: _Tape) -> None:
        self._ladders = ladders
        self._tape = tape
        self._call_ids: set[str] = set()

    def follow(self, call_id: str) -> None:
        """Take in what has this Call-ID, from the first message on."""
        if call_id not in self._call_ids:
            self._call_ids.add(call_id)
            self._ladders.follow(call_id, self._tape)

    def branch(self) -> Ladder:
        """Return the same ladder for a further leg of the call, which can be closed by itself."""
        return Ladder(self._ladders, self._tape)

    def close(self) -> None:
        """Take in no more; idempotent."""
        for call_id in self._call_ids:
            self._ladders.forget(call_id)

    def read(self) -> SipLadder:
        """Return what was said so far, without secrets."""
        seen: set[tuple[Way, bytes]] = set()
        messages: list[SipMessageSeen] = []
        for note in self._tape.notes():
            key = (note.way, note.data)
            note.told = note.told or self._message(note, repeated=key in seen)
            messages.append(note.told)
            seen.add(key)
        return SipLadder(tuple(messages), self._tape.left_out, self._tape.gap_at if self._tape.left_out else 0)

    def _message(self, note: _Note, *, repeated: bool) -> SipMessageSeen:
        # Surrogates carry what is no UTF-8, so that the very bytes can be had again.
        text = without_names(redacted(note.data), self._tape.withheld).decode("utf-8", "surrogateescape")
        local = self._ladders.local.get(note.peer.transport, ("", 0))
        at = datetime.fromtimestamp(note.at, UTC)
        return SipMessageSeen(
            at, note.way, _written(local), _written(note.peer.address), note.peer.transport, text, repeated
        )


def _written(address: Address) -> str:
    return f"{bracket(address[0])}:{address[1]}"


# --- in short ---------------------------------------------------------------------------------------------------------

_CSEQ = re.compile(r"^CSeq[ \t]*:[ \t]*\d+[ \t]+(\S+)", re.IGNORECASE | re.MULTILINE)


def in_short(messages: Sequence[SipMessageSeen], begun: datetime) -> tuple[str, ...]:
    """Return a line per message, such as ``→ INVITE`` or ``← 180 Ringing +12 ms``; times count from ``begun``.

    Repetitions are counted, not listed, and of very many messages the middle is left out.
    """
    steps: list[str] = []
    again = 0
    for message in messages:
        if message.repeated:
            again += 1
            continue
        steps.append(_step(message, begun))
    if len(steps) > _STEPS_SHOWN:
        half = _STEPS_SHOWN // 2
        steps[half : len(steps) - half] = [f"… {len(steps) - 2 * half} more"]
    return (*steps, f"{again} repeated") if again else tuple(steps)


def _step(message: SipMessageSeen, begun: datetime) -> str:
    first, _, second = message.text.partition("\n")[0].strip().partition(" ")
    if first.upper().startswith("SIP/"):
        method = _CSEQ.search(message.text)
        words = second if method is None or method[1] == "INVITE" else f"{second} ({method[1]})"
    else:
        words = first
    arrow = "→" if message.way == "out" else "←"
    ms = round((message.at - begun).total_seconds() * 1000)
    return f"{arrow} {words[:60]} +{ms} ms" if ms else f"{arrow} {words[:60]}"
