"""The tables of G.711: 256 bytes to samples and 65,536 samples to bytes (ITU-T G.711, algorithm of G.191)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MU_BIAS = 33
_MU_CLIP = 0x1FFF


def mu_law_expansion() -> NDArray[np.int16]:
    """Return the sample of each of the 256 bytes of µ-law."""
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = ((((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def mu_law_compression() -> NDArray[np.uint8]:
    """Return the byte of µ-law for each sample, by its unsigned bit pattern."""
    linear = _every_sample()
    # One's complement for negatives, as G.191 does: −1 and 0 are both the smallest step.
    level = np.minimum((np.where(linear < 0, ~linear, linear) >> 2) + _MU_BIAS, _MU_CLIP)
    segment = _bit_length(level) - 5
    code = ((8 - segment) << 4) | (0x0F - ((level >> segment) & 0x0F))
    return np.where(linear >= 0, code | 0x80, code).astype(np.uint8)


def a_law_expansion() -> NDArray[np.int16]:
    """Return the sample of each of the 256 bytes of A-law."""
    byte = np.arange(256, dtype=np.int32)
    code = (byte ^ 0x55) & 0x7F
    exponent, mantissa = code >> 4, code & 0x0F
    magnitude = (np.where(exponent > 0, mantissa + 16, mantissa) << 4) + 8
    magnitude <<= np.maximum(exponent - 1, 0)
    return np.where(byte > 127, magnitude, -magnitude).astype(np.int16)


def a_law_compression() -> NDArray[np.uint8]:
    """Return the byte of A-law for each sample, by its unsigned bit pattern."""
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
