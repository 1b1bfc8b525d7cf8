"""Background sounds: no seam, no voice, no effect on anything but what the caller hears."""

from __future__ import annotations

import wave
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from tests.live.media.fakes import FakeWire, HandClock

from dialnexa.live.line import FRAME_SAMPLES
from dialnexa.live.media import beds
from dialnexa.live.media.beds import SOUNDS, Bed, bed_of
from dialnexa.live.media.clock import PHASES
from dialnexa.live.media.codec import SILENCE, Codec, decode, encode
from dialnexa.live.media.engine import MediaEngine
from dialnexa.live.media.vad import Silero, VoiceEar
from dialnexa.live.plan import Background

LOOP = (np.arange(FRAME_SAMPLES * 4) % 400 - 200).astype(np.int16)
"""A background whose every sample can be told from its neighbours."""


@pytest.fixture
async def engine() -> AsyncIterator[MediaEngine]:
    engine = MediaEngine(HandClock(), vad=False)
    yield engine
    await engine._desk.close()


def ticks(engine: MediaEngine, first: int, count: int) -> None:
    for cycle in range(first, first + count):
        for phase in range(PHASES):
            engine.tick(phase, cycle)


@pytest.mark.parametrize("name", SOUNDS)
def test_a_sound_is_quiet_the_same_in_every_process_and_has_no_seam(name: str) -> None:
    loop = bed_of(Background((name,))).loop.astype(float)
    assert len(loop) % FRAME_SAMPLES == 0
    assert 60 < loop.std() < 300, "some 20 dB below speech"
    assert np.abs(loop).max() <= 1300
    assert np.array_equal(loop, beds._sound.__wrapped__(name).astype(np.int16))
    steps = np.abs(np.diff(loop))
    assert abs(loop[0] - loop[-1]) <= steps.max()


def test_no_voice_detector_hears_a_voice_in_any_of_them_not_even_at_full_volume() -> None:
    loops = [bed_of(Background((name,), 2.0)).loop for name in SOUNDS]
    ear = VoiceEar(Silero())
    for _ in loops:
        ear.add()
    heard = list[np.ndarray]()
    for start in range(0, len(loops[0]), FRAME_SAMPLES):
        frame = np.stack([loop[start : start + FRAME_SAMPLES] for loop in loops]) / np.float32(32768)
        if verdict := ear.feed(frame.astype(np.float32)):
            heard.append(verdict[0])
    highest = np.max(heard, axis=0)
    assert highest.max() < 0.5, dict(zip(SOUNDS, highest, strict=True))


def test_sounds_are_mixed_and_follow_the_volume() -> None:
    both, office = bed_of(Background(("office", "room-tone"))).loop, bed_of(Background(("office",))).loop
    assert both.std() > office.std()
    assert np.allclose(bed_of(Background(("office",), 0.5)).loop, office / 2, atol=1)


def test_an_unknown_sound_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"no background sound 'disco'.*office, call-center"):
        bed_of(Background(("disco",)))


@pytest.mark.parametrize("codec", Codec)
def test_speech_keeps_its_level_above_the_bed_and_silence_becomes_the_bed(codec: Codec) -> None:
    bed = Bed(LOOP)
    speech = np.full(FRAME_SAMPLES, 9000, np.int16)
    mixed = decode(codec, bed.under(codec, encode(codec, speech), FRAME_SAMPLES * 5))
    expected = decode(codec, encode(codec, speech)) + LOOP[FRAME_SAMPLES : FRAME_SAMPLES * 2]
    assert np.abs(mixed.astype(int) - expected).max() <= 260, "a step of G.711 at most"
    assert bed.under(codec, None, FRAME_SAMPLES * 4) == encode(codec, LOOP[:FRAME_SAMPLES])


@pytest.mark.parametrize("codec", Codec)
def test_what_is_too_loud_together_is_clipped_and_does_not_wrap(codec: Codec) -> None:
    loud = encode(codec, np.full(FRAME_SAMPLES, 32767, np.int16))
    low = encode(codec, np.full(FRAME_SAMPLES, -32768, np.int16))
    bed = Bed(np.full(FRAME_SAMPLES, 2000, np.int16))
    assert decode(codec, bed.under(codec, loud, 0)).min() > 30_000
    quiet = Bed(np.full(FRAME_SAMPLES, -2000, np.int16))
    assert decode(codec, quiet.under(codec, low, 0)).max() < -30_000


async def test_the_caller_hears_it_from_the_answer_on_and_the_recording_with_them(
    engine: MediaEngine, tmp_path: Path
) -> None:
    wire, path = FakeWire(), tmp_path / "call.wav"
    leg = engine.open_leg(wire, codec=Codec.PCMU, recording=path)
    leg.lay(Bed(LOOP))
    said = leg.say()
    said.push(np.full(FRAME_SAMPLES, 5000, np.int16))
    said.finish()
    ticks(engine, 1, 3)
    leg.lay(None)
    ticks(engine, 4, 1)
    sent = [decode(Codec.PCMU, payload) for payload in wire.payloads]
    assert abs(int(sent[0].mean()) - 5000) < 300
    assert np.array_equal(sent[1], decode(Codec.PCMU, encode(Codec.PCMU, LOOP[FRAME_SAMPLES : FRAME_SAMPLES * 2])))
    assert wire.payloads[3] == SILENCE[Codec.PCMU]
    assert (said.played, said.started_at, said.done) == (FRAME_SAMPLES, 0, True), "the ledger knows nothing of it"
    await leg.close()
    with wave.open(str(path)) as file:
        stereo = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    assert np.array_equal(stereo[:, 1], np.concatenate(sent))
    assert not stereo[:, 0].any()


async def test_keys_go_out_clean(engine: MediaEngine) -> None:
    clean, wire = FakeWire(events=False), FakeWire(events=False)
    plain, leg = engine.open_leg(clean, codec=Codec.PCMA), engine.open_leg(wire, codec=Codec.PCMA)
    leg.lay(Bed(LOOP))
    for each in (plain, leg):
        each.press("5")
    ticks(engine, 1, 4)
    assert wire.payloads == clean.payloads


async def test_another_codec_goes_on_with_the_same_bed(engine: MediaEngine) -> None:
    wire = FakeWire()
    leg = engine.open_leg(wire, codec=Codec.PCMU)
    leg.lay(Bed(LOOP))
    ticks(engine, 1, 1)
    leg.set_codec(Codec.PCMA)
    ticks(engine, 2, 1)
    assert wire.payloads == [
        encode(Codec.PCMU, LOOP[:FRAME_SAMPLES]),
        encode(Codec.PCMA, LOOP[FRAME_SAMPLES : FRAME_SAMPLES * 2]),
    ]
