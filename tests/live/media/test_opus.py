"""Opus on a leg: any packet duration, lost packets, wrapped clocks, wishes of the far end."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.live.media.speech import FRAMES, SPEECH, aligned, frame_of, level_at, snr_db

from dialnexa.live.media import libopus
from dialnexa.live.media.codec import Codec, encode
from dialnexa.live.media.opus import OpusEar, OpusMouth
from dialnexa.live.media.tones import tone

FEC = "useinbandfec=1; maxaveragebitrate=64000"


def spoken(samples: np.ndarray, fmtp: str = FEC) -> list[bytes]:
    mouth = OpusMouth(fmtp)
    return [mouth.encode(encode(Codec.OPUS, frame_of(samples, number))) for number in range(len(samples) // 160)]


def heard(packets: list[bytes | None], ticks_each: int = 1, first: int = 0) -> np.ndarray:
    """Let a packet (``None``: it is lost) arrive every so many ticks; return what was heard after the cushion."""
    ear, out = OpusEar(), []
    for number, packet in enumerate(packets):
        if packet is not None:
            ear.push(packet, (first + number * 960 * ticks_each) & 0xFFFFFFFF, 1)
        out += [ear.take() for _ in range(ticks_each)]
    out += [ear.take()]
    return np.concatenate([np.zeros(160, np.int16) if samples is None else samples for samples in out[1:]])


def test_speech_survives():
    assert snr_db(SPEECH, heard([*spoken(SPEECH)])) > 7


def test_a_tone_keeps_its_pitch_and_level():
    original = tone((440, 1000), 1)
    out = heard([*spoken(original)])[1600:7200]
    for hz in (440, 1000):
        assert abs(level_at(out, hz) / level_at(original, hz) - 1) < 0.1
    assert level_at(out, 2500) < 100


def test_the_clock_of_48_khz_wraps_without_a_seam():
    packets = spoken(SPEECH)
    assert heard([*packets], first=2**32 - 960 * 40).tolist() == heard([*packets]).tolist()


def packed(samples: np.ndarray, milliseconds: int) -> list[bytes]:
    """Return packets of another duration, made by libopus as another program would."""
    library = libopus._library()
    error = ctypes.c_int()
    size = 8 * milliseconds
    state = library.opus_encoder_create(8000, 1, 2048, ctypes.byref(error))
    out = ctypes.create_string_buffer(1275)
    packets: list[bytes] = []
    for start in range(0, len(samples) - size + 1, size):
        length = library.opus_encode(state, samples[start : start + size].tobytes(), size, out, 1275)
        packets.append(out.raw[:length])
    library.opus_encoder_destroy(state)
    return packets


@pytest.mark.parametrize("milliseconds", [20, 40, 60])
def test_long_packets_are_played_in_frames(milliseconds):
    packets = packed(SPEECH, milliseconds)
    assert {libopus.duration(packet) for packet in packets} == {8 * milliseconds}
    assert snr_db(SPEECH, heard([*packets], milliseconds // 20)) > 7


@pytest.mark.parametrize("milliseconds", [5, 10])
def test_short_packets_are_joined(milliseconds):
    ear, out = OpusEar(), []
    packets = packed(SPEECH, milliseconds)
    each = 20 // milliseconds
    for start in range(0, len(packets), each):
        for number in range(start, min(start + each, len(packets))):
            ear.push(packets[number], number * 48 * milliseconds, 1)
        samples = ear.take()
        out.append(np.zeros(160, np.int16) if samples is None else samples)
    assert snr_db(SPEECH, np.concatenate(out[1:])) > 7


@pytest.mark.parametrize("every", [20, 10])
def test_lost_packets_are_recovered_from_the_ones_after_them(every):
    packets = spoken(SPEECH)
    whole = heard([*packets])
    lossy = [None if number % every == 5 else packet for number, packet in enumerate(packets)]
    without_redundancy = [None if n % every == 5 else packet for n, packet in enumerate(spoken(SPEECH, ""))]
    recovered, guessed = snr_db(whole, heard(lossy)), snr_db(heard([*spoken(SPEECH, "")]), heard(without_redundancy))
    assert recovered > 7
    assert recovered > guessed + 2


def test_a_long_gap_fades_to_silence_and_ends_without_a_click():
    packets = spoken(SPEECH)
    middle = next(n for n in range(40, FRAMES) if frame_of(SPEECH, n).std() > 2000)
    lossy = [None if middle <= number < middle + 10 else packet for number, packet in enumerate(packets)]
    out = heard(lossy)
    assert out[(middle + 3) * 160 : (middle + 9) * 160].max() == 0
    edge = out[(middle + 3) * 160 - 3 : (middle + 3) * 160 + 3].astype(int)
    assert np.abs(np.diff(edge)).max() < 200


def test_the_far_ends_wishes_are_kept():
    sizes = {fmtp: sum(map(len, spoken(SPEECH, fmtp))) for fmtp in ("", "maxaveragebitrate=8000", "cbr=1", "x;;=;=3")}
    assert sizes["maxaveragebitrate=8000"] < 0.6 * sizes[""]
    assert sizes["x;;=;=3"] == sizes[""]
    assert len({len(packet) for packet in spoken(SPEECH, "cbr=1")}) == 1


def test_stereo_of_any_bandwidth_is_heard():
    library = libopus._library()
    error = ctypes.c_int()
    state = library.opus_encoder_create(48000, 2, 2049, ctypes.byref(error))
    out = ctypes.create_string_buffer(1275)
    t = np.arange(48000) / 48000
    sound = np.repeat((8000 * np.sin(2 * np.pi * 700 * t)).astype(np.int16), 2).tobytes()
    packets: list[bytes] = []
    for start in range(0, len(sound) - 3839, 3840):
        length = library.opus_encode(state, sound[start : start + 3840], 960, out, 1275)
        packets.append(out.raw[:length])
    library.opus_encoder_destroy(state)
    assert level_at(heard([*packets])[2400:7200], 700) == pytest.approx(8000, rel=0.05)


def test_the_delay_is_the_codecs_alone():
    *_, delay = aligned(SPEECH, heard([*spoken(SPEECH)]))
    assert delay < 160


@settings(deadline=None)
@given(st.lists(st.tuples(st.binary(max_size=60), st.integers(0, 2**32 - 1), st.integers(0, 3)), max_size=40))
def test_garbage_makes_noise_at_worst(packets):
    ear = OpusEar()
    for payload, timestamp, ticks in packets:
        ear.push(payload, timestamp, 1)
        for _ in range(ticks):
            samples = ear.take()
            assert samples is None or (samples.dtype, len(samples)) == (np.int16, 160)
