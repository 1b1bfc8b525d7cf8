"""What the first recogniser does not understand in time, the second is asked (contract C.10); in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import numpy as np
import pytest

from dialnexa.live.plan import Transcriber
from dialnexa.live.speech.fallback_ears import FallbackStt
from dialnexa.live.speech.ports import Expectation, Final, Partial, SpeechError, SteppedIn, SttStream
from tests.live.fake_speech import FakeStt
from tests.live.fakes import VirtualClock, settle

SECOND = SteppedIn("The recogniser said nothing for 1 s. whisper was asked instead.", "whisper", 2000)
NOTHING = SteppedIn("The recogniser understood nothing. whisper was asked instead.", "whisper", 2000)
SPEECH = np.full(160, 1000, np.int16)


@dataclass
class Pair:
    """Two scripted recognisers and what the call hears of them."""

    clock: VirtualClock
    first: FakeStt
    second: FakeStt
    ears: SttStream | None = None
    heard: list[object] = field(default_factory=list)

    async def says(self, seconds: float = 2.0) -> None:
        assert self.ears is not None
        for _ in range(round(seconds * 50)):
            self.ears.send(SPEECH)
        self.ears.finalize()
        await settle()

    async def wait(self, seconds: float) -> list[object]:
        for _ in range(round(seconds * 10)):
            self.clock.advance(0.1)
            await settle()
        return self.heard

    async def listen(self) -> None:
        assert self.ears is not None
        try:
            async for event in self.ears.events():
                self.heard.append(event)
        except SpeechError as error:
            self.heard.append(error)


@asynccontextmanager
async def pair(
    first: Iterable[str | Final | None] = (),
    second: Iterable[str | Final | None] = (),
    *,
    refuses: tuple[str, str] = ("", ""),
    wait_s: float = 1.0,
) -> AsyncGenerator[Pair]:
    clock = VirtualClock()
    two = Pair(clock, FakeStt(first, clock=clock), FakeStt(second, clock=clock))
    for stt, why in zip((two.first, two.second), refuses, strict=True):
        stt.refuses = SpeechError(why) if why else None
    stt = FallbackStt(two.first, two.second, Transcriber("whisper"), wait_s, sleep=clock.sleep)
    async with stt.open(Transcriber()) as two.ears:
        listening = asyncio.create_task(two.listen())
        await settle()
        yield two
    await asyncio.gather(listening)
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert not left, f"outlived the ears: {left}"


def texts(heard: list[object]) -> list[str]:
    return [event.text for event in heard if isinstance(event, Final)]


async def test_whoever_understands_in_time_is_alone() -> None:
    async with pair(["hello"]) as two:
        await two.says()
        assert texts(await two.wait(2)) == ["hello"]
        assert (two.second.finalized, two.second.samples) == (0, 0)


async def test_a_silent_recogniser_is_overtaken_and_its_late_answer_belongs_to_nothing() -> None:
    async with pair(["late", "again"], ["in time"]) as two:
        two.first.delay = 1.5
        await two.says()
        assert await two.wait(1.4) == [SECOND, Final("in time", confidence=0.9, engine="fake")]
        assert two.second.samples == 16_000, "the whole stretch"
        two.first.delay = 0.2
        await two.says()
        assert texts(await two.wait(2)) == ["in time", "again"]


async def test_the_first_may_still_be_quicker() -> None:
    async with pair(["first"], ["second"]) as two:
        two.first.delay, two.second.delay = 1.3, 2.0
        await two.says()
        assert await two.wait(4) == [Final("first", confidence=0.9, engine="fake")]


async def test_nothing_understood_is_asked_again_but_no_cough() -> None:
    async with pair(["", ""], ["my order is late"]) as two:
        await two.says(seconds=0.8)
        assert texts(await two.wait(1)) == [""]
        await two.says()
        assert (await two.wait(1))[1:] == [NOTHING, Final("my order is late", confidence=0.9, engine="fake")]


async def test_where_neither_understands_the_stretch_is_still_answered_once() -> None:
    async with pair([""], [""]) as two:
        await two.says()
        assert texts(await two.wait(3)) == [""]


async def test_guesses_and_expectations_go_their_way() -> None:
    async with pair(["hello"]) as two:
        assert two.ears is not None
        two.ears.expect(Expectation("yes_no"))
        two.first.streams[0].put(Partial("hel"))
        await settle()
        assert two.heard == [Partial("hel")]
        assert two.first.expectations == two.second.expectations == [Expectation("yes_no")]


async def test_a_recogniser_that_finds_the_ends_by_itself_is_believed() -> None:
    async with pair() as two:
        two.first.streams[0].put(Final("unasked"))
        await settle()
        assert texts(two.heard) == ["unasked"]


async def test_a_recogniser_that_breaks_is_replaced_for_the_rest_of_the_call() -> None:
    async with pair([None], ["one", "two"]) as two:
        await two.says()
        two.first.streams[0].put(SpeechError("The decoder died."))
        await two.wait(0.3)
        await two.says()
        assert texts(await two.wait(0.3)) == ["one", "two"]
        assert two.heard[0] == SteppedIn("The decoder died. whisper was asked instead.", "whisper", 2000)


async def test_a_second_one_that_breaks_is_told_and_the_first_goes_on() -> None:
    async with pair(["", "yes"], [None]) as two:
        await two.says()
        await two.wait(0.5)
        two.second.streams[0].put(SpeechError("It answered 500."))
        await settle()
        assert two.heard == [SteppedIn("whisper cannot step in any more: It answered 500."), Final("", engine="fake")]
        await two.says()
        assert texts(await two.wait(0.5)) == ["", "yes"]


async def test_when_both_broke_the_ears_are_lost() -> None:
    async with pair() as two:
        two.first.streams[0].put(SpeechError("First is down."))
        two.second.streams[0].put(SpeechError("Second is down."))
        await settle()
        assert str(two.heard[-1]) == "First is down. Second is down."


async def test_one_that_cannot_be_opened_leaves_it_to_the_other() -> None:
    async with pair(second=["there"], refuses=("No decoder.", "")) as two:
        await two.says()
        assert texts(await two.wait(0.5)) == ["there"]
    async with pair(["here"], refuses=("", "No key.")) as two:
        await two.says()
        assert texts(await two.wait(0.5)) == ["here"]
    with pytest.raises(SpeechError, match=r"No decoder\. No key\."):
        async with pair(refuses=("No decoder.", "No key.")):
            pass


async def test_without_a_wait_the_second_is_asked_at_once() -> None:
    async with pair(["first"], ["second"], wait_s=0) as two:
        two.first.delay = 1.0
        await two.says()
        assert texts(await two.wait(0.3)) == ["second"]
