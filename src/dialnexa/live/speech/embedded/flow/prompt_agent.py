"""A prompt agent without a language model: a small fixed conversation that takes a message.

It does not pretend to understand the prompt. It greets (the platform speaks the opening), takes a message (what it is
about, name, number), reads it back and says goodbye; where the agent has a transfer function it connects to a person.
"""

from __future__ import annotations

from dialnexa.live.plan import AgentPlan
from dialnexa.live.speech.embedded.flow.graph import Graph, parse


def compiled(agent: AgentPlan) -> Graph:
    """Return the conversation for an agent that has only a prompt."""
    can_transfer = any(function.kind == "call_transfer" for function in agent.functions)
    name = agent.name.replace("{", "").replace("}", "") or "an assistant"
    opening = "" if agent.opening.text else f"Hello, this is {name}."
    nodes = [_node("start", opening, "start", expect="free_text"), *_NODES]
    return parse(
        {
            "start_node_id": "start",
            "nodes": nodes + (_TRANSFER_NODES if can_transfer else [_NO_OPERATOR]),
            "edges": _EDGES + (_TRANSFER_EDGES if can_transfer else []),
        }
    )


def _node(name: str, message: str, kind: str = "conversation", **config: object) -> dict[str, object]:
    return {"id": name, "type": kind, "message": message, "config": config}


def _edge(source: str, target: str, kind: str = "always", **condition: object) -> dict[str, object]:
    return {"id": f"{source}-{target}-{kind}", "from": source, "to": target, "condition": {"type": kind, **condition}}


_NODES = [
    _node(
        "offer", "Would you like to leave a message?",
        expect={"kind": "yes_no", "phrases": ["i would like to leave a message"]},
    ),
    _node(
        "reason", "Please tell me in one sentence what it is about.", expect="free_text",
        reprompts=["I could not hear that. What is it about?"],
    ),
    _node("thanks", "Thank you.", "logic"),
    _node("noted", "Thank you, I will pass that on.", "logic"),
    _node(
        "name", "May I have your name?", expect="name",
        reprompts=["Sorry, what is your name?", "Please tell me only your name."],
    ),
    _node("no_name", "", "logic", set={"name": "a caller"}),
    _node(
        "number", "And which phone number can we reach you on?", expect="phone",
        reprompts=["Please say your phone number digit by digit, or press the keys."],
    ),
    _node("no_number", "", "logic", set={"number": "this number"}),
    _node("confirm", "So that is a message from {{name}}, on {{number}}. Is that right?", expect="yes_no"),
    _node("again", "Sorry about that. Let us do it again.", "logic"),
    _node("done", "Thank you. Your message is noted. Goodbye.", "end"),
    _node("bye", "Thank you for your time. Goodbye.", "end"),
]  # fmt: skip

_AGREES = "/^(yes|yeah|yep|okay|sure|hello|hi|hey|speaking|fine|good)( .{0,20})?$/"
_A_MESSAGE = r"/\w+ \w+ \w+ \w+/"
"""Four words and more after the opening are taken for what the call is about."""

_EDGES = [
    _edge("start", "bye", "keyword", phrases=["/^(no|nope|nah|no thanks|no thank you|not now|not today)$/"]),
    _edge("start", "offer", "keyword", phrases=[_AGREES]),
    _edge("start", "noted"),
    _edge("start", "offer", "no_match", value="1"),
    _edge("offer", "reason", "slot", value="yes"),
    _edge("offer", "bye", "slot", value="no"),
    _edge("offer", "noted", "keyword", phrases=[_A_MESSAGE]),
    _edge("offer", "bye", "no_match"),
    _edge("reason", "thanks"),
    _edge("reason", "thanks", "no_match"),
    _edge("thanks", "name"),
    _edge("noted", "name"),
    _edge("name", "number"),
    _edge("name", "no_name", "no_match"),
    _edge("no_name", "number"),
    _edge("number", "confirm"),
    _edge("number", "no_number", "no_match"),
    _edge("no_number", "confirm"),
    _edge("confirm", "done", "slot", value="yes"),
    _edge("confirm", "again", "slot", value="no"),
    _edge("confirm", "done", "no_match"),
    _edge("again", "name"),
]

_NO_OPERATOR = _node(
    "operator", "I am sorry, I cannot connect you, but I can pass on a message.", "global", intent="operator"
)
_TRANSFER_NODES = [
    _node("operator", "", "global", intent="operator"),
    _node("transfer", "One moment, I will connect you.", "transfer"),
    _node("sorry", "I am sorry, nobody can take the call right now.", "logic"),
]
_TRANSFER_EDGES = [
    _edge("operator", "transfer"),
    _edge("transfer", "done", "outcome", value="success"),
    _edge("transfer", "sorry", "outcome", value="failure"),
    _edge("sorry", "offer"),
]
