"""What may be said at any moment of a call: repeat, wait, hello, operator, goodbye, do not call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from dialnexa.live.speech.embedded import vocabulary
from dialnexa.live.speech.embedded.flow.graph import Graph, Intent, Node

PHRASES: Final[Mapping[Intent, tuple[str, ...]]] = {
    "opt_out": (
        *vocabulary.OPT_OUT, "stop calling", "do not call", "take me off", "remove my number", "unsubscribe",
        "do not ever call",
    ),
    "operator": (*vocabulary.OPERATOR, "customer service", "real person", "human being"),
    "repeat": (*vocabulary.REPEAT, "can you repeat", "say again", "what was the question", "i can not hear you"),
    "wait": vocabulary.WAIT,
    "goodbye": (*vocabulary.GOODBYE, "i have to hang up", "i do not have time", "i am busy", "call me later"),
    "hello": (*vocabulary.HELLO, "yes hello", "hello who is this", "are you there", "is anybody there"),
}  # fmt: skip

POLITE: Final[frozenset[Intent]] = frozenset({"repeat", "wait", "goodbye", "hello"})
"""Intents that yield to an answer: ``yes thank you goodbye`` is first of all a yes."""

_DEFAULTS: Final = (
    Node("_opt_out", "global", message="I understand. We will not call you again. Goodbye.", intent="opt_out"),
    Node("_repeat", "global", message="Of course.", intent="repeat"),
    Node("_wait", "global", message="Sure, take your time.", intent="wait"),
    Node("_goodbye", "global", message="Thank you for your time. Goodbye.", intent="goodbye"),
    Node("_hello", "global", message="Hello!", intent="hello"),
)
ENDING: Final[frozenset[Intent]] = frozenset({"opt_out", "goodbye"})
"""Intents that end the call unless the graph leads elsewhere."""


def listeners(graph: Graph) -> tuple[Node, ...]:
    """Return the graph's global nodes, in order, and after them the usual ones it does not define itself.

    Opting out comes first of all: nobody may be asked to repeat "do not call me".
    """
    own = graph.globals
    defined = {node.intent for node in own}
    every = (*own, *(node for node in _DEFAULTS if node.intent not in defined))
    return tuple(sorted(every, key=lambda node: node.intent != "opt_out"))


def phrases_of(node: Node) -> tuple[str, ...]:
    """Return all that calls for this global node."""
    return (*node.phrases, *(PHRASES[node.intent] if node.intent else ()))
