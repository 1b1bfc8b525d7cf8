"""The conversation graph of a flow agent (contract C.12) as typed values, and what the embedded engine adds to it.

A node stays current until one of its edges holds, tried in the order written. ``config`` of a node may hold:

- ``expect``: a kind such as ``"yes_no"``, or ``{kind, phrases?, options?}``, an option being ``{value, phrases, say?}``
- ``slot``: where the answer is kept; messages then use ``{{slot}}``, ``{{slot.day}}``, ``{{slot.value}}``
- ``retries`` (2), ``reprompts``, ``question`` (the short form for asking again)
- ``confirm``: read the answer back first; ``carry``: an answer given in the sentence that led here counts
- ``set`` (logic); ``function``, ``arguments`` (function, sms, transfer); ``intent``, ``phrases`` (global)

Edge conditions: ``always``, ``slot`` (``value``, or any), ``expression`` (``expr``), ``intent`` and ``llm``
(``phrases``, ``fallback_phrases``), ``keyword`` (``phrases``), ``outcome`` (``value``), ``no_match`` and ``silence``
(``value``: after how many).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, cast, get_args

from dialnexa.kit import templates
from dialnexa.live.speech.embedded.flow import expressions
from dialnexa.live.speech.embedded.flow.expressions import Expression
from dialnexa.live.speech.embedded.flow.fields import Fields, GraphError, ReadError, entries, mapping
from dialnexa.live.speech.embedded.flow.match import compiled, is_pattern
from dialnexa.live.speech.embedded.flow.slots import Option
from dialnexa.live.speech.ports import ExpectationKind

__all__ = ["Condition", "Edge", "Expecting", "Graph", "GraphError", "Node", "parse"]

NodeKind = Literal["start", "conversation", "function", "transfer", "sms", "end", "global", "logic"]
ConditionKind = Literal["llm", "expression", "outcome", "always", "intent", "keyword", "slot", "no_match", "silence"]
Intent = Literal["", "repeat", "wait", "hello", "goodbye", "opt_out", "operator"]

_NODE_KINDS: Final = get_args(NodeKind)
_CONDITION_KINDS: Final = get_args(ConditionKind)
_EXPECTATIONS: Final = get_args(ExpectationKind)
_INTENTS: Final = get_args(Intent)
_RETRIES = 2


@dataclass(frozen=True, slots=True)
class Expecting:
    """What a node's question expects."""

    kind: ExpectationKind
    phrases: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()


@dataclass(frozen=True, slots=True)
class Node:
    """One place in the conversation."""

    id: str
    kind: NodeKind
    label: str = ""
    message: str = ""
    question: str = ""
    expects: Expecting | None = None
    slot: str = ""
    retries: int = _RETRIES
    reprompts: tuple[str, ...] = ()
    confirm: bool = False
    carry: bool = False
    sets: Mapping[str, str] = field(default_factory=dict[str, str])
    function: str = ""
    arguments: Mapping[str, object] = field(default_factory=dict[str, object])
    intent: Intent = ""
    phrases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Condition:
    """When an edge is taken."""

    kind: ConditionKind
    text: str = ""
    value: str = ""
    phrases: tuple[str, ...] = ()
    expression: Expression | None = None


@dataclass(frozen=True, slots=True)
class Edge:
    """A way from one node to another."""

    id: str
    source: str
    target: str
    condition: Condition


@dataclass(frozen=True, slots=True)
class Graph:
    """A whole conversation, checked."""

    start: Node
    nodes: Mapping[str, Node]
    edges: Mapping[str, tuple[Edge, ...]]
    warnings: tuple[str, ...] = ()
    """What will not work without a language model, or never ends."""

    @property
    def globals(self) -> tuple[Node, ...]:
        """The nodes that listen all the time, in order."""
        return tuple(node for node in self.nodes.values() if node.kind == "global")

    def edges_from(self, node: Node) -> tuple[Edge, ...]:
        """Return the ways out of a node, in order."""
        return self.edges.get(node.id, ())


def parse(flow: Mapping[str, object]) -> Graph:
    """Read a graph from JSON values. Raises ``GraphError`` with one sentence for each mistake, naming node or edge."""
    problems: list[str] = []
    nodes = _nodes(flow, problems)
    edges = _edges(flow, nodes, problems)
    start = _start(flow, nodes, problems)
    if start is None or problems:
        raise GraphError(problems)
    by_source: dict[str, tuple[Edge, ...]] = {}
    for edge in edges:
        by_source[edge.source] = (*by_source.get(edge.source, ()), edge)
    return Graph(start, nodes, by_source, tuple(_warnings(nodes, by_source)))


# --- nodes -----------------------------------------------------------------------------------------------------------


def _nodes(flow: Mapping[str, object], problems: list[str]) -> dict[str, Node]:
    nodes: dict[str, Node] = {}
    listed = flow.get("nodes")
    if isinstance(listed, Mapping):  # editors also keep nodes by id
        listed = [{"id": name, **mapping(node)} for name, node in mapping(flow.get("nodes")).items()]
    for index, raw in enumerate(entries(listed, "nodes", problems)):
        name = str(raw.get("id") or "")
        where = f"node '{name}'" if name else f"node number {index + 1}"
        try:
            node = _node(name, Fields(raw, where))
        except ReadError as error:
            problems.append(str(error))
            continue
        if name in nodes:
            problems.append(f"{where}: another node has the same id; ids must differ")
        nodes[name] = node
    return nodes


def _node(name: str, fields: Fields) -> Node:
    """Read one node."""
    if not name:
        raise fields.error("lacks an id")
    kind = cast("NodeKind", fields.choice("type", _NODE_KINDS))
    config = fields.inside("config")
    node = Node(
        id=name,
        kind=kind,
        label=fields.text("label"),
        message=config.text("say") or fields.text("message"),
        question=config.text("question"),
        expects=_expecting(config),
        slot=config.text("slot") or (name if kind != "start" else ""),
        retries=config.count("retries", _RETRIES),
        reprompts=config.texts("reprompts"),
        confirm=config.flag("confirm"),
        carry=config.flag("carry"),
        sets={key: str(value) for key, value in mapping(config.value("set")).items()},
        function=config.text("function") or config.text("name"),
        arguments=mapping(config.value("arguments")),
        intent=cast("Intent", config.choice("intent", _INTENTS, default="")),
        phrases=_phrases(config, "phrases"),
    )
    _check_templates(node, fields)
    if kind == "global" and not node.intent and not node.phrases:
        raise config.error("is global but has neither an intent nor phrases, so it could never be reached")
    if kind == "function" and not node.function:
        raise config.error("does not say which function to call; set config.function to its name")
    return node


def _check_templates(node: Node, fields: Fields) -> None:
    """Refuse texts whose ``{{…}}`` cannot be filled."""
    arguments = [value for value in node.arguments.values() if isinstance(value, str)]
    for text in (node.message, node.question, *node.reprompts, *node.sets.values(), *arguments):
        _check_template(text, fields)


def _check_template(text: str, fields: Fields) -> None:
    try:
        templates.check(text)
    except templates.TemplateError as error:
        raise fields.error(f"{text[:40]!r}: {error}") from None


def _expecting(config: Fields) -> Expecting | None:
    """Read ``expect``: a kind alone, or an object."""
    raw = config.value("expect")
    if raw is None:
        return None
    if isinstance(raw, str):
        raw = {"kind": raw}
    expect = Fields(mapping(raw), config.where)
    kind = cast("ExpectationKind", expect.choice("kind", _EXPECTATIONS))
    phrases = _phrases(expect, "phrases")
    options = _options(expect) or (tuple(Option(phrase, (phrase,)) for phrase in phrases) if kind == "choice" else ())
    if kind == "choice" and not options:
        raise expect.error("expects a choice but lists neither options nor phrases")
    return Expecting(kind, phrases, options)


def _options(expect: Fields) -> tuple[Option, ...]:
    options: list[Option] = []
    for raw in expect.objects("options"):
        option = Fields(raw, expect.where)
        value = option.text("value")
        if not value:
            raise option.error("has an option without a value")
        options.append(Option(value, _phrases(option, "phrases") or (value,), option.text("say")))
    return tuple(options)


def _phrases(fields: Fields, key: str) -> tuple[str, ...]:
    """Read phrases and check the patterns among them."""
    phrases = fields.texts(key)
    for phrase in phrases:
        _check_template(phrase, fields)
        if is_pattern(phrase):
            try:
                compiled(phrase)
            except ValueError as error:
                raise fields.error(f"cannot use a phrase: {error}") from None
    return phrases


# --- edges -----------------------------------------------------------------------------------------------------------


def _edges(flow: Mapping[str, object], nodes: Mapping[str, Node], problems: list[str]) -> list[Edge]:
    edges: list[Edge] = []
    for index, raw in enumerate(entries(flow.get("edges", []), "edges", problems)):
        source, target = str(raw.get("from") or ""), str(raw.get("to") or "")
        where = f"edge '{raw.get('id') or index + 1}' from node '{source}' to node '{target}'"
        problems += [f"{where}: there is no node '{end}'" for end in (source, target) if end not in nodes]
        if target in nodes and nodes[target].kind == "global":
            problems.append(f"{where}: a global node listens by itself; no edge may lead to it")
        try:
            edges.append(Edge(str(raw.get("id") or index + 1), source, target, _condition(Fields(raw, where))))
        except ReadError as error:
            problems.append(str(error))
    return edges


def _condition(fields: Fields) -> Condition:
    """Read the condition of an edge; none means always."""
    if fields.value("condition") is None:
        return Condition("always")
    condition = fields.inside("condition")
    kind = cast("ConditionKind", condition.choice("type", _CONDITION_KINDS))
    expression = None
    if kind == "expression":
        try:
            expression = expressions.parse(condition.text("expr") or condition.text("text"))
        except ValueError as error:
            raise condition.error(str(error)) from None
    phrases = (*_phrases(condition, "phrases"), *_phrases(condition, "fallback_phrases"))
    if kind in {"intent", "keyword"} and not phrases:
        raise condition.error(f"is of type {kind} but lists no phrases")
    return Condition(kind, condition.text("text"), condition.text("value"), phrases, expression)


# --- the whole -------------------------------------------------------------------------------------------------------


def _start(flow: Mapping[str, object], nodes: Mapping[str, Node], problems: list[str]) -> Node | None:
    named = str(flow.get("start_node_id") or "")
    if named:
        if named not in nodes and not problems:
            problems.append(f"start_node_id names node '{named}', which does not exist")
        return nodes.get(named)
    starts = [node for node in nodes.values() if node.kind == "start"]
    if len(starts) != 1:
        problems.append(f"the graph needs exactly one start node and has {len(starts)}; or set start_node_id")
        return None
    return starts[0]


def _warnings(nodes: Mapping[str, Node], edges: Mapping[str, tuple[Edge, ...]]) -> list[str]:
    """Say what is allowed but probably not meant."""
    found = [
        f"node '{node.id}' leads nowhere; the call will end there"
        for node in nodes.values()
        if node.kind not in {"end", "global"} and node.id not in edges
    ]
    found += [
        f"edge '{edge.id}' from node '{edge.source}' needs a language model; give it fallback_phrases for builtin/flow"
        for ways in edges.values()
        for edge in ways
        if edge.condition.kind == "llm" and not edge.condition.phrases
    ]
    if not any(node.kind == "end" for node in nodes.values()):
        found.append("there is no end node; only the caller will end the call")
    return found
