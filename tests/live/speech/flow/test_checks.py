"""A graph that makes no sense as a whole is told so in sentences that name the node and the fix."""

from __future__ import annotations

from typing import Any

import pytest
from tests.live.speech.flow.stories import demo_body

from dialnexa.live.speech.embedded.flow.checks import Findings, Surroundings, check, shape

START = {"id": "start", "type": "start", "message": "Hello."}
END = {"id": "end", "type": "end", "message": "Goodbye."}
ORDER = Surroundings({"find_order": "custom", "hand_over": "call_transfer"}, frozenset({"order.state", "city"}))


def node(name: str, kind: str = "conversation", **fields: Any) -> dict[str, Any]:
    return {"id": name, "type": kind, "message": "What?", **fields}


def way(source: str, target: str, kind: str = "always", **condition: Any) -> dict[str, Any]:
    return {"id": f"{source}-{target}", "from": source, "to": target, "condition": {"type": kind, **condition}}


def judged(*parts: dict[str, Any], around: Surroundings = ORDER) -> Findings:
    """A graph that begins and ends, and these nodes and edges besides."""
    nodes = [START, END, *(part for part in parts if "type" in part)]
    edges = [way("start", "end"), *(part for part in parts if "from" in part)]
    return check({"nodes": nodes, "edges": edges}, around)


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        ([node("f", "function", config={"function": "find"})], "node 'f': names the function 'find', which the agent"),
        ([node("f", "function", config={"function": "find_order"})], "node 'f': has no way on after success; add"),
        (
            [node("f", "function", config={"function": "find_order"}), way("f", "end", "outcome", value="success")],
            "node 'f': has no way on after failure",
        ),
        ([node("t", "transfer")], "node 't': has no way on after failure"),
        ([node("s", "sms"), way("s", "end")], "node 's': does not say what to send; set config.text"),
        (
            [node("l", "logic"), way("l", "end", "expression", expr="city == 'Rome'")],
            "node 'l': has no way on when none of its conditions holds",
        ),
        ([node("a", config={"functions": ["fly"]})], "node 'a': offers the function 'fly', which the agent"),
        ([node("a"), way("a", "end", "outcome", value="success")], "waits for an outcome, but only function, transfer"),
        ([node("t", "transfer"), way("t", "end", "outcome", value="busy")], "the outcome 'busy', but there are only"),
        (
            [node("l", "logic"), way("l", "end"), way("l", "start", "llm", text="the caller agrees")],
            "edge 'l-start' from node 'l' to node 'start': is of type llm, but a logic node asks nobody",
        ),
        ([node("a"), way("a", "end", "llm")], "does not say when it is taken; describe it in condition.text"),
        (
            [node("a", "logic"), node("b", "logic"), way("a", "b"), way("b", "a")],
            "nodes 'a' → 'b' → 'a' lead in a circle in which nobody is asked anything; let it pass a conversation",
        ),
        ([way("start", "nowhere")], "there is no node 'nowhere'"),
        ([node("g", "global")], "node 'g': is global but has neither an intent nor phrases nor a condition"),
        ([node("start", "start")], "node 'start': another node has the same id"),
        ([node("again", "start")], "needs exactly one start node and has 2"),
    ],
)
def test_a_problem_names_its_place_and_the_fix(parts: list[dict[str, Any]], problem: str) -> None:
    found = judged(*parts)
    assert any(problem in one for one in found.problems), found


@pytest.mark.parametrize(
    ("parts", "warning"),
    [
        ([node("a"), way("a", "end")], "node 'a': cannot be reached from the start"),
        ([node("a"), way("start", "a")], "node 'a': leads nowhere; the conversation will stay there"),
        ([way("end", "start")], "node 'end': ends the call, so the edges from it are never taken"),
        ([node("a", message=""), way("a", "end")], "node 'a': has neither a message nor a prompt"),
        ([node("a", message="", prompt="Ask."), way("a", "end")], "node 'a': has no message; builtin/flow"),
        ([node("g", "global", config={"condition": "asks for hours"})], "node 'g': needs a language model"),
        ([way("start", "end", "llm", text="agrees")], "needs a language model; give it fallback_phrases"),
        ([way("start", "end", "silence")], "waits for silence, which is answered by the agent's reminders"),
        ([node("a", message="{{town}}"), way("a", "end")], "node 'a': uses {{town}}, which nothing in the agent sets"),
        ([way("start", "end", "expression", expr="vip exists")], "node 'start': uses {{vip}}"),
    ],
)
def test_a_doubt_is_told_and_keeps_nothing_from_being_published(parts: list[dict[str, Any]], warning: str) -> None:
    found = judged(*parts)
    assert any(warning in one for one in found.warnings), found
    assert found.problems == ()


def test_what_anything_in_the_agent_sets_is_known() -> None:
    uses = "{{city}} {{order.state}} {{call_id}} {{day}} {{answer}} {{size}} {{l.state}}"
    setting = [
        node("l", "logic", config={"set": {"day": "Monday"}}),
        node("a", config={"slot": "answer", "variables": [{"name": "size", "type": "number"}]}),
    ]
    found = judged(*setting, node("u", message=uses), way("start", "l"), way("l", "a"), way("a", "u"), way("u", "end"))
    assert found == Findings()


def test_a_call_must_be_able_to_end() -> None:
    flow = {"nodes": [START, node("a")], "edges": [way("start", "a"), way("a", "start")]}
    assert check(flow, ORDER).problems == (
        "no end node can be reached from the start; add one, or an end_call function",
    )
    assert check(flow, Surroundings({"bye": "end_call"})).problems == ()
    goodbye = node("z", "global", config={"intent": "goodbye"})
    for last in (node("z", "end"), node("z", config={"end_call": True}), goodbye):
        led = [] if last is goodbye else [way("a", "z")]
        final = {"nodes": [START, node("a"), last], "edges": [*flow["edges"], *led]}
        assert check(final, ORDER).problems == ()


def test_a_transfer_needs_no_destination_of_its_own_where_the_agent_has_one() -> None:
    parts = (node("t", "transfer"), way("start", "t"), way("t", "end", "outcome", value="failure"))
    assert judged(*parts).problems == ()
    (problem,) = judged(*parts, around=Surroundings()).problems
    assert "node 't': does not say where to transfer to; set config.destinations" in problem
    own = node("t", "transfer", config={"destinations": ["+14155550100"]})
    assert judged(own, *parts[1:], around=Surroundings()).problems == ()


def test_a_circle_that_asks_somebody_is_none() -> None:
    parts = (node("l", "logic"), node("a"), way("l", "a"), way("a", "l"), way("start", "l"), way("a", "end"))
    assert judged(*parts).problems == ()


def test_a_draft_need_only_be_readable() -> None:
    draft: dict[str, Any] = {"nodes": [node("a"), node("b", "function")], "edges": [way("a", "nowhere")]}
    assert shape(draft) == ()
    assert len(check(draft, ORDER).problems) == 3
    assert shape({**draft, "nodes": [node("a", "say")]})[0].startswith("node 'a': 'type' is 'say' but must be one of")


def test_the_demo_has_nothing_to_be_told() -> None:
    body: Any = demo_body()
    around = Surroundings({"end_call": "end_call"}, frozenset(body["default_dynamic_variables"]))
    assert check(body["flow"], around) == Findings()
