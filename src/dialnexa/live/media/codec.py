"""What a leg speaks, and how it keeps audio: whole batches of frames at once.

G.711 is kept as it goes over the wire, a byte per sample, and turned by table. Codecs with a memory are kept as linear
samples and encoded when they leave (``coder``).
"""

from __future__ import annotations

from enum import Enum

import numpy as np
from numpy.typing import NDArray

from dialnexa.live.line import FRAME_SAMPLES, Samples
from dialnexa.live.media.g711 import a_law_compression, a_law_expansion, mu_law_compression, mu_law_expansion

DUCK_GAIN = 0.25
"""−12 dB: the agent steps back without falling silent."""


class Codec(Enum):
    """What a leg speaks; the value is the name in SDP, in capitals."""

    PCMU = "PCMU"
    PCMA = "PCMA"
    G722 = "G722"
    OPUS = "OPUS"

    __hash__ = object.__hash__
    """Members are singletons; Enum's own hash is Python code, and tables are looked up by codec for every frame."""

    @property
    def has_memory(self) -> bool:
        """Whether a packet means something only after the ones before it; such audio is kept linear."""
        return self in (Codec.G722, Codec.OPUS)

    @property
    def width(self) -> int:
        """Return the bytes per kept sample."""
        return 2 if self.has_memory else 1

    @property
    def silence(self) -> int:
        """Return the byte of a zero sample, of which silence is made."""
        return {Codec.PCMU: 0xFF, Codec.PCMA: 0xD5}.get(self, 0)

    @property
    def expansion(self) -> NDArray[np.int16]:
        """Return the 256 sample values of G.711's bytes."""
        return _EXPAND[self]


_EXPAND = {Codec.PCMU: mu_law_expansion(), Codec.PCMA: a_law_expansion()}
_COMPRESS = {Codec.PCMU: mu_law_compression(), Codec.PCMA: a_law_compression()}


def encode(codec: Codec, samples: Samples) -> bytes:
    """Return the samples as a leg of this codec keeps them."""
    if codec.has_memory:
        return np.ascontiguousarray(samples, dtype="<i2").tobytes()
    return _COMPRESS[codec][np.ascontiguousarray(samples, dtype=np.int16).view(np.uint16)].tobytes()


def decode(codec: Codec, kept: bytes | bytearray) -> Samples:
    """Return the samples of what a leg of this codec keeps."""
    if codec.has_memory:
        return np.frombuffer(kept, dtype="<i2")
    return _EXPAND[codec][np.frombuffer(kept, dtype=np.uint8)]


_DUCK = {codec: encode(codec, (table * DUCK_GAIN).astype(np.int16)) for codec, table in _EXPAND.items()}
_TRANSCODE = {
    (Codec.PCMU, Codec.PCMA): encode(Codec.PCMA, _EXPAND[Codec.PCMU]),
    (Codec.PCMA, Codec.PCMU): encode(Codec.PCMU, _EXPAND[Codec.PCMA]),
}
SILENCE = {codec: bytes([codec.silence]) * FRAME_SAMPLES * codec.width for codec in Codec}
"""20 ms of silence as each codec's legs keep it."""


def ducked(codec: Codec, kept: bytes) -> bytes:
    """Return the same audio at −12 dB."""
    if codec.has_memory:
        return encode(codec, (decode(codec, kept) * DUCK_GAIN).astype(np.int16))
    return kept.translate(_DUCK[codec])


def transcode(kept: bytes, source: Codec, target: Codec) -> bytes:
    """Return audio as a leg of another codec keeps it; the same object when nothing changes."""
    if source is target or (source.has_memory and target.has_memory):
        return kept
    table = _TRANSCODE.get((source, target))
    return kept.translate(table) if table else encode(target, decode(source, kept))
