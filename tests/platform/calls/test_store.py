"""Recordings in object stores: a folder, and S3 as a small server of our own speaks it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dialnexa.platform.calls.store import RecordingStore, StoreError, store_at
from tests.platform.calls.s3 import BUCKET, FakeS3


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeS3]:
    with FakeS3().serving() as s3:
        for name, value in s3.environment.items():
            monkeypatch.setenv(name, value)
        yield s3


@pytest.fixture(params=["file", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> RecordingStore:
    if request.param == "file":
        return RecordingStore(f"file://{tmp_path}/far/away")
    request.getfixturevalue("s3")
    return RecordingStore(f"s3://{BUCKET}/one/prefix")


async def read(store: RecordingStore, key: str, start: int, end: int) -> bytes:
    return b"".join([data async for data in store.read(key, start, end)])


async def test_what_is_put_can_be_had_whole_and_in_part(store: RecordingStore, tmp_path: Path) -> None:
    content = os.urandom(300_000)
    (tmp_path / "call.ogg").write_bytes(content)
    assert await store.size("call.ogg") is None
    await store.put("call.ogg", tmp_path / "call.ogg")
    assert await store.size("call.ogg") == 300_000
    assert await read(store, "call.ogg", 0, 300_000) == content
    assert await read(store, "call.ogg", 77, 1077) == content[77:1077]
    (tmp_path / "call.ogg").write_bytes(b"once more")
    await store.put("call.ogg", tmp_path / "call.ogg")
    assert await read(store, "call.ogg", 0, 9) == b"once more"
    with pytest.raises(StoreError):
        await read(store, "missing.ogg", 0, 1)


async def test_a_long_recording_goes_up_in_parts(s3: FakeS3, tmp_path: Path) -> None:
    content = os.urandom(12_000_000)
    (tmp_path / "call.wav").write_bytes(content)
    await RecordingStore(f"s3://{BUCKET}").put("call.wav", tmp_path / "call.wav")
    assert s3.objects == {"call.wav": content}


async def test_keys_lie_under_the_prefix_and_every_request_is_signed(s3: FakeS3, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    await RecordingStore(f"s3://{BUCKET}/one/prefix").put("call 1+2.ogg", tmp_path / "a")
    assert list(s3.objects) == ["one/prefix/call 1+2.ogg"]
    assert s3.refused == []


async def test_a_wrong_secret_is_said(s3: FakeS3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not the secret")
    (tmp_path / "a").write_bytes(b"a")
    with pytest.raises(StoreError, match="SignatureDoesNotMatch"):
        await RecordingStore(f"s3://{BUCKET}").put("a", tmp_path / "a")
    assert s3.refused == ["its signature is wrong"]
    assert s3.objects == {}


async def test_a_store_that_is_away_is_said(s3: FakeS3, tmp_path: Path) -> None:
    store = RecordingStore(f"s3://{BUCKET}")
    s3.away = True
    (tmp_path / "a").write_bytes(b"a")
    for asking in (store.put("a", tmp_path / "a"), store.size("a"), read(store, "a", 0, 1)):
        with pytest.raises(StoreError):
            await asking


async def test_a_bucket_nobody_made_is_said(s3: FakeS3, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    with pytest.raises(StoreError, match="NoSuchBucket"):
        await RecordingStore("s3://other").put("a", tmp_path / "a")


@pytest.mark.parametrize("url", ["s3://", "s3:///prefix", "ftp://example.com/x", "nonsense", "file://%00"])
def test_what_is_no_store_is_refused_with_its_name(url: str) -> None:
    with pytest.raises(StoreError, match="cannot be opened"):
        RecordingStore(url)


def test_a_store_is_opened_once(tmp_path: Path) -> None:
    assert store_at(f"file://{tmp_path}/x") is store_at(f"file://{tmp_path}/x")
