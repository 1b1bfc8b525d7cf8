"""The committed recordings: flite's slt and rms through a µ-law telephone line."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dialnexa.live.line import SAMPLE_RATE, Samples
from dialnexa.live.media.codec import Codec, decode, encode

_FOLDER = Path(__file__).parent / "audio"
_HEADER_BYTES = 58
"""RIFF, an 18-byte fmt chunk and a fact chunk, as every one of these files has them."""


def recording(name: str) -> Samples:
    """Return what was said, between two stretches of quiet line."""
    data = (_FOLDER / f"{name}.wav").read_bytes()
    size = int.from_bytes(data[_HEADER_BYTES - 4 : _HEADER_BYTES], "little")
    return telephone(decode(Codec.PCMU, data[_HEADER_BYTES : _HEADER_BYTES + size]))


def telephone(samples: Samples) -> Samples:
    """Put speech on a line: 300 ms of faint noise before and after it, then a G.711 round trip."""
    noise = np.random.default_rng(0)
    quiet = np.zeros(SAMPLE_RATE * 3 // 10)
    line = np.concatenate([quiet, samples, quiet])
    line = line + noise.normal(0, 8, line.size)
    return decode(Codec.PCMU, encode(Codec.PCMU, np.clip(np.round(line), -32768, 32767).astype(np.int16)))
