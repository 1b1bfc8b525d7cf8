"""What becomes of a recording on a running installation that wants Opus in an S3 store."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.installation import Installation, running
from tests.live.media.recordings import read
from tests.platform.calls.s3 import BUCKET, FakeS3

pytestmark = pytest.mark.e2e

FRIENDLY = "+16505550199"


@pytest.fixture
def s3() -> Iterator[FakeS3]:
    with FakeS3().serving() as s3:
        yield s3


@pytest.fixture
def own(tmp_path: Path, s3: FakeS3) -> Iterator[Installation]:
    wishes = {"DIALNEXA_RECORDING_FORMAT": "opus", "DIALNEXA_RECORDINGS_URL": f"s3://{BUCKET}/calls"}
    with running(tmp_path / "data", environment={**wishes, **s3.environment}) as installation:
        yield installation


def test_a_store_that_is_away_and_a_killed_worker_lose_no_recording(
    own: Installation, s3: FakeS3, tmp_path: Path
) -> None:
    s3.away = True
    call_id = own.place(FRIENDLY).json()["call_id"]
    own.until(call_id, {"in_progress"})
    own.eventually(lambda: any(event["event"] == "turn" for event in own.timeline(call_id)))
    assert own.http.post(f"/v1/calls/{call_id}/hangup").status_code == 200
    record = own.finished(call_id)
    link = record["recording_url"]

    own.eventually(lambda: any(asked.startswith("PUT ") for asked in s3.requests))
    waiting = own.http.get(link)
    assert (waiting.status_code, waiting.headers["content-type"]) == (200, "audio/wav")
    (tmp_path / "waiting.wav").write_bytes(waiting.content)
    victim = own.place(FRIENDLY).json()["call_id"]
    own.until(victim, {"in_progress"})
    partial = own.data / "recordings" / f"{victim}.wav"
    own.eventually(lambda: partial.exists() and partial.stat().st_size > 2 * 32_000)
    os.kill(own.worker_pid(), signal.SIGKILL)
    s3.away = False

    own.eventually(lambda: own.http.get(link).headers["content-type"] == "audio/ogg", within_s=90)
    stored = own.http.get(link)
    assert (stored.status_code, stored.content) == (200, s3.objects[f"calls/{call_id}.ogg"])
    (tmp_path / "stored.ogg").write_bytes(stored.content)
    (before, _), (after, rate) = read(tmp_path / "waiting.wav"), read(tmp_path / "stored.ogg")
    assert after.shape == (2, before.shape[1] * rate // 8000)
    assert s3.refused == []
    assert own.finished(victim)["end_reason"] == "worker_lost"
    own.eventually(lambda: f"calls/{victim}.ogg" in s3.objects, within_s=90)
    (tmp_path / "salvaged.ogg").write_bytes(s3.objects[f"calls/{victim}.ogg"])
    assert read(tmp_path / "salvaged.ogg")[0].shape[1] >= 2 * rate, "what was recorded before the worker died"
    folder = own.data / "recordings"
    own.eventually(lambda: [path.name for path in folder.iterdir() if not path.name.startswith(".")] == [])
