"""Recordings over HTTP, wherever they lie: whole, in part, and what is said when they cannot be had."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from cryptography.fernet import Fernet
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.api.app import assemble
from dialnexa.kit.secrets import Vault
from dialnexa.platform.calls import links, reading, recordings
from dialnexa.platform.calls.audio import OutOfReach, _opened, _read, part_of
from dialnexa.platform.calls.models import Recording
from dialnexa.platform.calls.records import RecordingFile
from dialnexa.platform.calls.store import store_at
from tests.platform.calls.house import House
from tests.platform.calls.s3 import BUCKET, FakeS3
from tests.platform.calls.serving import HouseClock, add_key

AUDIO = os.urandom(10_000)
VAULT = Vault(Fernet.generate_key())


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeS3]:
    store_at.cache_clear()
    with FakeS3().serving() as s3:
        for name, value in s3.environment.items():
            monkeypatch.setenv(name, value)
        yield s3
    store_at.cache_clear()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> None:
    (tmp_path / "recordings").mkdir()


@pytest.fixture
async def http(house: House, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    await add_key(house, "sk_live_a")
    app = assemble(
        house.database, vault=VAULT, engine=house.queue, recordings=tmp_path / "recordings", clock=HouseClock(house)
    )
    headers = {"Authorization": "Bearer sk_live_a"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://api.test/v1", headers=headers
    ) as http:
        yield http


async def recorded(house: House, folder: Path, store: str = "") -> str:
    """Hold a call whose Opus recording lies in a store, or in the data folder; return its id."""
    await house.node()
    call = await house.talking()
    await house.finish(call.id, recording=RecordingFile(f"{call.id}.wav", 1000, 32_044))
    file = folder / f"{call.id}.ogg"
    file.write_bytes(AUDIO)
    if store:
        await store_at(store).put(file.name, file)
        file.unlink()
    async with house.database.write() as session:
        recording = await recordings.of_call(session, call.id)
        assert recording is not None
        await recordings.moved(
            session, recording.id, store=store, blob_key=file.name, format="ogg", size_bytes=len(AUDIO)
        )
    return call.id


@pytest.mark.parametrize("store", ["", f"s3://{BUCKET}/r"])
async def test_the_same_answers_from_the_folder_and_from_a_store(
    http: httpx.AsyncClient, house: House, tmp_path: Path, s3: FakeS3, store: str
) -> None:
    path = f"/calls/{await recorded(house, tmp_path / 'recordings', store)}/recording"
    whole = await http.get(path)
    assert (whole.status_code, whole.content) == (200, AUDIO)
    assert whole.headers["content-type"] == "audio/ogg"
    assert whole.headers["content-length"] == "10000"
    assert whole.headers["accept-ranges"] == "bytes"
    assert whole.headers["cache-control"] == "private, max-age=3600"
    assert whole.headers["content-disposition"].endswith('.ogg"')
    for wanted, start, end in (("bytes=100-199", 100, 200), ("bytes=9990-", 9990, 10_000), ("bytes=-7", 9993, 10_000)):
        part = await http.get(path, headers={"Range": wanted})
        assert (part.status_code, part.content) == (206, AUDIO[start:end]), wanted
        assert part.headers["content-range"] == f"bytes {start}-{end - 1}/10000"
    beyond = await http.get(path, headers={"Range": "bytes=10000-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, "bytes */10000")
    head = await http.head(path)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "10000")
    fresh = {"Range": "bytes=0-9", "If-Range": whole.headers["etag"]}
    assert (await http.get(path, headers=fresh)).status_code == 206
    assert (await http.get(path, headers={**fresh, "If-Range": '"old"'})).content == AUDIO
    same = {"If-None-Match": f'"old", W/{whole.headers["etag"]}', "Range": "bytes=0-9"}
    for unchanged in (await http.get(path, headers=same), await http.head(path, headers=same)):
        assert (unchanged.status_code, unchanged.content) == (304, b"")
        assert unchanged.headers["etag"] == whole.headers["etag"]
    assert (await http.get(path, headers={"If-None-Match": '"old"'})).content == AUDIO


async def test_a_link_opens_what_lies_in_a_store_until_it_expires(
    http: httpx.AsyncClient, house: House, tmp_path: Path, s3: FakeS3
) -> None:
    call_id = await recorded(house, tmp_path / "recordings", f"s3://{BUCKET}")
    url = links.link("http://api.test", VAULT, call_id, house.now)
    del http.headers["Authorization"]
    assert (await http.get(url)).content == AUDIO
    house.later(days=8)
    assert (await http.get(url)).status_code == 403


async def test_a_store_that_is_away_is_a_503_and_what_it_lost_a_404(
    http: httpx.AsyncClient, house: House, tmp_path: Path, s3: FakeS3
) -> None:
    path = f"/calls/{await recorded(house, tmp_path / 'recordings', f's3://{BUCKET}')}/recording"
    s3.away = True
    answer = await http.get(path)
    assert (answer.status_code, answer.json()["message"]) == (
        503,
        "The store of recordings does not answer. Try again in a minute.",
    )
    s3.away = False
    s3.objects.clear()
    assert (await http.get(path)).status_code == 404


async def test_who_asks_while_it_moves_gets_it_from_where_it_went(
    http: httpx.AsyncClient, house: House, tmp_path: Path, s3: FakeS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "recordings"
    call_id = await recorded(house, folder)
    where = links.file_of

    def just_moved(store: Path, blob_key: str) -> Path | None:
        """The worker is faster than we are: the file goes between the record and the look at it."""
        monkeypatch.setattr(links, "file_of", where)
        (folder / f"{call_id}.ogg").rename(folder / f"{call_id}.wav")
        return where(store, blob_key)

    monkeypatch.setattr(links, "file_of", just_moved)
    async with house.database.read() as session:
        recording = await recordings.of_call(session, call_id)
    assert recording is not None
    before, reads = reading.recording_of, iter(["before", "after"])

    async def recording_of(session: AsyncSession, call_id: str) -> Recording:
        if next(reads) == "after":
            async with house.database.write() as writing:
                await recordings.moved(
                    writing, recording.id, store="", blob_key=f"{call_id}.wav", format="wav", size_bytes=len(AUDIO)
                )
        return await before(session, call_id)

    monkeypatch.setattr(reading, "recording_of", recording_of)
    answer = await http.get(f"/calls/{call_id}/recording")
    assert (answer.status_code, answer.content) == (200, AUDIO)
    assert answer.headers["content-type"] == "audio/wav"


async def test_a_file_removed_while_it_is_read_is_read_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(AUDIO)
    file = _opened(tmp_path, "a.wav")
    assert file is not None
    (tmp_path / "a.wav").unlink()
    assert b"".join([data async for data in _read(file, 10, 9_000)]) == AUDIO[10:9_000]
    assert file.closed
    assert _opened(tmp_path, "a.wav") is None


@pytest.mark.parametrize(
    ("wanted", "part"),
    [
        ("", None), ("bytes=0-0", (0, 1)), ("bytes=0-", (0, 100)), ("bytes=99-500", (99, 100)),
        ("bytes=-1", (99, 100)), ("bytes=-500", (0, 100)), (" bytes=5-6 ", (5, 7)),
        ("bytes=6-5", None), ("bytes=-", None), ("bytes=0-1,5-6", None), ("items=0-1", None), ("bytes=a-b", None),
        ("bytes=" + "9" * 100 + "-", None),
    ],
)  # fmt: skip
def test_which_part_is_meant(wanted: str, part: tuple[int, int] | None) -> None:
    assert part_of(wanted, 100) == part


@pytest.mark.parametrize(("wanted", "size"), [("bytes=100-", 100), ("bytes=-0", 100), ("bytes=0-", 0), ("bytes=-5", 0)])
def test_a_part_beyond_the_end(wanted: str, size: int) -> None:
    with pytest.raises(OutOfReach):
        part_of(wanted, size)
