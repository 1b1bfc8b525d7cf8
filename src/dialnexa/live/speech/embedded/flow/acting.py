"""What the nodes that act call: a function of the agent, or one of their own made from their configuration."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final
from zlib import crc32

from dialnexa.live.plan import FunctionSpec
from dialnexa.live.speech.embedded.flow.fields import mapping
from dialnexa.live.speech.embedded.flow.memory import Memory
from dialnexa.live.speech.embedded.flow.nodes import Node

_KINDS: Final[Mapping[str, str]] = {"transfer": "call_transfer", "sms": "sms"}
_SHOWN: Final = 40


@dataclass(frozen=True, slots=True)
class Wish:
    """A function to call."""

    name: str
    arguments: Mapping[str, object] = field(default_factory=dict[str, object])


def own_name(node: Node) -> str:
    """Return the name of the function that a transfer or sms node brings along: ``sms_confirm_time``."""
    plain = re.sub("[^A-Za-z0-9_-]", "_", node.id)[:_SHOWN]
    return f"{node.kind}_{plain}" if plain == node.id else f"{node.kind}_{plain}_{crc32(node.id.encode()):08x}"


def usable(functions: Iterable[FunctionSpec], offered: Iterable[str]) -> dict[str, str]:
    """Return what a graph may call, by name and by kind, to the name to use; ``offered`` are the model's tools.

    What belongs to the graph alone is found by its name only.
    """
    names = {name: name for name in offered}
    every = tuple(functions)
    own = {function.name: function.name for function in every if not function.offered}
    kinds = {function.kind: function.name for function in every if function.name in names}
    return {**own, **kinds, **names}


def fitted(call: Wish, functions: Iterable[FunctionSpec]) -> Wish:
    """Return a call whose texts are numbers and truths where the function's schema wants those."""
    schema = next((function.parameters for function in functions if function.name == call.name), None)
    properties = mapping(mapping(schema).get("properties"))
    kinds = {name: mapping(properties.get(name)).get("type") for name in call.arguments}
    return Wish(call.name, {name: _as(kinds[name], value) for name, value in call.arguments.items()})


def _as(kind: object, value: object) -> object:
    """Read a text as what it stands for; one that cannot be read stays, and is refused where it is checked."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if kind == "boolean":
        return {"true": True, "yes": True, "false": False, "no": False}.get(text.lower(), value)
    if kind == "integer" and re.fullmatch(r"-?\d{1,18}", text):
        return int(text)
    if kind == "number" and re.fullmatch(r"-?\d{1,18}(\.\d{1,18})?", text):
        return float(text)
    return value


def wish(node: Node, tools: Mapping[str, str], memory: Memory) -> Wish | None:
    """Return the call a node makes, with the variables filled in; ``None`` when there is nothing to call."""
    candidates = (node.function, own_name(node), _KINDS.get(node.kind, ""))
    name = next((tools[one] for one in candidates if one in tools), None)
    if name is None:
        return None
    given = dict(node.arguments)
    if node.kind == "sms":
        given = {key: value for key in ("text", "to") if (value := node.config.get(key))} | given
    return Wish(name, {key: memory.render(value) if isinstance(value, str) else value for key, value in given.items()})
