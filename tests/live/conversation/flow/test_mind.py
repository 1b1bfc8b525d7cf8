"""A model that speaks along a graph: where it leads, what the model is told and offered there, and what is heard."""

from __future__ import annotations

import json

import pytest
from tests.live.conversation.flow.stories import Call, agent, moves, node, way, when

from dialnexa.live.plan import FunctionSpec
from dialnexa.live.speech.embedded.flow.acting import own_name
from dialnexa.live.speech.embedded.flow.graph import GraphError, parse
from dialnexa.live.speech.ports import Message, TextDelta

START = node("start", "start", "Hello, this is Mia. Does Tuesday still work?", prompt="Find out whether it works.")
KEEP = node("keep", message="Good. May I remind you?", prompt="Offer a reminder.")
MOVE = node("move", prompt="Find another day for {{name}}.")
BYE = node("bye", "end", "Goodbye, {{name}}.")
ASKS = (START, KEEP, MOVE, BYE, when("start", "keep", "It works."), when("start", "move", "It does not work."))


async def test_a_move_is_taken_before_anything_is_said() -> None:
    call = Call(agent(*ASKS), [moves("go_to_keep")])
    assert await call.says("Yes it does.") == "Good. May I remind you?"
    assert call.path == ["start", "keep"]
    assert call.offered() == {"go_to_keep": "It works.", "go_to_move": "It does not work."}


async def test_the_words_of_a_node_with_a_prompt_are_the_models() -> None:
    call = Call(agent(*ASKS, name="Ann"), [moves("go_to_move"), "Which day suits you better?"])
    assert await call.says("No, sorry.") == "Which day suits you better?"
    assert "You are Mia." in call.told()
    assert "Find another day for Ann." in call.told()
    assert call.model.requests[1][1:] == call.model.requests[0][1:], "moves leave nothing in the dialogue"


async def test_without_a_move_the_conversation_stays_where_it_is() -> None:
    call = Call(agent(*ASKS), ["Sorry, does Tuesday work?", moves("go_to_keep")])
    assert await call.says("Who is this?") == "Sorry, does Tuesday work?"
    assert call.path == ["start"]
    assert "Find out whether it works." in call.told()
    assert await call.says("Ah, yes.") == "Good. May I remind you?"


async def test_an_end_says_its_words_and_hangs_up() -> None:
    call = Call(agent(START, BYE, when("start", "bye", "It works."), name="Ann"), [moves("go_to_bye")])
    assert await call.says("Yes.") == "Goodbye, Ann."
    assert call.ends


async def test_an_end_with_a_prompt_lets_the_model_say_farewell_and_nothing_else() -> None:
    last = node("bye", "end", prompt="Thank the person.")
    call = Call(agent(START, last, when("start", "bye", "It works.")), [moves("go_to_bye"), "Thank you, bye!"])
    assert await call.says("Yes.") == "Thank you, bye!"
    assert call.ends
    assert call.offered() == {}
    assert "Thank the person." in call.told()


async def test_words_before_a_move_are_said_and_not_said_again() -> None:
    both = [TextDelta("Lovely. "), *moves("go_to_move")]
    call = Call(agent(*ASKS), [both, "Which day?"])
    assert await call.says("No.") == "Lovely.  Which day?"
    assert 'In this turn you have said already: "Lovely."' in call.told()


# --- what the graph decides itself -----------------------------------------------------------------------------------


async def test_an_always_edge_is_taken_once_the_person_answered_without_asking_the_model() -> None:
    call = Call(agent(START, KEEP, way("start", "keep")))
    assert await call.says("Yes.") == "Good. May I remind you?"
    assert call.model.requests == []


async def test_who_did_not_hear_the_question_has_not_answered_it() -> None:
    call = Call(agent(START, KEEP, way("start", "keep")), ["I was saying: does Tuesday work?"])
    call.messages[-1] = Message("assistant", "Hello, this is")
    assert await call.says("Wait, who?") == "I was saying: does Tuesday work?"
    assert call.path == ["start"]
    assert list(call.offered()) == ["go_to_keep"], "the model may judge that it was answered all the same"


async def test_beside_other_conditions_always_is_the_models_last_resort() -> None:
    call = Call(agent(*ASKS, way("start", "bye")), [moves("go_to_bye")])
    await call.says("Purple.")
    assert list(call.offered()) == ["go_to_keep", "go_to_move", "go_to_bye"]
    assert call.offered()["go_to_bye"].startswith("The person has answered, and none of the other")
    assert call.path == ["start", "bye"]


@pytest.mark.parametrize(("vip", "path"), [("yes", ["start", "sort", "keep"]), ("", ["start", "sort", "bye"])])
async def test_logic_sets_and_branches_silently(vip: str, path: list[str]) -> None:
    sort = node("sort", "logic", set={"who": "{{name}} the great"})
    ways = (way("start", "sort"), way("sort", "keep", "expression", expr="vip == 'yes'"), way("sort", "bye"))
    call = Call(agent(START, KEEP, BYE, sort, *ways, vip=vip, name="Ann"))
    await call.says("Yes.")
    assert call.path == path
    assert call.collected == {"who": "Ann the great"}


async def test_a_circle_that_asks_nobody_ends_the_call_and_is_told() -> None:
    ways = (way("start", "a"), way("a", "b"), way("b", "a"))
    call = Call(agent(START, node("a", "logic"), node("b", "logic"), *ways))
    assert "technical problem" in await call.says("Yes.")
    assert call.ends
    assert call.walked is not None
    assert "more than 32 nodes in one turn" in call.walked.trouble


# --- what the person tells -------------------------------------------------------------------------------------------


async def test_a_move_carries_what_the_person_told() -> None:
    start = node("start", "start", "Which day?", variables=[{"name": "day", "description": "The day."}])
    done = node("done", "end", "So {{day}}. Goodbye.")
    call = Call(agent(start, done, when("start", "done", "A day was named.")), [moves("go_to_done", day="Friday", x=1)])
    assert await call.says("On Friday.") == "So Friday. Goodbye."
    assert call.collected == {"day": "Friday"}
    (tool,) = call.model.tools[0]
    assert tool.parameters == {
        "type": "object",
        "properties": {"day": {"type": "string", "description": "The day."}},
    }


async def test_expressions_wait_until_the_answer_is_written_down() -> None:
    start = node("start", "start", "How many?", variables=[{"name": "count", "type": "integer"}])
    few, many = node("few", message="A table for {{count}}."), node("many", message="Our hall, then.")
    ways = (way("start", "few", "expression", expr="count < 9"), way("start", "many", "expression", expr="count > 8"))
    script = [moves("note_answer"), "Please say a number.", moves("note_answer", count=12)]
    call = Call(agent(start, few, many, *ways), script)
    assert await call.says("Some.") == "Please say a number."
    assert list(call.offered(0)) == ["note_answer"]
    assert list(call.offered(1)) == [], "once in a turn is enough"
    assert await call.says("Twelve.") == "Our hall, then."
    assert call.collected == {"count": "12"}


async def test_conditions_for_the_embedded_engine_are_judged_by_the_model() -> None:
    start = node("start", "start", "Does it work?", expect="yes_no", slot="works")
    ways = (
        way("start", "keep", "slot", value="yes"),
        way("start", "move", "intent", phrases=["another day", "too late"]),
        way("start", "bye", "no_match"),
    )
    call = Call(agent(start, KEEP, MOVE, BYE, *ways), [moves("go_to_keep", works="yes")])
    await call.says("Sure.")
    assert call.offered() == {
        "go_to_keep": 'The answer is "yes".',
        "go_to_move": 'The person says something like "another day", "too late".',
        "go_to_bye": "The person was asked again and still gave no answer that helps.",
    }
    assert call.collected == {"works": "yes"}


# --- functions -------------------------------------------------------------------------------------------------------

FIND = FunctionSpec("find_order", "custom", "", {"type": "object", "required": ["number"]})
LOOK = node("look", "function", "One moment.", function="find_order", arguments={"number": "{{order}}"})
FOUND = node("found", "end", "It is {{state}}. Goodbye.")
LOST = node("lost", message="I cannot find it. What is the number?")
ORDER = (START, LOOK, FOUND, LOST, way("start", "look"), way("look", "found", "outcome", value="success"))
ORDERS = (*ORDER, way("look", "lost", "outcome", value="failure"))


@pytest.mark.parametrize(
    ("result", "said", "path"),
    [
        ('{"variables": {"state": "on its way"}}', "It is on its way. Goodbye.", ["start", "look", "found"]),
        ('{"error": "no such order"}', "I cannot find it. What is the number?", ["start", "look", "lost"]),
    ],
)
async def test_a_function_leads_on_by_its_outcome(result: str, said: str, path: list[str]) -> None:
    call = Call(agent(*ORDERS, functions=[FIND], order="A-17"))
    assert await call.says("Yes.") == "One moment."
    assert [(one.name, json.loads(one.arguments)) for one in call.calls] == [("find_order", {"number": "A-17"})]
    assert await call.returns(result) == said
    assert call.path == path
    assert call.model.requests == []


async def test_the_model_gives_the_arguments_that_the_node_leaves_out() -> None:
    look = node("look", "function", function="find_order", arguments={"limit": 1})
    parts = [look if part is LOOK else part for part in ORDERS]
    call = Call(agent(*parts, functions=[FIND]), ["Which number?", moves("find_order", number="B-2", limit=5)])
    assert await call.says("Yes.") == "Which number?"
    assert list(call.offered()) == ["find_order"]
    await call.says("B two.")
    assert json.loads(call.calls[0].arguments) == {"number": "B-2", "limit": 1}
    assert (await call.returns("{}")).startswith("It is")


async def test_a_function_the_person_spoke_over_counts_as_failed() -> None:
    call = Call(agent(*ORDERS, functions=[FIND], order="A-17"))
    await call.says("Yes.")
    call.messages.append(Message("tool", "Not finished.", tool_call_id=call.calls[0].id))
    assert await call.says("Forget it.") == "I cannot find it. What is the number?"


async def test_what_a_function_told_the_model_can_open_a_way() -> None:
    start = node("start", "start", "Hello.", prompt="Find the order.")
    ways = way("start", "found", "expression", expr="state exists")
    call = Call(agent(start, FOUND, ways, functions=[FIND]), [moves("find_order", number="1")])
    await call.says("Where is my order?")
    assert await call.returns('{"variables": {"state": "here"}}') == "It is here. Goodbye."


async def test_functions_can_be_kept_to_the_nodes_that_need_them() -> None:
    start = node("start", "start", "Hello.", functions=[])
    call = Call(agent(start, node("a", functions=["find_order"]), way("start", "a"), functions=[FIND]), ["Yes?"])
    await call.says("Hello.")
    assert list(call.offered()) == ["find_order"]
    call = Call(agent(start, BYE, when("start", "bye", "Done."), functions=[FIND]), ["Yes?"])
    await call.says("Hello.")
    assert list(call.offered()) == ["go_to_bye"]


async def test_an_sms_and_a_transfer_bring_their_own_functions() -> None:
    text = node("text", "sms", text="See you on {{day}}.")
    hand = node("hand over", "transfer", destinations=["+14155550100"])
    transfer = own_name(parse(agent(START, hand).flow or {}).nodes["hand over"])
    own = [
        FunctionSpec("sms_text", "sms", "", offered=False),
        FunctionSpec(transfer, "call_transfer", "", offered=False),
    ]
    ways = (way("start", "text"), way("text", "hand over"), way("hand over", "lost", "outcome", value="failure"))
    call = Call(agent(START, text, hand, LOST, *ways, functions=own, day="Friday"))
    await call.says("Yes.")
    assert [(one.name, json.loads(one.arguments)) for one in call.calls] == [
        ("sms_text", {"text": "See you on Friday."})
    ]
    await call.returns('{"error": "no carrier"}')
    assert [one.name for one in call.calls] == [transfer]
    assert await call.returns('{"error": "nobody"}') == "I cannot find it. What is the number?"


# --- global nodes ----------------------------------------------------------------------------------------------------

HOURS = node("hours", "global", prompt="We are open from nine to five.", condition="The person asks when we are open.")


async def test_a_global_node_is_answered_in_passing() -> None:
    call = Call(agent(*ASKS, HOURS), [moves("go_to_hours"), "Nine to five. Does Tuesday work?", moves("go_to_keep")])
    assert await call.says("When are you open?") == "Nine to five. Does Tuesday work?"
    assert call.offered(0)["go_to_hours"] == "The person asks when we are open."
    assert "We are open from nine to five." in call.told()
    assert "Find out whether it works." in call.told(), "and it leads back"
    assert await call.says("Yes.") == "Good. May I remind you?"
    assert call.walked is not None
    assert [(step.node_id, step.by) for step in call.walked.path] == [
        ("start", "start"),
        ("hours", "global"),
        ("start", "return"),
        ("keep", "edge"),
    ]


async def test_a_global_node_with_a_message_says_it_and_lets_the_model_lead_back() -> None:
    hours = node("hours", "global", "We open at nine.", phrases=["opening hours"])
    call = Call(agent(*ASKS, hours), [moves("go_to_hours"), "So, does Tuesday work?"])
    assert await call.says("When are you open?") == "We open at nine. So, does Tuesday work?"
    assert call.path == ["start", "hours", "start"]


async def test_a_global_node_with_ways_of_its_own_can_be_left_by_going_back() -> None:
    ways = (*ASKS, HOURS, when("hours", "bye", "The person wants nothing more."))
    call = Call(agent(*ways), [moves("go_to_hours"), "Nine to five. Anything else?", moves("go_back"), "So, Tuesday?"])
    assert await call.says("When are you open?") == "Nine to five. Anything else?"
    assert await call.says("No, about Tuesday.") == "So, Tuesday?"
    assert list(call.offered(2)) == ["go_to_bye", "go_back"]
    assert call.path == ["start", "hours", "start"]


async def test_whoever_wants_no_more_calls_is_let_go() -> None:
    stop = node("stop", "global", "We will not call again. Goodbye.", intent="opt_out")
    call = Call(agent(*ASKS, stop), [moves("go_to_stop")])
    assert await call.says("Never call me again.") == "We will not call again. Goodbye."
    assert call.ends


# --- openings --------------------------------------------------------------------------------------------------------


async def test_before_anybody_spoke_it_only_tells_where_it_is() -> None:
    call = Call(agent(*ASKS))
    assert await call.ask() == ""
    assert call.path == ["start"]
    assert call.model.requests == []


async def test_an_opening_can_be_the_models_to_say() -> None:
    start = node("start", "start", prompt="Greet the person.")
    call = Call(agent(start, KEEP, way("start", "keep")), ["Hi, Mia here. Tuesday?"])
    assert await call.ask() == "Hi, Mia here. Tuesday?"
    assert await call.says("Yes.") == "Good. May I remind you?"


async def test_a_start_without_words_leads_on_at_once() -> None:
    call = Call(agent(node("start", "start"), KEEP, way("start", "keep")))
    assert await call.ask() == "Good. May I remind you?"


async def test_a_person_who_speaks_before_the_opening_hears_it() -> None:
    call = Call(agent(*ASKS))
    call.messages.pop()
    assert await call.says("Hello?") == "Hello, this is Mia. Does Tuesday still work?"


# --- interruptions ---------------------------------------------------------------------------------------------------


async def test_a_turn_nobody_heard_is_taken_back() -> None:
    call = Call(agent(*ASKS), [moves("go_to_keep"), moves("go_to_move"), "Which day then?"])
    await call.says("Yes …", heard=0)
    assert call.path == ["start", "keep"]
    assert await call.says("… but not at two.") == "Which day then?"
    assert call.path == ["start", "move"]
    assert call.model.requests[1][-1].content == "Yes … … but not at two."


async def test_a_move_stands_once_a_word_at_its_end_was_heard() -> None:
    call = Call(agent(*ASKS), [moves("go_to_keep"), "As I said: may I remind you?"])
    await call.says("Yes.", heard=4)
    assert await call.says("Sorry?") == "As I said: may I remind you?"
    assert call.path == ["start", "keep"]
    assert '"Good. May I remind you?" If the person has not heard them to the end' in call.told()


async def test_a_move_stands_when_a_function_was_called_after_it() -> None:
    call = Call(agent(*ORDERS, functions=[FIND], order="A-17"), ["Yes?"])
    await call.says("Yes.", heard=0)
    call.messages.append(Message("tool", '{"error": "x"}', tool_call_id=call.calls[0].id))
    await call.ask(heard=0)
    await call.says("Hello?")
    assert call.path == ["start", "look", "lost"]


async def test_answers_of_a_turn_nobody_heard_are_forgotten() -> None:
    start = node("start", "start", "Which day?", slot="day")
    ask = node("ask", message="Sure about {{day}}?")
    script = [moves("note_answer", day="Friday"), moves("note_answer", day="Monday")]
    call = Call(agent(start, ask, way("start", "ask")), script)
    await call.says("Friday …", heard=0)
    assert call.collected == {"day": "Friday"}
    assert await call.says("… no, Monday.") == "Sure about Monday?"
    assert call.collected == {"day": "Monday"}


async def test_asking_again_gives_the_moves_again() -> None:
    call = Call(agent(*ASKS), [moves("go_to_keep"), moves("go_to_keep")])
    call.messages.append(Message("user", "Yes."))
    first = await call.ask(heard=0)
    assert await call.ask() == first
    assert call.path == ["start", "keep"]


def test_a_broken_graph_is_refused_with_its_node() -> None:
    with pytest.raises(GraphError, match="node 'ask'"):
        Call(agent(START, node("ask", "say")))
