"""An agent that looks up what the caller asks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from tests.live.conversation.stories import plan, story

from dialnexa.live.plan import TurnTaking
from dialnexa.live.timeline import Passage

HOURS = Passage("kb_1", "doc_1", "The clinic", 2, "doc_1-4", 0.9, "We are open from nine to six.")
PRICES = Passage("kb_1", "doc_2", "Prices", 1, "doc_2-1", 0.6, "A check-up costs forty dollars.")


class Shelf:
    """Knows some passages, and remembers what it was asked."""

    patience_s = 0.15

    def __init__(self, *found: Passage) -> None:
        self.found = found
        self.asked: list[str] = []

    async def search(self, question: str) -> Sequence[Passage]:
        self.asked.append(question)
        return self.found


class Endless(Shelf):
    patience_s = 0

    async def search(self, question: str) -> Sequence[Passage]:
        await asyncio.Event().wait()
        return ()


class Broken(Shelf):
    async def search(self, question: str) -> Sequence[Passage]:
        raise RuntimeError("the database is gone")


async def test_what_was_found_is_told_to_the_model_and_cited_on_the_turn() -> None:
    shelf = Shelf(HOURS, PRICES)
    async with story(replies=["From nine to six.", "You are welcome."], library=shelf) as call:
        await call.agent_is_done()
        await call.says("When are you open?")
        await call.agent_is_done()
        shelf.found = ()
        await call.says("Thank you very much.")
        await call.agent_is_done()
        instructions = [request[0].content for request in call.speech.mind.requests]
        assert instructions[0].startswith("You are speaking with a person")
        assert "[1] The clinic, page 2: We are open from nine to six." in instructions[0]
        assert "[2] Prices, page 1" in instructions[0]
        assert "knowledge base" not in instructions[1], "passages are for the turn they were found for"
        greeting, _, answer, _, thanks = call.turns
        assert answer.citations == (HOURS.citation, PRICES.citation)
        assert (greeting.citations, thanks.citations) == ((), ())
        assert shelf.asked == ["When are you open?", "Thank you very much."]
        assert answer.latency["stt_final"] <= answer.latency["knowledge"] <= answer.latency["llm_first_token"]
        assert "knowledge" not in greeting.latency


@pytest.mark.parametrize("shelf", [Endless(), Broken()], ids=["too late", "broken"])
async def test_a_library_that_does_not_answer_costs_the_turn_nothing(shelf: Shelf) -> None:
    async with story(replies=["I do not know."], library=shelf) as call:
        await call.agent_is_done()
        await call.says("When are you open?")
        await call.agent_is_done()
        assert call.transcript[-1] == ("agent", "I do not know.")
        assert call.turns[-1].citations == ()


async def test_keys_and_noises_are_not_looked_up() -> None:
    shelf = Shelf(HOURS)
    async with story(plan(turns=TurnTaking(keypad_digits=1)), replies=["Which one?"], library=shelf) as call:
        await call.agent_is_done()
        call.line.caller_presses("1")
        await call.agent_is_done()
        assert call.transcript[-1] == ("agent", "Which one?")
        assert shelf.asked == []
