"""What steps in when a language model or a voice fails (contract C.10)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import structlog

from dialnexa.live.plan import Voice
from dialnexa.live.speech.ports import Llm, LlmEvent, Message, SpeechError, SteppedIn, Tool, Tts, TtsStream

_log = structlog.get_logger(__name__)

Sleep = Callable[[float], Awaitable[None]]


class FallbackLlm:
    """A model with another behind it: whoever says the first word of a reply says all of it."""

    def __init__(self, first: Llm, second: Llm, delay_s: float, *, sleep: Sleep = asyncio.sleep) -> None:
        """Ask the second one when the first has failed, or has said nothing for ``delay_s`` seconds."""
        self._first, self._second = first, second
        self._delay_s = delay_s
        self._sleep = sleep

    async def stream(self, messages: Sequence[Message], tools: Sequence[Tool]) -> AsyncGenerator[LlmEvent]:
        """Yield one model's reply, after a ``SteppedIn`` where it is the second's.

        Raises ``SpeechError`` when both failed, or the chosen one did in mid-reply: nothing is said twice.
        """
        first = _Asked(self._first.stream(messages, tools))
        second: _Asked | None = None
        try:
            why = await self._silence_of(first)
            if why:
                second = _Asked(self._second.stream(messages, tools))
                await _first_word(first, second)
            chosen = first if second is None or (first.begun and not first.error) else second
            if chosen is second:
                _log.warning("llm_fallback", why=why)
                yield SteppedIn(f"{why} The fallback model answers.")
            async for event in chosen.rest():
                yield event
        finally:
            await first.close()
            if second is not None:
                await second.close()

    async def _silence_of(self, first: _Asked) -> str:
        """Wait for the first model's first word; return why it is not waited for any longer, empty when it came."""
        waiting = asyncio.ensure_future(self._sleep(self._delay_s))
        try:
            await asyncio.wait({first.word, waiting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if first.error:
            return str(first.error)
        return "" if first.begun else f"The language model said nothing for {self._delay_s:g} s."


class _Asked:
    """A model that was asked; its first word comes in a task of its own, so that two can be waited for."""

    def __init__(self, events: AsyncIterator[LlmEvent]) -> None:
        self._events = events
        self.word: asyncio.Task[LlmEvent | None] = asyncio.ensure_future(_next(events))

    @property
    def begun(self) -> bool:
        """Whether it has said something, or has ended without a word."""
        return self.word.done() and not self.word.cancelled() and self.word.exception() is None

    @property
    def error(self) -> SpeechError | None:
        """Why it failed before its first word."""
        error = self.word.exception() if self.word.done() and not self.word.cancelled() else None
        return error if isinstance(error, SpeechError) else None

    async def rest(self) -> AsyncGenerator[LlmEvent]:
        """Yield everything it says, from the first word on."""
        first = await self.word
        if first is not None:
            yield first
            async for event in self._events:
                yield event

    async def close(self) -> None:
        """Stop asking, which cancels its request."""
        self.word.cancel()
        await asyncio.gather(self.word, return_exceptions=True)
        close = getattr(self._events, "aclose", None)
        if close is not None:
            await close()


async def _next(events: AsyncIterator[LlmEvent]) -> LlmEvent | None:
    return await anext(events, None)


async def _first_word(first: _Asked, second: _Asked) -> None:
    """Wait until one of them has begun, or both have failed."""
    waited = {each.word for each in (first, second) if not each.word.done()}
    while waited and not first.begun and not second.begun:
        _, waited = await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)


class FallbackTts:
    """A voice with others behind it, for one call. A voice that failed is not tried again in this call.

    The conversation opens the voice anew when it fails, and speaks on with what it still owes; so each ``open`` only
    has to take the next voice.
    """

    def __init__(self, voices: Sequence[tuple[Tts, Voice]]) -> None:
        """Take the voices in order, at least one."""
        self._voices = list(voices)

    def open(self, voice: Voice) -> AbstractAsyncContextManager[TtsStream]:
        """Open the first voice that has not failed; the last one is tried again and again."""
        return self._open()

    @asynccontextmanager
    async def _open(self) -> AsyncGenerator[TtsStream]:
        tts, voice = self._voices[0]
        try:
            async with tts.open(voice) as stream:
                yield stream
        except (SpeechError, asyncio.CancelledError):  # a voice from which no audio comes is cancelled
            if len(self._voices) > 1:
                del self._voices[0]
                _log.warning("voice_fallback", failed=voice.id, next=self._voices[0][1].id)
            raise
