"""Judge a conversation graph as a whole: can it be entered, left, and ended, and does everything it names exist?

Problems keep a version from being published; warnings are told, and nothing more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from dialnexa.kit import templates
from dialnexa.live.speech.embedded.flow.anytime import ENDING
from dialnexa.live.speech.embedded.flow.edges import ConditionKind, Edge
from dialnexa.live.speech.embedded.flow.graph import Graph, Parts
from dialnexa.live.speech.embedded.flow.nodes import ACTING, WAITING, Node

_DECIDED: Final[frozenset[ConditionKind]] = frozenset({"always", "expression", "slot"})
"""Conditions that hold or not without anybody having spoken."""
_OUTCOMES: Final = ("success", "failure")
_BUILT_IN: Final = frozenset({"call_id", "agent_id", "agent_name", "caller_number"})


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an agent has beside its graph."""

    functions: Mapping[str, str] = field(default_factory=dict[str, str])
    """Name to kind."""
    variables: frozenset[str] = frozenset()
    """Names that have a value before or during a call: defaults, and what functions tell."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What is wrong with a graph, each a sentence that names its node or edge and tells the fix."""

    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def shape(flow: Mapping[str, object]) -> tuple[str, ...]:
    """Return a sentence for each value that cannot be read: all that is asked of a draft still in the making."""
    return Parts.read(flow).problems


def check(flow: Mapping[str, object], around: Surroundings) -> Findings:
    """Judge a graph as it would be published; further judgement waits until the parts make a graph at all."""
    parts = Parts.read(flow)
    if broken := (*parts.problems, *parts.misfits()):
        return Findings(broken)
    return _Check(parts.graph(), around).findings()


class _Check:
    """The judgement of one graph."""

    def __init__(self, graph: Graph, around: Surroundings) -> None:
        self._graph = graph
        self._around = around
        self._kinds = frozenset(around.functions.values())
        self._reached = _reached(graph)

    def findings(self) -> Findings:
        nodes = tuple(self._graph.nodes.values())
        problems = [*self._ending(), *self._circles()]
        for node in nodes:
            problems += [f"node '{node.id}': {problem}" for problem in self._of_node(node)]
        for edge in self._edges():
            problems += [f"{edge.where}: {problem}" for problem in self._of_edge(edge)]
        warnings = [f"node '{node.id}': {warning}" for node in nodes for warning in self._doubts(node)]
        warnings += [f"{edge.where}: {warning}" for edge in self._edges() for warning in _edge_doubts(edge)]
        return Findings(tuple(problems), tuple(warnings))

    def _edges(self) -> Iterator[Edge]:
        for ways in self._graph.edges.values():
            yield from ways

    # --- the whole ----------------------------------------------------------------------------------------------------

    def _ending(self) -> list[str]:
        """A call must be able to end by itself."""
        ends = any(self._ends(self._graph.nodes[name]) for name in self._reached)
        if ends or "end_call" in self._kinds:
            return []
        return ["no end node can be reached from the start; add one, or an end_call function"]

    def _ends(self, node: Node) -> bool:
        leaves = node.kind == "global" and node.intent in ENDING and not self._graph.edges_from(node)
        return node.kind == "end" or node.ends or leaves

    def _circles(self) -> list[str]:
        """Nodes that ask nothing must not lead back to themselves: nobody could break the circle."""
        found: dict[frozenset[str], str] = {}
        for node in self._graph.nodes.values():
            if not _waits(node) and (circle := self._circle(node)):
                ring = " → ".join(f"'{name}'" for name in (*circle, circle[0]))
                found.setdefault(frozenset(circle), f"nodes {ring} lead in a circle in which nobody is asked anything")
        return [f"{problem}; let it pass a conversation node" for problem in found.values()]

    def _circle(self, start: Node) -> tuple[str, ...]:
        """Return the nodes of a shortest circle through this one that waits nowhere; empty when there is none."""
        ways: dict[str, tuple[str, ...]] = {start.id: (start.id,)}
        queue = [start.id]
        while queue:
            name = queue.pop(0)
            for edge in self._graph.edges.get(name, ()):
                if edge.target == start.id:
                    return ways[name]
                if edge.target not in ways and not _waits(self._graph.nodes[edge.target]):
                    ways[edge.target] = (*ways[name], edge.target)
                    queue.append(edge.target)
        return ()

    # --- nodes --------------------------------------------------------------------------------------------------------

    def _of_node(self, node: Node) -> Iterator[str]:
        if node.function and node.function not in {*self._around.functions, *self._kinds}:
            known = ", ".join(self._around.functions) or "none"
            yield f"names the function '{node.function}', which the agent does not have; its functions are: {known}"
        for name in node.functions or ():
            if name not in self._around.functions:
                yield f"offers the function '{name}', which the agent does not have"
        match node.kind:
            case "transfer" if not node.function and not destinations(node) and "call_transfer" not in self._kinds:
                yield "does not say where to transfer to; set config.destinations, or add a call_transfer function"
            case "sms" if not node.function and "sms" not in self._kinds and not message_text(node):
                yield "does not say what to send; set config.text"
            case _:
                pass
        yield from self._branches(node)

    def _branches(self, node: Node) -> Iterator[str]:
        """What a node without anybody to ask may need, it must have."""
        ways = self._graph.edges_from(node)
        if node.kind in ACTING:
            # Who was transferred is gone, so only its failure leads on.
            for outcome in _OUTCOMES[1:] if node.kind == "transfer" else _OUTCOMES:
                if not any(_leads(edge, outcome) for edge in ways):
                    fix = f"add an edge with the condition {{type: outcome, value: {outcome}}}"
                    yield f"has no way on after {outcome}; {fix}"
        elif node.kind == "logic" and not any(edge.condition.kind == "always" for edge in ways):
            yield "has no way on when none of its conditions holds; add an edge with the condition {type: always}"

    def _doubts(self, node: Node) -> Iterator[str]:
        if node.id not in self._reached:
            yield "cannot be reached from the start"
        if node.kind in WAITING and not node.ends and not self._graph.edges_from(node):
            yield "leads nowhere; the conversation will stay there"
        if node.kind == "end" and self._graph.edges_from(node):
            yield "ends the call, so the edges from it are never taken"
        if node.kind == "conversation" and not node.message and not node.prompt:
            yield "has neither a message nor a prompt; only a language model will find something to say there"
        elif node.kind in {"conversation", "end"} and not node.message:
            yield "has no message; builtin/flow, which takes no prompt, will say nothing there"
        if node.kind == "global" and not node.intent and not node.phrases:
            yield "needs a language model; give it phrases for builtin/flow"
        for name in self._unknown(node):
            yield f"uses {{{{{name}}}}}, which nothing in the agent sets; every call must bring it"

    def _unknown(self, node: Node) -> list[str]:
        """Return the variables a node uses that have no source in the agent."""
        used = [name for text in node.texts() for name in templates.names(text)]
        for edge in self._graph.edges_from(node):
            if edge.condition.expression is not None:
                used += [name.split(".")[0] for name in edge.condition.expression.names]
        return [name for name in dict.fromkeys(used) if name not in self._known()]

    def _known(self) -> frozenset[str]:
        own = (name for node in self._graph.nodes.values() for name in _sets(node))
        return frozenset((*_BUILT_IN, *own, *(name.split(".")[0] for name in self._around.variables)))

    # --- edges --------------------------------------------------------------------------------------------------------

    def _of_edge(self, edge: Edge) -> Iterator[str]:
        source, condition = self._graph.nodes[edge.source], edge.condition
        if condition.kind == "outcome":
            if source.kind not in ACTING:
                yield "waits for an outcome, but only function, transfer and sms nodes have one"
            elif condition.value.lower() not in {*_OUTCOMES, ""}:
                yield f"waits for the outcome '{condition.value}', but there are only success and failure"
        elif not _waits(source) and source.kind != "end" and condition.kind not in _DECIDED:
            fix = "use expression, outcome or always"
            yield f"is of type {condition.kind}, but a {source.kind} node asks nobody; {fix}"
        if condition.kind == "llm" and not condition.text and not condition.phrases:
            yield "does not say when it is taken; describe it in condition.text"


def destinations(node: Node) -> object:
    """Return where a transfer node leads by its own configuration, in whichever spelling."""
    names = ("destinations", "transfer_destinations", "destination", "transfer_to", "phone_numbers", "phone_number")
    return next((node.config[name] for name in names if node.config.get(name)), None)


def message_text(node: Node) -> str:
    """Return the text message an sms node sends."""
    return str(node.config.get("text") or node.arguments.get("text") or "")


def _waits(node: Node) -> bool:
    """Tell whether a node gives the word to the person; global nodes are left by the person's words alone."""
    return node.kind in {*WAITING, "global"}


def _leads(edge: Edge, outcome: str) -> bool:
    condition = edge.condition
    return condition.kind == "always" or (condition.kind == "outcome" and condition.value.lower() in {outcome, ""})


def _sets(node: Node) -> Iterator[str]:
    yield from (node.slot, node.id, *node.sets, *(one.name for one in node.wanted))


def _edge_doubts(edge: Edge) -> Iterator[str]:
    if edge.condition.kind == "llm" and not edge.condition.phrases:
        yield "needs a language model; give it fallback_phrases for builtin/flow"
    if edge.condition.kind == "silence":
        yield "waits for silence, which is answered by the agent's reminders; it is never taken"


def _reached(graph: Graph) -> frozenset[str]:
    """Return the ids of the nodes a conversation can come to."""
    found = {graph.start.id, *(node.id for node in graph.globals)}
    queue = list(found)
    while queue:
        fresh = {edge.target for edge in graph.edges.get(queue.pop(), ())} - found
        found |= fresh
        queue += fresh
    return frozenset(found)
