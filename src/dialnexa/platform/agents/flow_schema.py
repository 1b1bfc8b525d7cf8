"""The shape of a conversation graph (C.12) as the OpenAPI document shows it.

It describes and does not judge: graphs are read by the wing that runs them, whose sentences name the node or edge.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

Text = str | float | bool | None
"""Numbers are written out."""


class _Part(BaseModel):
    # What may be sent is what is answered: a graph is kept as it was written, without defaults.
    model_config = ConfigDict(extra="allow", json_schema_mode_override="validation")


class FlowNode(_Part):
    """A part of the conversation. It stays current until one of its edges holds."""

    id: Text = Field(default=None, description="Its own among the nodes; where `nodes` is an object, its key.")
    type: Literal["start", "conversation", "function", "transfer", "sms", "end", "global", "logic"]
    label: Text = Field(default=None, description="What people call it.")
    prompt: Text = Field(default=None, description="What a language model is told to do here.")
    message: Text = Field(default=None, description="Said as it stands, on arrival.")
    config: dict[str, Any] | None = Field(
        default=None,
        description="By type: `function` and `arguments`; `destinations` of a transfer; `text` and `to` of an sms; "
        "`condition` and `phrases` of a global node; `set` of a logic node. For all that ask: `question`, `expect`, "
        "`slot`, `variables`, `retries`, `reprompts`, `confirm`, `end_call`. The guide to flows tells all.",
    )
    position: Any = Field(default=None, description="Where an editor draws it; means nothing to calls.")


class FlowCondition(_Part):
    """When an edge is taken."""

    type: Literal["llm", "expression", "outcome", "always", "intent", "keyword", "slot", "no_match", "silence"]
    text: Text = Field(default=None, description="In words, for a language model.")
    expr: Text = Field(default=None, description="Of an expression, such as `people > 8`.")
    value: Text = Field(default=None, description="`success` or `failure` of an outcome; the answer of a slot.")
    phrases: list[str] | str | None = None


class FlowEdge(_Part):
    """A way from one node to another; those of a node are tried in the order they are written."""

    id: Text = None
    from_: Text = Field(default=None, alias="from", description="The node it leaves; a draft may do without.")
    to: Text = Field(default=None, description="The node it leads to; a draft may do without.")
    condition: FlowCondition | None = Field(default=None, description="Without one it always holds.")


class Flow(_Part):
    """A conversation graph."""

    start_node_id: Text = Field(default=None, description="By default the node of type start.")
    nodes: list[FlowNode] | dict[str, FlowNode]
    edges: list[FlowEdge] = Field(default_factory=list[FlowEdge])


class ShownAsFlow:
    """Marks a plain object as a graph: the document shows its shape, and nothing else is asked of it."""

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the shape in place of "an object"."""
        return handler(Flow.__pydantic_core_schema__)
