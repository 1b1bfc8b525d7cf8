"""The conversation graph of a flow agent (contract C.12) as typed values.

A node stays current until one of its edges holds, tried in the order written. ``nodes.py`` and ``edges.py`` tell what
they may hold; ``checks.py`` judges whether a graph makes sense as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dialnexa.live.speech.embedded.flow.edges import Condition, Edge, read_condition
from dialnexa.live.speech.embedded.flow.fields import Fields, GraphError, ReadError, entries, mapping
from dialnexa.live.speech.embedded.flow.nodes import Expecting, Intent, Node, NodeKind, read_node

__all__ = ["Condition", "Edge", "Expecting", "Graph", "GraphError", "Intent", "Node", "NodeKind", "Parts", "parse"]


@dataclass(frozen=True, slots=True)
class Graph:
    """A whole conversation that can run."""

    start: Node
    nodes: Mapping[str, Node]
    edges: Mapping[str, tuple[Edge, ...]]

    @property
    def globals(self) -> tuple[Node, ...]:
        """The nodes that listen all the time, in order."""
        return tuple(node for node in self.nodes.values() if node.kind == "global")

    def edges_from(self, node: Node) -> tuple[Edge, ...]:
        """Return the ways out of a node, in order."""
        return self.edges.get(node.id, ())


@dataclass(frozen=True, slots=True)
class Parts:
    """The nodes and edges of a graph one by one; whether they fit together is another question."""

    nodes: Mapping[str, Node]
    edges: Sequence[Edge]
    start_id: str
    """The node named as the start; empty: the one of that type."""
    problems: tuple[str, ...]
    """A sentence for each value that cannot be read, naming its node or edge."""

    @classmethod
    def read(cls, flow: Mapping[str, object]) -> Parts:
        """Read a graph from JSON values; what is wrong becomes a problem."""
        problems: list[str] = []
        nodes = _nodes(flow, problems)
        edges = _edges(flow, problems)
        return cls(nodes, edges, str(flow.get("start_node_id") or ""), tuple(problems))

    def starts(self) -> list[Node]:
        """Return the nodes a conversation could begin at; it should be one."""
        if self.start_id:
            return [self.nodes[self.start_id]] if self.start_id in self.nodes else []
        return [node for node in self.nodes.values() if node.kind == "start"]

    def misfits(self) -> list[str]:
        """Return a sentence for each thing that keeps the parts from being one graph."""
        found = [problem for edge in self.edges for problem in self._misled(edge)]
        starts = self.starts()
        if self.start_id and not starts:
            found.append(f"start_node_id names node '{self.start_id}', which does not exist")
        elif len(starts) != 1:
            found.append(f"the graph needs exactly one start node and has {len(starts)}; or set start_node_id")
        for node in self.nodes.values():
            if node.kind == "global" and not (node.intent or node.phrases or node.condition):
                found.append(
                    f"node '{node.id}': is global but has neither an intent nor phrases nor a condition, so it could "
                    "never be reached; set config.condition to when it is meant"
                )
            if node.kind == "function" and not node.function:
                found.append(f"node '{node.id}': does not say which function to call; set config.function to its name")
        return found

    def graph(self) -> Graph:
        """Return the graph. Raises ``GraphError`` with one sentence for each mistake, naming node or edge."""
        problems = [*self.problems, *self.misfits()]
        if problems:
            raise GraphError(problems)
        by_source: dict[str, tuple[Edge, ...]] = {}
        for edge in self.edges:
            by_source[edge.source] = (*by_source.get(edge.source, ()), edge)
        return Graph(self.starts()[0], self.nodes, by_source)

    def _misled(self, edge: Edge) -> list[str]:
        found = [
            f"{edge.where}: there is no node '{end}'" for end in (edge.source, edge.target) if end not in self.nodes
        ]
        if edge.target in self.nodes and self.nodes[edge.target].kind == "global":
            found.append(f"{edge.where}: a global node listens by itself; no edge may lead to it")
        return found


def parse(flow: Mapping[str, object]) -> Graph:
    """Read a graph that is to run. Raises ``GraphError`` with one sentence for each mistake, naming node or edge."""
    return Parts.read(flow).graph()


def _nodes(flow: Mapping[str, object], problems: list[str]) -> dict[str, Node]:
    nodes: dict[str, Node] = {}
    listed = flow.get("nodes")
    if isinstance(listed, Mapping):  # editors also keep nodes by id
        listed = [{"id": name, **mapping(node)} for name, node in mapping(flow.get("nodes")).items()]
    for index, raw in enumerate(entries(listed, "nodes", problems)):
        name = str(raw.get("id") or "")
        where = f"node '{name}'" if name else f"node number {index + 1}"
        try:
            node = read_node(name, Fields(raw, where))
        except ReadError as error:
            problems.append(str(error))
            continue
        if name in nodes:
            problems.append(f"{where}: another node has the same id; ids must differ")
        nodes[name] = node
    return nodes


def _edges(flow: Mapping[str, object], problems: list[str]) -> list[Edge]:
    edges: list[Edge] = []
    for index, raw in enumerate(entries(flow.get("edges", []), "edges", problems)):
        name, source, target = str(raw.get("id") or index + 1), str(raw.get("from") or ""), str(raw.get("to") or "")
        where = f"edge '{name}' from node '{source}' to node '{target}'"
        try:
            edges.append(Edge(name, source, target, read_condition(Fields(raw, where))))
        except ReadError as error:
            problems.append(str(error))
    return edges
