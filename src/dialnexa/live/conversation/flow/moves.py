"""What the model may do beside talking at one place of a graph: tools that lead on, and the agent's functions."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from dialnexa.live.conversation.flow.walk import Next, Walk
from dialnexa.live.speech.embedded.flow import acting
from dialnexa.live.speech.embedded.flow.edges import Condition, Edge
from dialnexa.live.speech.embedded.flow.nodes import ACTING, Intent, Node, Wanted
from dialnexa.live.speech.ports import Tool, ToolCall

GO_TO: Final = "go_to_"
GO_BACK: Final = "go_back"
NOTE: Final = "note_answer"
_LONGEST: Final = 60
"""Characters of a tool's name, with room for a number; endpoints take 64."""
_MEANT: Final[Mapping[Intent, str]] = {
    "repeat": "The person asks to hear it again.",
    "wait": "The person asks to wait a moment.",
    "hello": "The person says hello, or asks whether anybody is there.",
    "goodbye": "The person wants to end the call.",
    "opt_out": "The person does not want to be called again.",
    "operator": "The person wants to speak with a human being.",
}
_ANYTHING: Final = "The person has answered, and none of the other conditions is met."


@dataclass(frozen=True, slots=True)
class Move:
    """A tool that leads on."""

    tool: Tool
    edge: Edge | None = None
    listener: Node | None = None

    def take(self, walk: Walk, arguments: Mapping[str, object]) -> Next:
        """Go there, with what the model wrote down on the way; anything that was not asked for is left out."""
        names = [one.name for one in walk.node.wanted if arguments.get(one.name) not in (None, "")]
        values = {name: _as_text(arguments[name]) for name in names}
        if self.edge is not None:
            return walk.took(self.edge, values)
        if self.listener is not None:
            return walk.called_for(self.listener)
        return walk.went_back() if self.tool.name == GO_BACK else walk.noted(values)


@dataclass(frozen=True, slots=True)
class Offer:
    """Everything the model may call at one moment."""

    moves: Mapping[str, Move]
    functions: Sequence[Tool]

    @property
    def tools(self) -> list[Tool]:
        """Return all of it: what leads on comes first."""
        return [*(move.tool for move in self.moves.values()), *self.functions]


def offered(
    walk: Walk, tools: Sequence[Tool], own: Mapping[str, str], *, moves: bool = True, notes: bool = True
) -> Offer:
    """Return what may be called where the walk stands.

    ``tools`` are the model's, ``own`` the agent's functions among them. The last request of a turn has no ``moves``,
    for then something must be said; ``notes``: the answer was not written down in this turn yet.
    """
    if walk.aside is not None:
        return Offer({}, _allowed(walk.aside, tools, own))
    if walk.node.kind in ACTING:
        wish = acting.wish(walk.node, walk.tools, walk.memory)
        function = [tool for tool in tools if wish is not None and tool.name == wish.name]
        return Offer(_listening(walk, {tool.name for tool in tools}) if moves else {}, function)
    functions = _allowed(walk.node, tools, own)
    taken = {tool.name for tool in functions}
    return Offer(_moves(walk, taken, notes=notes) if moves else {}, functions)


def written(call: ToolCall) -> Mapping[str, object]:
    """Return the arguments the model wrote; nothing where they cannot be read."""
    try:
        read: object = json.loads(call.arguments or "{}")
    except (ValueError, RecursionError):
        return {}
    return cast("Mapping[str, object]", read) if isinstance(read, dict) else {}


def _allowed(node: Node, tools: Sequence[Tool], own: Mapping[str, str]) -> list[Tool]:
    """Return the functions the model may use at a node; the platform's own, such as the keypad, always."""
    if node.functions is None:
        return list(tools)
    return [tool for tool in tools if tool.name in node.functions or tool.name not in own]


def _moves(walk: Walk, taken: set[str], *, notes: bool) -> dict[str, Move]:
    moves: dict[str, Move] = {}
    expects_notes = walk.expects_notes()
    if expects_notes and notes:
        about = "Write down what the person answered, as soon as they did."
        moves[NOTE] = Move(Tool(NOTE, about, _schema(walk.node.wanted)))
    judged = walk.judged()
    fallback = walk.fallback()
    for edge in [*judged, *([fallback] if fallback and (judged or not expects_notes) else [])]:
        name = _name(walk.target(edge), {*taken, *moves})
        moves[name] = Move(Tool(name, _condition(edge.condition, walk), _schema(walk.node.wanted)), edge=edge)
    if walk.origin is not None:
        moves[GO_BACK] = Move(Tool(GO_BACK, "This is settled: go on with what the conversation was about before."))
    return moves | _listening(walk, {*taken, *moves})


def _listening(walk: Walk, taken: set[str]) -> dict[str, Move]:
    found: dict[str, Move] = {}
    for node in walk.listeners():
        name = _name(node, {*taken, *found})
        found[name] = Move(Tool(name, _called_for(node)), listener=node)
    return found


def _name(node: Node, taken: set[str]) -> str:
    """Name the tool that leads to a node so that no other has the name."""
    plain = (re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") for text in (node.label, node.id))
    name = (GO_TO + (next((text for text in plain if text), "") or "part"))[:_LONGEST]
    return next(one for n in range(len(taken) + 1) if (one := f"{name}_{n + 1}" if n else name) not in taken)


def _condition(condition: Condition, walk: Walk) -> str:
    """Say in words when an edge is taken."""
    phrases = ", ".join(f'"{phrase}"' for phrase in walk.memory.phrases(condition.phrases))
    match condition.kind:
        case "always":
            return _ANYTHING
        case "slot":
            return f'The answer is "{condition.value}".'
        case "no_match":
            return "The person was asked again and still gave no answer that helps."
        case _ if condition.text:
            return walk.memory.render(condition.text)
        case _:
            return f"The person says something like {phrases}."


def _called_for(node: Node) -> str:
    said = ", ".join(f'"{phrase}"' for phrase in node.phrases)
    meant = node.condition or _MEANT.get(node.intent, "")
    return " ".join(part for part in (meant, f"The person says something like {said}." if said else "") if part)


def _schema(wanted: Sequence[Wanted]) -> dict[str, object]:
    return {"type": "object", "properties": {one.name: _property(one) for one in wanted}} if wanted else {}


def _property(one: Wanted) -> dict[str, object]:
    about = one.description or f"What the person said about {one.name.replace('_', ' ')}."
    return {"type": one.type, "description": about, **({"enum": list(one.options)} if one.options else {})}


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
