"""Legs in the engine, tick by tick, in time moved by hand."""

from __future__ import annotations

import gc
import sys
import wave
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from tests.live.media.fakes import Diary, FakeCore, FakeWire, HandClock
from tests.live.media.speech import level_at

from dialnexa.kit.clock import SystemClock
from dialnexa.live.media.clock import PHASE_S, PHASES
from dialnexa.live.media.codec import SILENCE, Codec, decode, encode
from dialnexa.live.media.coder import ear_of, mouth_of
from dialnexa.live.media.engine import MediaEngine, favour_the_clock
from dialnexa.live.media.leg import Leg
from dialnexa.live.media.resample import to_line_rate
from dialnexa.live.media.tones import keypad_tone, tone

SPEECH = Path(__file__).with_name("data").joinpath("speech.ulaw").read_bytes()
QUIET = SILENCE[Codec.PCMU]


class Studio:
    """An engine whose clock is this object: ``ticks(n)`` lets n times 20 ms pass."""

    def __init__(self, engine: MediaEngine, core: FakeCore | None = None) -> None:
        self.engine = engine
        self.core = core or FakeCore()
        self.cycle = 0

    def ticks(self, count: int = 1, *, stall: int = 0) -> None:
        for _ in range(count):
            self.cycle += 1 + stall
            for phase in range(PHASES):
                self.engine.tick(phase, self.cycle)

    def works(self, *, beats: int, ms: float, late_ms: float = 0.0, waited_ms: float = 0.0) -> None:
        """Let beats of 10 ms pass, each with this much work, lateness, and waiting for a core."""
        for _ in range(beats):
            self.core.passes(PHASE_S, used=ms / 1000, waited=waited_ms / 1000)
            self.engine._ticker.strain.note(self.core.now, late_ms / 1000)

    def calls(self, count: int) -> None:
        for _ in range(count):
            self.call()

    def call(self, codec: Codec = Codec.PCMU, **more) -> tuple[Leg, FakeWire, Diary]:
        wire, diary = FakeWire(), Diary()
        return self.engine.open_leg(wire, codec=codec, listener=diary, **more), wire, diary


@pytest.fixture
async def studio() -> AsyncIterator[Studio]:
    core = FakeCore()
    studio = Studio(MediaEngine(HandClock(), vad=True, core=core), core)
    yield studio
    for phase in studio.engine._phases:
        for leg in list(phase.legs):
            await leg.close()
    await studio.engine._desk.close()


def wave_of(value: int, count: int = 160) -> np.ndarray:
    return np.full(count, value, np.int16)


async def test_silence_flows_from_the_first_tick_marked_once(studio):
    _, wire, _ = studio.call()
    studio.ticks(3)
    assert wire.sent == [(QUIET, 0, True), (QUIET, 160, False), (QUIET, 320, False)]


async def test_the_listener_is_called_in_the_promised_order(studio):
    leg, wire, diary = studio.call()
    for tick in range(4):
        wire.arrives(leg, SPEECH[9600 + tick * 160 : 9760 + tick * 160], tick)
        if tick == 3:
            leg.on_key("5")
        studio.ticks()
    assert diary.calls == [
        *(("audio", 0), ("tick", 0)),
        *(("audio", 160), ("voice", 256), ("tick", 160)),
        *(("audio", 320), ("tick", 320)),
        *(("audio", 480), ("voice", 512), ("digit", 480), ("tick", 480)),
    ]
    assert leg.at == 640


async def test_what_arrives_is_heard_one_cushion_later(studio):
    leg, wire, diary = studio.call()
    for tick in range(4):
        wire.arrives(leg, encode(Codec.PCMU, wave_of(1000 * tick)), tick)
        studio.ticks()
    heard = [int(samples[0]) for samples in diary.audio]
    assert heard[:2] == [0, 0]
    assert heard[2:] == [int(decode(Codec.PCMU, encode(Codec.PCMU, wave_of(v)))[0]) for v in (1000, 2000)]


async def test_both_codecs_share_a_phase(studio):
    calls = [studio.call(codec) for codec in [Codec.PCMU, Codec.PCMA] * 4]
    for tick in range(2):
        for leg, wire, _ in calls:
            wire.arrives(leg, encode(leg.codec, wave_of(4000)), tick)
        studio.ticks()
    for leg, wire, diary in calls:
        assert diary.audio[1].tolist() == decode(leg.codec, encode(leg.codec, wave_of(4000))).tolist()
        assert wire.payloads[0] == SILENCE[leg.codec]


async def test_an_utterance_leaves_exactly_as_pushed_with_its_place_on_the_call_clock(studio):
    leg, wire, _ = studio.call()
    studio.ticks(2)
    said = leg.say()
    said.push(wave_of(5000, 200))
    said.finish()
    studio.ticks(3)
    loud = encode(Codec.PCMU, wave_of(5000))
    assert wire.payloads[2:] == [loud, loud[:40] + QUIET[:120], QUIET]
    assert (said.started_at, said.played, said.done) == (320, 200, True)


async def test_positions_are_up_to_date_when_the_tick_is_told(studio):
    leg, _, diary = studio.call()
    said = leg.say()
    said.push(wave_of(5000, 320))
    positions: list[int] = []
    diary.on_tick = lambda at: positions.append(said.played)
    studio.ticks(3)
    assert positions == [160, 320, 320]


async def test_a_held_leg_sends_nothing_and_says_nothing_meanwhile(studio):
    leg, wire, _ = studio.call()
    said = leg.say()
    said.push(wave_of(5000, 320))
    studio.ticks()
    leg.held = True
    studio.ticks(3)
    leg.held = False
    studio.ticks()
    assert [(at, marker) for _, at, marker in wire.sent] == [(0, True), (640, True)]
    assert said.played == 320


async def test_pressed_keys_become_events_and_speech_waits(studio):
    leg, wire, _ = studio.call()
    said = leg.say()
    said.push(wave_of(5000, 1600))
    studio.ticks()
    leg.press("1#")
    studio.ticks(30)
    one = [key for key in wire.keys if key[0] == "1"]
    assert one == [
        ("1", 160, 160, False, True),
        *[("1", 160, 160 * n, False, False) for n in range(2, 8)],
        *[("1", 160, 1280, True, False)] * 3,
    ]
    assert [key[1] for key in wire.keys if key[0] == "#"] == [160 + 15 * 160] * 10
    assert said.played == 160
    assert set(wire.payloads[1:]) == {QUIET}
    studio.ticks()
    assert said.played == 320


async def test_keys_go_out_as_tones_when_the_far_end_takes_no_events(studio):
    leg, wire, _ = studio.call()
    wire.events = False
    leg.press("7")
    studio.ticks(10)
    assert wire.keys == []
    assert b"".join(wire.payloads[:8]) == encode(Codec.PCMU, keypad_tone("7", 0.16))
    assert wire.payloads[8:] == [QUIET, QUIET]


async def test_only_keys_can_be_pressed(studio):
    leg, _, _ = studio.call()
    with pytest.raises(ValueError, match="no such keys: X"):
        leg.press("12x")


async def test_tones_in_the_audio_are_keys_unless_events_say_the_same(studio):
    rang, rang_wire, rang_diary = studio.call()
    both, both_wire, both_diary = studio.call()
    sound = encode(Codec.PCMU, np.concatenate([keypad_tone("4", 0.1), wave_of(0, 1600)]))
    for tick in range(len(sound) // 160):
        for leg, wire in ((rang, rang_wire), (both, both_wire)):
            wire.arrives(leg, sound[tick * 160 : tick * 160 + 160], tick)
        if tick == 4:
            both.on_key("4")
        studio.ticks()
    assert (rang_diary.digits, both_diary.digits) == ("4", "4")


async def test_a_short_gap_fades_and_a_long_one_is_silent(studio):
    leg, wire, diary = studio.call()
    loud = encode(Codec.PCMU, wave_of(8000))
    for tick in range(3):
        wire.arrives(leg, loud, tick)
        studio.ticks()
    studio.ticks(4)
    studio.ticks(1)
    first, second, third, fourth = (np.abs(samples) for samples in diary.audio[-4:])
    assert first[79] > 7900 > first[-1] > 6000
    assert first[-1] > second[0] > second[-1] > third[0] > third[-1]
    assert fourth.max() == 0


async def test_a_pause_that_was_announced_sounds_like_the_background_and_is_no_loss(studio):
    leg, wire, diary = studio.call()
    loud = encode(Codec.PCMU, wave_of(8000))
    for tick in range(3):
        wire.arrives(leg, loud, tick)
        studio.ticks()
    wire.waiting.append(partial(leg.on_noise, b"\x32"))
    studio.ticks(30)
    levels = [samples.astype(float).std() for samples in diary.audio[-28:]]
    assert min(levels) > 60
    assert max(levels) < 160
    assert leg.missing == 0
    for tick in range(34, 37):
        wire.arrives(leg, loud, tick)
        studio.ticks()
    assert diary.audio[-2].std() < 160, "the cushion"
    assert abs(int(diary.audio[-1][0]) - 8000) < 260
    studio.ticks(2)
    assert leg.missing == 1, "from here on silence is loss again"


async def test_a_silent_far_end_is_noticed(studio):
    leg, wire, _ = studio.call()
    wire.arrives(leg, QUIET, 0)
    studio.ticks()
    assert leg.silent_for_s == pytest.approx(0.02)
    studio.ticks(100)
    assert leg.silent_for_s == pytest.approx(2.02)
    leg.on_alive()
    assert leg.silent_for_s == 0


async def test_after_a_stall_everything_is_heard_and_nothing_sent_in_a_burst(studio, tmp_path):
    leg, wire, diary = studio.call(recording=tmp_path / "call.wav")
    said = leg.say()
    said.push(wave_of(5000, 1600))
    studio.ticks(2)
    for tick in range(12):
        wire.arrives(leg, encode(Codec.PCMU, wave_of(1000)), tick)
    studio.ticks(stall=10)
    assert [at for _, at, _ in wire.sent] == [0, 160, 12 * 160]
    assert [at for name, at in diary.calls if name == "audio"] == [160 * n for n in range(13)]
    assert said.played == 480
    result = await leg.close()
    assert result
    with wave.open(str(result.path)) as file:
        right = np.frombuffer(file.readframes(99999), "<i2").reshape(-1, 160, 2)[:, :, 1]
    assert [bool(frame.any()) for frame in right] == [True, True, *[False] * 10, True]


async def test_the_recording_holds_what_was_heard_and_sent_in_each_tick(studio, tmp_path):
    leg, wire, diary = studio.call(recording=tmp_path / "call.wav")
    studio.ticks(3)
    said = leg.say()
    said.push(wave_of(9000, 320))
    for tick in range(60):
        wire.arrives(leg, SPEECH[tick * 160 : tick * 160 + 160], tick)
        studio.ticks()
    result = await leg.close()
    assert result
    assert result.duration_ms == 63 * 20
    with wave.open(str(result.path)) as file:
        stereo = np.frombuffer(file.readframes(99999), "<i2").reshape(-1, 2)
    assert np.array_equal(stereo[:, 0], np.concatenate(diary.audio))
    assert np.array_equal(stereo[:, 1], decode(Codec.PCMU, b"".join(wire.payloads)))
    assert said.started_at == 480
    assert np.flatnonzero(stereo[:, 1])[[0, -1]].tolist() == [480, 799]


async def test_a_codec_change_goes_on_in_the_new_codec(studio, tmp_path):
    leg, wire, diary = studio.call(recording=tmp_path / "call.wav")
    studio.ticks()
    leg.set_codec(Codec.PCMA)
    wire.arrives(leg, encode(Codec.PCMA, wave_of(3000)), 0)
    studio.ticks(2)
    assert wire.payloads == [QUIET, SILENCE[Codec.PCMA], SILENCE[Codec.PCMA]]
    assert abs(int(diary.audio[-1][0]) - 3000) < 130


@pytest.mark.parametrize("codec", [Codec.G722, Codec.OPUS])
async def test_a_leg_of_a_codec_with_a_memory_hears_says_and_records_like_any_other(studio, tmp_path, codec):
    leg, wire, diary = studio.call(codec, fmtp="useinbandfec=1", recording=tmp_path / "call.wav")
    plain, plain_wire, plain_diary = studio.call()
    far, ear, per_frame = mouth_of(codec, ""), ear_of(codec), 960 if codec is Codec.OPUS else 160
    assert far
    assert ear
    said = leg.say()
    said.push(tone((700,), 1))
    sound = tone((400,), 2)
    for tick in range(100):
        frame = sound[tick * 160 : tick * 160 + 160]
        wire.waiting.append(partial(leg.on_frame, far.encode(encode(codec, frame)), tick * per_frame, 1, codec))
        plain_wire.arrives(plain, encode(Codec.PCMU, frame), tick)
        if tick == 20:
            said.pause()
        if tick == 30:
            said.resume()
        studio.ticks()
    heard = np.concatenate(diary.audio)
    assert abs(level_at(heard[1600:14400], 400) / level_at(sound, 400) - 1) < 0.1
    assert plain_diary.audio[-1].tolist() == decode(Codec.PCMU, encode(Codec.PCMU, sound[98 * 160 : 99 * 160])).tolist()
    assert (said.started_at, said.played) == (0, 8000)
    result = await leg.close()
    assert result
    with wave.open(str(result.path)) as file:
        stereo = np.frombuffer(file.readframes(99999), "<i2").reshape(-1, 2)
    silence = np.zeros(1600, np.int16)
    assert stereo[:9600, 1].tolist() == [*tone((700,), 0.4), *silence, *tone((700,), 1)[3200:]]
    assert np.array_equal(stereo[:, 0], heard)
    out = []
    for tick, payload in enumerate(wire.payloads):
        ear.push(payload, tick * per_frame, 1)
        out.append(ear.take())
    assert abs(level_at(np.concatenate(out[6:16]), 700) / level_at(tone((700,), 1), 700) - 1) < 0.1


@pytest.mark.parametrize("codec", [Codec.G722, Codec.OPUS])
async def test_speech_goes_on_at_the_exact_sample_in_another_kind_of_codec(studio, codec):
    leg, wire, _ = studio.call()
    said = leg.say()
    said.push(wave_of(4000, 800))
    studio.ticks(2)
    leg.set_codec(codec)
    assert leg.codec is codec
    studio.ticks()
    leg.set_codec(Codec.PCMA)
    studio.ticks(2)
    assert said.played == 800
    assert [len(payload) for payload in wire.payloads[:2] + wire.payloads[3:]] == [160] * 4
    assert abs(int(decode(Codec.PCMA, wire.payloads[4])[159]) - 4000) < 260


async def test_a_far_end_that_changes_its_codec_by_itself_is_heard(studio):
    leg, wire, diary = studio.call(Codec.G722)
    for tick in range(10):
        wire.waiting.append(partial(leg.on_frame, encode(Codec.PCMA, wave_of(5000)), tick * 160, 1, Codec.PCMA))
        studio.ticks()
    assert abs(int(diary.audio[-1][0]) - 5000) < 260
    assert leg.codec is Codec.G722
    assert len(wire.payloads[-1]) == 160


async def test_a_lost_packet_of_opus_is_made_up_by_the_codec(studio):
    leg, wire, diary = studio.call(Codec.OPUS)
    far = mouth_of(Codec.OPUS, "useinbandfec=1")
    assert far
    packets = [far.encode(encode(Codec.OPUS, tone((400,), 1)[tick * 160 : tick * 160 + 160])) for tick in range(50)]
    for tick, packet in enumerate(packets):
        if tick != 30:
            wire.waiting.append(partial(leg.on_frame, packet, tick * 960, 1, Codec.OPUS))
        studio.ticks()
        assert leg.missing == (1 if tick in (0, 31) else 0)
    levels = [samples.astype(float).std() for samples in diary.audio[10:]]
    assert min(levels) > 0.8 * max(levels)


async def test_a_listener_that_fails_does_not_stop_the_others(studio):
    class Broken(Diary):
        def on_audio(self, samples, at):
            raise RuntimeError("a bug in the conversation")

    legs = [studio.call() for _ in range(8)]
    legs[0][0].listen(Broken())
    studio.ticks(3)
    assert [len(wire.sent) for _, wire, _ in legs] == [3] * 8
    assert [len(diary.audio) for _, _, diary in legs] == [0, *[3] * 7]
    assert legs[0][0].at == 480


async def test_legs_come_and_go_and_keep_their_own_audio(studio):
    calls = [studio.call() for _ in range(9)]
    values = [1000 * (n + 1) for n in range(9)]
    for tick in range(6):
        for (leg, wire, _), value in zip(calls, values, strict=True):
            wire.arrives(leg, encode(Codec.PCMU, wave_of(value)), tick)
        studio.ticks()
        if tick == 2:
            await calls[0][0].close()
            await calls[5][0].close()
    assert studio.engine.legs == 7
    for number, ((_, _, diary), value) in enumerate(zip(calls, values, strict=True)):
        assert len(diary.audio) == (3 if number in (0, 5) else 6)
        expected = int(decode(Codec.PCMU, encode(Codec.PCMU, wave_of(value)))[0])
        assert int(diary.audio[-1][0]) == expected


async def test_closing_twice_is_harmless(studio):
    leg, _, _ = studio.call()
    assert await leg.close() is None
    assert await leg.close() is None
    assert studio.engine.legs == 0


async def test_calls_are_spread_over_the_phases(studio):
    for _ in range(9):
        studio.call()
    assert sorted(len(phase.legs) for phase in studio.engine._phases) == [4, 5]


async def test_a_worker_whose_core_is_nearly_full_takes_no_more_calls(studio):
    studio.calls(20)
    assert not studio.engine.overloaded
    studio.works(beats=60, ms=8.5)
    assert not studio.engine.overloaded
    studio.works(beats=60, ms=9.0)
    assert studio.engine.overloaded
    studio.works(beats=60, ms=2.0)
    assert not studio.engine.overloaded


async def test_the_set_up_of_a_few_calls_refuses_nobody(studio):
    studio.calls(19)
    studio.works(beats=60, ms=9.0, late_ms=9.0)
    assert not studio.engine.overloaded


async def test_a_worker_that_falls_behind_by_its_own_work_takes_no_more_calls(studio):
    studio.calls(20)
    studio.works(beats=60, ms=5.0)
    studio.works(beats=1, ms=5.0, late_ms=8.0)
    assert studio.engine.overloaded
    studio.works(beats=10, ms=5.0)
    assert not studio.engine.overloaded


async def test_one_hiccup_of_a_worker_with_little_to_do_refuses_nobody(studio):
    studio.calls(20)
    studio.works(beats=60, ms=1.0)
    studio.works(beats=1, ms=1.0, late_ms=40.0)
    assert not studio.engine.overloaded


async def test_a_worker_on_a_busy_machine_is_late_but_takes_calls(studio):
    """As in the first seconds after the start."""
    studio.calls(20)
    studio.works(beats=60, ms=3.0, late_ms=4.0, waited_ms=4.0)
    assert not studio.engine.overloaded


async def test_a_phase_that_fails_does_not_stop_the_clock(studio, monkeypatch):
    _, wire, _ = studio.call()
    monkeypatch.setattr(studio.engine._phases[1], "run", lambda cycle: 1 / 0)
    studio.ticks(3)
    assert len(wire.sent) == 3


def test_garbage_collector_and_other_threads_stand_back_for_the_clock():
    thresholds, interval = gc.get_threshold(), sys.getswitchinterval()
    favour_the_clock()
    assert gc.get_freeze_count() > 0
    assert sys.getswitchinterval() < 0.001
    gc.unfreeze()
    gc.set_threshold(*thresholds)
    sys.setswitchinterval(interval)


@pytest.mark.parametrize("rate", [16000, 22050, 24000, 48000])
def test_synthesised_speech_comes_down_to_the_line_without_folding_over(rate):
    second = np.arange(rate) / rate
    kept = to_line_rate((8000 * np.sin(2 * np.pi * 1000 * second)).astype(np.int16), rate)
    folded = to_line_rate((8000 * np.sin(2 * np.pi * 5500 * second)).astype(np.int16), rate)
    assert len(kept) == 8000
    assert np.abs(kept[500:-500]).max() == pytest.approx(8000, rel=0.01)
    assert np.abs(folded[500:-500]).max() < 8


async def test_leaving_the_engine_finishes_what_is_open(tmp_path):
    async with MediaEngine.open(clock=SystemClock(), vad=False) as engine:
        leg = engine.open_leg(FakeWire(), codec=Codec.PCMU, recording=tmp_path / "call.wav")
        studio = Studio(engine)
        studio.cycle = 1_000_000
        studio.ticks(10)
        assert not engine.overloaded
    assert engine.legs == 0
    assert leg.at >= 1600
    assert (tmp_path / "call.wav").stat().st_size >= 44 + 1600 * 4
