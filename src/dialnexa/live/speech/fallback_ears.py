"""A recogniser with another behind it: what the first does not understand in time, the second is asked (C.10)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import numpy as np

from dialnexa.live.line import FRAME_SAMPLES, SAMPLE_RATE, Samples
from dialnexa.live.plan import Transcriber
from dialnexa.live.speech.fallback import Sleep
from dialnexa.live.speech.ports import Expectation, Final, Partial, SpeechError, SteppedIn, Stt, SttStream
from dialnexa.live.speech.queues import Events

_LONGEST_FRAMES = 60 * SAMPLE_RATE // FRAME_SAMPLES
_WORTH_ASKING = SAMPLE_RATE
"""Samples; a shorter stretch in which the first heard no word, pauses around it included, was a cough."""

Heard = Partial | Final | SteppedIn


class FallbackStt:
    """Listens with the first recogniser; the second gets a stretch of speech when the first has nothing to say of it.

    That is: no final within ``wait_s``, an empty one for more than a cough, or its end. Whoever has words first is
    believed; each stretch is answered once.
    """

    def __init__(
        self, first: Stt, second: Stt, other: Transcriber, wait_s: float, *, sleep: Sleep = asyncio.sleep
    ) -> None:
        """Take what the second recogniser is opened with, too."""
        self.capabilities = first.capabilities
        self._first, self._second = first, second
        self._other = other
        self._wait_s = wait_s
        self._sleep = sleep

    @asynccontextmanager
    async def open(self, settings: Transcriber) -> AsyncGenerator[_TwoEars]:
        """Open both; raises ``SpeechError`` when neither can be."""
        async with AsyncExitStack() as stack:
            first, why = await _opened(stack, self._first, settings)
            second, why_not = await _opened(stack, self._second, self._other)
            if first is None and second is None:
                raise SpeechError(f"{why} {why_not}")
            ears = _TwoEars(_Source(first, why), _Source(second, why_not), self._other.id, self._wait_s, self._sleep)
            jobs = [asyncio.create_task(job) for job in ears.jobs()]
            try:
                yield ears
            finally:
                for job in jobs:
                    job.cancel()
                await asyncio.gather(*jobs, return_exceptions=True)
                ears.close()


async def _opened(stack: AsyncExitStack, stt: Stt, settings: Transcriber) -> tuple[SttStream | None, str]:
    try:
        return await stack.enter_async_context(stt.open(settings)), ""
    except SpeechError as error:
        return None, str(error)


@dataclass(slots=True)
class _Source:
    """One of the two, and the answers it owes; ``None`` as an answer: it will not come."""

    stream: SttStream | None
    why: str = ""
    """Why there is no stream."""
    owed: deque[asyncio.Future[Final | None]] = field(default_factory=deque["asyncio.Future[Final | None]"])

    def finalize(self) -> asyncio.Future[Final | None]:
        """Ask for a final."""
        answer: asyncio.Future[Final | None] = asyncio.get_running_loop().create_future()
        if self.stream is None:
            answer.set_result(None)
        else:
            self.owed.append(answer)
            self.stream.finalize()
        return answer

    def lose(self, why: str) -> None:
        """Give it up: it broke."""
        self.stream, self.why = None, why
        while self.owed:
            _settle(self.owed.popleft(), None)


@dataclass(frozen=True, slots=True)
class _Stretch:
    audio: list[Samples]
    first: asyncio.Future[Final | None]


class _TwoEars:
    """The ears of one call."""

    def __init__(self, first: _Source, second: _Source, other: str, wait_s: float, sleep: Sleep) -> None:
        self._first, self._second = first, second
        self._other = other
        self._wait_s = wait_s
        self._sleep = sleep
        self._audio: deque[Samples] = deque(maxlen=_LONGEST_FRAMES)
        self._asked: asyncio.Queue[_Stretch] = asyncio.Queue()
        self._events: Events[Heard] = Events()

    def jobs(self) -> list[Coroutine[object, object, None]]:
        """Return what must run while these ears are open."""
        return [self._listen(self._first), self._listen(self._second), self._answer()]

    def send(self, samples: Samples) -> None:
        """Let the first hear it, and keep it for the second."""
        self._audio.append(samples)
        if self._first.stream is not None:
            self._first.stream.send(samples)

    def finalize(self) -> None:
        """Ask for the final of everything sent so far."""
        self._asked.put_nowait(_Stretch(list(self._audio), self._first.finalize()))
        self._audio.clear()

    def expect(self, expectation: Expectation) -> None:
        """Tell both."""
        for source in (self._first, self._second):
            if source.stream is not None:
                source.stream.expect(expectation)

    def events(self) -> AsyncIterator[Heard]:
        """Yield what was understood, and before it that the second steps in; raises ``SpeechError`` when both broke."""
        return self._events

    def close(self) -> None:
        """End the events."""
        self._events.close()

    # --- what the two say ---------------------------------------------------------------------------------------------

    async def _listen(self, source: _Source) -> None:
        """Take in what one of them says until it breaks."""
        if source.stream is None:
            return
        why = "The recogniser closed its stream."
        try:
            async for event in source.stream.events():
                if isinstance(event, Final) and source.owed:
                    _settle(source.owed.popleft(), event)
                elif source is self._first:
                    self._unasked(event)
        except SpeechError as error:
            why = str(error)
        source.lose(why)
        if source is self._second:
            self._events.put(SteppedIn(f"{self._other} cannot step in any more: {why}"))
        if self._first.stream is None and self._second.stream is None:
            self._events.fail(SpeechError(f"{self._first.why} {self._second.why}"))

    def _unasked(self, event: Heard) -> None:
        """Pass on guesses, and finals of a recogniser that finds the ends by itself: nobody waits for those."""
        if isinstance(event, Final) and event.text:
            self._audio.clear()
        self._events.put(event)

    # --- who is believed ----------------------------------------------------------------------------------------------

    async def _answer(self) -> None:
        while True:
            stretch = await self._asked.get()
            self._events.put(await self._final(stretch))

    async def _final(self, stretch: _Stretch) -> Final:
        why = await self._nothing_of(stretch)
        if not why:
            return stretch.first.result() or Final("")
        if self._second.stream is None or not stretch.audio:
            return await stretch.first or Final("")
        return await self._step_in(stretch, why)

    async def _nothing_of(self, stretch: _Stretch) -> str:
        """Wait for the first one's words; return why they are waited for no longer, empty when there is no need."""
        waiting = asyncio.ensure_future(self._sleep(self._wait_s))
        try:
            await asyncio.wait({stretch.first, waiting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if not stretch.first.done():
            return f"The recogniser said nothing for {self._wait_s:g} s."
        final = stretch.first.result()
        if final is None:
            return self._first.why
        cough = sum(map(len, stretch.audio)) < _WORTH_ASKING
        return "" if final.text or cough else "The recogniser understood nothing."

    async def _step_in(self, stretch: _Stretch, why: str) -> Final:
        """Ask the second one; the first may still be quicker."""
        audio = np.concatenate(stretch.audio)
        if self._second.stream is not None:
            self._second.stream.send(audio)
        second = self._second.finalize()
        await asyncio.wait({second, _words(stretch.first)}, return_when=asyncio.FIRST_COMPLETED)
        if not second.done():
            return stretch.first.result() or Final("")
        final = second.result()
        if final is None:
            return (stretch.first.done() and stretch.first.result()) or Final("")
        heard_ms = len(audio) * 1000 // SAMPLE_RATE
        self._events.put(SteppedIn(f"{why} {self._other} was asked instead.", self._other, heard_ms))
        return final or (stretch.first.done() and stretch.first.result()) or Final("")


def _words(answer: asyncio.Future[Final | None]) -> asyncio.Future[Final | None]:
    """Return a future that is done only with words."""
    words: asyncio.Future[Final | None] = asyncio.get_running_loop().create_future()

    def take(done: asyncio.Future[Final | None]) -> None:
        if not done.cancelled() and (final := done.result()) is not None and final.text:
            _settle(words, final)

    answer.add_done_callback(take)
    return words


def _settle(answer: asyncio.Future[Final | None], final: Final | None) -> None:
    if not answer.done():
        answer.set_result(final)
