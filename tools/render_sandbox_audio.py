"""Render every phrase of the sandbox with flite into the 8 kHz WAV files the package ships.

Run it once after changing ``dialnexa.live.sandbox.phrases``: ``.venv/bin/python tools/render_sandbox_audio.py``.
The same flite gives the same bytes. Files without a phrase are removed.
"""

from __future__ import annotations

import subprocess
import tempfile
import wave
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from dialnexa.live.line import SAMPLE_RATE
from dialnexa.live.sandbox.phrases import PHRASES, Phrase

AUDIO = Path(__file__).parents[1] / "src" / "dialnexa" / "live" / "sandbox" / "audio"
FRAME = SAMPLE_RATE // 100
SPEECH_RMS = 10 ** (-16 / 20)
"""Level of the spoken parts, relative to full scale."""
LOUD_PEAK = 0.98
LEAD_S, TAIL_S = 0.05, 0.10

Audio = NDArray[np.float64]


def main() -> None:
    """Write one file per phrase and remove what no phrase names."""
    AUDIO.mkdir(exist_ok=True)
    for name, phrase in PHRASES.items():
        audio = trimmed(levelled(rendered(phrase)))
        write(AUDIO / f"{name}.wav", audio)
        print(f"{name:24} {len(audio) / SAMPLE_RATE:5.2f} s  {phrase.text}")  # noqa: T201 - a tool reports
    for stray in AUDIO.glob("*.wav"):
        if stray.stem not in PHRASES:
            stray.unlink()


def rendered(phrase: Phrase) -> Audio:
    """Speak the phrase with flite and return it at 8 kHz, full scale 1.0."""
    what = ["-p", phrase.phones] if phrase.phones else ["-t", phrase.text]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "spoken.wav"
        subprocess.run(["flite", "-voice", phrase.voice, *what, "-o", str(file)], check=True)
        with wave.open(str(file)) as spoken:
            samples = np.frombuffer(spoken.readframes(spoken.getnframes()), "<i2")
            rate = spoken.getframerate()
    return soxr.resample(samples.astype(np.float64) / 32768, rate, SAMPLE_RATE, quality="VHQ")


def loudness(audio: Audio) -> Audio:
    """Return the RMS of every 10 ms."""
    return np.sqrt(np.mean(audio[: len(audio) // FRAME * FRAME].reshape(-1, FRAME) ** 2, axis=1))


def levelled(audio: Audio) -> Audio:
    """Bring the spoken parts (within 30 dB of the loudest) to ``SPEECH_RMS``, as far as the peaks allow."""
    level = loudness(audio)
    spoken = level[level > level.max() * 10 ** (-30 / 20)]
    gain = SPEECH_RMS / np.sqrt(np.mean(spoken**2))
    return audio * min(gain, LOUD_PEAK / np.abs(audio).max())


def trimmed(audio: Audio) -> Audio:
    """Keep ``LEAD_S`` of silence before the speech and ``TAIL_S`` after it."""
    level = loudness(audio)
    spoken = np.flatnonzero(level > level.max() * 10 ** (-40 / 20))
    first, last = spoken[0] * FRAME, (spoken[-1] + 1) * FRAME
    lead, tail = round(LEAD_S * SAMPLE_RATE), round(TAIL_S * SAMPLE_RATE)
    padded = np.pad(audio, (lead, tail))
    return padded[first : last + lead + tail]


def write(file: Path, audio: Audio) -> None:
    """Write mono 16-bit PCM."""
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE)
        out.writeframes(np.round(audio * 32767).astype("<i2").tobytes())


if __name__ == "__main__":
    main()
