"""Flows in whole conversations: what is heard on the line, what the timeline tells, what is kept of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from tests.live.conversation.flow.stories import agent, moves, node, way, when
from tests.live.conversation.stories import Story, plan, story

from dialnexa.live.conversation.functions import FunctionError
from dialnexa.live.outcome import EndReason
from dialnexa.live.plan import CallPlan, FunctionSpec, Model
from dialnexa.live.speech.embedded.flow.llm import FlowLlm
from dialnexa.live.timeline import FlowNodeEntered, TextMessage, TextMessageSkipped, ToolCalled, Trouble

START = node("start", "start", "Hello, does Tuesday work?")
KEEP = node("keep", message="Good. May I remind you?", slot="reminder")
TEXT = node("text", "sms", "One moment.", text="See you on {{day}}, reminder by {{reminder}}.")
BYE = node("bye", "end", "All set. Goodbye.")
SORRY = node("sorry", "end", "I could not text you. Goodbye.")
SMS = FunctionSpec("sms_text", "sms", "", config={"to": "+16505550199"}, offered=False)
GRAPH = (
    START,
    KEEP,
    TEXT,
    BYE,
    SORRY,
    when("start", "keep", "It works."),
    way("keep", "text"),
    way("text", "bye", "outcome", value="success"),
    way("text", "sorry", "outcome", value="failure"),
)
YES, BY_TEXT = moves("go_to_keep"), moves("note_answer", reminder="text")


class Carrier:
    """Takes text messages, or does not."""

    def __init__(self, refuses: str = "") -> None:
        self.refuses = refuses
        self.sent: list[Mapping[str, object]] = []
        self.known: dict[str, str] = {}

    def know(self, variables: Mapping[str, str]) -> None:
        self.known |= variables

    async def run(self, spec: FunctionSpec, arguments: Mapping[str, object]) -> str:
        if self.refuses:
            raise FunctionError(self.refuses)
        self.sent.append(arguments)
        return '{"ok": true}'


def call(*parts: dict[str, Any], model: str = "test/model", channel: Any = "phone") -> CallPlan:
    flow = replace(agent(*parts, functions=[SMS], day="Tuesday"), model=Model(model))
    return replace(plan(), agent=flow, channel=channel)


async def _talked(told: Story) -> None:
    await told.agent_is_done()
    await told.says("Yes, it does.")
    await told.agent_is_done()
    await told.says("By text, please.")
    await told.line.run_until(lambda: told.over)


async def test_a_whole_call_along_its_graph() -> None:
    carrier = Carrier()
    async with story(call(*GRAPH), replies=[YES, BY_TEXT], functions=carrier) as told:
        await _talked(told)
        assert told.transcript == [
            ("agent", "Hello, does Tuesday work?"),
            ("user", "Yes, it does."),
            ("agent", "Good. May I remind you?"),
            ("user", "By text, please."),
            ("agent", "One moment. All set. Goodbye."),
        ]
        assert told.result.reason is EndReason.AGENT_DISCONNECTED
        assert carrier.sent == [{"to": "+16505550199", "text": "See you on Tuesday, reminder by text."}]
        assert told.result.collected == carrier.known == {"reminder": "text"}
        assert told.happened(FlowNodeEntered) == [
            FlowNodeEntered("start", "", "start", "start"),
            FlowNodeEntered("keep", "", "conversation", "edge", "start-keep"),
            FlowNodeEntered("text", "", "sms", "edge", "keep-text"),
            FlowNodeEntered("bye", "", "end", "edge", "text-bye"),
        ]
        assert told.happened(TextMessage) == [
            TextMessage("+16505550199", "See you on Tuesday, reminder by text.", sent=True)
        ]


async def test_a_message_that_cannot_be_sent_takes_the_other_way_and_says_why() -> None:
    async with story(call(*GRAPH), replies=[YES, BY_TEXT], functions=Carrier("No carrier.")) as told:
        await _talked(told)
        assert told.transcript[-1] == ("agent", "One moment. I could not text you. Goodbye.")
        (message,) = told.happened(TextMessage)
        assert isinstance(message, TextMessage)
        assert (message.sent, message.detail) == (False, "No carrier.")


async def test_on_a_web_call_a_message_is_skipped_and_the_flow_goes_on() -> None:
    carrier = Carrier()
    async with story(call(*GRAPH, channel="web"), replies=[YES, BY_TEXT], functions=carrier) as told:
        await _talked(told)
        assert told.transcript[-1] == ("agent", "One moment. All set. Goodbye.")
        assert told.happened(TextMessageSkipped) == [TextMessageSkipped("See you on Tuesday, reminder by text.")]
        assert carrier.sent == []


async def test_the_start_is_on_the_timeline_although_nobody_answers_it() -> None:
    async with story(call(*GRAPH)) as told:
        await told.agent_is_done()
        assert told.happened(FlowNodeEntered) == [FlowNodeEntered("start", "", "start", "start")]
        assert told.speech.mind.requests == []


async def test_an_interrupted_message_is_not_taken_for_heard() -> None:
    async with story(call(*GRAPH), replies=[YES, "I asked: may I remind you?"]) as told:
        await told.agent_is_done()
        await told.says("Yes, it does.")
        await told.line.run_until(lambda: told.line.agent_speaks)
        await told.line.run(0.5)
        await told.says("Sorry, what was that?")
        await told.agent_is_done()
        heard = [text for role, text in told.transcript if role == "agent"]
        assert heard == ["Hello, does Tuesday work?", "Good. May I remind", "I asked: may I remind you?"]
        assert [what.node_id for what in told.happenings if isinstance(what, FlowNodeEntered)] == ["start", "keep"]


async def test_a_graph_that_cannot_lead_on_ends_the_call_and_says_where() -> None:
    circle = (START, node("a", "logic"), node("b", "logic"), way("start", "a"), way("a", "b"), way("b", "a"))
    async with story(call(*circle)) as told:
        await told.agent_is_done()
        await told.says("Yes, it does.")
        await told.line.run_until(lambda: told.over)
        (trouble,) = told.happened(Trouble)
        assert isinstance(trouble, Trouble)
        assert "more than 32 nodes in one turn" in trouble.message


@pytest.mark.parametrize(("refuses", "last"), [("", "bye"), ("No carrier.", "sorry")])
async def test_the_embedded_engine_goes_the_same_ways(refuses: str, last: str) -> None:
    yes_no = node("start", "start", "Hello, does Tuesday work?", expect="yes_no")
    ask = node("keep", message="Good. May I remind you?", expect="free_text", slot="reminder")
    parts = (yes_no, ask, TEXT, BYE, SORRY, way("start", "keep", "slot", value="yes"), *GRAPH[6:])
    plan = call(*parts, model="builtin/flow")
    async with story(plan, functions=Carrier(refuses), mind=FlowLlm(plan.agent)) as told:
        await _talked(told)
        path = [what.node_id for what in told.happenings if isinstance(what, FlowNodeEntered)]
        assert path == ["start", "keep", "text", last]
        assert told.result.collected["reminder"] == "By text, please."
        assert [what.name for what in told.happenings if isinstance(what, ToolCalled)] == ["sms_text", "end_call"]
