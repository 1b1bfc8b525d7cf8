"""The flite synthesiser by ctypes, where the system has it (Debian: ``libflite1``). Permissive licence, natural timbre.

``ctypes.CDLL`` gives up the interpreter lock during a call, so a sentence in synthesis does not delay the media clock.
Source: flite 2.2, ``cst_utterance.h``, ``cst_wave.h``, ``cst_voice.h``.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache

import numpy as np

from dialnexa.live.speech.embedded.synthesis import Style, Synthesis
from dialnexa.live.speech.ports import SpeechError

VOICES = ("slt", "rms", "awb", "kal16", "kal")
_TOKEN_START = b"R:Token.daughter1.R:SylStructure.daughter1.daughter1.R:Segment.p.end"
"""From a written token to its first word, syllable, segment; the end of the segment before that, in seconds."""


class _Wave(ctypes.Structure):
    """``cst_wave``."""

    _fields_ = (
        ("type", ctypes.c_char_p),
        ("sample_rate", ctypes.c_int),
        ("num_samples", ctypes.c_int),
        ("num_channels", ctypes.c_int),
        ("samples", ctypes.POINTER(ctypes.c_short)),
    )


class _Voice(ctypes.Structure):
    """The head of ``cst_voice``: as much of it as we touch."""

    _fields_ = (("name", ctypes.c_char_p), ("features", ctypes.c_void_p))


def _open(stem: str) -> ctypes.CDLL:
    """Load a library by the names Linux and macOS give it; raises ``OSError`` when none is there."""
    failure = OSError(stem)
    for name in (f"{stem}.so.1", f"{stem}.so", f"{stem}.dylib"):
        try:
            return ctypes.CDLL(name)
        except OSError as error:
            failure = error
    raise failure


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    """Load and prepare flite once per process."""
    library = _open("libflite")
    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    signatures: dict[str, tuple[object, list[object]]] = {
        "flite_synth_text": (pointer, [text, pointer]),
        "utt_wave": (ctypes.POINTER(_Wave), [pointer]),
        "delete_utterance": (None, [pointer]),
        "utt_relation": (pointer, [pointer, text]),
        "relation_head": (pointer, [pointer]),
        "item_next": (pointer, [pointer]),
        "item_feat_string": (text, [pointer, text]),
        "ffeature_float": (ctypes.c_float, [pointer, text]),
        "feat_set_float": (None, [pointer, text, ctypes.c_float]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    library.flite_init()
    return library


@lru_cache(maxsize=len(VOICES))
def _voice(name: str) -> int:
    """Register a voice and return its ``cst_voice`` pointer; raises ``OSError`` when it is not installed."""
    _library()
    register = getattr(_open(f"libflite_cmu_us_{name}"), f"register_cmu_us_{name}")
    register.restype, register.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
    return int(register(None))


def installed() -> tuple[str, ...]:
    """Return the flite voices this machine has."""
    return tuple(name for name in VOICES if is_installed(name))


def is_installed(name: str) -> bool:
    """Return whether this machine has flite and that voice of it."""
    if name not in VOICES:
        return False
    try:
        _voice(name)
    except OSError:
        return False
    return True


class Flite:
    """One flite voice."""

    def __init__(self, voice: str) -> None:
        """Take a voice of ``VOICES``; raises ``SpeechError`` when the machine does not have it."""
        self.name = f"flite/{voice}"
        try:
            self._voice = _voice(voice)
        except OSError as error:
            raise SpeechError(f"The flite voice {voice} cannot be loaded: {error}. Install libflite1.") from error

    def synthesise(self, text: str, style: Style) -> Synthesis:
        """Speak a text at 16 kHz (8 kHz for ``kal``) with the start of every token."""
        library = _library()
        features = ctypes.cast(self._voice, ctypes.POINTER(_Voice)).contents.features
        library.feat_set_float(features, b"duration_stretch", 1 / style.speed)
        library.feat_set_float(features, b"f0_shift", 2 ** (style.pitch / 2))
        utterance = library.flite_synth_text(text.encode("ascii", "ignore"), self._voice)
        if not utterance:
            raise SpeechError(f"flite could not speak a text of {len(text)} characters.")
        try:
            wave = library.utt_wave(utterance).contents
            rate, count = int(wave.sample_rate), int(wave.num_samples)
            samples = np.ctypeslib.as_array(wave.samples, (count,)).copy() if count else np.zeros(0, np.int16)
            return Synthesis(samples, rate, _marks(library, utterance, text, rate))
        finally:
            library.delete_utterance(utterance)


def _marks(library: ctypes.CDLL, utterance: int, text: str, rate: int) -> tuple[tuple[int, int], ...]:
    """Read where each token of the text starts."""
    marks: list[tuple[int, int]] = []
    cursor, item = 0, library.relation_head(library.utt_relation(utterance, b"Token"))
    while item:
        token = library.item_feat_string(item, b"name").decode("ascii", "ignore")
        found = text.find(token, cursor)
        if found >= 0:
            marks.append((found, int(library.ffeature_float(item, _TOKEN_START) * rate)))
            cursor = found + len(token)
        item = library.item_next(item)
    return tuple(marks)
