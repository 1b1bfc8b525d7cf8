"""The voices of the sandbox: packaged WAV files, read once, and the beep of the answering machine."""

from __future__ import annotations

import wave
from functools import cache
from importlib import resources

import numpy as np

from dialnexa.live.line import SAMPLE_RATE, Samples
from dialnexa.live.media.tones import tone
from dialnexa.live.sandbox.phrases import PHRASES

BEEP_HZ = 1000
BEEP_S = 0.6


@cache
def phrase(name: str) -> Samples:
    """Return the audio of a phrase; read-only, because every call shares it. Raises ``KeyError`` for unknown names."""
    if name not in PHRASES:
        raise KeyError(name)
    file = resources.files(__package__ or "") / "audio" / f"{name}.wav"
    with file.open("rb") as raw, wave.open(raw) as spoken:
        if (spoken.getframerate(), spoken.getsampwidth(), spoken.getnchannels()) != (SAMPLE_RATE, 2, 1):
            raise ValueError(f"{name}.wav must be mono, 16 bit, {SAMPLE_RATE} Hz: render it again")
        samples = np.frombuffer(spoken.readframes(spoken.getnframes()), "<i2").astype(np.int16)
    samples.flags.writeable = False
    return samples


@cache
def beep() -> Samples:
    """Return the tone after which a caller may leave a message."""
    samples = tone((BEEP_HZ,), BEEP_S)
    samples.flags.writeable = False
    return samples
