"""The nodes of a conversation graph, and how one is read from JSON.

``config`` of a node may hold, for both engines:

- ``slot``, ``variables``: what is kept of the person's answer; texts then use ``{{slot}}``
- ``question``: the short form for asking again; ``end_call``: hang up once the node's words are said
- ``set`` (logic); ``function``, ``arguments`` (function, sms, transfer)
- ``intent``, ``phrases``, ``condition``: what calls for a global node
- ``destinations`` and the other fields of a transfer function (transfer); ``text``, ``to`` (sms)
- ``functions``: the names of the functions a language model may use here; by default all of the agent's

and for the embedded engine alone:

- ``expect``: a kind such as ``"yes_no"``, or ``{kind, phrases?, options?}``, an option being ``{value, phrases, say?}``
- ``retries`` (2), ``reprompts``, ``confirm``: read the answer back first; ``carry``: an answer given in the sentence
  that led here counts; ``{{slot.day}}`` and ``{{slot.value}}`` in texts
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, cast, get_args

from dialnexa.kit import templates
from dialnexa.live.speech.embedded.flow.fields import Fields, mapping
from dialnexa.live.speech.embedded.flow.match import compiled, is_pattern
from dialnexa.live.speech.embedded.flow.slots import Option
from dialnexa.live.speech.ports import ExpectationKind

NodeKind = Literal["start", "conversation", "function", "transfer", "sms", "end", "global", "logic"]
Intent = Literal["", "repeat", "wait", "hello", "goodbye", "opt_out", "operator"]

WAITING: Final[frozenset[NodeKind]] = frozenset({"start", "conversation"})
"""Kinds of nodes that wait for the person."""
ACTING: Final[frozenset[NodeKind]] = frozenset({"function", "transfer", "sms"})
"""Kinds of nodes that are left by the outcome of what they do."""

_NODE_KINDS: Final = get_args(NodeKind)
_EXPECTATIONS: Final = get_args(ExpectationKind)
_INTENTS: Final = get_args(Intent)
_RETRIES = 2
_TYPES: Final = ("string", "number", "integer", "boolean")


@dataclass(frozen=True, slots=True)
class Expecting:
    """What a node's question expects."""

    kind: ExpectationKind
    phrases: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """A variable that a language model fills in from what the person says."""

    name: str
    description: str = ""
    type: str = "string"
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Node:
    """One place in the conversation."""

    id: str
    kind: NodeKind
    label: str = ""
    prompt: str = ""
    """What a language model is told to do here."""
    message: str = ""
    """Said as it stands, on arrival."""
    question: str = ""
    expects: Expecting | None = None
    slot: str = ""
    wanted: tuple[Wanted, ...] = ()
    retries: int = _RETRIES
    reprompts: tuple[str, ...] = ()
    confirm: bool = False
    carry: bool = False
    ends: bool = False
    """The call ends once its words are said."""
    sets: Mapping[str, str] = field(default_factory=dict[str, str])
    function: str = ""
    arguments: Mapping[str, object] = field(default_factory=dict[str, object])
    functions: tuple[str, ...] | None = None
    """What a language model may use here; ``None``: all there is."""
    intent: Intent = ""
    phrases: tuple[str, ...] = ()
    condition: str = ""
    """When a global node is meant, in words for a language model."""
    config: Mapping[str, object] = field(default_factory=dict[str, object])
    """As it was written, for what others read: a transfer's destinations, a text message."""

    @property
    def title(self) -> str:
        """How people call it."""
        return self.label or self.id

    def texts(self) -> tuple[str, ...]:
        """Return everything in it that may hold ``{{variables}}``."""
        arguments = [value for value in self.arguments.values() if isinstance(value, str)]
        message = [str(self.config.get(key) or "") for key in ("text", "to")] if self.kind == "sms" else []
        return (self.prompt, self.message, self.question, *self.reprompts, *self.sets.values(), *arguments, *message)


def read_node(name: str, fields: Fields) -> Node:
    """Read one node. Raises ``ReadError`` naming it."""
    if not name:
        raise fields.error("lacks an id")
    kind = cast("NodeKind", fields.choice("type", _NODE_KINDS))
    config = fields.inside("config")
    expects = _expecting(config)
    node = Node(
        id=name,
        kind=kind,
        label=fields.text("label"),
        prompt=fields.text("prompt") or config.text("prompt"),
        message=config.text("say") or fields.text("message"),
        question=config.text("question"),
        expects=expects,
        slot=config.text("slot") or (name if kind != "start" else ""),
        wanted=_wanted(config, expects),
        retries=config.count("retries", _RETRIES),
        reprompts=config.texts("reprompts"),
        confirm=config.flag("confirm"),
        carry=config.flag("carry"),
        ends=config.flag("end_call"),
        sets={key: str(value) for key, value in mapping(config.value("set")).items()},
        function=config.text("function") or config.text("name"),
        arguments=mapping(config.value("arguments")),
        functions=config.texts("functions") if config.value("functions") is not None else None,
        intent=cast("Intent", config.choice("intent", _INTENTS, default="")),
        phrases=read_phrases(config, "phrases"),
        condition=_in_words(fields) or _in_words(config),
        config=config.raw,
    )
    for text in node.texts():
        check_template(text, fields)
    return node


def check_template(text: str, fields: Fields) -> None:
    """Refuse a text whose ``{{…}}`` cannot be filled."""
    try:
        templates.check(text)
    except templates.TemplateError as error:
        raise fields.error(f"{text[:40]!r}: {error}") from None


def read_phrases(fields: Fields, key: str) -> tuple[str, ...]:
    """Read phrases and check the patterns among them."""
    phrases = fields.texts(key)
    for phrase in phrases:
        check_template(phrase, fields)
        if is_pattern(phrase):
            try:
                compiled(phrase)
            except ValueError as error:
                raise fields.error(f"cannot use a phrase: {error}") from None
    return phrases


def _in_words(fields: Fields) -> str:
    """Read a condition that is a sentence, or an object with one."""
    raw = fields.value("condition")
    return fields.inside("condition").text("text") if isinstance(raw, Mapping) else fields.text("condition")


def _wanted(config: Fields, expects: Expecting | None) -> tuple[Wanted, ...]:
    """Read the variables to fill in: ``variables``, and the slot where there is one or an answer is expected."""
    wanted = {one.name: one for one in _variables(config)}
    slot = config.text("slot")
    if slot and slot not in wanted:
        options = tuple(option.value for option in expects.options) if expects else ()
        options = ("yes", "no") if expects is not None and expects.kind == "yes_no" else options
        wanted[slot] = Wanted(slot, config.text("question"), "string", options)
    return tuple(wanted.values())


def _variables(config: Fields) -> list[Wanted]:
    """Read ``variables``: names, or objects ``{name, type?, description?, options?}``."""
    raw = config.value("variables")
    if isinstance(raw, list) and all(isinstance(one, str) for one in cast("list[object]", raw)):
        return [Wanted(name) for name in config.texts("variables")]
    found: list[Wanted] = []
    for one in config.objects("variables"):
        variable = Fields(one, config.where)
        name = variable.text("name")
        if not name:
            raise variable.error("has a variable without a name")
        kind = variable.choice("type", _TYPES, default="string")
        found.append(Wanted(name, variable.text("description"), kind, variable.texts("options")))
    return found


def _expecting(config: Fields) -> Expecting | None:
    """Read ``expect``: a kind alone, or an object."""
    raw = config.value("expect")
    if raw is None:
        return None
    if isinstance(raw, str):
        raw = {"kind": raw}
    expect = Fields(mapping(raw), config.where)
    kind = cast("ExpectationKind", expect.choice("kind", _EXPECTATIONS))
    phrases = read_phrases(expect, "phrases")
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
        options.append(Option(value, read_phrases(option, "phrases") or (value,), option.text("say")))
    return tuple(options)
