"""Opus by libopus itself (RFC 6716), at 8 kHz on our side.

PyAV's own decoder knows neither the redundancy in the next packet nor concealment, and always comes out at 48 kHz. So
libopus is called directly: the copy that PyAV's wheel brings along, else the system's. No other thread gains from the
interpreter lock for the 60 µs of a frame, and handing it over would cost the clock more: hence ``PyDLL``.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import weakref
from functools import cache
from pathlib import Path

import av
import numpy as np

from dialnexa.live.line import FRAME_SAMPLES, SAMPLE_RATE, Samples

_VOIP = 2048
_SET_BITRATE, _SET_VBR, _SET_COMPLEXITY, _SET_INBAND_FEC, _SET_LOSS = 4002, 4006, 4010, 4012, 4014
_COMPLEXITY = 5
"""Half the CPU of libopus's own default; the difference is not to be heard on a telephone."""
_EXPECTED_LOSS = 10
"""Per cent; above zero, so that packets carry redundancy at all."""
_MOST_BYTES = 1275
_MOST_SAMPLES = SAMPLE_RATE * 120 // 1000


class OpusMissing(RuntimeError):
    """No libopus on this machine: neither PyAV's nor the system's."""


@cache
def _library() -> ctypes.PyDLL:
    """Load libopus and describe the functions used. Raises ``OpusMissing``."""
    beside = Path(av.__file__).parent
    carried = [*beside.parent.glob("av.libs/*opus*"), *beside.glob(".dylibs/*opus*")]
    for name in [*map(str, carried), ctypes.util.find_library("opus")]:
        if name is None:
            continue
        try:
            library = ctypes.PyDLL(name)
        except OSError:  # damaged, or of another architecture: try the next
            continue
        _describe(library)
        return library
    raise OpusMissing("no libopus is installed; reinstall the package av, or install libopus0")


def _describe(library: ctypes.PyDLL) -> None:
    pointer, integer, data = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p
    library.opus_encoder_create.argtypes = [integer, integer, integer, ctypes.POINTER(integer)]
    library.opus_encoder_create.restype = pointer
    library.opus_encoder_destroy.argtypes = [pointer]
    library.opus_encode.argtypes = [pointer, data, integer, data, integer]
    library.opus_decoder_create.argtypes = [integer, integer, ctypes.POINTER(integer)]
    library.opus_decoder_create.restype = pointer
    library.opus_decoder_destroy.argtypes = [pointer]
    library.opus_decode.argtypes = [pointer, data, integer, data, integer, integer]
    library.opus_packet_get_nb_samples.argtypes = [data, integer, integer]


def available() -> bool:
    """Whether Opus can be spoken on this machine."""
    try:
        _library()
    except OpusMissing:
        return False
    return True


def duration(packet: bytes) -> int:
    """Return the samples (8 kHz) a packet holds, 20 to 960; 0 for what is no Opus packet."""
    return max(0, _library().opus_packet_get_nb_samples(packet, len(packet), SAMPLE_RATE)) if packet else 0


class Encoder:
    """One stream of 20 ms packets. ``bit_rate`` in bit/s, ``vbr`` lets it vary around that."""

    def __init__(self, bit_rate: int, *, vbr: bool, fec: bool) -> None:
        library = self._library = _library()
        error = ctypes.c_int()
        self._state = library.opus_encoder_create(SAMPLE_RATE, 1, _VOIP, ctypes.byref(error))
        if error.value:
            raise OpusMissing(f"libopus refused to make an encoder (error {error.value})")
        weakref.finalize(self, library.opus_encoder_destroy, self._state)
        for setting, value in (
            (_SET_BITRATE, bit_rate),
            (_SET_VBR, int(vbr)),
            (_SET_COMPLEXITY, _COMPLEXITY),
            (_SET_INBAND_FEC, int(fec)),
            (_SET_LOSS, _EXPECTED_LOSS if fec else 0),
        ):
            # Variadic in C, so without argtypes: the state must be told to be a pointer.
            library.opus_encoder_ctl(ctypes.c_void_p(self._state), ctypes.c_int(setting), ctypes.c_int(value))
        self._packet = ctypes.create_string_buffer(_MOST_BYTES)

    def encode(self, frame: bytes) -> bytes:
        """Return the packet of 160 linear samples."""
        size = self._library.opus_encode(self._state, frame, FRAME_SAMPLES, self._packet, _MOST_BYTES)
        return self._packet.raw[: max(0, size)]


class Decoder:
    """One stream, decoded in order; the far end may send stereo and any bandwidth, we hear mono at 8 kHz."""

    def __init__(self) -> None:
        library = self._library = _library()
        error = ctypes.c_int()
        self._state = library.opus_decoder_create(SAMPLE_RATE, 1, ctypes.byref(error))
        if error.value:
            raise OpusMissing(f"libopus refused to make a decoder (error {error.value})")
        weakref.finalize(self, library.opus_decoder_destroy, self._state)
        self._samples = ctypes.create_string_buffer(2 * _MOST_SAMPLES)

    def decode(self, packet: bytes) -> Samples:
        """Return what a packet holds; nothing when it is damaged."""
        return self._heard(packet, _MOST_SAMPLES, fec=0)

    def recover(self, following: bytes | None) -> Samples:
        """Return a stand-in for 20 ms that were lost: from the redundancy in the packet after them, else a guess."""
        return self._heard(following, FRAME_SAMPLES, fec=1 if following else 0)

    def _heard(self, packet: bytes | None, most: int, fec: int) -> Samples:
        size = len(packet) if packet else 0
        count = self._library.opus_decode(self._state, packet, size, self._samples, most, fec)
        return np.frombuffer(self._samples.raw[: 2 * max(0, count)], np.int16)
