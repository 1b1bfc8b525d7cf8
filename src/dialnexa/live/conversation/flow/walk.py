"""A walk over a conversation graph for which somebody else finds the words. Pure: what happened goes in, what is next
comes out, and ``mark`` and ``back_to`` take back what turns out not to have happened.

A node stays current until one of its edges is taken. Those that depend on what the person said are the model's to
judge; ``always``, ``expression`` and ``outcome`` are judged here, without asking anybody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from dialnexa.live.speech.embedded.flow import acting, results
from dialnexa.live.speech.embedded.flow.acting import Wish
from dialnexa.live.speech.embedded.flow.anytime import ENDING
from dialnexa.live.speech.embedded.flow.dialogue import entered
from dialnexa.live.speech.embedded.flow.edges import ConditionKind, Edge
from dialnexa.live.speech.embedded.flow.graph import Graph
from dialnexa.live.speech.embedded.flow.memory import Memory
from dialnexa.live.speech.embedded.flow.nodes import ACTING, Node
from dialnexa.live.speech.embedded.flow.slots import Answer
from dialnexa.live.speech.embedded.flow.ways import Ways
from dialnexa.live.timeline import FlowNodeEntered

MOST_HOPS = 32
"""Nodes passed in one turn; more is a circle of nodes that ask nothing."""
MOST_VISITS = 100
"""Times one node is entered in a call; more is a circle nobody gets out of."""
JUDGED: frozenset[ConditionKind] = frozenset({"llm", "intent", "keyword", "slot", "no_match"})
"""Conditions on what the person said."""

Then = Literal["wait", "ask", "farewell", "end"]
"""Wait for the person, ask the model for words, ask it for the last ones, or end the call."""


@dataclass(frozen=True, slots=True)
class Next:
    """What comes next: words as they stand, and then."""

    text: str = ""
    then: Then = "wait"
    call: Wish | None = None
    """A function to call instead; its outcome decides where to go."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a walk stood."""

    node: Node
    origin: Node | None
    aside: Node | None
    begun: bool
    memory: Memory
    visits: Counter[str]
    path: tuple[FlowNodeEntered, ...]


class Walk:
    """One call's way through its graph."""

    def __init__(self, graph: Graph, memory: Memory, *, opening: str = "", apology: str = "Goodbye.") -> None:
        """``opening`` are the start's words where it has none; ``apology`` ends a call that cannot go on."""
        self._graph = graph
        self._opening = opening
        self._apology = apology
        self.tools: Mapping[str, str] = {}
        """What may be called, by name and kind, to its name."""
        self.required: Mapping[str, Sequence[str]] = {}
        """The arguments each function cannot do without."""
        self.node = graph.start
        self.origin: Node | None = None
        """Where the conversation was when a global node with ways of its own was called for."""
        self.aside: Node | None = None
        """A global node that is answered within one turn."""
        self.memory = memory
        self.trouble = ""
        """Why the graph could not lead on."""
        self._begun = False
        self._visits = Counter[str]()
        self._path = (entered(graph.start, "start"),)

    @property
    def path(self) -> tuple[FlowNodeEntered, ...]:
        """Every node since the call began."""
        return self._path

    def mark(self) -> Mark:
        """Return where the walk stands, to come back to."""
        return Mark(
            self.node,
            self.origin,
            self.aside,
            self._begun,
            self.memory.copy(),
            Counter(self._visits),
            self._path,
        )

    def back_to(self, mark: Mark) -> None:
        """Stand where it stood then, knowing what was known then."""
        self.node, self.origin, self.aside = mark.node, mark.origin, mark.aside
        self._begun, self._visits = mark.begun, Counter(mark.visits)
        self.memory, self._path = mark.memory.copy(), mark.path

    # --- what happens -------------------------------------------------------------------------------------------------

    def opened(self) -> None:
        """The platform spoke the opening."""
        self._begun = True

    def begin(self) -> Next:
        """Arrive at the start, whose words are still to be said."""
        self._begun = True
        return self._onward(self.node)

    def heard(self, *, whole: bool) -> Next:
        """The person spoke; ``whole``: after having heard all that was said before."""
        if self.aside is not None:
            self._rejoin()
        if not self._begun:
            return self.begin()
        if self.node.kind == "end" or self.node.ends:
            return Next(then="farewell" if self.node.prompt and not self.node.message else "end")
        way = None if self.node.kind in ACTING else self._open_way(whole=whole)
        return self._follow(way) if way else Next(then="ask")

    def informed(self) -> Next:
        """Something became known without the person speaking, such as what a function told the model."""
        way = None if self.node.kind in ACTING else self._open_way(whole=False)
        return self._follow(way) if way else Next(then="ask")

    def noted(self, values: Mapping[str, str]) -> Next:
        """The model wrote down what the person answered; edges that it opens are taken at once."""
        self._keep(values)
        judged = self.judged()
        for edge in self._graph.edges_from(self.node):
            if self._holds(edge) or (_is_open(edge) and not judged):
                return self._follow(edge)
        return Next(then="ask")

    def took(self, edge: Edge, values: Mapping[str, str]) -> Next:
        """The model judged that the condition of this edge is met."""
        self._keep(values)
        return self._follow(edge)

    def called_for(self, node: Node) -> Next:
        """The person asked for what a global node is about."""
        here = self.node
        self._arrive(node, "global")
        if self._graph.edges_from(node):
            self.origin = self.origin or here
            self.node = node
            return self._onward(node)
        message = self.memory.render(node.message)
        if node.intent in ENDING:
            return Next(message, "end")
        if message or not node.prompt:
            self._arrive(here, "return")
            return Next(message, "wait" if node.intent == "wait" else "ask")
        self.aside = node
        return Next(then="ask")

    def went_back(self) -> Next:
        """What a global node was about is settled: go on where the conversation was."""
        if self.origin is not None:
            self.node, self.origin = self.origin, None
            self._arrive(self.node, "return")
        return Next(then="ask")

    def calls(self, name: str, arguments: Mapping[str, object]) -> Wish:
        """The model calls the function of the current node; what the node gives itself overrules the model."""
        own = acting.wish(self.node, self.tools, self.memory)
        return Wish(name, {**arguments, **(own.arguments if own else {})})

    def returned(self, result: str) -> Next:
        """Take the result of the current node's function."""
        node = self.node
        if node.kind == "function":
            self.memory.keep(node.slot, results.answer(result), collected=False)
        self.learn(result)
        way = self._ways.outcome(node, "failure" if results.failed(result) else "success")
        return self._follow(way) if way else self._lost([], f"node '{node.id}' has no way on after its function")

    def learn(self, result: str) -> None:
        """Keep the variables a function told."""
        self.memory.learn(results.variables(result))

    # --- what is open -------------------------------------------------------------------------------------------------

    def words(self, node: Node) -> str:
        """Return what is said as it stands on arrival; the start says the agent's opening when it has no words."""
        words = self.memory.render(node.message)
        return words or self._opening if node is self._graph.start else words

    def target(self, edge: Edge) -> Node:
        """Return where an edge leads."""
        return self._graph.nodes[edge.target]

    def judged(self) -> list[Edge]:
        """Return the edges from here that are the model's to judge."""
        return [edge for edge in self._graph.edges_from(self.node) if _is_judged(edge)]

    def fallback(self) -> Edge | None:
        """Return the edge that is taken when the person answered anything."""
        return next((edge for edge in self._graph.edges_from(self.node) if _is_open(edge)), None)

    def expects_notes(self) -> bool:
        """Tell whether edges from here depend on what the model writes down."""
        kinds = {edge.condition.kind for edge in self._graph.edges_from(self.node)}
        return bool(self.node.wanted) and (not self.judged() or "expression" in kinds)

    def listeners(self) -> list[Node]:
        """Return the global nodes that may be called for now."""
        return [node for node in self._graph.globals if node is not self.node]

    @property
    def _ways(self) -> Ways:
        return Ways(self._graph, self.memory)

    def _holds(self, edge: Edge) -> bool:
        expression = edge.condition.expression
        return edge.condition.kind == "expression" and expression is not None and expression.holds(self.memory.text)

    def _open_way(self, *, whole: bool) -> Edge | None:
        """Return the edge to take without asking the model. What the person answered must be known first, if it is
        wanted; and only who heard the question has answered it.
        """
        if self.node.wanted:
            return None
        judged = self.judged()
        for edge in self._graph.edges_from(self.node):
            if self._holds(edge) or (_is_open(edge) and whole and not judged):
                return edge
        return None

    # --- going --------------------------------------------------------------------------------------------------------

    def _keep(self, values: Mapping[str, str]) -> None:
        for name, value in values.items():
            self.memory.keep(name, Answer(value, value))

    def _rejoin(self) -> None:
        self.aside = None
        self._arrive(self.node, "return")

    def _arrive(self, node: Node, by: Literal["edge", "global", "return"], edge_id: str = "") -> None:
        self._visits[node.id] += by != "return"
        self._path = (*self._path, entered(node, by, edge_id))

    def _follow(self, edge: Edge) -> Next:
        self._step(edge)
        return self._onward(self.node)

    def _step(self, edge: Edge) -> None:
        self.node = self._graph.nodes[edge.target]
        if self.node is self.origin or self.node.kind == "end":
            self.origin = None
        self._arrive(self.node, "edge", edge.id)

    def _onward(self, node: Node) -> Next:
        """Go on from a node that was just entered, through those that ask nothing."""
        said: list[str] = []
        for _ in range(MOST_HOPS):
            if self._visits[node.id] > MOST_VISITS:
                return self._lost(said, f"node '{node.id}' was entered more than {MOST_VISITS} times")
            step = self._pass(node, said)
            if isinstance(step, Next):
                return step
            self._step(step)
            node = self.node
        return self._lost(said, f"more than {MOST_HOPS} nodes in one turn, the last being '{node.id}'")

    def _pass(self, node: Node, said: list[str]) -> Next | Edge:
        """Do what a node does on arrival; return the way on, or what comes next."""
        words = self.words(node)
        if words:
            said.append(words)
        match node.kind:
            case "end":
                return self._finish(node, said)
            case "logic":
                for name, text in node.sets.items():
                    self._keep({name: self.memory.render(text)})
                return self._ways.after(node) or self._lost(said, f"no edge from node '{node.id}' held")
            case "function" | "transfer" | "sms":
                return self._act(node, said)
            case _:
                return self._talk(node, said, spoken=bool(words))

    def _talk(self, node: Node, said: list[str], *, spoken: bool) -> Next | Edge:
        if node.ends:
            return self._finish(node, said)
        for one in node.wanted:
            self.memory.forget(one.name)
        if node.prompt or (spoken and node.kind != "global"):
            return Next(" ".join(said), "wait" if spoken else "ask")
        # A node without words of its own asks nothing; a global one with a message has said all it has to say.
        return self._open_way(whole=True) or Next(" ".join(said), "wait" if spoken else "ask")

    def _finish(self, node: Node, said: list[str]) -> Next:
        asked = node.prompt and not node.message
        return Next(" ".join(said), "farewell" if asked else "end")

    def _act(self, node: Node, said: list[str]) -> Next | Edge:
        """Call the node's function, let the model do so where arguments are missing, or go on without it."""
        wish = acting.wish(node, self.tools, self.memory)
        if wish is None:
            outcome = "success" if node.kind == "sms" else "failure"
            return self._ways.outcome(node, outcome) or self._lost(said, f"node '{node.id}' has nothing to call")
        given = dict(wish.arguments)
        for name in self.required.get(wish.name, ()):
            if name not in given and (value := self.memory.text(name)):
                given[name] = value
        if any(name not in given for name in self.required.get(wish.name, ())):
            return Next(" ".join(said), "ask")
        return Next(" ".join(said), call=Wish(wish.name, given))

    def _lost(self, said: list[str], why: str) -> Next:
        self.trouble = why
        return Next(" ".join([*said, self._apology]), "end")


def _is_open(edge: Edge) -> bool:
    """Tell whether any answer will do."""
    return edge.condition.kind == "always" or (edge.condition.kind == "slot" and not edge.condition.value)


def _is_judged(edge: Edge) -> bool:
    condition = edge.condition
    return condition.kind in JUDGED and (condition.kind != "slot" or bool(condition.value))
