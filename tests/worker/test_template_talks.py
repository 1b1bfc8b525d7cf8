"""The templates talk: each holds its conversation with the embedded engine, and ends it by itself."""

from __future__ import annotations

import asyncio

import pytest

from dialnexa.live.conversation.conversation import Conversation
from dialnexa.live.plan import AgentPlan, CallPlan, Transcriber, Voice
from dialnexa.live.speech.embedded.flow.llm import FlowLlm
from dialnexa.platform.agents.templates import service as templates
from tests.live.conversation.stories import Story
from tests.live.fake_speech import FakeSpeech, FakeStt, FakeTts
from tests.live.fakes import FakeLine
from tests.live.speech.flow.stories import Call
from tests.worker.test_plans import NOTHING, planned

Line = tuple[str, str]
"""What the person says, and what the agent's answer must hold."""

TALKS: dict[str, list[Line]] = {
    "appointment-reminder": [
        ("yes that works", "Would you like a reminder"),
        ("no thank you", "Is that right?"),
        ("yes", "You are all set."),
    ],
    "receptionist": [
        ("what are your opening hours", "We are open Monday to Friday, from nine to five. Can I do anything else"),
        ("yes", "What would you like?"),
        ("leave a message please", "what it is about"),
        ("my invoice has a mistake in it", "May I have your name?"),
        ("my name is Ada Lovelace", "which phone number"),
        ("DTMF: 4155550123", "So that is a message from Ada Lovelace"),
        ("yes that is right", "I will pass your message on. Goodbye."),
    ],
    "lead-qualification": [
        ("yes go ahead", "How many people would use it?"),
        ("about twenty", "when would you like to start"),
        ("this quarter", "May one of our specialists call you?"),
        ("yes please", "On which day and at what time?"),
        ("friday at three", "we will call you Friday at 3 PM. Thank you, and goodbye."),
    ],
    "payment-reminder": [
        ("yes speaking", "your payment of $50 was due on the first of the month"),
        ("yes I can", "On which day will you pay?"),
        ("on friday", "I have noted Friday. Goodbye."),
    ],
    "survey": [
        ("DTMF: 4", "Would you recommend us"),
        ("yes I would", "anything we should do better?"),
        ("shorter waiting times would be nice", "Thank you very much for your time. Goodbye."),
    ],
    "ivr-menu": [
        ("DTMF: 1", "We are open Monday to Friday, from nine to five. For opening hours, press one."),
        ("DTMF: 2", "You find us at 1 Main Street. For opening hours, press one."),
        ("DTMF: 4", "Thank you for calling. Goodbye."),
    ],
}
BRANCHES: dict[str, tuple[str, list[Line]]] = {
    "paid already": ("payment-reminder", [("yes", "was due"), ("I have already paid", "We will check that")]),
    "somebody else": ("payment-reminder", [("no wrong number", "try again another time. Goodbye.")]),
    "instalments": (
        "payment-reminder",
        [("yes", "was due"), ("no I can not", "in instalments?"), ("yes please", "A colleague will call you.")],
    ),
    "no time": ("lead-qualification", [("no not now", "sorry for the interruption. Goodbye.")]),
    "nothing else": (
        "receptionist",
        [("opening hours", "anything else"), ("no that is all", "Thank you for calling.")],
    ),
    "a rating nobody understood": (
        "survey",
        [("banana", "from one to five"), ("banana", "one to five"), ("banana", "Would you recommend us")],
    ),
}


def agent(template_id: str) -> AgentPlan:
    return planned(NOTHING, **templates.get(template_id).agent)


async def tell(template_id: str, lines: list[Line]) -> None:
    call = Call(agent(template_id), tools=["end_call", "transfer_to_office"])
    replies = [(said, answer, await call.says(said)) for said, answer in lines]
    for said, answer, reply in replies:
        assert answer in reply.text, f"{said!r} → {reply.text!r}"
    assert replies[-1][2].ends or "recommend" in replies[-1][1]


def test_every_template_has_a_talk() -> None:
    assert set(TALKS) == {template.id for template in templates.every()}


@pytest.mark.parametrize("template_id", TALKS)
async def test_a_template_holds_its_conversation(template_id: str) -> None:
    await tell(template_id, TALKS[template_id])


@pytest.mark.parametrize("branch", BRANCHES)
async def test_a_template_takes_its_other_ways(branch: str) -> None:
    await tell(*BRANCHES[branch])


async def test_nobody_to_connect_to_becomes_a_message() -> None:
    call = Call(agent("receptionist"), tools=["end_call", "transfer_to_office"])
    asked = await call.says("I would like to speak to a person")
    assert [wish.name for wish in asked.calls] == ["transfer_to_office"]
    assert "nobody can take the call right now" in (await call.returns('{"error": "Nobody answered."}')).text


class Mouthed:
    """Fakes for ears and mouth, and the real embedded engine for the mind."""

    def __init__(self, fakes: FakeSpeech) -> None:
        self.fakes = fakes

    def stt(self, settings: Transcriber) -> FakeStt:
        return self.fakes.ears

    def tts(self, voice: Voice) -> FakeTts:
        return self.fakes.mouth

    def llm(self, agent: AgentPlan) -> FlowLlm:
        return FlowLlm(agent)


async def test_the_survey_is_held_from_the_first_word_to_hanging_up() -> None:
    line = FakeLine()
    told = Story(line, FakeSpeech.scripted(line.clock))
    call = CallPlan("call_1", "inbound", "+16505550199", "+14155550100", agent("survey"))
    told.conversation = Conversation(call, line, Mouthed(told.speech), told.happenings.append)
    told.task = asyncio.create_task(told.conversation.run())
    for said in ("five", "yes I would", "more parking space please"):
        await told.agent_is_done()
        await told.says(said)
    await line.run_until(lambda: told.over)
    assert (told.result.ending, told.result.reason) == ("completed", "agent_disconnected")
    assert [text for role, text in told.transcript if role == "agent"][-1] == (
        "Thank you very much for your time. Goodbye."
    )
