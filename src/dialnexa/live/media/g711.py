"""G.711 by table, for whole batches of frames at once (ITU-T G.711, algorithm of G.191), and how a leg keeps audio.

A leg keeps G.711 as it goes over the wire, a byte per sample. Codecs with a memory are kept as linear samples and
encoded when they leave (``coder``).
"""

from __future__ import annotations

from enum import Enum

import numpy as np
from numpy.typing import NDArray

from dialnexa.live.line import FRAME_SAMPLES, Samples

DUCK_GAIN = 0.25
"""−12 dB: the agent steps back without falling silent."""

_MU_BIAS = 33
_MU_CLIP = 0x1FFF


def _mu_expand() -> NDArray[np.int16]:
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = ((((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _mu_compress() -> NDArray[np.uint8]:
    linear = _every_sample()
    # One's complement for negatives, as G.191 does: −1 and 0 are both the smallest step.
    level = np.minimum((np.where(linear < 0, ~linear, linear) >> 2) + _MU_BIAS, _MU_CLIP)
    segment = _bit_length(level) - 5
    code = ((8 - segment) << 4) | (0x0F - ((level >> segment) & 0x0F))
    return np.where(linear >= 0, code | 0x80, code).astype(np.uint8)


def _a_expand() -> NDArray[np.int16]:
    byte = np.arange(256, dtype=np.int32)
    code = (byte ^ 0x55) & 0x7F
    exponent, mantissa = code >> 4, code & 0x0F
    magnitude = (np.where(exponent > 0, mantissa + 16, mantissa) << 4) + 8
    magnitude <<= np.maximum(exponent - 1, 0)
    return np.where(byte > 127, magnitude, -magnitude).astype(np.int16)


def _a_compress() -> NDArray[np.uint8]:
    linear = _every_sample()
    level = np.where(linear < 0, ~linear, linear) >> 4
    exponent = np.maximum(_bit_length(level) - 4, 0)
    mantissa = np.where(exponent > 0, (level >> np.maximum(exponent - 1, 0)) - 16, level)
    code = (exponent << 4) + mantissa
    return (np.where(linear >= 0, code | 0x80, code) ^ 0x55).astype(np.uint8)


def _every_sample() -> NDArray[np.int32]:
    """Return all 65,536 sample values in the order of their unsigned bit patterns."""
    return np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)


def _bit_length(values: NDArray[np.int32]) -> NDArray[np.int32]:
    return np.frexp(values.astype(np.float64))[1].astype(np.int32)


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


_EXPAND = {Codec.PCMU: _mu_expand(), Codec.PCMA: _a_expand()}
_COMPRESS = {Codec.PCMU: _mu_compress(), Codec.PCMA: _a_compress()}


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
