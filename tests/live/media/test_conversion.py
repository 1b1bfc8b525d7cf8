"""Recordings made small: as long as before, and every sound where it was."""

from __future__ import annotations

import asyncio
import os
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from tests.live.media.recordings import at_their_times, beeps, heard, read, write_wav

from dialnexa.live.media.conversion import ConversionError, convert
from dialnexa.live.media.converter import Converter
from dialnexa.live.media.recorder import wav_header


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """Ten seconds: the person at 2 and 6, the agent at 3.5 and at the very end."""
    left = beeps(10, (440, 2, 3), (440, 6, 6.5))
    right = beeps(10, (1000, 3.5, 5), (1000, 9, 10))
    write_wav(tmp_path / "call.wav", left, right)
    return tmp_path / "call.wav"


def test_every_tone_is_where_it_was_and_on_its_own_side(recorded: Path) -> None:
    target = recorded.with_suffix(".ogg")
    made = convert(recorded, target)
    assert made.duration_ms == 10_000
    assert made.size_bytes == target.stat().st_size < recorded.stat().st_size / 4
    (left, right), rate = read(target)
    assert at_their_times(heard(left, rate, 440), (2, 3), (6, 6.5))
    assert at_their_times(heard(right, rate, 1000), (3.5, 5), (9, 10))
    assert heard(left, rate, 1000) == heard(right, rate, 440) == []


@pytest.mark.parametrize("samples", [1, 159, 160, 7999, 8000 * 3 + 77])
def test_it_is_exactly_as_long(tmp_path: Path, samples: int) -> None:
    silence = np.zeros(samples, np.int16)
    write_wav(tmp_path / "call.wav", silence, silence)
    convert(tmp_path / "call.wav", tmp_path / "call.ogg")
    channels, rate = read(tmp_path / "call.ogg")
    assert channels.shape == (2, samples * 6)
    assert rate == 48000


def test_mono_and_other_rates(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as audio:
        audio.setparams((1, 2, 22050, 0, "NONE", ""))
        audio.writeframes(bytes(2 * 22050))
    assert convert(tmp_path / "a.wav", tmp_path / "a.ogg").duration_ms == 1000
    channels, rate = read(tmp_path / "a.ogg")
    assert channels.shape[0] == 1
    assert abs(channels.shape[1] - rate) < rate // 1000


@pytest.mark.parametrize(
    "content", [b"", b"no audio at all", wav_header(0), wav_header(8000)[:30], b"\xff" * 5000], ids=range(5)
)
def test_what_is_no_recording_stays_what_it_is(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(ConversionError, match=r"a\.wav"):
        convert(tmp_path / "a.wav", tmp_path / "a.ogg")
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_a_recording_that_was_cut_short_is_converted_as_far_as_it_goes(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav_header(80_000) + bytes(4 * 16_000))
    assert convert(tmp_path / "a.wav", tmp_path / "a.ogg").duration_ms == 2000


class TestProcess:
    async def test_it_converts_with_the_lowest_priority_and_goes_with_the_block(self, recorded: Path) -> None:
        async with Converter.open() as converter:
            assert converter.pid is None, "nothing is started before there is something to do"
            made = await asyncio.gather(
                *(converter.convert(recorded, recorded.with_name(f"{n}.ogg")) for n in range(3))
            )
            assert {one.duration_ms for one in made} == {10_000}
            pid = converter.pid
            assert pid is not None
            assert os.getpriority(os.PRIO_PROCESS, pid) == 19
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)

    async def test_one_bad_file_is_refused_and_costs_no_other(self, recorded: Path) -> None:
        async with Converter.open() as converter:
            with pytest.raises(ConversionError, match=r"missing\.wav"):
                await converter.convert(recorded.with_name("missing.wav"), recorded.with_name("x.ogg"))
            pid = converter.pid
            await converter.convert(recorded, recorded.with_suffix(".ogg"))
            assert converter.pid == pid

    async def test_a_process_that_was_killed_is_replaced(self, recorded: Path) -> None:
        async with Converter.open() as converter:
            await converter.convert(recorded, recorded.with_suffix(".ogg"))
            assert converter.pid is not None
            os.kill(converter.pid, 9)
            assert (await converter.convert(recorded, recorded.with_name("b.ogg"))).duration_ms == 10_000

    async def test_a_file_that_kills_it_each_time_is_given_up(self, recorded: Path) -> None:
        converter = Converter((sys.executable, "-c", "raise SystemExit(1)"))
        with pytest.raises(ConversionError, match="died 3 times"):
            await converter.convert(recorded, recorded.with_suffix(".ogg"))
        await converter.close()

    async def test_an_answer_nobody_waits_for_is_not_taken_for_the_next(self, recorded: Path) -> None:
        async with Converter.open() as converter:
            hasty = asyncio.create_task(converter.convert(recorded, recorded.with_name("a.ogg")))
            while converter.pid is None:
                await asyncio.sleep(0)
            hasty.cancel()
            await asyncio.gather(hasty, return_exceptions=True)
            with pytest.raises(ConversionError, match=r"missing\.wav"):
                await converter.convert(recorded.with_name("missing.wav"), recorded.with_name("b.ogg"))
