"""Render a few words in every voice of the catalogue into the 8 kHz WAV files the package ships.

Run it after changing the voices or the words, on a machine with flite:
``.venv/bin/python tools/render_voice_previews.py``. Files without a voice are removed.
"""

from __future__ import annotations

import wave
from pathlib import Path

from dialnexa.live.line import SAMPLE_RATE
from dialnexa.live.speech.embedded.synthesis import Style, for_telephone
from dialnexa.live.speech.embedded.voice import engine_for
from dialnexa.platform.catalogue.entries import VOICES
from dialnexa.platform.catalogue.previews import FOLDER, WORDS, file_of


def main() -> None:
    """Write one file per voice and remove what no voice names."""
    FOLDER.mkdir(exist_ok=True)
    for voice in (voice for voice in VOICES if not voice.same_as):
        samples = for_telephone(engine_for(voice.id).synthesise(WORDS, Style()), WORDS, 1.0).samples
        write(file_of(voice), samples.tobytes())
        print(f"{voice.id:28} {len(samples) / SAMPLE_RATE:5.2f} s")  # noqa: T201 - a tool reports
    for stray in set(FOLDER.glob("*.wav")) - {file_of(voice) for voice in VOICES}:
        stray.unlink()


def write(path: Path, pcm: bytes) -> None:
    """Write 16-bit mono at 8 kHz."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(pcm)


if __name__ == "__main__":
    main()
