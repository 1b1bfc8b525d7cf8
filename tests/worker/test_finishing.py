"""Recordings after the call: converted, moved, and lost by nothing that happens on the way."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from sqlalchemy import delete, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.live.media.converter import Converter
from dialnexa.live.media.recorder import wav_header
from dialnexa.platform.calls import recordings, redaction, repository, service
from dialnexa.platform.calls.models import Recording
from dialnexa.platform.calls.records import RecordingFile
from dialnexa.platform.calls.store import RecordingStore, store_at
from dialnexa.worker.finishing import Finishing, Wishes, folder_id
from tests.live.media.recordings import beeps, heard, read, write_wav
from tests.platform.calls.house import NOON, House
from tests.platform.calls.s3 import BUCKET, FakeS3


@dataclass
class Clock:
    """Time that passes only when something waits; ``meanwhile`` happens then."""

    waited: list[float] = field(default_factory=list[float])
    meanwhile: Callable[[], object] = lambda: None

    def now(self) -> Any:
        return NOON

    async def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.meanwhile()
        await asyncio.sleep(0)


@dataclass
class Queue:
    """Remembers what was promised."""

    promised: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    async def enqueue_recording_in_transaction(self, session: AsyncSession, call_id: str, queue: str) -> None:
        self.promised.append((call_id, queue))


@dataclass
class Desk:
    """A worker's recordings, and the calls they are of."""

    house: House
    folder: Path
    converter: Converter
    clock: Clock = field(default_factory=Clock)
    queue: Queue = field(default_factory=Queue)

    def finishing(self, format: Any = "opus", store: str = "") -> Finishing:
        wishes = Wishes(format, store)
        return Finishing(
            self.house.database, cast("Any", self.clock), cast("Any", self.queue), self.converter, self.folder, wishes
        )

    async def call(self, content: bytes | None = None) -> str:
        """Hold a call of three seconds with a beep; or with a file that holds something else."""
        await self.house.node()
        call = await self.house.talking()
        file = self.folder / f"{call.id}.wav"
        silence = np.zeros(3 * 8000, np.int16)
        if content is None:
            write_wav(file, beeps(3, (440, 1, 2)), silence)
        else:
            file.write_bytes(content)
        await self.house.finish(call.id, recording=RecordingFile(file.name, 3000, file.stat().st_size))
        return call.id

    async def recording(self, call_id: str) -> Recording:
        async with self.house.database.read() as session:
            found = await recordings.of_call(session, call_id)
        assert found is not None
        return found

    async def troubles(self, call_id: str) -> list[object]:
        async with self.house.database.read() as session:
            lines = await repository.timeline(session, call_id)
        return [line.detail["message"] for line in lines if line.kind == "trouble"]

    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir() if not path.name.startswith("."))


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeS3]:
    store_at.cache_clear()
    with FakeS3().serving() as s3:
        for name, value in s3.environment.items():
            monkeypatch.setenv(name, value)
        yield s3
    store_at.cache_clear()


@pytest.fixture
async def desk(any_house: House, tmp_path: Path) -> AsyncIterator[Desk]:
    (tmp_path / "recordings").mkdir()
    async with Converter.open() as converter:
        yield Desk(any_house, tmp_path / "recordings", converter)


@pytest.fixture
async def lite(house: House, tmp_path: Path) -> AsyncIterator[Desk]:
    (tmp_path / "recordings").mkdir()
    async with Converter.open() as converter:
        yield Desk(house, tmp_path / "recordings", converter)


async def test_of_a_call_redacted_before_it_is_converted_no_file_stays(lite: Desk) -> None:
    call_id = await lite.call()
    async with lite.house.database.write() as session:
        await redaction.redact(session, call_id, now=NOON)
    await lite.finishing().finish(call_id)
    assert lite.files() == []


async def test_what_is_erased_while_it_is_uploaded_is_taken_back(
    lite: Desk, s3: FakeS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    call_id = await lite.call()
    store, put = store_at(f"s3://{BUCKET}/calls"), RecordingStore.put

    async def put_and_erase(self: RecordingStore, key: str, file: Path) -> None:
        await put(self, key, file)
        async with lite.house.database.write() as session:
            await session.execute(delete(Recording))

    monkeypatch.setattr(RecordingStore, "put", put_and_erase)
    await lite.finishing("wav", store.url).finish(call_id)
    assert (lite.files(), await store.size(f"{call_id}.wav")) == ([], None)


async def test_what_a_dead_worker_recorded_of_a_call_redacted_since_is_marked_for_erasure(lite: Desk) -> None:
    call_id = await lite.call()
    async with lite.house.database.write() as session:
        await session.execute(delete(Recording))
        await redaction.redact(session, call_id, now=NOON)
    await lite.finishing().salvage([call_id])
    async with lite.house.database.read() as session:
        assert (await session.scalars(select(Recording))).one().erase_since == NOON
    assert lite.queue.promised == []


async def test_it_becomes_opus_in_place_and_the_wav_goes(desk: Desk) -> None:
    call_id = await desk.call()
    await desk.finishing().finish(call_id)
    recording = await desk.recording(call_id)
    assert (recording.format, recording.store, recording.duration_ms) == ("ogg", "", 3000)
    assert desk.files() == [recording.blob_key] == [f"{call_id}.ogg"]
    assert recording.bytes == (desk.folder / recording.blob_key).stat().st_size
    (left, _), rate = read(desk.folder / recording.blob_key)
    assert heard(left, rate, 440)


async def test_it_moves_to_the_store_and_leaves_nothing_behind(desk: Desk, s3: FakeS3) -> None:
    call_id = await desk.call()
    await desk.finishing(store=f"s3://{BUCKET}/calls").finish(call_id)
    recording = await desk.recording(call_id)
    assert (recording.store, recording.blob_key) == (f"s3://{BUCKET}/calls", f"{call_id}.ogg")
    assert len(s3.objects[f"calls/{call_id}.ogg"]) == recording.bytes
    assert desk.files() == []


async def test_a_wav_moves_as_it_is(lite: Desk, s3: FakeS3) -> None:
    call_id = await lite.call()
    await lite.finishing("wav", f"s3://{BUCKET}").finish(call_id)
    assert (await lite.recording(call_id)).format == "wav"
    assert s3.objects[f"{call_id}.wav"].startswith(b"RIFF")


async def test_a_store_that_is_away_loses_nothing_and_is_asked_again(lite: Desk, s3: FakeS3) -> None:
    call_id = await lite.call()
    s3.away = True

    def meanwhile() -> None:
        assert f"{call_id}.wav" in lite.files(), "until it is stored, the recording can be heard"
        s3.away = len(lite.clock.waited) < 4

    lite.clock.meanwhile = meanwhile
    await lite.finishing(store=f"s3://{BUCKET}").finish(call_id)
    assert lite.clock.waited == [2, 4, 8, 16]
    assert list(s3.objects) == [f"{call_id}.ogg"]
    assert lite.files() == []


async def test_what_cannot_be_converted_stays_a_wav_and_says_so(lite: Desk, s3: FakeS3) -> None:
    call_id = await lite.call(b"no audio")
    await lite.finishing(store=f"s3://{BUCKET}").finish(call_id)
    recording = await lite.recording(call_id)
    assert (recording.format, recording.store) == ("wav", f"s3://{BUCKET}")
    assert s3.objects == {f"{call_id}.wav": b"no audio"}
    (trouble,) = await lite.troubles(call_id)
    assert str(trouble).startswith("The recording stays a WAV file: ")


async def test_asked_again_it_changes_nothing(lite: Desk, s3: FakeS3) -> None:
    call_id = await lite.call()
    finishing = lite.finishing(store=f"s3://{BUCKET}")
    await finishing.finish(call_id)
    before = (dict(s3.objects), list(s3.requests), (await lite.recording(call_id)).bytes)
    await finishing.finish(call_id)
    assert (s3.objects, s3.requests, (await lite.recording(call_id)).bytes) == before


async def test_a_worker_that_died_before_tidying_up_is_tidied_after(lite: Desk) -> None:
    call_id = await lite.call()
    wav = (lite.folder / f"{call_id}.wav").read_bytes()
    await lite.finishing().finish(call_id)
    (lite.folder / f"{call_id}.wav").write_bytes(wav)
    await lite.finishing().finish(call_id)
    assert lite.files() == [f"{call_id}.ogg"]


async def test_a_half_written_conversion_is_begun_anew(lite: Desk) -> None:
    call_id = await lite.call()
    (lite.folder / f"{call_id}.ogg.part").write_bytes(b"half")
    (lite.folder / f"{call_id}.ogg").write_bytes(b"not yet in the record")
    await lite.finishing().finish(call_id)
    assert lite.files() == [f"{call_id}.ogg"]
    assert read(lite.folder / f"{call_id}.ogg")[0].shape == (2, 3 * 48_000)


async def test_a_file_that_is_gone_is_no_reason_to_wait(lite: Desk, caplog: pytest.LogCaptureFixture) -> None:
    call_id = await lite.call()
    (lite.folder / f"{call_id}.wav").unlink()
    with caplog.at_level(logging.ERROR):
        await lite.finishing().finish(call_id)
    await lite.finishing().finish("call_nobody_made")
    assert lite.clock.waited == []


async def test_a_database_that_is_away_is_waited_for(lite: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    call_id = await lite.call()
    moved, refusals = recordings.moved, iter([OperationalError("", {}, Exception("database is locked"))])

    async def refusing(*args: Any, **more: Any) -> None:
        for refusal in refusals:
            raise refusal
        await moved(*args, **more)

    monkeypatch.setattr(recordings, "moved", refusing)
    await lite.finishing().finish(call_id)
    assert lite.clock.waited == [2]
    assert (await lite.recording(call_id)).format == "ogg"


async def test_what_a_killed_worker_had_recorded_is_kept(desk: Desk) -> None:
    await desk.house.node()
    call = await desk.house.talking()
    write_wav(desk.folder / f"{call.id}.wav", beeps(2, (440, 1, 1.5)), beeps(2))
    finishing = desk.finishing()
    await finishing.salvage([call.id])
    assert desk.queue.promised == [], "the call may still go on"
    async with desk.house.database.write() as session:
        await service.end_abandoned(session, call.id, reason="worker_lost", detail="Gone.", now=NOON)
    for _ in range(2):
        await finishing.salvage([call.id, "call_elsewhere"])
    recording = await desk.recording(call.id)
    assert (recording.duration_ms, recording.bytes) == (2000, (desk.folder / f"{call.id}.wav").stat().st_size)
    assert recording.lost == "The worker stopped during the call; the recording ends there."
    assert desk.queue.promised == [(call.id, finishing.queue)]
    await finishing.finish(call.id)
    assert (await desk.recording(call.id)).format == "ogg"


@pytest.mark.parametrize("content", [b"", b"RIFF", wav_header(0)])
async def test_of_a_killed_worker_that_had_recorded_nothing_nothing_is_kept(lite: Desk, content: bytes) -> None:
    await lite.house.node()
    call = await lite.house.talking()
    (lite.folder / f"{call.id}.wav").write_bytes(content)
    async with lite.house.database.write() as session:
        await service.end_abandoned(session, call.id, reason="worker_lost", detail="Gone.", now=NOON)
    await lite.finishing().salvage([call.id])
    async with lite.house.database.read() as session:
        assert await recordings.of_call(session, call.id) is None


@pytest.mark.parametrize(
    ("wishes", "promised"),
    [(("wav", ""), False), (("opus", ""), True), (("wav", "file:///srv/r"), True)],
)
async def test_only_what_there_is_to_do_is_promised(lite: Desk, wishes: tuple[str, str], promised: bool) -> None:
    finishing = lite.finishing(*wishes)
    async with lite.house.database.write() as session:
        await finishing.promise(session, "call_1")
    assert lite.queue.promised == ([("call_1", finishing.queue)] if promised else [])


def test_all_who_share_a_folder_agree_on_its_name(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert folder_id(tmp_path / "a") == folder_id(tmp_path / "a") == folder_id(tmp_path / "link")
    assert folder_id(tmp_path / "b") != folder_id(tmp_path / "a")
    assert [path.name for path in (tmp_path / "a").iterdir()] == [".id"]
