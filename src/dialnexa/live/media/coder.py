"""Codecs with a memory, at the edge of one leg: kept frames inside, packets outside, each side in the order of time.

G.711 needs none of this: it is kept as it is sent, and decoded for all calls of a phase at once.
"""

from __future__ import annotations

from typing import Protocol

from dialnexa.live.line import Samples
from dialnexa.live.media.codec import Codec
from dialnexa.live.media.g722 import G722Ear, G722Mouth
from dialnexa.live.media.jitter import JitterBuffer
from dialnexa.live.media.opus import OpusEar, OpusMouth


class Mouth(Protocol):
    """Encodes what one leg says."""

    def encode(self, kept: bytes) -> bytes:
        """Return the packet of one 20 ms frame, kept linear."""
        ...


class Ear(Protocol):
    """Orders and decodes what one leg hears."""

    jitter: JitterBuffer
    missing: int
    """Frames in a row that were not there, whether made up by the codec or not."""

    def push(self, payload: bytes, timestamp: int, ssrc: int) -> None:
        """Take one packet; ``timestamp`` is RTP's, at the codec's own clock. Never raises."""
        ...

    def take(self) -> Samples | None:
        """Return this tick's 160 samples, or ``None`` when they are missing."""
        ...


def mouth_of(codec: Codec, fmtp: str) -> Mouth | None:
    """Return an encoder for one leg, ``None`` for G.711; ``fmtp`` is what the far end asks for."""
    if codec is Codec.OPUS:
        return OpusMouth(fmtp)
    return G722Mouth() if codec is Codec.G722 else None


def ear_of(codec: Codec) -> Ear | None:
    """Return a decoder for one leg, ``None`` for G.711."""
    if codec is Codec.OPUS:
        return OpusEar()
    return G722Ear() if codec is Codec.G722 else None
