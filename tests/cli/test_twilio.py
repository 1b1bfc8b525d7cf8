"""The caller of Twilio Media Streams: its messages, and what it makes of what an engine sends."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dialnexa.cli.benchmark.twilio.playback import Playback
from dialnexa.cli.benchmark.twilio.wire import Clear, Malformed, Mark, Media, Stream, read
from dialnexa.live.media.codec import SILENCE, Codec, encode
from dialnexa.live.media.tones import tone

VOICE = encode(Codec.PCMU, tone((440,), 0.02))
QUIET = SILENCE[Codec.PCMU]


class TestMessages:
    def test_a_stream_counts_its_messages_and_chunks_in_strings(self) -> None:
        stream = Stream("MZ1", "CA1")
        start = json.loads(stream.start())
        first, second = json.loads(stream.media("AAAA", 0)), json.loads(stream.media("BBBB", 20))
        assert (start["event"], start["sequenceNumber"], start["streamSid"]) == ("start", "1", "MZ1")
        assert start["start"]["mediaFormat"] == {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
        assert start["start"]["callSid"] == "CA1"
        assert second == {
            "event": "media",
            "sequenceNumber": "3",
            "media": {"track": "inbound", "chunk": "2", "timestamp": "20", "payload": "BBBB"},
            "streamSid": "MZ1",
        }
        assert first["media"]["chunk"] == "1"
        assert json.loads(stream.mark("m"))["mark"] == {"name": "m"}
        assert json.loads(stream.stop())["sequenceNumber"] == "5"

    def test_an_engine_s_messages_are_read(self) -> None:
        assert read(json.dumps({"event": "media", "streamSid": "MZ1", "media": {"payload": "/38="}})) == Media(
            b"\xff\x7f"
        )
        assert read('{"event":"mark","mark":{"name":"end"}}') == Mark("end")
        assert read(b'{"event":"clear","streamSid":"MZ1"}') == Clear()

    @pytest.mark.parametrize(
        "text",
        [
            "", "hello", "[]", "17", "{}", '{"event":"media"}', '{"event":"media","media":{"payload":7}}',
            '{"event":"media","media":{"payload":"***"}}', '{"event":"mark","mark":null}', b"\xff\xfe", '{"event":{}}',
        ],
    )  # fmt: skip
    def test_anything_else_is_malformed_and_raises_nothing(self, text: str | bytes) -> None:
        assert isinstance(read(text), Malformed)


def steady(playback: Playback, start: float, frames: int, payload: bytes = VOICE) -> None:
    """Let frames arrive one by one in real time."""
    for number in range(frames):
        playback.media(payload, start + number * 0.02)


class TestPlayback:
    def test_frames_in_real_time_are_one_talk_on_the_grid(self) -> None:
        playback = Playback()
        steady(playback, 10.0, 50)
        (talk,) = playback.talks
        assert (talk.start, talk.end) == (pytest.approx(10.0), pytest.approx(11.0))
        assert np.abs(playback.pacing).max() == pytest.approx(0, abs=1e-6)
        assert playback.gaps == 0

    def test_a_burst_is_played_in_real_time(self) -> None:
        playback = Playback()
        playback.media(VOICE * 100, 10.0)
        assert playback.talks[0].end == pytest.approx(12.0)

    def test_a_frame_that_comes_late_leaves_a_hole(self) -> None:
        playback = Playback()
        steady(playback, 10.0, 10)
        playback.media(VOICE, 10.2 + 0.05)
        assert playback.gaps == 1
        assert playback.pacing[-1] == pytest.approx(0.05)
        assert len(playback.talks) == 1

    def test_a_mark_is_due_when_what_came_before_it_was_played(self) -> None:
        playback = Playback()
        playback.media(VOICE * 50, 10.0)
        playback.mark("end")
        assert playback.due(10.9) == []
        assert playback.due(11.01) == ["end"]
        assert playback.due(12.0) == []

    def test_a_clear_silences_the_agent_and_gives_its_marks_back(self) -> None:
        playback = Playback()
        playback.media(VOICE * 100, 10.0)
        playback.mark("end")
        playback.clear(10.5)
        assert playback.talks[0].end == pytest.approx(10.5)
        assert playback.due(10.5) == ["end"]

    def test_a_reply_is_timed_from_the_last_word_to_the_first_voice(self) -> None:
        playback = Playback()
        steady(playback, 11.0, 30, QUIET)
        steady(playback, 11.6, 30)
        assert playback.replies([11.0, 20.0]) == [pytest.approx(0.6)]

    def test_an_agent_that_talks_when_the_caller_stops_has_not_replied(self) -> None:
        playback = Playback()
        steady(playback, 10.0, 100)
        assert playback.replies([11.0]) == []

    def test_barging_in_is_timed_to_the_clear_and_to_the_silence(self) -> None:
        playback = Playback()
        playback.media(VOICE * 200, 10.0)
        playback.clear(11.3)
        playback.media(VOICE * 50, 20.0)
        cleared, silent = playback.barge_ins([11.0, 20.5, 40.0])
        assert cleared == [pytest.approx(0.3)]
        assert silent == [pytest.approx(0.3), pytest.approx(0.5)]

    def test_a_clear_before_anything_was_said_is_harmless(self) -> None:
        playback = Playback()
        playback.clear(1.0)
        assert (playback.talks, playback.due(2.0)) == ([], [])
