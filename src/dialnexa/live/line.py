"""A line: one leg to a person, whatever carries it. The conversation speaks and listens through this seam only.

Time on a line is counted in samples at 8 kHz since the answer (the **call clock**): 160 samples are one 20 ms tick,
``ms = at // 8``. Nothing here blocks; the media engine calls the listener on the event loop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from dialnexa.live.outcome import Ending, EndReason, MediaQuality, RecordingResult, SipLadder
from dialnexa.live.plan import Background

SAMPLE_RATE = 8000
"""Hz. Phone legs stay at the telephone's own rate from end to end."""
FRAME_SAMPLES = 160
"""Samples in one 20 ms tick."""
FRAME_S = 0.02

Samples = NDArray[np.int16]
"""Mono PCM, 16 bit, at ``SAMPLE_RATE``."""


class EndedBy(StrEnum):
    """Who ended an answered line."""

    FAR = "far"
    NEAR = "near"
    LOST = "lost"
    """No packets, no answers: the far end is gone."""
    CAP = "cap"
    """The leg's own duration cap."""
    MOVED = "moved"
    """The far end went to whom we transferred it."""


@dataclass(frozen=True, slots=True)
class LineEnd:
    """How an answered line ended."""

    by: EndedBy
    detail: str = ""
    sip_status: int | None = None


class NotConnected(Exception):
    """The line was never answered. Carries the ending of the call and a sentence for the operator."""

    def __init__(self, ending: Ending, reason: EndReason, detail: str, sip_status: int | None = None) -> None:
        super().__init__(detail)
        self.ending = ending
        self.reason = reason
        self.detail = detail
        self.sip_status = sip_status


class NotTransferred(Exception):
    """The far end was not transferred, and is still here."""

    def __init__(self, detail: str, sip_status: int | None = None, *, unable: bool = False) -> None:
        """Carry a sentence and the SIP status; ``unable``: it does not do transfers, so asking again is no use."""
        super().__init__(detail)
        self.detail = detail
        self.sip_status = sip_status
        self.unable = unable


class Utterance(Protocol):
    """One thing the agent says. Audio is encoded when pushed, so a tick only sends; positions are exact."""

    @property
    def pushed(self) -> int:
        """Samples pushed so far."""
        ...

    @property
    def played(self) -> int:
        """Samples that really left on the wire."""
        ...

    @property
    def started_at(self) -> int | None:
        """Call-clock position of the first sample played; ``None`` before that."""
        ...

    @property
    def done(self) -> bool:
        """Whether everything pushed before ``finish`` was played, or the utterance was cut."""
        ...

    def push(self, samples: Samples) -> None:
        """Append audio of any length."""
        ...

    def finish(self) -> None:
        """Say that no more audio follows; the last frame is padded with silence."""
        ...

    def cut(self) -> int:
        """Drop what was not played yet and return the samples that were."""
        ...

    def trim(self, to: int) -> None:
        """Forget the audio after sample ``to``, but none that was played; more may be pushed."""
        ...

    def pause(self) -> None:
        """Hold at the exact sample; silence goes out instead."""
        ...

    def resume(self) -> None:
        """Go on from the exact sample, at full volume."""
        ...

    def duck(self) -> None:
        """Play on at −12 dB."""
        ...


class LineListener(Protocol):
    """Who listens to a line. Called on the event loop, in this order within one tick; must not block or raise."""

    def on_audio(self, samples: Samples, at: int) -> None:
        """Take 20 ms of the person's audio, gaps already concealed; ``at`` is its first sample on the call clock."""
        ...

    def on_voice(self, probability: float, at: int) -> None:
        """Take the VAD's word on the 32 ms window (256 samples) that ends at ``at``."""
        ...

    def on_digit(self, digit: str, at: int) -> None:
        """Take one keypad digit (0-9, ``*``, ``#``, A-D), once per key press."""
        ...

    def on_tick(self, at: int) -> None:
        """The tick that starts at ``at`` is done: utterance positions are up to date."""
        ...


class Line(Protocol):
    """One leg. Use as ``async with``: leaving it frees ports, timers and the far end, in whatever state it is."""

    async def __aenter__(self) -> Self:
        """Take the leg's resources."""
        ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up if it is still up, and give everything back."""
        ...

    async def connect(self, on_ringing: Callable[[int], None]) -> None:
        """Dial (outbound) or answer (inbound); return when audio can flow.

        ``on_ringing`` gets the SIP status (180, 183) at most once. Raises ``NotConnected``.
        Cancelling it cancels the dialling.
        """
        ...

    def listen(self, listener: LineListener) -> None:
        """Send everything heard to this listener from now on."""
        ...

    def say(self) -> Utterance:
        """Open the next utterance; it plays once the ones before it are done."""
        ...

    async def underlay(self, background: Background | None) -> None:
        """Let the far end hear this beneath everything said, and while nothing is; ``None``: silence again.

        It is no utterance: positions and the call clock know nothing of it, and keys go out without it.
        """
        ...

    @property
    def held(self) -> bool:
        """Whether the far end has us on hold: it hears nothing, and what it sends is music."""
        ...

    def press(self, digits: str) -> None:
        """Send keypad digits to the far end, the way it takes them. Raises ``ValueError`` for what no keypad has."""
        ...

    async def transfer(self, to: str, on_ringing: Callable[[int], None]) -> None:
        """Ask the far end to call ``to`` (E.164 or a SIP URI) instead of us; return once it is connected there.

        The line stays up until it is hung up, or the far end goes (``EndedBy.MOVED``). ``on_ringing`` gets the status
        of the new call (18x). Raises ``NotTransferred``. Cancelling stops waiting; the request cannot be taken back.
        """
        ...

    def onward(self, to: str, ring_s: float) -> Line | None:
        """Return a second leg to ``to`` over the same trunk, not connected yet; ``None`` when this line cannot."""
        ...

    async def hang_up(self) -> None:
        """End the call from our side; idempotent, returns once the far end confirmed or a second passed."""
        ...

    async def ended(self) -> LineEnd:
        """Wait until the line is down, whoever did it; always resolves."""
        ...

    def recording(self) -> RecordingResult | None:
        """Return the finished recording after the line is down; ``None`` when none was asked for."""
        ...

    def quality(self) -> MediaQuality | None:
        """Return how good the audio was, after the line is down; ``None`` when there was none to judge."""
        ...

    def ladder(self) -> SipLadder:
        """Return the SIP messages of this line so far, without secrets; empty on a line that speaks no SIP."""
        ...
