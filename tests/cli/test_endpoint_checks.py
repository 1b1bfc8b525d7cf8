"""What ``doctor`` finds out about the endpoints that transcribe and think."""

from __future__ import annotations

import socket

import pytest

from dialnexa.cli import doctor
from dialnexa.cli.finding import Finding
from dialnexa.kit.process import free_port
from dialnexa.settings import Settings
from tests.live.speech.transcription_server import transcription_server


async def test_the_embedded_recogniser_needs_no_endpoint() -> None:
    assert await doctor._transcriber(Settings()) == []


async def test_an_endpoint_without_a_model_serves_nobody() -> None:
    [finding] = await doctor._transcriber(Settings(stt_base_url="http://127.0.0.1/v1"))
    assert (finding.grade, "DIALNEXA_STT_MODEL" in finding.words) == ("bad", True)


async def test_an_endpoint_that_is_down_is_told() -> None:
    nowhere = f"http://127.0.0.1:{free_port('127.0.0.1', socket.SOCK_STREAM)}/v1"
    [finding] = await doctor._transcriber(Settings(stt_base_url=nowhere, stt_model="whisper-1"))
    assert finding == Finding("bad", "ears", f"{nowhere}/models does not answer (ConnectError). Is the server running?")


@pytest.mark.parametrize(("status", "grade"), [(200, "good"), (404, "note"), (401, "bad")])
async def test_an_endpoint_that_answers_is_believed_unless_it_refuses_the_key(status: int, grade: str) -> None:
    async with transcription_server((status, b"{}")) as server:
        settings = Settings(stt_base_url=server.url, stt_model="whisper-1", stt_api_key="k-1")
        [finding] = await doctor._transcriber(settings)
        assert (finding.grade, finding.about) == (grade, "ears")
        assert server.asked[0].headers["authorization"] == "Bearer k-1"
