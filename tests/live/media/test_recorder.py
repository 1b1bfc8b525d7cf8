"""Recordings: aligned to the sample, whole after a crash, and never the end of a call."""

from __future__ import annotations

import errno
import wave
from pathlib import Path

import numpy as np
import pytest

from dialnexa.live.media.codec import SILENCE, Codec, encode
from dialnexa.live.media.recorder import FileSink, RecordingDesk

FULL_DEVICE = Path("/dev/full")
"""Linux's own full disk."""
HAS_FULL_DEVICE = FULL_DEVICE.exists()
NOTHING = np.zeros(160, np.int16)


def click(sample: int) -> np.ndarray:
    frame = NOTHING.copy()
    frame[sample] = 16000
    return frame


def channels(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 8000)
        stereo = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    return stereo[:, 0], stereo[:, 1]


async def record(desk: RecordingDesk, path: Path, ticks: int, sink: type[FileSink] = FileSink):
    recorder = desk.open(path, Codec.PCMU, sink)
    for tick in range(ticks):
        caller = click(30) if tick == 70 else NOTHING
        agent = encode(Codec.PCMU, click(31)) if tick == 71 else SILENCE[Codec.PCMU]
        recorder.add(caller, agent)
    return await recorder.close()


@pytest.fixture
async def desk():
    desk = RecordingDesk()
    yield desk
    await desk.close()


async def test_clicks_land_on_their_exact_samples_left_and_right(desk, tmp_path):
    path = tmp_path / "new folder" / "call.wav"
    result = await record(desk, path, 123)
    left, right = channels(path)
    assert np.flatnonzero(left).tolist() == [70 * 160 + 30]
    assert np.flatnonzero(right).tolist() == [71 * 160 + 31]
    assert len(left) == 123 * 160
    assert (result.duration_ms, result.size_bytes, result.lost) == (123 * 20, path.stat().st_size, "")


async def test_the_file_of_a_killed_worker_opens_with_all_but_the_last_second(desk, tmp_path):
    path = tmp_path / "call.wav"
    recorder = desk.open(path, Codec.PCMU)
    for tick in range(149):
        recorder.add(click(7) if tick == 60 else NOTHING, SILENCE[Codec.PCMU])
    await record(desk, tmp_path / "another.wav", 1)  # the one writer has now passed everything before
    left, _ = channels(path)
    assert len(left) == 16000
    assert np.flatnonzero(left).tolist() == [60 * 160 + 7]
    await recorder.close()


async def test_a_codec_change_does_not_garble_the_agent(desk, tmp_path):
    recorder = desk.open(tmp_path / "call.wav", Codec.PCMU)
    recorder.add(NOTHING, encode(Codec.PCMU, np.full(160, 8031, np.int16)))
    recorder.flush(Codec.PCMA)
    recorder.add(NOTHING, encode(Codec.PCMA, np.full(160, 8031, np.int16)))
    await recorder.close()
    _, right = channels(tmp_path / "call.wav")
    assert np.abs(right - 8031).max() < 260


class Full(FileSink):
    """A disk without any room."""

    def write(self, data: bytes, offset: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("sink", [Full, FileSink])
async def test_a_full_disk_is_told_and_survived(desk, tmp_path, sink):
    real = sink is FileSink and HAS_FULL_DEVICE
    result = await record(desk, FULL_DEVICE if real else tmp_path / "call.wav", 100, FileSink if real else Full)
    assert result.lost == "2.0 s could not be written: No space left on device"
    assert (result.duration_ms, result.size_bytes) == (0, 0)


class FullForASecond(FileSink):
    """A disk without room for the second second of a call."""

    def write(self, data: bytes, offset: int) -> None:
        if 32000 <= offset < 64000:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().write(data, offset)


async def test_what_follows_a_failed_write_stays_in_its_place(desk, tmp_path):
    path = tmp_path / "call.wav"
    recorder = desk.open(path, Codec.PCMU, FullForASecond)
    for tick in range(150):
        recorder.add(click(5) if tick in (10, 60, 110) else NOTHING, SILENCE[Codec.PCMU])
    result = await recorder.close()
    left, _ = channels(path)
    assert np.flatnonzero(left).tolist() == [10 * 160 + 5, 110 * 160 + 5]
    assert len(left) == 24000
    assert result.lost == "1.0 s could not be written: No space left on device"


async def test_a_folder_that_cannot_be_made_is_told_too(desk, tmp_path):
    (tmp_path / "file").write_text("in the way")
    result = await record(desk, tmp_path / "file" / "call.wav", 60)
    assert result.lost.startswith("1.2 s could not be written: ")


async def test_a_call_of_no_length_leaves_no_file(desk, tmp_path):
    result = await record(desk, tmp_path / "call.wav", 0)
    assert (result.duration_ms, result.size_bytes, result.lost) == (0, 0, "")
    assert not (tmp_path / "call.wav").exists()
