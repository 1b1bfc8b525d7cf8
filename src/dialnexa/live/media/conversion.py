"""A finished recording made small: WAV into Ogg/Opus, sample for sample as long as it was (RFC 7845).

Takes about a third of a second of processor time per two minutes of stereo, so it belongs into a process of its own
(``converter``).
"""

# PyAV leaves its packets' type open:
# pyright: reportUnknownMemberType=false
from __future__ import annotations

import wave
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.error
import numpy as np

BIT_RATE = 32_000
"""Two telephone channels sound alike from here on."""
_RATES = (8000, 12000, 16000, 24000, 48000)
"""What the encoder takes (RFC 6716 §2.1.3); players always get 48 kHz."""
_CHUNK = 16_384


class ConversionError(Exception):
    """The file cannot be converted; the message says why."""


@dataclass(frozen=True, slots=True)
class Converted:
    """What became of a recording."""

    duration_ms: int
    size_bytes: int


def convert(source: Path, target: Path) -> Converted:
    """Write the 16 bit WAV at ``source`` as Ogg/Opus to ``target``; raises ``ConversionError``.

    ``target`` appears whole or not at all.
    """
    unfinished = target.with_name(f"{target.name}.part")
    try:
        with wave.open(str(source), "rb") as audio:
            samples = _encode(audio, unfinished)
            rate = audio.getframerate()
        if not samples:
            raise ConversionError(f"{source.name} holds no audio")
        size = unfinished.stat().st_size
        unfinished.replace(target)
    except (OSError, EOFError, wave.Error, av.error.FFmpegError) as error:
        raise ConversionError(f"{source.name} cannot be converted: {error}") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return Converted(samples * 1000 // rate, size)


def _encode(audio: wave.Wave_read, target: Path) -> int:
    """Encode all there is; return the number of samples per channel."""
    if audio.getsampwidth() != 2 or audio.getnchannels() not in (1, 2):
        raise ConversionError("only 16 bit mono and stereo can be converted")
    rate, layout = audio.getframerate(), "stereo" if audio.getnchannels() == 2 else "mono"
    done = 0
    with av.open(str(target), "w", format="ogg") as ogg:
        stream = ogg.add_stream("libopus", rate=rate if rate in _RATES else _RATES[-1], layout=layout)
        stream.bit_rate = BIT_RATE
        while data := audio.readframes(_CHUNK):
            frame = av.AudioFrame.from_ndarray(np.frombuffer(data, "<i2").reshape(1, -1), "s16", layout)
            frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), done
            done += frame.samples
            ogg.mux(stream.encode(frame))
        ogg.mux(stream.encode(None))
    return done
