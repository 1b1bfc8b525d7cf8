"""Without a language model, a question is answered with what the knowledge base says, and nothing more."""

from __future__ import annotations

import pytest
from tests.live.speech.flow.stories import prompt_agent

from dialnexa.live.speech.embedded.flow import reading
from dialnexa.live.speech.embedded.flow.llm import FlowLlm
from dialnexa.live.speech.ports import Cites, Message, TextDelta
from dialnexa.live.timeline import Citation, Passage

TEXT = (
    "Welcome to our clinic. We are open Monday to Friday from nine to six. On Saturday we close at noon. "
    "Parking is free."
)
HOURS = Passage("kb_1", "doc_1", "The clinic", 2, "doc_1-4", 0.9, TEXT)


async def reply(*messages: Message) -> tuple[str, list[Citation]]:
    events = [event async for event in FlowLlm(prompt_agent()).stream(messages, ())]
    said = "".join(event.text for event in events if isinstance(event, TextDelta))
    return said, [event.citation for event in events if isinstance(event, Cites)]


async def test_a_question_is_answered_and_the_conversation_comes_back_to_its_own() -> None:
    opening = Message("assistant", "Hello! How can I help?")
    asked = Message("user", "when are you open on saturday", passages=(HOURS,))
    said, cited = await reply(opening, asked)
    assert said == (
        "Here is what I found. We are open Monday to Friday from nine to six. On Saturday we close at noon. "
        "How can I help?"
    )
    assert cited == [HOURS.citation]
    later, nothing = await reply(opening, asked, Message("assistant", said), Message("user", "yes"))
    assert "leave a message" in later, "the question did not count as an answer"
    assert nothing == []


async def test_a_question_nobody_can_answer_is_taken_as_before() -> None:
    opening = Message("assistant", "Hello! How can I help?")
    said, cited = await reply(opening, Message("user", "when are you open on saturday"))
    assert said.startswith("Thank you, I will pass that on.")
    assert cited == []


async def test_what_is_no_question_is_not_looked_up_where_it_answers() -> None:
    opening = Message("assistant", "Hello! How can I help?")
    said, cited = await reply(opening, Message("user", "i have a problem with my invoice", passages=(HOURS,)))
    assert said.startswith("Thank you, I will pass that on.")
    assert cited == []


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("um so what does it cost", True),
        ("Parking?", True),
        ("i would like to know where you are", True),
        ("i like it", False),
        ("tuesday at two", False),
        ("", False),
    ],
)
def test_questions_are_known_without_their_marks(text: str, is_one: bool) -> None:
    assert reading.asks(text) is is_one


def test_the_most_telling_sentence_is_read_and_the_one_after_it() -> None:
    answered = reading.answer("is there free parking", [HOURS])
    assert answered == ("Here is what I found. Parking is free.", HOURS)
    assert reading.answer("is there free parking", []) is None
