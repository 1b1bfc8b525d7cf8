"""espeak-ng by ctypes, from the ``espeakng-loader`` wheel: robotic, but in every installation and in many languages.

The library is GPL-3 and stays behind the ``Tts`` port. Source: espeak-ng 1.52, ``speak_lib.h``.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache

import espeakng_loader
import numpy as np

from dialnexa.live.speech.embedded.synthesis import Style, Synthesis
from dialnexa.live.speech.ports import SpeechError

DEFAULT_VOICE = "en-us"
_SYNCHRONOUS = 2
_BUFFER_MS = 200
_UTF8 = 1
_END_PAUSE = 0x1000
_RATE, _PITCH = 1, 3
_WORDS_PER_MINUTE, _NORMAL_PITCH = 165, 50
_WORD, _END_OF_LIST = 1, 0
_IPA = 2


class _Event(ctypes.Structure):
    """``espeak_EVENT``."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class _Catch:
    """Collects what the library calls back with during one synthesis."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.marks: list[tuple[int, int]] = []

    def take(self, wave: object, count: int, events: object) -> int:
        """Keep audio and word events; 0 tells the library to go on."""
        if wave and count > 0:
            self.pieces.append(ctypes.string_at(wave, count * 2))  # pyright: ignore[reportArgumentType]
        index = 0
        while events and (event := events[index]).type != _END_OF_LIST:  # pyright: ignore
            if event.type == _WORD:  # pyright: ignore[reportUnknownMemberType]
                self.marks.append((int(event.text_position) - 1, int(event.audio_position)))  # pyright: ignore
            index += 1
        return 0


@lru_cache(maxsize=1)
def _library() -> tuple[ctypes.CDLL, int]:
    """Load and initialise espeak-ng once per process; return it with its sample rate."""
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    library.espeak_Initialize.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int]
    library.espeak_SetVoiceByName.argtypes = [ctypes.c_char_p]
    library.espeak_Synth.argtypes = [
        ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint, ctypes.c_uint,
        ctypes.c_void_p, ctypes.c_void_p,
    ]  # fmt: skip
    library.espeak_TextToPhonemes.argtypes = [ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, ctypes.c_int]
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    rate = library.espeak_Initialize(_SYNCHRONOUS, _BUFFER_MS, espeakng_loader.get_data_path().encode(), 0)
    if rate <= 0:
        raise SpeechError("espeak-ng could not be initialised; is the espeakng-loader package complete?")
    return library, int(rate)


def phonemes(word: str) -> str:
    """Return how American English says a word, in IPA."""
    library, _ = _library()
    library.espeak_SetVoiceByName(DEFAULT_VOICE.encode())
    text = ctypes.c_char_p(word.encode())
    spoken = library.espeak_TextToPhonemes(ctypes.byref(text), _UTF8, _IPA)
    return spoken.decode("utf-8", "ignore") if spoken else ""


class Espeak:
    """One espeak-ng voice, such as ``en-us`` or ``en-us+f3``."""

    def __init__(self, voice: str = DEFAULT_VOICE) -> None:
        """Take a voice by its espeak name; raises ``SpeechError`` when there is none of that name."""
        self.name = f"espeak/{voice}"
        self._voice = voice.encode()
        library, self._rate = _library()
        if library.espeak_SetVoiceByName(self._voice):
            raise SpeechError(f"espeak-ng has no voice named {voice!r}; try builtin/espeak/{DEFAULT_VOICE}.")

    def synthesise(self, text: str, style: Style) -> Synthesis:
        """Speak a text at 22.05 kHz with the start of every word."""
        library, _ = _library()
        catch = _Catch()
        callback = _Callback(catch.take)
        library.espeak_SetSynthCallback(callback)
        library.espeak_SetVoiceByName(self._voice)
        library.espeak_SetParameter(_RATE, int(_WORDS_PER_MINUTE * style.speed), 0)
        library.espeak_SetParameter(_PITCH, int(_NORMAL_PITCH * (1 + style.pitch / 2)), 0)
        data = text.encode()
        failed = library.espeak_Synth(data, len(data) + 1, 0, 1, 0, _UTF8 | _END_PAUSE, None, None)
        if failed:
            raise SpeechError(f"espeak-ng could not speak a text of {len(text)} characters (error {failed}).")
        samples = np.frombuffer(b"".join(catch.pieces), np.int16)
        marks = tuple((position, at * self._rate // 1000) for position, at in catch.marks)
        return Synthesis(samples, self._rate, marks)
