"""A few words in each voice, as the WAV files the package ships. ``tools/render_voice_previews.py`` makes them."""

from __future__ import annotations

from pathlib import Path

from dialnexa.platform.catalogue.entries import VoiceEntry

FOLDER = Path(__file__).parent / "audio"
WORDS = "Hello, this is how I sound on the telephone."


def file_of(voice: VoiceEntry) -> Path:
    """Return the preview of a voice: 8 kHz, 16 bit, one channel, under three seconds."""
    speaker = voice.same_as or voice.id
    return FOLDER / f"{speaker.removeprefix('builtin/').replace('/', '_').replace('+', '_')}.wav"
