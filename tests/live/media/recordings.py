"""Recordings with tones at known times, and the times found again in what became of them."""

# pyright: reportPrivateImportUsage=false
from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import av
import numpy as np

from dialnexa.live.media.tones import tone

RATE = 8000
FRAME_MS = 20


def beeps(seconds: float, *at: tuple[float, float, float]) -> Any:
    """Silence of a length with tones in it: (hertz, from, to), in seconds."""
    samples = np.zeros(round(seconds * RATE), np.int16)
    for hertz, start, end in at:
        burst = tone((hertz,), end - start)
        samples[round(start * RATE) : round(start * RATE) + len(burst)] = burst
    return samples


def write_wav(path: Path, left: Any, right: Any) -> None:
    with wave.open(str(path), "wb") as audio:
        audio.setparams((2, 2, RATE, 0, "NONE", ""))
        audio.writeframes(np.stack([left, right], axis=1).astype("<i2").tobytes())


def read(path: Path) -> tuple[Any, int]:
    """Return the channels (rows) of a WAV or Ogg file, and their rate."""
    if path.suffix == ".wav":
        with wave.open(str(path)) as audio:
            data = np.frombuffer(audio.readframes(audio.getnframes()), "<i2")
            return data.reshape(-1, audio.getnchannels()).T.astype(float), audio.getframerate()
    with av.open(str(path)) as ogg:
        stream = ogg.streams.audio[0]
        frames = [frame.to_ndarray() for frame in ogg.decode(stream)]
        return np.concatenate(frames, axis=1) * 32768.0, stream.rate


def heard(samples: Any, rate: int, hertz: float, *, bridge_ms: int = 10) -> list[tuple[int, int]]:
    """Return from when to when a tone is heard, in ms: windows of 20 ms, every 5, in which it is most of the sound.

    Interruptions of up to ``bridge_ms`` are overlooked.
    """
    window, hop = rate // 50, rate // 200
    wave_ = np.exp(-2j * np.pi * hertz * np.arange(window) / rate)
    spans: list[tuple[int, int]] = []
    for start in range(0, len(samples) - window + 1, hop):
        piece = samples[start : start + window]
        power = float(np.mean(piece**2))
        if power < 250_000 or 2 * abs(np.dot(piece, wave_) / window) ** 2 < 0.5 * power:
            continue
        # A window half in the tone is where it begins or ends.
        middle = (start + window // 2) * 1000 // rate
        if spans and middle - spans[-1][1] <= bridge_ms:
            spans[-1] = (spans[-1][0], middle)
        else:
            spans.append((middle, middle))
    return spans


def at_their_times(found: list[tuple[int, int]], *wanted: tuple[float, float], within_ms: int = FRAME_MS) -> bool:
    """Tell whether these and no other stretches were found, each within 20 ms; ``wanted`` in seconds."""
    return len(found) == len(wanted) and all(
        abs(is_start - start * 1000) <= within_ms and abs(is_end - end * 1000) <= within_ms
        for (is_start, is_end), (start, end) in zip(found, wanted, strict=True)
    )
