"""The demo agent's conversation, both sides in words.

The customer of the sandbox (``+16505550199``) answers like this, turn by turn:

- agent: Hello Alex Rivera, this is DialNexa calling about your appointment on June 3rd at 2 PM.
  Does that time still work for you?
- customer: Yes, that works.
- agent: Good. Would you like a reminder by text message, or by phone call?
- customer: Text message, please.
- agent: So that is June 3rd at 2 PM, with a reminder by text message. Is that right?
- customer: Yes, that is right.
- agent: You are all set. Thank you, and goodbye. (end_call)
- customer: Thank you, goodbye.
"""

from __future__ import annotations

import json

import pytest
from tests.live.speech.flow.stories import SEED_001, Call, demo_agent, demo_body

from dialnexa.live.speech.embedded.flow.llm import FlowLlm
from dialnexa.live.speech.ports import Message
from dialnexa.platform.agents.config import contradictions, obstacles
from dialnexa.platform.agents.schemas import AgentDraft

REMINDER = "Would you like a reminder by text message, or by phone call?"
TIME = "Does that time still work for you?"
DONE = "You are all set. Thank you, and goodbye."
HELLO = "Hello Alex Rivera, this is DialNexa calling about your appointment on June 3rd at 2 PM."
GIVE_UP = "I am sorry, I am having trouble hearing you. Your appointment stays as it is. Goodbye."

Story = list[tuple[str, str]]

STORIES: dict[str, Story] = {
    "the customer of the sandbox": [
        ("Yes, that works.", f"Good. {REMINDER}"),
        ("Text message, please.", "So that is June 3rd at 2 PM, with a reminder by text message. Is that right?"),
        ("Yes, that is right.", DONE),
    ],
    "lower case, as the embedded recogniser writes": [
        ("yes that works", f"Good. {REMINDER}"),
        ("a phone call please", "So that is June 3rd at 2 PM, with a reminder by phone call. Is that right?"),
        ("that's right", DONE),
    ],
    "another time, asked for": [
        ("no i can't make it", "No problem. Which day and time would suit you better?"),
        ("friday at three thirty", f"Okay, Friday at 3:30 PM. {REMINDER}"),
        ("no thank you", "So that is Friday at 3:30 PM, with no reminder. Is that right?"),
        ("yes", DONE),
    ],
    "another time, offered at once": [
        ("No, could we do Friday at three?", f"Okay, Friday at 3 PM. {REMINDER}"),
    ],
    "another time, without a no": [
        ("friday works better", "And at what time on Friday?"),
        ("half past nine", f"Okay, Friday at 9:30 AM. {REMINDER}"),
    ],
    "a time without a day": [
        ("no", "No problem. Which day and time would suit you better?"),
        ("at two", "And on which day?"),
        ("the third of july", f"Okay, July 3rd at 2 PM. {REMINDER}"),
    ],
    "corrections at the end": [
        ("yes", f"Good. {REMINDER}"),
        ("text", "So that is June 3rd at 2 PM, with a reminder by text message. Is that right?"),
        ("no", "Sorry about that. What should I change, the time or the reminder?"),
        ("the time", "No problem. Which day and time would suit you better?"),
        ("monday at ten", "So that is Monday at 10 AM, with a reminder by text message. Is that right?"),
        ("no by phone call", "So that is Monday at 10 AM, with a reminder by phone call. Is that right?"),
        ("no make it tuesday at noon", "So that is Tuesday at noon, with a reminder by phone call. Is that right?"),
        ("yes thank you goodbye", DONE),
    ],
    "can you repeat that": [
        ("can you repeat that please", f"Of course. {HELLO} {TIME}"),
        ("yes", f"Good. {REMINDER}"),
        ("sorry", f"Of course. {REMINDER}"),
    ],
    "nonsense, three times": [
        ("bla bla", "Sorry, I did not get that. Is June 3rd at 2 PM still good for you? Please say yes or no."),
        ("", "I am sorry. Please say yes to keep the appointment, or no to change it."),
        ("[inaudible]", GIVE_UP),
    ],
    "nonsense twice, then an answer": [
        ("yes", f"Good. {REMINDER}"),
        ("banana", "Sorry, I did not get that. Please say text message, phone call, or no reminder."),
        ("orange", "I am sorry. Press one for a text message, two for a phone call, or three for no reminder."),
        ("DTMF: 2", "So that is June 3rd at 2 PM, with a reminder by phone call. Is that right?"),
    ],
    "no reminder understood at all": [
        ("yes", f"Good. {REMINDER}"),
        *[("bla bla", "")] * 2,
        ("bla bla", "I will leave the reminder out. So that is June 3rd at 2 PM, with no reminder. Is that right?"),
    ],
    "keys only": [
        ("DTMF: 1", f"Good. {REMINDER}"),
        ("DTMF: 3", "So that is June 3rd at 2 PM, with no reminder. Is that right?"),
        ("DTMF: 1", DONE),
    ],
    "a wrong key": [
        ("DTMF: 9", "Sorry, I did not get that. Is June 3rd at 2 PM still good for you? Please say yes or no."),
    ],
    "silence": [
        ("[silence]", f"Are you still there? {TIME}"),
        *[("[silence]", f"Are you still there? {TIME}")] * 4,
        ("yes", f"Good. {REMINDER}"),
    ],
    "hello, who is this": [
        ("Hello?", f"Hello, this is DialNexa. {TIME}"),
        ("who is calling", f"Hello, this is DialNexa. {TIME}"),
        ("yes this is alex", f"Thank you. {TIME}"),
        ("Yes, this is Alex Rivera speaking.", f"Thank you. {TIME}"),
        ("yes sure", f"Good. {REMINDER}"),
    ],
    "a moment, please": [
        ("hold on", "Sure, take your time."),
        ("yes it still works", f"Good. {REMINDER}"),
    ],
    "a person, please": [
        ("can i speak to someone", f"I am sorry, I cannot connect you to a person from here. {TIME}"),
    ],
    "do not call": [("please stop calling me", "I understand. We will not call you again. Goodbye.")],
    "do not call, in the middle": [
        ("yes", f"Good. {REMINDER}"),
        ("don't call me, just take me off your list", "I understand. We will not call you again. Goodbye."),
    ],
    "wrong number": [("no, you have the wrong number", "I am sorry to have disturbed you. Goodbye.")],
    "goodbye": [("i have to go", "Thank you for your time. Goodbye."), ("bye", "Goodbye.")],
    "a call assistant": [
        ("Please state your name and the reason for your call.", HELLO),
        ("yes that works", f"Good. {REMINDER}"),
    ],
}  # fmt: skip

ENDS = {
    "the customer of the sandbox", "lower case, as the embedded recogniser writes", "another time, asked for",
    "corrections at the end", "nonsense, three times", "keys only", "do not call", "do not call, in the middle",
    "wrong number", "goodbye",
}  # fmt: skip


@pytest.mark.parametrize("name", STORIES)
async def test_the_demo_agent_answers(name: str) -> None:
    call = Call(demo_agent())
    said = await call.ask()
    for heard, expected in STORIES[name]:
        said = await call.says(heard)
        assert said.text == expected or not expected, heard
        assert said.ends or said.expectation is not None
    assert said.ends is (name in ENDS)
    assert (said.expectation is None) is said.ends


async def test_greets_sensibly_without_variables() -> None:
    call = Call(demo_agent({}))
    assert call.messages[-1].content.startswith(
        "Hello there, this is DialNexa calling about your appointment on Tuesday at two."
    )
    await call.says("yes")
    assert (await call.says("no")).text == "So that is Tuesday at two, with no reminder. Is that right?"


async def test_says_what_may_be_answered_before_the_first_word() -> None:
    said = await Call(demo_agent()).ask()
    assert said.text == ""
    assert said.expectation is not None
    assert said.expectation.kind == "yes_no"
    assert "yes that works" in said.expectation.phrases
    assert {"alex", "rivera"} <= set(said.expectation.words)


async def test_names_the_kind_of_every_answer() -> None:
    call = Call(demo_agent())
    kinds = [
        said.expectation.kind
        for text in ("no", "friday", "at two", "text")
        if (said := await call.says(text)).expectation
    ]
    assert kinds == ["datetime", "time", "choice", "yes_no"]


async def test_keeps_what_it_learnt() -> None:
    call = Call(demo_agent())
    for text in ("no", "june twelfth at half past four", "by phone", "yes"):
        await call.says(text)
    slots = call.llm.slots(call.messages, call.tools)
    assert slots["new_time"].value == "06-12 16:30"
    assert slots["reminder"].value == "call"
    assert slots["confirmed"].value == "yes"


async def test_only_says_goodbye_when_no_function_can_end_the_call() -> None:
    call = Call(demo_agent(), tools=())
    said = await call.says("goodbye")
    assert said.text == "Thank you for your time. Goodbye."
    assert said.calls == ()


async def test_ends_the_call_under_whatever_name_the_function_has() -> None:
    body = demo_body()
    assert body["agent_functions"] == [
        {
            "displayName": "end_call",
            "type": "end_call",
            "description": "End the call after saying goodbye.",
            "config": {},
        }
    ]
    said = await Call(demo_agent()).says("goodbye")
    assert [(call.name, json.loads(call.arguments)) for call in said.calls] == [("end_call", {})]


def test_is_a_body_the_api_takes() -> None:
    draft = AgentDraft.model_validate(demo_body())
    assert draft.flow == demo_body()["flow"]
    assert [*contradictions(draft), *obstacles(draft)] == []


async def test_values_are_data_and_never_template() -> None:
    call = Call(demo_agent({**SEED_001, "appointment_date": "{{account_id}} /.*/"}))
    await call.says("yes")
    assert (await call.says("text")).text.startswith("So that is {{account_id}} /.*/, with a reminder")


async def test_asking_again_gives_the_same_answer() -> None:
    call = Call(demo_agent())
    for text in ("hello", "yes", "text"):
        await call.says(text)
    call.messages.append(Message("user", "yes that is right"))
    first, second = await call.ask(), await call.ask()
    assert first == second
    fresh = [event async for event in FlowLlm(demo_agent()).stream(call.messages, call.tools)]
    assert tuple(fresh) == first.events
