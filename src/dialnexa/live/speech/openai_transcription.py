"""The recogniser adapter: audio transcriptions as OpenAI, Groq, vLLM, Speaches, LocalAI, whisper.cpp … answer them.

One request per stretch of speech, over a shared ``httpx.AsyncClient``, once the caller has fallen silent. Source: the
OpenAI API reference, ``POST /audio/transcriptions``.
"""

from __future__ import annotations

import asyncio
import io
import wave
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

import httpx
import numpy as np
import orjson
import soxr
import structlog

from dialnexa.live.line import FRAME_SAMPLES, SAMPLE_RATE, Samples
from dialnexa.live.plan import Transcriber
from dialnexa.live.speech.ports import Expectation, Final, Partial, SpeechError, SttCapabilities
from dialnexa.live.speech.queues import Events

_log = structlog.get_logger(__name__)

_RATE = 16_000
"""Hz. What these models listen at; some servers take nothing else."""
_LONGEST_FRAMES = 60 * SAMPLE_RATE // FRAME_SAMPLES
"""A minute of one stretch is kept, its end."""
_RETRIED_STATUSES = frozenset({408, 409, 429})
_PROMPT_CHARACTERS = 800
"""These models read a little over 200 tokens of what they are told beforehand."""


@dataclass(frozen=True, slots=True)
class TranscriptionTimeouts:
    """How long a request may take, in seconds."""

    connect_s: float = 3.0
    answer_s: float = 10.0


class _TryAgain(Exception):
    """The request failed in a way that a second try may mend."""


class OpenAiTranscription:
    """A recogniser behind an OpenAI-compatible endpoint, shared by all calls of a worker."""

    capabilities = SttCapabilities(continuous=False)

    def __init__(self, http: httpx.AsyncClient, timeouts: TranscriptionTimeouts | None = None) -> None:
        """Ask with the worker's shared client."""
        self._http = http
        self._timeouts = timeouts or TranscriptionTimeouts()

    @asynccontextmanager
    async def open(self, settings: Transcriber) -> AsyncGenerator[TranscribedEars]:
        """Open the ears of one call; nothing is asked before the first stretch of speech is over."""
        ears = TranscribedEars(settings, self._http, self._timeouts)
        asking = asyncio.create_task(ears.ask())
        try:
            yield ears
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            ears.close()


class TranscribedEars:
    """Ears of one call: stretches are asked for one after the other, so finals come in order."""

    def __init__(self, settings: Transcriber, http: httpx.AsyncClient, timeouts: TranscriptionTimeouts) -> None:
        self._settings = settings
        self._http = http
        self._timeouts = timeouts
        self._url = f"{settings.base_url.rstrip('/')}/audio/transcriptions"
        self._stretch: deque[Samples] = deque(maxlen=_LONGEST_FRAMES)
        self._asked: asyncio.Queue[list[Samples]] = asyncio.Queue()
        self._events: Events[Partial | Final] = Events()
        self._words: Sequence[str] = ()

    def send(self, samples: Samples) -> None:
        """Keep audio until its end."""
        self._stretch.append(samples)

    def finalize(self) -> None:
        """Have everything sent so far transcribed."""
        self._asked.put_nowait(list(self._stretch))
        self._stretch.clear()

    def expect(self, expectation: Expectation) -> None:
        """Name the words that may come: these models write names the way they were told them."""
        self._words = (*expectation.words, *expectation.phrases)

    def events(self) -> AsyncIterator[Partial | Final]:
        """Yield a final for each stretch; raises ``SpeechError``."""
        return self._events

    def close(self) -> None:
        """End the events."""
        self._events.close()

    async def ask(self) -> None:
        """Transcribe what is asked for until a request fails twice; to be cancelled."""
        try:
            while True:
                stretch = await self._asked.get()
                text = await self._transcribe(stretch) if stretch else ""
                self._events.put(Final(text, engine=self._settings.id))
        except SpeechError as error:
            self._events.fail(error)

    async def _transcribe(self, stretch: Sequence[Samples]) -> str:
        sound = await asyncio.to_thread(_wav, stretch)
        try:
            return await self._attempt(sound)
        except _TryAgain as failure:
            _log.warning("stt_retry", transcriber=self._settings.id, why=str(failure))
        try:
            return await self._attempt(sound)
        except _TryAgain as failure:
            raise SpeechError(str(failure)) from failure

    async def _attempt(self, sound: bytes) -> str:
        headers = {"authorization": f"Bearer {self._settings.api_key}"} if self._settings.api_key else {}
        limits = self._timeouts
        timeout = httpx.Timeout(limits.answer_s, connect=limits.connect_s, pool=limits.connect_s)
        try:
            async with asyncio.timeout(limits.answer_s):
                answer = await self._http.post(
                    self._url,
                    data=self._fields(),
                    files={"file": ("speech.wav", sound, "audio/wav")},
                    headers=headers,
                    timeout=timeout,
                )
        except (httpx.TransportError, TimeoutError) as error:
            raise _TryAgain(f"{self._name} did not answer ({type(error).__name__}). Is it running?") from error
        if answer.status_code != 200:
            self._refuse(answer)
        return self._text(answer.content)

    def _fields(self) -> dict[str, str]:
        settings = self._settings
        fields = {
            "model": settings.id,
            "language": settings.language.lower().split("-")[0],
            "response_format": "json",
            "temperature": "0",
        }
        words = ", ".join(dict.fromkeys((*settings.keyterms, *self._words)))[:_PROMPT_CHARACTERS]
        return {**fields, "prompt": words} if words else fields

    def _refuse(self, answer: httpx.Response) -> None:
        status = answer.status_code
        sentence = f"{self._name} answered {status}: {_error_text(answer.content)}"
        if status in {401, 403}:
            sentence += " Check DIALNEXA_STT_API_KEY."
        if status == 404:
            sentence += " Check DIALNEXA_STT_MODEL and DIALNEXA_STT_BASE_URL (it usually ends in /v1)."
        if status in _RETRIED_STATUSES or status >= 500:
            raise _TryAgain(sentence)
        raise SpeechError(sentence, status=status)

    def _text(self, content: bytes) -> str:
        text = _mapping(content).get("text")
        if not isinstance(text, str):
            raise SpeechError(f"{self._name} answered without a text. Is it an OpenAI-compatible endpoint?")
        return " ".join(text.split())

    @property
    def _name(self) -> str:
        """Name the endpoint for people, without its key."""
        return f"The recogniser {self._settings.id} at {self._settings.base_url}"


def _wav(stretch: Sequence[Samples]) -> bytes:
    """Return the audio as a WAV file at the models' rate; a second takes some 0.2 ms of CPU, so not on the loop."""
    samples = np.concatenate(stretch).astype(np.float32)
    wider = soxr.resample(samples, SAMPLE_RATE, _RATE, quality="HQ")
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(_RATE)
        sound.writeframes(np.clip(wider, -32768, 32767).astype("<i2").tobytes())
    return file.getvalue()


def _mapping(content: bytes) -> dict[str, object]:
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}
    return cast("dict[str, object]", found) if isinstance(found, dict) else {}


def _error_text(content: bytes) -> str:
    """Return what an endpoint says is wrong, whether it says so as OpenAI does or in plain text."""
    error = _mapping(content).get("error", "")
    message = cast("dict[str, object]", error).get("message", "") if isinstance(error, dict) else error
    return str(message)[:300] or content[:300].decode(errors="replace").strip() or "no reason given."
