"""The edges of a conversation graph, and how one is read from JSON.

Conditions: ``always``, ``expression`` (``expr``), ``outcome`` (``value``: success or failure), ``slot`` (``value``, or
any answer), ``llm`` (``text``, for the embedded engine ``phrases`` or ``fallback_phrases``), ``intent`` and ``keyword``
(``phrases``), ``no_match`` and ``silence`` (``value``: after how many).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, cast, get_args

from dialnexa.live.speech.embedded.flow import expressions
from dialnexa.live.speech.embedded.flow.expressions import Expression
from dialnexa.live.speech.embedded.flow.fields import Fields
from dialnexa.live.speech.embedded.flow.nodes import read_phrases

ConditionKind = Literal["llm", "expression", "outcome", "always", "intent", "keyword", "slot", "no_match", "silence"]

_CONDITION_KINDS: Final = get_args(ConditionKind)


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

    @property
    def where(self) -> str:
        """Name it in findings."""
        return f"edge '{self.id}' from node '{self.source}' to node '{self.target}'"


def read_condition(fields: Fields) -> Condition:
    """Read the condition of an edge; none means always. Raises ``ReadError`` naming the edge."""
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
    phrases = (*read_phrases(condition, "phrases"), *read_phrases(condition, "fallback_phrases"))
    if kind in {"intent", "keyword"} and not phrases:
        raise condition.error(f"is of type {kind} but lists no phrases")
    return Condition(kind, condition.text("text"), condition.text("value"), phrases, expression)
