"""What nodes and edges do, each in a conversation as small as it can be."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.live.speech.flow.stories import Call, demo_agent, flow_agent, prompt_agent

from dialnexa.live.plan import FunctionSpec
from dialnexa.live.speech.ports import Finished, Message, ToolCall

END = {"id": "end", "type": "end", "message": "Goodbye."}


def start(message: str = "Ready?", **config: object) -> dict[str, object]:
    return {"id": "start", "type": "start", "message": message, "config": config}


def ask(name: str, message: str, kind: str = "conversation", **config: object) -> dict[str, object]:
    return {"id": name, "type": kind, "message": message, "config": config}


def way(source: str, target: str, kind: str = "always", **condition: object) -> dict[str, object]:
    return {"from": source, "to": target, "condition": {"type": kind, **condition}}


async def begun(call: Call) -> Call:
    """Let the agent speak its opening."""
    said = await call.ask()
    call.messages.append(Message("assistant", said.text))
    return call


async def test_speaks_the_opening_when_it_is_the_models_to_speak() -> None:
    call = Call(flow_agent([start("Hello {{name}}. Ready?", expect="yes_no"), END], [way("start", "end")], name="Ann"))
    said = await call.ask()
    assert said.text == "Hello Ann. Ready?"
    assert said.expectation is not None
    assert said.expectation.kind == "yes_no"


async def test_answers_the_first_words_with_an_opening_nobody_heard() -> None:
    call = Call(demo_agent(), opening_heard=False)
    assert (await call.says("Hello?")).text.startswith("Hello Alex Rivera, this is DialNexa")
    assert (await call.says("yes that works")).text.startswith("Good.")


async def test_words_before_the_opening_are_no_answer() -> None:
    call = Call(demo_agent(), opening_heard=False)
    call.messages += [Message("user", "yes"), Message("assistant", call.agent.opening.text)]
    assert (await call.says("no")).text.startswith("No problem.")


async def test_an_interrupted_reply_changes_nothing() -> None:
    call = Call(demo_agent())
    await call.says("yes", heard=12)
    assert (await call.says("text message")).text.startswith("So that is June 3rd at 2 PM")


async def test_two_turns_with_nothing_heard_between_are_one() -> None:
    call = Call(demo_agent())
    await call.says("yes", heard=0)
    assert (await call.says("that works")).text.startswith("Good. Would you like a reminder")
    call = Call(demo_agent())
    await call.says("DTMF: 1", heard=0)
    assert "did not get that" in (await call.says("DTMF: 2")).text


async def test_a_system_message_at_the_end_asks_for_a_reminder() -> None:
    call = Call(demo_agent())
    call.messages.append(Message("system", "The caller has been silent."))
    assert (await call.ask()).text == "Are you still there? Does that time still work for you?"


FUNCTION = [
    start(expect={"kind": "digits"}, slot="order"),
    ask("look", "One moment.", "function", function="find_order", arguments={"number": "{{order}}", "limit": 1}),
    ask("found", "Your order is {{look.state}}. Goodbye.", "end"),
    ask("lost", "I cannot find it. Goodbye.", "end"),
]
FUNCTION_WAYS = [
    way("start", "look"),
    way("look", "found", "outcome", value="success"),
    way("look", "lost", "outcome", value="failure"),
]


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ('{"state": "on its way"}', "Your order is on its way. Goodbye."),
        ('{"error": "no such order"}', "I cannot find it. Goodbye."),
        ('{"ok": false}', "I cannot find it. Goodbye."),
        ("error: timeout", "I cannot find it. Goodbye."),
    ],
)
async def test_a_function_goes_on_with_its_outcome(result: str, text: str) -> None:
    call = await begun(Call(flow_agent(FUNCTION, FUNCTION_WAYS), tools=("find_order", "end_call")))
    said = await call.says("one two three")
    assert said.text == "One moment."
    assert said.expectation is None
    assert [(tool.name, json.loads(tool.arguments)) for tool in said.calls] == [
        ("find_order", {"number": "1 2 3", "limit": 1})
    ]
    assert said.events[-1] == Finished("tool_calls", said.events[-1].prompt_tokens, 2)  # type: ignore[union-attr]
    said = await call.returns(result)
    assert said.text == text
    assert said.ends


async def test_a_function_that_is_not_offered_has_failed() -> None:
    call = await begun(Call(flow_agent(FUNCTION, FUNCTION_WAYS)))
    assert (await call.says("one")).text == "One moment. I cannot find it. Goodbye."


async def test_speech_while_a_function_runs_counts_after_it() -> None:
    nodes = [*FUNCTION[:2], ask("lost", "I cannot find it. Shall I end the call?", expect="yes_no"), END]
    ways = [way("start", "look"), way("look", "lost"), way("lost", "end", "slot", value="yes")]
    call = await begun(Call(flow_agent(nodes, ways), tools=("find_order", "end_call")))
    await call.says("one")
    assert (await call.says("yes")).text == "Goodbye."


async def test_a_transfer_asks_for_the_function_of_that_kind() -> None:
    transfer = FunctionSpec("to_the_office", "call_transfer", "")
    call = Call(prompt_agent(transfer), tools=("to_the_office", "end_call"))
    said = await call.says("operator please")
    assert [tool.name for tool in said.calls] == ["to_the_office"]
    assert (await call.returns('{"error": "busy"}')).text == (
        "I am sorry, nobody can take the call right now. Would you like to leave a message?"
    )


async def test_an_sms_that_cannot_be_sent_does_not_stop_the_flow() -> None:
    nodes = [start(expect="yes_no"), ask("text", "", "sms"), ask("ok", "All right. Goodbye.", "end"), END]
    ways = [way("start", "text"), way("text", "ok", "outcome", value="success"), way("text", "end")]
    call = await begun(Call(flow_agent(nodes, ways)))
    assert (await call.says("yes")).text == "All right. Goodbye."


async def test_reads_an_answer_back_when_asked_to() -> None:
    number = start("Your number?", expect="phone", slot="number", confirm=True)
    call = await begun(Call(flow_agent([number, ask("end", "{{number}}. Goodbye.", "end")], [way("start", "end")])))
    assert (await call.says("555 01 00")).text == "I heard 5 5 5, 0 1 0 0. Is that right?"
    assert (await call.says("can you repeat that")).text == "Of course. I heard 5 5 5, 0 1 0 0. Is that right?"
    assert (await call.says("no, 555 01 99")).text == "I heard 5 5 5, 0 1 9 9. Is that right?"
    assert (await call.says("no")).text == "Sorry about that. Your number?"
    await call.says("555 01 98")
    assert (await call.says("hm")).text == "Sorry, I did not get that. I heard 5 5 5, 0 1 9 8. Is that right?"
    assert (await call.says("yes")).text == "5 5 5, 0 1 9 8. Goodbye."


async def test_expressions_choose_the_way() -> None:
    nodes = [start("How many?", expect="number", slot="people"), ask("many", "Many.", "end"), ask("few", "Few.", "end")]
    ways = [way("start", "many", "expression", expr="people > 8 or vip == 'yes'"), way("start", "few")]
    assert (await (await begun(Call(flow_agent(nodes, ways)))).says("twelve")).text == "Many."
    assert (await (await begun(Call(flow_agent(nodes, ways)))).says("two")).text == "Few."
    assert (await (await begun(Call(flow_agent(nodes, ways, vip="Yes")))).says("two")).text == "Many."


async def test_a_condition_for_a_model_falls_back_on_phrases() -> None:
    nodes = [start("What can I do?"), ask("bill", "About the bill.", "end"), END]
    llm = way("start", "bill", "llm", text="asks about an invoice", fallback_phrases=["question about my bill"])
    call = await begun(Call(flow_agent(nodes, [llm])))
    said = await call.ask()
    assert said.expectation is None or said.expectation.phrases == ("question about my bill",)
    assert (await call.says("i have a question about the bill")).text == "About the bill."


async def test_phrases_of_edges_are_what_the_ears_expect() -> None:
    nodes = [start("Sales or support?"), END]
    call = Call(
        flow_agent(
            nodes,
            [way("start", "end", "intent", phrases=["Sales, please", "/^x$/", "it's {{product}}"])],
            product="Foo",
        )
    )
    said = await call.ask()
    assert said.expectation is not None
    assert said.expectation.kind == "choice"
    assert said.expectation.phrases == ("sales please", "it's foo")
    assert said.expectation.words == ("foo",)


async def test_silence_may_have_its_own_way() -> None:
    nodes = [start(expect="yes_no"), ask("end", "Nobody there. Goodbye.", "end")]
    call = await begun(Call(flow_agent(nodes, [way("start", "end", "silence", value="2")])))
    assert (await call.says("[silence]")).text == "Are you still there? Ready?"
    assert (await call.says("[silence]")).text == "Nobody there. Goodbye."


async def test_gives_up_gracefully_where_the_graph_has_no_way() -> None:
    call = await begun(
        Call(flow_agent([start(expect="yes_no", retries=1), END], [way("start", "end", "slot", value="yes")]))
    )
    assert (await call.says("bla")).text == "Sorry, I did not get that. Ready?"
    said = await call.says("bla")
    assert said.text.endswith("Please try again later. Goodbye.")
    assert said.ends


async def test_a_circle_of_nodes_ends_the_call_instead_of_the_program() -> None:
    nodes = [start(expect="yes_no"), ask("a", "", "logic"), ask("b", "", "logic")]
    call = await begun(Call(flow_agent(nodes, [way("start", "a"), way("a", "b"), way("b", "a")])))
    assert (await call.says("yes")).ends


async def test_a_global_node_may_lead_elsewhere_or_come_back() -> None:
    nodes = [
        start(expect="yes_no"), ask("hours", "We open at nine.", "global", phrases=["opening hours"]),
        ask("menu", "", "global", phrases=["main menu"]), END,
    ]  # fmt: skip
    call = await begun(Call(flow_agent(nodes, [way("start", "end", "slot"), way("menu", "end")])))
    assert (await call.says("what are your opening hours")).text == "We open at nine. Ready?"
    assert (await call.says("main menu")).text == "Goodbye."


@pytest.mark.parametrize(
    ("menu", "key"),
    [
        ("Welcome to Riverside Dental. For opening hours, press one. For the reception, press two.", "2"),
        ("press 1 for sales press 2 for support press 3 to speak to an operator", "3"),
        ("press star to continue", "*"),
        ("to accept this call press 5", "5"),
        ("press one press two", "1"),
    ],
)
async def test_presses_the_key_that_leads_to_a_person(menu: str, key: str) -> None:
    call = Call(demo_agent(), tools=("press_digits", "end_call"))
    said = await call.says(menu)
    assert said.text == ""
    assert [(tool.name, json.loads(tool.arguments)) for tool in said.calls] == [("press_digits", {"digits": key})]
    assert (await call.returns("Pressed.")).text == ""
    assert (await call.says("yes that works")).text.startswith("Good.")


async def test_leaves_menus_alone_when_it_cannot_press() -> None:
    assert (await Call(demo_agent()).says("for sales press one")).calls == ()


@pytest.mark.parametrize(
    "question",
    [
        "The person you are calling is using a call assistant. Please say your name and why you are calling.",
        "please state your name and the reason for your call",
        "before i try to connect you can i ask what is the purpose of your call",
    ],
)
async def test_tells_a_call_assistant_who_is_calling_and_why(question: str) -> None:
    call = Call(demo_agent(), opening_heard=False)
    said = await call.says(question)
    assert said.text == "Hello Alex Rivera, this is DialNexa calling about your appointment on June 3rd at 2 PM."
    assert "Does that time still work" in (await call.says("hello")).text


ANYTHING = st.one_of(
    st.text(max_size=80),
    st.sampled_from(
        ["yes", "no", "friday at three", "text", "repeat", "goodbye", "DTMF: 1", "DTMF: *#", "[silence]", "", "hello",
         "stop calling", "four one five five five five zero one zero zero", "alex", "press one for sales", "the time"]
    ),
)  # fmt: skip
TURN = st.tuples(st.sampled_from(["user", "assistant", "tool", "system"]), ANYTHING)


@settings(max_examples=150, deadline=None)
@given(st.lists(TURN, max_size=12), st.sampled_from([demo_agent(), prompt_agent()]), st.booleans())
async def test_whatever_happens_there_is_one_reply_and_one_end(
    turns: list[tuple[str, str]], agent: object, tools: bool
) -> None:
    call = Call(agent, tools=("end_call", "press_digits") if tools else ())  # type: ignore[arg-type]
    call.messages += [Message(role, text) for role, text in turns]  # type: ignore[arg-type]
    said = await call.ask()
    assert sum(isinstance(event, Finished) for event in said.events) == 1
    assert sum(isinstance(event, ToolCall) for event in said.events) <= 1
    assert {tool.name for tool in said.calls} <= {tool.name for tool in call.tools}
    assert "{{" not in said.text
