"""What a newcomer does: start it, watch the demo talk, paste the printed curl, listen to the recording."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import threading
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tests.e2e.installation import COMMAND, FINAL

pytestmark = pytest.mark.e2e


class Screen:
    """What a person sees of ``dialnexa up``, while it runs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.text = ""
        self._process = process
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self.text += line

    def shows(self, words: str, within_s: float = 120) -> None:
        give_up = time.monotonic() + within_s
        while words not in self.text:
            assert self._process.poll() is None and time.monotonic() < give_up, self.text
            time.sleep(0.1)


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Screen]:
    data = tmp_path_factory.mktemp("first") / "data"
    process = subprocess.Popen(
        [COMMAND, "up", "--data", str(data), "--http-port", "0", "--sip-port", "0", "--drain-seconds", "3"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "COLUMNS": "400", "NO_COLOR": "1"},
    )
    try:
        screen = Screen(process)
        screen.shows("Ctrl-C stops it")
        yield screen
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def test_the_demo_conversation_is_printed_line_by_line(screen: Screen) -> None:
    talk = screen.text.split("DialNexa is up")[0]
    spoken = [line for line in talk.splitlines() if re.search(r"\d s\s+(Agent|User)", line)]
    assert sum("Agent" in line for line in spoken) >= 3, screen.text
    assert sum("User" in line for line in spoken) >= 3, screen.text
    assert "Alex Rivera" in talk, "the agent greets by the name in the variables"
    assert "status completed" in talk
    assert "(not understood)" not in talk


def test_the_printed_curl_places_a_call_that_works(screen: Screen) -> None:
    command = screen.text[screen.text.index("curl -X POST") : screen.text.index("Ctrl-C stops it")].strip()
    started = subprocess.run(["bash", "-c", f"{command} -sS"], capture_output=True, text=True, check=True, timeout=60)
    placed = json.loads(started.stdout)
    assert placed["status"] == "queued"
    assert placed.keys() >= {"call_id", "from_number", "to_number", "agent_version_id", "created_at"}

    key = re.search(r"secret key\s+(\S+)", screen.text)
    url = re.search(r"API\s+(http\S+)/v1", screen.text)
    assert key and url
    with httpx.Client(
        base_url=url[1], headers={"Authorization": f"Bearer {key[1]}"}, timeout=30, trust_env=False
    ) as http:
        seen, record = _watch(http, placed["call_id"])
        assert [word for word in ("queued", "ringing", "in_progress", "completed") if word in seen] == seen
        assert seen[-1] == "completed"
        assert "Agent: " in record["transcript"]
        assert "User: " in record["transcript"]
        assert record["metadata"] == {"crm_contact_id": "cont_99123"}
        _speech_on_both_channels(http, record)
        _figures_of_a_good_call(record)


def _watch(http: httpx.Client, call_id: str) -> tuple[list[str], dict[str, Any]]:
    """The statuses the record really had, from its timeline, in order; and the final record."""
    give_up = time.monotonic() + 120
    while (record := http.get(f"/v1/calls/{call_id}").json())["status"] not in FINAL:
        assert time.monotonic() < give_up, record
        time.sleep(0.2)
    events = http.get(f"/v1/calls/{call_id}/timeline").json()["data"]
    words = {"call_queued": "queued", "ringing": "ringing", "call_answered": "in_progress"}
    seen = [words[event["event"]] for event in events if event["event"] in words]
    return [*seen, record["status"]], record


def _speech_on_both_channels(http: httpx.Client, record: dict[str, Any]) -> None:
    audio = http.get(record["recording_url"])
    assert audio.status_code == 200
    assert audio.headers["content-type"] == "audio/wav"
    with wave.open(io.BytesIO(audio.content)) as recording:
        assert (recording.getnchannels(), recording.getframerate(), recording.getsampwidth()) == (2, 8000, 2)
        samples = np.frombuffer(recording.readframes(recording.getnframes()), np.int16).reshape(-1, 2)
    assert abs(len(samples) / 8000 - record["duration_seconds"]) < 2
    for channel, role in ((0, "user"), (1, "agent")):
        turns = [turn for turn in record["transcript_turns"] if turn["role"] == role]
        for turn in turns:
            said = samples[int(turn["start"] * 8000) : int(turn["end"] * 8000), channel].astype(float)
            assert np.sqrt(np.mean(said**2)) > 300, f"silence on channel {channel} where {role} said {turn['content']}"
    head = http.get(record["recording_url"], headers={"Range": "bytes=0-43"})
    assert head.status_code == 206
    assert head.content == audio.content[:44]


def _figures_of_a_good_call(record: dict[str, Any]) -> None:
    quality = record["media_quality"]
    heard, sent = quality["heard"], quality["sent"]
    assert (quality["codec"], quality["encryption"]) == ("PCMU", "")
    assert (heard["lost"], heard["undecipherable"], sent["unsent"], sent["arrived"]) == (0, 0, 0, True)
    assert 0.8 * record["duration"] <= heard["packets"] / 50 <= record["duration"] + 1
    assert heard["mos"] > 4
    assert quality["round_trip_ms"] is not None


def test_recordings_are_not_for_strangers(screen: Screen, tmp_path: Path) -> None:
    url = re.search(r"recording: (http\S+)", screen.text)
    assert url
    assert httpx.get(url[1].split("?")[0], trust_env=False).status_code == 401
    assert httpx.get(url[1][:-4] + "beef", trust_env=False).status_code in (401, 403)
