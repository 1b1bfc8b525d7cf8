"""What steps in when a model or a voice fails (contract C.10)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from dialnexa.live.plan import Voice
from dialnexa.live.speech.fallback import FallbackLlm, FallbackTts
from dialnexa.live.speech.ports import Finished, LlmEvent, SpeechError, SteppedIn, TextDelta, TtsStream
from tests.live.fake_speech import FakeLlm, FakeTts, Scripted, Stall
from tests.live.fakes import VirtualClock, settle


class Pair:
    """Two scripted models, the second half a second behind the first."""

    def __init__(self, first: Scripted, second: Scripted) -> None:
        self.clock = VirtualClock()
        self.first, self.second = FakeLlm([first], clock=self.clock), FakeLlm([second], clock=self.clock)
        self.model = FallbackLlm(self.first, self.second, 0.5, sleep=self.clock.sleep)
        self.events: list[LlmEvent] = []

    async def ask(self) -> None:
        async for event in self.model.stream([], []):
            self.events.append(event)

    async def answer(self, seconds: float = 60.0) -> list[LlmEvent]:
        asking = asyncio.create_task(self.ask())
        for _ in range(round(seconds * 10)):
            await settle()
            if asking.done():
                break
            self.clock.advance(0.1)
        await asking
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert not left, f"outlived the reply: {left}"
        return self.events

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, TextDelta))


async def test_a_model_that_answers_in_time_is_alone() -> None:
    pair = Pair([Stall(0.4), TextDelta("First.")], "Second.")
    assert await pair.answer() == [TextDelta("First."), Finished()]
    assert pair.second.requests == []


async def test_a_silent_model_is_overtaken() -> None:
    pair = Pair([Stall(5), TextDelta("First.")], "Second.")
    stepped, *_ = await pair.answer()
    assert stepped == SteppedIn("The language model said nothing for 0.5 s. The fallback model answers.")
    assert pair.text == "Second."


async def test_a_slow_model_may_still_win_against_a_slower_one() -> None:
    pair = Pair([Stall(0.8), TextDelta("First.")], [Stall(3), TextDelta("Second.")])
    assert await pair.answer() == [TextDelta("First."), Finished()]


async def test_a_failed_model_is_replaced_at_once_and_the_reason_told() -> None:
    pair = Pair(SpeechError("It answered 500."), "Second.")
    stepped, *_ = await pair.answer(0.1)
    assert stepped == SteppedIn("It answered 500. The fallback model answers.")
    assert pair.text == "Second."


async def test_when_both_fail_the_last_reason_is_told() -> None:
    pair = Pair(SpeechError("First is down."), SpeechError("Second is down."))
    with pytest.raises(SpeechError, match="Second is down"):
        await pair.answer()


async def test_a_model_that_fails_late_leaves_it_to_the_slow_one() -> None:
    pair = Pair([Stall(0.8), TextDelta("First.")], SpeechError("Second is down."))
    assert await pair.answer() == [TextDelta("First."), Finished()]


async def test_nothing_is_said_twice_when_a_reply_breaks_off() -> None:
    pair = Pair([TextDelta("Half a "), SpeechError("Torn off.")], "Second.")
    with pytest.raises(SpeechError, match="Torn off"):
        await pair.answer()
    assert pair.text == "Half a "
    assert pair.second.requests == []


async def test_leaving_a_reply_stops_both_models() -> None:
    pair = Pair(Stall(), Stall())
    asking = asyncio.create_task(pair.ask())
    await settle()
    pair.clock.advance(1)
    await settle()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


# --- voices ----------------------------------------------------------------------------------------------------------


class NotedTts(FakeTts):
    """Remembers which voices were opened."""

    def __init__(self, opened: list[str]) -> None:
        super().__init__(clock=VirtualClock())
        self.opened = opened

    @asynccontextmanager
    async def open(self, voice: Voice) -> AsyncGenerator[TtsStream]:  # type: ignore[override]
        self.opened.append(voice.id)
        async with super().open(voice) as stream:
            yield stream


async def test_the_next_voice_speaks_after_a_failure_and_the_last_one_is_kept() -> None:
    opened = list[str]()
    broken, sound = NotedTts(opened), NotedTts(opened)
    broken.refuses = SpeechError("No such voice here.")
    voices = FallbackTts([(broken, Voice("a")), (sound, Voice("b"))])
    with pytest.raises(SpeechError, match="No such voice"):
        async with voices.open(Voice("a")):
            pass
    async with voices.open(Voice("a")):
        pass
    for _ in range(2):
        with pytest.raises(SpeechError, match="broke"):
            async with voices.open(Voice("a")):
                raise SpeechError("It broke in mid-sentence.")
    assert opened == ["a", "b", "b", "b"]


async def test_a_voice_that_is_restarted_for_its_silence_makes_room_too() -> None:
    opened = list[str]()
    voices = FallbackTts([(NotedTts(opened), Voice("a")), (NotedTts(opened), Voice("b"))])

    async def listen() -> None:
        async with voices.open(Voice("a")):
            await asyncio.Event().wait()

    listening = asyncio.create_task(listen())
    await settle()
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    async with voices.open(Voice("a")):
        pass
    assert opened == ["a", "b"]
