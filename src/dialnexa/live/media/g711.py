"""G.711: µ-law and A-law by table, for whole batches of frames at once (ITU-T G.711, algorithm of G.191)."""

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
    """The two telephone codecs every phone speaks; the value is the name in SDP."""

    PCMU = "PCMU"
    PCMA = "PCMA"

    __hash__ = object.__hash__
    """Members are singletons; Enum's own hash is Python code, and tables are looked up by codec for every frame."""

    @property
    def payload_type(self) -> int:
        """Return the static RTP payload type (RFC 3551): 0 or 8."""
        return 0 if self is Codec.PCMU else 8

    @property
    def silence(self) -> int:
        """Return the byte of a zero sample."""
        return 0xFF if self is Codec.PCMU else 0xD5

    @property
    def expansion(self) -> NDArray[np.int16]:
        """Return the 256 sample values of this codec's bytes."""
        return _EXPAND[self]

    @property
    def ducking(self) -> bytes:
        """Return the ``bytes.translate`` table that plays encoded audio at −12 dB."""
        return _DUCK[self]


_EXPAND = {Codec.PCMU: _mu_expand(), Codec.PCMA: _a_expand()}
_COMPRESS = {Codec.PCMU: _mu_compress(), Codec.PCMA: _a_compress()}


def encode(codec: Codec, samples: Samples) -> bytes:
    """Return one byte per sample."""
    return _COMPRESS[codec][np.ascontiguousarray(samples, dtype=np.int16).view(np.uint16)].tobytes()


def decode(codec: Codec, payload: bytes | bytearray) -> Samples:
    """Return one sample per byte."""
    return _EXPAND[codec][np.frombuffer(payload, dtype=np.uint8)]


_DUCK = {codec: encode(codec, (table * DUCK_GAIN).astype(np.int16)) for codec, table in _EXPAND.items()}
_TRANSCODE = {
    (Codec.PCMU, Codec.PCMA): encode(Codec.PCMA, _EXPAND[Codec.PCMU]),
    (Codec.PCMA, Codec.PCMU): encode(Codec.PCMU, _EXPAND[Codec.PCMA]),
}
SILENCE = {codec: bytes([codec.silence]) * FRAME_SAMPLES for codec in Codec}
"""One encoded 20 ms frame of silence per codec."""


def transcode(payload: bytes, source: Codec, target: Codec) -> bytes:
    """Return encoded audio in the other codec, byte by byte; the same object when nothing changes."""
    return payload if source is target else payload.translate(_TRANSCODE[source, target])
