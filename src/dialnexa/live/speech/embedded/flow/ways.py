"""Which edge leads on: the conditions of a graph, judged over what was said and what is known."""

from __future__ import annotations

from dialnexa.live.speech.embedded.flow import match
from dialnexa.live.speech.embedded.flow.graph import Condition, Edge, Graph, Node
from dialnexa.live.speech.embedded.flow.memory import Memory


class Ways:
    """The edges of one conversation."""

    def __init__(self, graph: Graph, memory: Memory) -> None:
        self._graph = graph
        self._memory = memory

    def exist(self, node: Node) -> bool:
        """Tell whether the node has any way out."""
        return bool(self._graph.edges_from(node))

    def after(self, node: Node, text: str = "", *, answered: bool = True) -> Edge | None:
        """Return the first edge that holds; conditions on answers and values need an answer, words do not."""
        edges = self._graph.edges_from(node)
        return next((edge for edge in edges if self._holds(edge.condition, node, text, answered=answered)), None)

    def worded(self, node: Node, text: str) -> Edge | None:
        """Return the first edge that the words themselves ask for: intents and keywords."""
        return next((edge for edge in self._graph.edges_from(node) if self._says(edge.condition, text)), None)

    def counted(self, node: Node, kind: str, count: int, limit: int) -> Edge | None:
        """Return the ``no_match`` or ``silence`` edge that is due after that many; ``limit`` where it names none."""
        for edge in self._graph.edges_from(node):
            value = edge.condition.value
            if edge.condition.kind == kind and count >= (int(value) if value.isdecimal() else limit):
                return edge
        return None

    def outcome(self, node: Node, value: str) -> Edge | None:
        """Return the edge for a function's outcome, else the first that holds anyway."""
        edges = self._graph.edges_from(node)
        named = (e for e in edges if e.condition.kind == "outcome" and e.condition.value.lower() in {value, ""})
        return next(named, None) or self.after(node)

    def _holds(self, condition: Condition, node: Node, text: str, *, answered: bool) -> bool:
        match condition.kind:
            case "always":
                return answered
            case "expression":
                return answered and condition.expression is not None and condition.expression.holds(self._memory.text)
            case "slot":
                filled = self._memory.slots.get(condition.text or node.slot)
                wanted = condition.value.lower()
                return answered and filled is not None and (not wanted or filled.value.lower() == wanted)
            case _:
                return self._says(condition, text)

    def _says(self, condition: Condition, text: str) -> bool:
        if condition.kind not in {"intent", "llm", "keyword"} or not text.strip():
            return False
        compare = match.mentions if condition.kind == "keyword" else match.matches
        return compare(text, self._memory.phrases(condition.phrases))
