"""The jitter buffer: packets come in any order and spacing, exactly one 20 ms frame goes out per tick.

Delay grows at once when packets come late, and is given back by playing on a little faster: a frame of quiet is skipped
here and there, one of speech only when no quiet comes for seconds. So what was said during a stall of the network is
heard after it, late, instead of being thrown away.

Frames are kept by RTP timestamp, not by sequence number: that orders, removes duplicates and survives wraps just as
well, and it also places silence suppression and packets of 10, 30, 40 or 60 ms where they belong.
"""

from __future__ import annotations

from dialnexa.live.line import FRAME_SAMPLES

CUSHION = 1
"""Frames of slack a stream starts with: 20 to 40 ms of delay, by where our tick falls between two arrivals."""
WINDOW = 100
"""Frames (2 s) ahead of or behind the cursor that still belong to the same stretch of audio."""
_MAX_PAYLOAD = 1440
_IDLE_TICKS = 10
"""Nothing to play this long: whatever comes next may set the timeline anew."""
_HOLE = 5
"""After 100 ms of nothing, what waits further ahead is played at once: the sender's timestamps jumped."""
_STRAY_LIMIT = 2.0
_STRAY_DECAY = 0.02
"""Two per cent of late packets are simply lost; more than that moves the cursor."""
_LOOK, _LOOKS = 50, 5
"""Packets watched before needless delay is given back: one look when it is large, else five looks (5 s)."""
_LARGE_EXCESS = 5
_PATIENCE = 150
"""Ticks (3 s) that needless delay waits for quiet."""
_HURRY = 4
"""After that, one frame of so many is skipped whatever is in it: speech a quarter faster is still understood."""
_MOST_SKIPPED = 2
"""Quiet frames skipped in one tick while much is owed: a pause then lasts a third of its time, and is still a pause."""
_QUIET = 0x28
"""Loudest step of G.711 that counts as quiet: about −42 dB of the loudest."""
_STEPS = {0xFF: bytes(~code & 0x7F for code in range(256)), 0xD5: bytes((code ^ 0x55) & 0x7F for code in range(256))}
"""Loudness of each byte, by the byte that is silence: µ-law and A-law. Of other codecs nothing is known."""


class JitterBuffer:
    """Reorders one RTP stream of one-byte samples. Never raises and never gets stuck, whatever is pushed."""

    def __init__(self, silence: int) -> None:
        """Take the byte that fills the missing part of a frame that arrived in pieces."""
        self._silence = bytes([silence]) * FRAME_SAMPLES
        self._steps = _STEPS.get(silence)
        self._slots: dict[int, bytes | bytearray] = {}
        self._ssrc: int | None = None
        self._timestamp = 0
        self._position = 0
        """Sample position of ``_timestamp`` on our own, unwrapped timeline."""
        self._cursor = 0
        """Index of the frame the next tick plays."""
        self._missing = 0
        """Frames in a row that were not there."""
        self._strays = 0.0
        self._leads: list[int] = []
        self._watched: list[int] = []
        self._looks = 0
        self._owed = 0
        """Frames of needless delay that are still to be given back."""
        self._owing = 0
        """Ticks since then."""
        self.behind = 0
        """Ticks that our own clock has yet to make up for: what seems early by as much is not."""
        self.late = 0
        """Packets that came too late (or out of this world) and were dropped."""
        self.resyncs = 0
        """Times the timeline had to be moved or set anew."""

    def __len__(self) -> int:
        """Return how many frames wait."""
        return len(self._slots)

    def push(self, payload: bytes, timestamp: int, ssrc: int = 0) -> None:
        """Take one packet's audio; ``timestamp`` is RTP's, 32 bits, at 8 kHz. Unusable sizes are ignored."""
        size = len(payload)
        if not 0 < size <= _MAX_PAYLOAD:
            return
        if ssrc != self._ssrc:
            self._restart(timestamp, ssrc)
        position = self._position + ((timestamp - self._timestamp + 0x80000000) & 0xFFFFFFFF) - 0x80000000
        if position % FRAME_SAMPLES and not self._slots:
            # A stretch that starts off our grid: shift the timeline instead of splitting every packet in two.
            position -= position % FRAME_SAMPLES
        lead = position // FRAME_SAMPLES - self._cursor
        if not 0 <= lead <= WINDOW + self.behind:
            if not self._readmit(lead, timestamp, ssrc):
                return
            if not -WINDOW <= lead <= 0:
                position = self._position
            lead = CUSHION
        elif self._strays > 0:
            self._strays -= _STRAY_DECAY
        self._timestamp, self._position = timestamp, position
        self._insert(position, payload, size)
        self._watch(lead - self.behind)

    def pop(self) -> bytes | None:
        """Return the frame of this tick, 160 bytes, or ``None`` when it is missing."""
        if self._owed:
            self._give_back()
        frame = self._slots.pop(self._cursor, None)
        self._cursor += 1
        if frame is None:
            self._missing += 1
            if self._missing >= _HOLE and self._slots:
                self._cursor = max(self._cursor, min(self._slots))
            return None
        self._missing = 0
        return frame if type(frame) is bytes else bytes(frame)

    def peek(self) -> bytes | bytearray | None:
        """Return the frame the next tick will play, when it is there already."""
        return self._slots.get(self._cursor)

    def reset(self) -> None:
        """Forget everything; the next packet starts a new timeline."""
        self._slots.clear()
        self._ssrc = None

    def _insert(self, position: int, payload: bytes, size: int) -> None:
        index, offset = divmod(position, FRAME_SAMPLES)
        if size == FRAME_SAMPLES and not offset:
            self._slots[index] = payload
            return
        taken = 0
        while taken < size:
            piece = payload[taken : taken + FRAME_SAMPLES - offset]
            if index >= self._cursor:
                slot = bytearray(self._slots.get(index, self._silence))
                slot[offset : offset + len(piece)] = piece
                self._slots[index] = slot
            taken += len(piece)
            index, offset = index + 1, 0

    def _readmit(self, lead: int, timestamp: int, ssrc: int) -> bool:
        """Decide whether a packet outside the window moves the timeline to itself; a single stray does not."""
        self._strays += 1
        if self._strays < _STRAY_LIMIT and self._missing < _IDLE_TICKS:
            self.late += 1
            return False
        if -WINDOW <= lead <= 0:
            self.resyncs += 1
            self._cursor += lead - CUSHION
            self._settle()
        else:
            self._restart(timestamp, ssrc)
        return True

    def _restart(self, timestamp: int, ssrc: int) -> None:
        """Begin a new timeline at this packet; it plays after the cushion."""
        self.resyncs += self._ssrc is not None
        self._ssrc = ssrc
        self._slots.clear()
        self._timestamp, self._position = timestamp, (self._cursor + CUSHION) * FRAME_SAMPLES
        self._settle()

    def _settle(self) -> None:
        self._strays = 0.0
        self._missing = 0
        self._looks = self._owed = self._owing = 0
        self._leads, self._watched = [], []

    def _watch(self, lead: int) -> None:
        """Find delay that the packets of the last seconds did not need (a burst, or the far clock running fast)."""
        self._leads.append(lead)
        if len(self._leads) < _LOOK:
            return
        leads, self._leads = sorted(self._leads), []
        self._watched += leads[:2]
        self._looks += 1
        excess = leads[0] - CUSHION
        if excess <= _LARGE_EXCESS:
            # One late packet in five seconds is concealed; it is not worth delaying all the others.
            excess = sorted(self._watched)[1] - CUSHION if self._looks == _LOOKS else 0
        self._owed = excess if excess > 0 else min(self._owed, max(0, leads[0] - CUSHION))
        if excess > 0 or self._looks == _LOOKS:
            self._looks, self._watched = 0, []

    def _give_back(self) -> None:
        """Skip what nobody misses before this tick's frame."""
        self._owing += 1
        hurried = self._owing > _PATIENCE and self._owing % _HURRY == 0
        most = 1 if self._owed <= _LARGE_EXCESS else _MOST_SKIPPED
        for _ in range(min(self._owed, most)):
            if not (hurried or self._is_quiet(self._slots.get(self._cursor))):
                return
            hurried = False
            self._slots.pop(self._cursor, None)
            self._cursor += 1
            self._owed -= 1
        if not self._owed:
            self._owing = 0

    def _is_quiet(self, frame: bytes | bytearray | None) -> bool:
        if frame is None:
            return bool(self._slots)
        return self._steps is not None and max(frame.translate(self._steps)) <= _QUIET
