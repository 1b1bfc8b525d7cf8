"""Every one of the 256 codes and 65,536 samples, against the algorithm of ITU-T G.191 written out plainly."""

import numpy as np
import pytest

from dialnexa.live.media.codec import SILENCE, Codec, decode, ducked, encode, transcode

EVERY_SAMPLE = np.arange(-32768, 32768, dtype=np.int32).astype(np.int16)


def mu_law(sample: int) -> int:
    level = min(((~sample if sample < 0 else sample) >> 2) + 33, 0x1FFF)
    segment = 1
    while level >> (segment + 5):
        segment += 1
    code = ((8 - segment) << 4) | (0xF - ((level >> segment) & 0xF))
    return code | 0x80 if sample >= 0 else code


def a_law(sample: int) -> int:
    level = (~sample if sample < 0 else sample) >> 4
    if level > 15:
        exponent = 1
        while level > 31:
            level >>= 1
            exponent += 1
        level += (exponent << 4) - 16
    return (level | 0x80 if sample >= 0 else level) ^ 0x55


@pytest.mark.parametrize(("codec", "reference"), [(Codec.PCMU, mu_law), (Codec.PCMA, a_law)])
def test_every_sample_gets_the_byte_of_the_standard(codec, reference):
    assert encode(codec, EVERY_SAMPLE) == bytes(reference(int(sample)) for sample in EVERY_SAMPLE)


@pytest.mark.parametrize(
    ("codec", "known"),
    [
        (Codec.PCMU, {0xFF: 0, 0x7F: 0, 0x80: 32124, 0x00: -32124, 0xFE: 8, 0xEF: 132, 0xF0: 120}),
        (Codec.PCMA, {0xD5: 8, 0x55: -8, 0xAA: 32256, 0x2A: -32256, 0xC5: 264, 0x80: 5504}),
    ],
)
def test_known_bytes_have_the_values_of_the_standard(codec, known):
    assert decode(codec, bytes(known)).tolist() == list(known.values())


@pytest.mark.parametrize("codec", [Codec.PCMU, Codec.PCMA])
def test_every_byte_survives_a_round_trip(codec):
    every = bytes(range(256))
    again = encode(codec, decode(codec, every))
    negative_zero = {0x7F} if codec is Codec.PCMU else set()
    assert [code for code in every if again[code] != code and code not in negative_zero] == []


@pytest.mark.parametrize("codec", [Codec.PCMU, Codec.PCMA])
def test_no_sample_is_further_off_than_half_its_step(codec):
    error = np.abs(decode(codec, encode(codec, EVERY_SAMPLE)).astype(int) - EVERY_SAMPLE)
    assert (
        error <= np.maximum(np.abs(EVERY_SAMPLE.astype(int)) / 32 + 8, 8) + (np.abs(EVERY_SAMPLE) > 32124) * 644
    ).all()


def test_batches_of_frames_keep_their_shape_in_order():
    frames = np.arange(480, dtype=np.int16).reshape(3, 160)
    assert encode(Codec.PCMU, frames) == b"".join(encode(Codec.PCMU, frame) for frame in frames)


def test_ducked_audio_is_twelve_decibels_down():
    loud = encode(Codec.PCMU, np.full(4, 16000, np.int16))
    assert abs(int(decode(Codec.PCMU, ducked(Codec.PCMU, loud))[0]) - 4000) < 130


def test_silence_stays_silence_in_the_other_codec():
    assert transcode(SILENCE[Codec.PCMU], Codec.PCMU, Codec.PCMA) == SILENCE[Codec.PCMA]
    assert np.abs(decode(Codec.PCMU, transcode(SILENCE[Codec.PCMA], Codec.PCMA, Codec.PCMU))).max() <= 8


@pytest.mark.parametrize("codec", [Codec.G722, Codec.OPUS])
def test_codecs_with_a_memory_are_kept_linear(codec):
    assert decode(codec, encode(codec, EVERY_SAMPLE)).tolist() == EVERY_SAMPLE.tolist()
    assert len(SILENCE[codec]) == 320
    assert not decode(codec, SILENCE[codec]).any()
    assert decode(codec, ducked(codec, encode(codec, np.full(4, 16000, np.int16)))).tolist() == [4000] * 4
    assert transcode(encode(codec, EVERY_SAMPLE), codec, Codec.PCMU) == encode(Codec.PCMU, EVERY_SAMPLE)
    assert transcode(b"\x80\x00", Codec.PCMU, codec) == encode(codec, np.array([32124, -32124]))
