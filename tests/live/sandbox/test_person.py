"""Every person of the sandbox, in virtual time. Here the fake line's "caller" is the agent who called them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import numpy as np
import pytest

from dialnexa.live.line import SAMPLE_RATE, EndedBy, LineEnd
from dialnexa.live.sandbox import audio
from dialnexa.live.sandbox.person import perform
from dialnexa.live.sandbox.phrases import PHRASES
from dialnexa.live.sandbox.scripts import PEOPLE, Answer
from tests.live.fakes import FakeLine, FakeUtterance, settle

FAR = LineEnd(EndedBy.FAR)


class Call:
    """One call to a person, seen by whoever called."""

    def __init__(self, line: FakeLine) -> None:
        self.line = line

    @property
    def said(self) -> list[str]:
        """Names of the phrases the person began, cut or not."""
        return [name_of(utterance) for utterance in self.line.utterances if utterance.started_at is not None]

    async def agent_says(self, seconds: float) -> None:
        """Speak, and wait for the person to have taken the turn and to be done."""
        before = len(self.line.utterances)
        self.line.caller_speaks(seconds)
        await self.line.run_until(lambda: len(self.line.utterances) > before and self.line.utterances[-1].done)


def name_of(utterance: FakeUtterance) -> str:
    sounds = {"beep": audio.beep(), **{name: audio.phrase(name) for name in PHRASES}}
    return next(name for name, sound in sounds.items() if np.array_equal(sound, utterance._audio))


@asynccontextmanager
async def calling(number: str) -> AsyncGenerator[Call]:
    manner = PEOPLE[number].manner
    assert isinstance(manner, Answer)
    line = FakeLine()
    person = asyncio.create_task(perform(manner.script, line))
    yield Call(line)
    line.end(FAR)
    await settle()
    assert person.done(), "the person outlived the call"
    assert person.exception() is None


class TestFriendlyCustomer:
    async def test_answers_in_order_and_leaves_the_hanging_up_to_the_agent(self) -> None:
        async with calling("+16505550199") as call:
            for seconds in (4.0, 3.0, 4.0, 2.0):
                await call.agent_says(seconds)
            assert call.said == ["time_works", "by_text", "all_right", "thanks_goodbye"]
            await call.line.run(5.0)
            assert not call.line.hung_up

    async def test_hangs_up_when_the_agent_does_not(self) -> None:
        async with calling("+16505550199") as call:
            for _ in range(4):
                await call.agent_says(2.0)
            await call.line.run(7.8)
            assert not call.line.hung_up
            await call.line.run(0.5)
            assert call.line.hung_up

    async def test_says_hello_into_the_phone_like_a_person_does_and_again_later(self) -> None:
        async with calling("+16505550199") as call:
            await call.line.run(0.6)
            assert call.said == ["hello"]
            assert call.line.utterances[0].started_at == pytest.approx(0.4 * SAMPLE_RATE, abs=320)
            await call.line.run(4.5)
            assert call.said == ["hello"]
            await call.line.run(1.5)
            assert call.said == ["hello", "hello"]
            await call.agent_says(2.0)
            assert call.said[-1] == "time_works"

    async def test_gives_up_on_an_agent_that_never_speaks(self) -> None:
        async with calling("+16505550199") as call:
            await call.line.run_until(lambda: call.line.hung_up, at_most=30)
            assert call.said == ["hello"] * 4

    async def test_waits_through_the_pauses_between_sentences(self) -> None:
        async with calling("+16505550199") as call:
            call.line.caller_speaks(1.5)
            call.line.caller_speaks(2.0, after=2.1)
            await call.line.run(4.7)
            assert call.said == []
            await call.line.run(0.3)
            assert call.said == ["time_works"]

    async def test_does_not_take_a_click_for_a_turn(self) -> None:
        async with calling("+16505550199") as call:
            call.line.caller_speaks(0.1)
            await call.line.run(2.0)
            assert call.said == ["hello"]

    async def test_does_not_answer_what_it_talked_over(self) -> None:
        async with calling("+16505550199") as call:
            call.line.caller_speaks(2.0)
            call.line.caller_speaks(0.6, after=2.9)  # the agent goes on, but yields while "Yes, that works" is spoken
            await call.line.run(5.5)
            assert call.said == ["time_works"]
            await call.agent_says(2.0)
            assert call.said == ["time_works", "by_text"]

    async def test_asks_into_the_silence_of_a_slow_agent(self) -> None:
        async with calling("+16505550199") as call:
            await call.agent_says(2.0)
            await call.line.run(7.8)
            assert call.said == ["time_works", "hello"]

    async def test_drops_everything_when_the_agent_hangs_up(self) -> None:
        async with calling("+16505550199") as call:
            call.line.caller_speaks(2.0)
            await call.line.run(3.0)
            call.line.end(FAR)
            await settle()
            assert call.said == ["time_works"]


class TestVoicemail:
    async def test_greets_beeps_and_listens_until_the_message_is_over(self) -> None:
        async with calling("+16505550130") as call:
            await call.line.run(10.0)
            assert call.said == ["voicemail_greeting", "beep"]
            assert call.line.utterances[-1].done
            call.line.caller_speaks(5.0)
            await call.line.run(7.8)
            assert not call.line.hung_up
            await call.line.run(0.4)
            assert call.line.hung_up

    async def test_hangs_up_when_no_message_comes(self) -> None:
        async with calling("+16505550130") as call:
            await call.line.run_until(lambda: call.line.hung_up, at_most=20)
            assert 16 < call.line.now < 18

    async def test_has_a_short_tape(self) -> None:
        async with calling("+16505550130") as call:
            call.line.caller_speaks(60.0)
            await call.line.run_until(lambda: call.line.hung_up, at_most=40)
            assert 28 < call.line.now < 30


class TestMenu:
    @pytest.mark.parametrize(("key", "reply"), [("1", "menu_opening_hours"), ("2", "menu_reception")])
    async def test_a_key_cuts_the_reading_and_gets_its_reply(self, key: str, reply: str) -> None:
        async with calling("+16505550150") as call:
            call.line.caller_presses(key, after=2.0)
            await call.line.run_until(lambda: call.line.hung_up)
            assert call.said == ["menu", reply]
            assert call.line.utterances[0].was_cut
            assert call.line.utterances[1].done

    async def test_reads_the_options_twice_and_says_goodbye(self) -> None:
        async with calling("+16505550150") as call:
            await call.line.run_until(lambda: call.line.hung_up)
            assert call.said == ["menu", "menu", "menu_goodbye"]

    async def test_a_wrong_key_leads_back_to_the_menu(self) -> None:
        async with calling("+16505550150") as call:
            call.line.caller_presses("9", after=6.0)
            call.line.caller_presses("2", after=12.0)
            await call.line.run_until(lambda: call.line.hung_up)
            assert call.said == ["menu", "menu_wrong_key", "menu", "menu_reception"]


class TestScreening:
    async def test_asks_who_calls_connects_and_then_the_person_talks(self) -> None:
        async with calling("+16505550160") as call:
            await call.line.run(7.0)
            await call.agent_says(3.0)
            await call.line.run(2.5)
            assert call.said == ["screening_question", "screening_thanks", "hello"]
            for _ in range(4):
                await call.agent_says(2.0)
            assert call.said[3:] == ["time_works", "by_text", "all_right", "thanks_goodbye"]

    async def test_asks_again_and_lets_a_silent_caller_go(self) -> None:
        async with calling("+16505550160") as call:
            await call.line.run_until(lambda: call.line.hung_up)
            assert call.said == ["screening_question", "screening_again", "screening_again"]


class TestTheOthers:
    async def test_one_hangs_up_in_the_middle_of_the_sentence(self) -> None:
        async with calling("+16505550170") as call:
            call.line.caller_speaks(2.0)
            await call.line.run_until(lambda: call.line.hung_up)
            (sentence,) = call.line.utterances
            assert name_of(sentence) == "cut_off"
            assert sentence.played == pytest.approx(1.6 * SAMPLE_RATE, abs=320)
            assert not sentence.done

    async def test_one_hangs_up_mid_sentence_even_on_a_silent_agent(self) -> None:
        async with calling("+16505550170") as call:
            await call.line.run_until(lambda: call.line.hung_up, at_most=6)
            assert call.said == ["cut_off"]

    async def test_one_stays_silent_whatever_happens(self) -> None:
        async with calling("+16505550180") as call:
            for _ in range(6):
                call.line.caller_speaks(2.0)
                await call.line.run(10.0)
            assert call.said == []
            assert not call.line.hung_up

    async def test_one_says_mhm_and_later_interrupts(self) -> None:
        async with calling("+16505550190") as call:
            call.line.caller_speaks(5.0)
            await call.line.run(2.5)
            assert call.said == ["mhm"]
            await call.line.run(5.0)
            assert call.said == ["mhm", "time_works"]
            call.line.caller_speaks(2.0)  # cut short by the interruption
            await call.line.run(1.6)
            assert call.said[-1] == "repeat"
            assert call.line.utterances[-1].started_at is not None
            await call.line.run(3.0)
            for _ in range(3):
                await call.agent_says(2.0)
            assert call.said == ["mhm", "time_works", "repeat", "by_text", "all_right", "thanks_goodbye"]

    async def test_an_agent_of_few_words_gets_its_answers_all_the_same(self) -> None:
        async with calling("+16505550190") as call:
            for _ in range(6):
                call.line.caller_speaks(0.5)
                await call.line.run(6.0)
            assert call.said == ["mhm", "time_works", "repeat", "by_text", "all_right", "thanks_goodbye"]
