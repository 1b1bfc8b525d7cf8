"""G.722 on a leg, against FFmpeg's own whole-file coding."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.live.media.speech import FRAMES, SPEECH, aligned, frame_of, level_at, snr_db

from dialnexa.live.media.codec import Codec, encode
from dialnexa.live.media.g722 import G722Ear, G722Mouth
from dialnexa.live.media.rates import Doubler, Halver
from dialnexa.live.media.tones import tone


def spoken(samples: np.ndarray) -> bytes:
    mouth = G722Mouth()
    return b"".join(
        mouth.encode(encode(Codec.G722, frame_of(samples, number))) for number in range(len(samples) // 160)
    )


def heard(stream: bytes, sizes: list[int]) -> np.ndarray:
    """Let packets of these many samples arrive as fast as they would; return what was heard, the cushion left out."""
    ear, out, start, turn = G722Ear(), [], 0, 0
    for tick in range(len(stream) // 160 + 1):
        while start < min(len(stream), tick * 160 + 160):
            size = sizes[turn % len(sizes)]
            ear.push(stream[start : start + size], (4_294_960_000 + start) & 0xFFFFFFFF, 1)
            start, turn = start + size, turn + 1
        out.append(ear.take())
    return np.concatenate([samples for samples in out if samples is not None])


def test_what_we_send_is_what_ffmpeg_makes_of_the_same_sound_in_one_piece():
    doubler = Doubler()
    wide = np.concatenate([doubler.feed(frame_of(SPEECH, number)) for number in range(FRAMES)])
    context = av.AudioCodecContext.create("g722", "w")
    context.sample_rate, context.layout, context.format, context.time_base = 16000, "mono", "s16", Fraction(1, 16000)
    frame = av.AudioFrame.from_ndarray(wide[np.newaxis], format="s16", layout="mono")
    frame.sample_rate = 16000
    assert spoken(SPEECH) == b"".join(bytes(packet) for packet in context.encode(frame))


def test_what_we_hear_is_what_ffmpeg_makes_of_the_same_packets():
    stream = spoken(SPEECH)
    context = av.AudioCodecContext.create("g722", "r")
    context.sample_rate, context.layout = 16000, "mono"
    wide = context.decode(av.Packet(stream))[0].to_ndarray()[0]
    assert heard(stream, [160]).tolist() == Halver().feed(wide).tolist()


def test_speech_survives_better_than_in_mu_law_noise():
    assert snr_db(SPEECH, heard(spoken(SPEECH), [160])) > 20


def test_the_delay_is_the_filters_alone():
    *_, delay = aligned(SPEECH, heard(spoken(SPEECH), [160]))
    assert delay <= 48


@settings(deadline=None, max_examples=30)
@given(st.lists(st.sampled_from([80, 160, 240, 320, 480]), min_size=1, max_size=5))
def test_packets_of_10_to_60_ms_sound_the_same(sizes):
    stream = spoken(SPEECH[8000:16000])
    assert heard(stream, sizes).tolist() == heard(stream, [160]).tolist()


def test_a_tone_keeps_its_pitch_and_level():
    out = heard(spoken(tone((440, 1000), 1)), [160])[800:]
    original = tone((440, 1000), 1)
    for hz in (440, 1000):
        assert abs(level_at(out, hz) / level_at(original, hz) - 1) < 0.02
    assert level_at(out, 2500) < 30


def test_a_missing_packet_is_missing_once_and_no_garbage_upsets_it():
    ear = G722Ear()
    stream = spoken(SPEECH[8000:16000])
    for number in (0, 1, 3, 4):
        ear.push(stream[number * 160 : number * 160 + 160], number * 160, 1)
    got = [ear.take() is not None for _ in range(6)]
    assert got == [False, True, True, False, True, True]
    assert ear.missing == 0
    ear.push(b"", 5 * 160, 1)
    ear.push(b"\x00", 5 * 160, 1)
    sample = ear.take()
    assert sample is not None
    assert len(sample) == 160
    assert frame_of(SPEECH, 0).shape == (160,)
