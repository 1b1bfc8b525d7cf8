"""A recogniser behind an endpoint: what it is sent, what comes back, and what is said when nothing does."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import httpx
import numpy as np
import pytest

from dialnexa.live.plan import Transcriber
from dialnexa.live.speech.openai_transcription import OpenAiTranscription, TranscribedEars, TranscriptionTimeouts
from dialnexa.live.speech.ports import Expectation, Final, SpeechError
from tests.live.speech.transcription_server import HANGS, TranscriptionServer, transcription_server

TONE = (8000 * np.sin(np.arange(8000) * 2 * np.pi * 440 / 8000)).astype(np.int16)


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


@asynccontextmanager
async def ears(
    server: TranscriptionServer, http: httpx.AsyncClient, *, answer_s: float = 10
) -> AsyncGenerator[TranscribedEars]:
    settings = Transcriber("whisper-1", "en-GB", ("Nexa Prime",), base_url=server.url, api_key="k-1")
    async with OpenAiTranscription(http, TranscriptionTimeouts(answer_s=answer_s)).open(settings) as opened:
        yield opened


async def says(opened: TranscribedEars, samples: np.ndarray = TONE) -> object:
    for start in range(0, len(samples), 160):
        opened.send(samples[start : start + 160])
    opened.finalize()
    return await anext(opened.events())


async def test_a_stretch_of_speech_is_sent_whole_and_comes_back_as_words(http: httpx.AsyncClient) -> None:
    async with transcription_server(" I would like\n to book. ") as server, ears(server, http) as opened:
        opened.expect(Expectation("choice", phrases=("hold on",), words=("Anna",)))
        assert await says(opened) == Final("I would like to book.", engine="whisper-1")
    [asked] = server.asked
    assert asked.line == "POST /v1/audio/transcriptions HTTP/1.1"
    assert asked.headers["authorization"] == "Bearer k-1"
    assert asked.fields == {
        "model": "whisper-1",
        "language": "en",
        "response_format": "json",
        "temperature": "0",
        "prompt": "Nexa Prime, Anna, hold on",
    }
    assert (asked.rate, len(asked.samples)) == (16_000, 16_000)
    spectrum = np.abs(np.fft.rfft(asked.samples))
    assert np.argmax(spectrum) == 440


async def test_every_stretch_is_its_own_and_finals_come_in_order(http: httpx.AsyncClient) -> None:
    async with transcription_server("one", "two") as server, ears(server, http) as opened:
        for length in (4000, 2000):
            opened.send(TONE[:length])
            opened.finalize()
        opened.finalize()
        finals = [await anext(opened.events()) for _ in range(3)]
        assert [final.text for final in finals] == ["one", "two", ""], "nothing to send: nothing to ask"
    assert [len(asked.samples) for asked in server.asked] == [8000, 4000]


async def test_a_server_that_stumbles_is_asked_once_more(http: httpx.AsyncClient) -> None:
    async with transcription_server((503, b"loading"), "there") as server, ears(server, http) as opened:
        assert await says(opened) == Final("there", engine="whisper-1")
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ([(401, json.dumps({"error": {"message": "bad key"}}).encode())], "401: bad key Check DIALNEXA_STT_API_KEY"),
        ([(404, b"no such model")], "404: no such model Check DIALNEXA_STT_MODEL and DIALNEXA_STT_BASE_URL"),
        ([(500, b""), (500, b"")], "500: no reason given"),
        ([(200, b"<html>"), "never asked"], "answered without a text. Is it an OpenAI-compatible endpoint"),
        ([(200, b'{"words": []}'), "never asked"], "answered without a text"),
        ([(HANGS, b""), (HANGS, b"")], r"did not answer \(TimeoutError\). Is it running"),
    ],
)
async def test_what_is_wrong_is_told_with_what_to_mend(
    http: httpx.AsyncClient, answers: list[str | tuple[int, bytes]], sentence: str
) -> None:
    async with transcription_server(*answers) as server:
        async with ears(server, http, answer_s=0.05 if answers[0][0] == HANGS else 10) as opened:
            with pytest.raises(SpeechError, match=sentence):
                await says(opened)
        assert len(server.asked) == sum(not isinstance(answer, str) for answer in answers)


async def test_nobody_there_is_told_too(http: httpx.AsyncClient) -> None:
    gone = TranscriptionServer(answers=deque(), url="http://127.0.0.1:1/v1")
    async with ears(gone, http) as opened:
        with pytest.raises(SpeechError, match=r"whisper-1 at http://127\.0\.0\.1:1/v1 did not answer \(ConnectError\)"):
            await says(opened)


async def test_a_call_that_ends_takes_its_request_with_it(http: httpx.AsyncClient) -> None:
    async with transcription_server((HANGS, b"")) as server, ears(server, http) as opened:
        opened.send(TONE)
        opened.finalize()
