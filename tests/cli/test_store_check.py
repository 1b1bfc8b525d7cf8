"""What ``doctor`` finds out about the place where recordings go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dialnexa.cli.store_check import recordings
from dialnexa.platform.calls.store import RecordingStore, StoreError
from dialnexa.settings import Settings
from tests.platform.calls.s3 import BUCKET, FakeS3


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeS3]:
    with FakeS3().serving() as s3:
        for name, value in s3.environment.items():
            monkeypatch.setenv(name, value)
        yield s3


async def test_recordings_that_stay_need_no_look() -> None:
    assert await recordings(Settings()) == []


async def test_a_store_that_works_is_left_as_it_was(s3: FakeS3, tmp_path: Path) -> None:
    for url in (f"s3://{BUCKET}/acme", f"file://{tmp_path}"):
        (found,) = await recordings(Settings(recordings_url=url))
        assert (found.grade, url in found.words) == ("good", True)
    assert s3.objects == {}
    assert [request.split()[0] for request in s3.requests] == ["PUT", "HEAD", "GET", "POST"]
    assert not any(tmp_path.iterdir())  # noqa: ASYNC240


async def test_keys_that_are_refused_are_told(s3: FakeS3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    (found,) = await recordings(Settings(recordings_url=f"s3://{BUCKET}"))
    assert found.grade == "bad"
    assert "does not let us write" in found.words
    assert s3.refused


@pytest.mark.parametrize(("step", "grade"), [("read", "bad"), ("remove", "note")])
async def test_each_right_that_is_missing_is_told(
    step: str, grade: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(self: RecordingStore, *_: object) -> None:
        raise StoreError("403 Forbidden.")

    def refuse_to_read(self: RecordingStore, *_: object) -> None:
        raise StoreError("403 Forbidden.")

    monkeypatch.setattr(RecordingStore, step, refuse if step == "remove" else refuse_to_read)
    (found,) = await recordings(Settings(recordings_url=f"file://{tmp_path}"))
    assert (found.grade, f"does not let us {step}: 403 Forbidden. " in found.words) == (grade, True)
