"""What is asked of a conversation graph (C.12): of a draft that it can be read, of a version that it can be talked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, cast

from pydantic import ValidationError

from dialnexa.platform.agents.config import AgentConfig
from dialnexa.platform.agents.transfer import TransferFunction
from dialnexa.platform.wire import sentences


@dataclass(frozen=True, slots=True)
class FlowReport:
    """What is wrong with a graph, each a sentence that names its node or edge and tells the fix."""

    problems: Sequence[str] = ()
    """These keep a version from being published."""
    warnings: Sequence[str] = ()
    transfers: Mapping[str, Mapping[str, object]] = field(default_factory=dict[str, "Mapping[str, object]"])
    """Node id → the configuration of a transfer that names its own destinations."""


class ReadsFlows(Protocol):
    """Reads graphs; the wing that runs them knows how."""

    def shape(self, flow: Mapping[str, object]) -> Sequence[str]:
        """Return a sentence for each value that cannot be read."""
        ...

    def check(
        self, flow: Mapping[str, object], *, functions: Mapping[str, str], variables: frozenset[str]
    ) -> FlowReport:
        """Judge a graph; ``functions`` are the agent's by name, with their type, ``variables`` those it sets."""
        ...


def report(config: AgentConfig, reader: ReadsFlows) -> FlowReport:
    """Judge the graph of a version among everything else the version holds."""
    if config.flow is None:
        return FlowReport()
    functions = {function.tool_name: function.type for function in config.agent_functions}
    found = reader.check(config.flow, functions=functions, variables=frozenset(_variables(config)))
    unreachable = [problem for name, own in found.transfers.items() for problem in _transfer_problems(name, own)]
    return FlowReport((*found.problems, *unreachable), found.warnings)


def _variables(config: AgentConfig) -> list[str]:
    """Return the names of variables that have a value without any caller giving it."""
    told = [
        str(name)
        for function in config.agent_functions
        for name in cast("Mapping[object, object]", function.config.get("response_variables") or {})
    ]
    return [*config.default_dynamic_variables, *told]


def _transfer_problems(node_id: str, own: Mapping[str, object]) -> list[str]:
    try:
        TransferFunction.model_validate(dict(own))
    except ValidationError as error:
        return [f"node '{node_id}': config.{sentence}" for sentence in sentences(error.errors())]
    return []
