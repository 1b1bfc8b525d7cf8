"""Utterances: exact positions, in whatever order they are paused, ducked and cut."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dialnexa.live.media.codec import Codec, decode, encode
from dialnexa.live.media.playout import Playout


def ramp(count: int, start: int = 0) -> np.ndarray:
    return ((np.arange(start, start + count) % 200 - 100) * 100).astype(np.int16)


def coded(samples: np.ndarray) -> bytes:
    return encode(Codec.PCMU, samples)


def test_pushed_audio_goes_out_in_frames_and_the_last_is_padded():
    playout = Playout(Codec.PCMU)
    said = playout.say()
    said.push(ramp(100))
    assert playout.take(0) is None, "less than a frame waits for more"
    said.push(ramp(150, 100))
    assert playout.take(160) == coded(ramp(160))
    assert (said.started_at, said.played, said.pushed, said.done) == (160, 160, 250, False)
    said.finish()
    assert playout.take(320) == coded(ramp(90, 160)) + b"\xff" * 70
    assert (said.played, said.done) == (250, True)
    assert playout.take(480) is None


def test_utterances_play_one_after_the_other():
    playout = Playout(Codec.PCMU)
    first, second = playout.say(), playout.say()
    second.push(ramp(160))
    second.finish()
    assert playout.take(0) is None, "the first one may still get audio"
    first.push(ramp(160, 50))
    first.finish()
    assert playout.take(160) == coded(ramp(160, 50))
    assert playout.take(320) == coded(ramp(160))
    assert (first.started_at, second.started_at) == (160, 320)


def test_a_pause_goes_on_at_the_exact_sample():
    playout = Playout(Codec.PCMU)
    said = playout.say()
    said.push(ramp(480))
    playout.take(0)
    said.pause()
    assert playout.take(160) is None
    assert said.played == 160
    said.resume()
    assert playout.take(320) == coded(ramp(160, 160))


def test_ducking_is_quieter_and_resume_brings_the_voice_back():
    playout = Playout(Codec.PCMU)
    said = playout.say()
    said.push(np.full(480, 8000, np.int16))
    said.duck()
    ducked = playout.take(0)
    said.resume()
    full = playout.take(160)
    assert ducked is not None
    assert full is not None
    assert abs(int(decode(Codec.PCMU, ducked)[0]) - 2000) < 70
    assert abs(int(decode(Codec.PCMU, full)[0]) - 8000) < 260
    assert said.played == 320


def test_cutting_returns_what_was_heard_and_lets_the_next_one_speak():
    playout = Playout(Codec.PCMU)
    said, after = playout.say(), playout.say()
    said.push(ramp(1600))
    after.push(ramp(160))
    playout.take(0)
    assert said.cut() == 160
    assert said.done
    said.push(ramp(160))
    assert (said.pushed, said.cut()) == (1600, 160)
    assert playout.take(160) == coded(ramp(160))


def test_finishing_an_utterance_that_was_played_already_ends_it():
    playout = Playout(Codec.PCMU)
    said = playout.say()
    said.push(ramp(160))
    playout.take(0)
    assert not said.done
    said.finish()
    assert said.done
    assert said.cut() == 160


def test_an_empty_utterance_is_done_when_finished():
    said = Playout(Codec.PCMU).say()
    said.finish()
    assert (said.done, said.started_at) == (True, None)


def test_a_codec_change_carries_over_what_was_not_played():
    playout = Playout(Codec.PCMU)
    said = playout.say()
    said.push(np.full(320, 4000, np.int16))
    playout.take(0)
    playout.recode(Codec.PCMA)
    payload = playout.take(160)
    assert payload is not None
    assert abs(int(decode(Codec.PCMA, payload)[0]) - 4000) < 260
    said.push(np.full(160, -4000, np.int16))
    assert playout.take(320) == encode(Codec.PCMA, np.full(160, -4000, np.int16))


@settings(deadline=None)
@given(st.lists(st.sampled_from(["push", "take", "pause", "resume", "duck", "cut", "finish"]), max_size=60))
def test_positions_never_lie(steps):
    playout = Playout(Codec.PCMU)
    said = playout.say()
    left_on_the_wire = 0
    for tick, step in enumerate(steps):
        if step == "take":
            before = said.played
            payload = playout.take(tick * 160)
            assert payload is None or len(payload) == 160
            left_on_the_wire += said.played - before
        elif step == "push":
            said.push(ramp(100))
        else:
            getattr(said, step)()
        assert left_on_the_wire == said.played <= said.pushed
