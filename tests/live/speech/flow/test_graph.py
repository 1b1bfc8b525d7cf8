"""A graph that cannot run is refused with sentences that name the node or edge."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from tests.live.speech.flow.stories import flow_agent

from dialnexa.live.speech.embedded.flow.graph import GraphError, parse
from dialnexa.live.speech.embedded.flow.llm import FlowLlm

START = {"id": "start", "type": "start", "message": "Hello.", "config": {"expect": "yes_no"}}
END = {"id": "end", "type": "end", "message": "Goodbye."}
FINISH = {"id": "e1", "from": "start", "to": "end", "condition": {"type": "always"}}


def edge(condition: object) -> dict[str, object]:
    return {"id": "e2", "from": "start", "to": "end", "condition": condition}


def node(**fields: object) -> dict[str, object]:
    return {"id": "ask", "type": "conversation", "message": "What?", **fields}


def problems(flow: Mapping[str, object]) -> tuple[str, ...]:
    with pytest.raises(GraphError) as caught:
        parse(flow)
    return caught.value.problems


BAD_NODES: list[tuple[dict[str, object], str]] = [
    (node(type="say"), "node 'ask': 'type' is 'say' but must be one of: start, conversation, function"),
    (node(type=None), "node 'ask': 'type' is None"),
    (node(config=[]), "node 'ask': 'config' must be an object"),
    (node(message=["a"]), "node 'ask': 'message' must be a text"),
    (node(message="Hello {{name"), "node 'ask': 'Hello {{name'"),
    (node(config={"expect": "colour"}), "node 'ask': 'kind' is 'colour' but must be one of: free_text, yes_no"),
    (node(config={"expect": "choice"}), "node 'ask': expects a choice but lists neither options nor phrases"),
    (node(config={"expect": {"kind": "choice", "options": [{"phrases": ["a"]}]}}), "node 'ask': has an option without"),
    (node(config={"expect": {"kind": "choice", "options": ["a"]}}), "node 'ask': 'options' has something"),
    (node(config={"retries": -1}), "node 'ask': 'retries' must be a whole number from 0 to 10"),
    (node(config={"retries": True}), "node 'ask': 'retries' must be a whole number"),
    (node(config={"confirm": "perhaps"}), "node 'ask': 'confirm' must be true or false"),
    (node(config={"reprompts": [1]}), "node 'ask': 'reprompts' must be a list of texts"),
    (node(type="global"), "node 'ask': is global but has neither an intent nor phrases"),
    (node(type="global", config={"intent": "dance"}), "node 'ask': 'intent' is 'dance'"),
    (node(type="global", config={"phrases": ["/(/"]}), "node 'ask': cannot use a phrase: the pattern '/(/'"),
    (node(type="global", config={"phrases": ["/(a+)+/"]}), "repeats a repeated group"),
    (node(type="function"), "node 'ask': does not say which function to call"),
    ({"type": "end"}, "node number 3: lacks an id"),
    ({**END}, "node 'end': another node has the same id"),
]


@pytest.mark.parametrize(("bad", "problem"), BAD_NODES)
def test_names_the_node(bad: dict[str, object], problem: str) -> None:
    (found,) = problems({"nodes": [START, END, bad], "edges": [FINISH]})
    assert problem in found


BAD_EDGES: list[tuple[dict[str, object], str]] = [
    (
        edge({"type": "perhaps"}),
        "edge 'e2' from node 'start' to node 'end': 'type' is 'perhaps' but must be one of: llm",
    ),
    (edge([]), "'condition' must be an object"),
    (edge({"type": "intent"}), "is of type intent but lists no phrases"),
    (edge({"type": "expression", "expr": "a =="}), "the expression 'a ==' ends where a value should be"),
    (edge({"type": "expression", "expr": "a ; b"}), "something unreadable at '; b'"),
    (edge({"type": "expression", "expr": "(a"}), "lacks a closing parenthesis"),
    (edge({"type": "expression", "expr": "a b"}), "goes on after its end at 'b'"),
    (edge({"type": "expression", "expr": "exists"}), "ends where a value should be"),
    (edge({"type": "expression", "expr": ""}), "ends where a value should be"),
    ({"id": "e2", "from": "start", "to": "nowhere"}, "edge 'e2' from node 'start' to node 'nowhere': there is no node"),
    ({"id": "e2", "from": "start", "to": "wide"}, "a global node listens by itself; no edge may lead to it"),
]


@pytest.mark.parametrize(("bad", "problem"), BAD_EDGES)
def test_names_the_edge(bad: dict[str, object], problem: str) -> None:
    wide = {"id": "wide", "type": "global", "config": {"intent": "repeat"}}
    (found,) = problems({"nodes": [START, END, wide], "edges": [FINISH, bad]})
    assert problem in found


@pytest.mark.parametrize(
    ("flow", "problem"),
    [
        ({}, "'nodes' must be a list"),
        ({"nodes": "start"}, "'nodes' must be a list"),
        ({"nodes": [END]}, "needs exactly one start node and has 0"),
        ({"nodes": [START, {**START, "id": "again"}]}, "needs exactly one start node and has 2"),
        ({"start_node_id": "begin", "nodes": [START]}, "start_node_id names node 'begin', which does not exist"),
        ({"nodes": [START, 7]}, "'nodes' has something that is not an object at place 2"),
    ],
)
def test_names_what_the_whole_lacks(flow: dict[str, object], problem: str) -> None:
    assert any(problem in found for found in problems(flow))


def test_tells_all_mistakes_at_once() -> None:
    found = problems({"nodes": [START, node(type="say"), node(id="b", config=1)], "edges": [edge(1), edge(None)]})
    assert len(found) == 4


def test_nodes_may_be_kept_by_id() -> None:
    nodes = {"start": {"type": "start", "message": "Hello."}, "end": {"type": "end"}}
    assert list(parse({"nodes": nodes, "edges": [FINISH]}).nodes) == ["start", "end"]


def test_an_engine_for_a_broken_graph_is_never_made() -> None:
    with pytest.raises(GraphError, match="node 'ask'"):
        FlowLlm(flow_agent([START, node(type="say")], []))
