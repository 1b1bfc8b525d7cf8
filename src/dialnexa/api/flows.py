"""Reads conversation graphs for the platform, which may not know the wing that runs them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dialnexa.live.speech.embedded.flow import checks
from dialnexa.live.speech.embedded.flow.checks import Surroundings
from dialnexa.live.speech.embedded.flow.graph import Parts
from dialnexa.platform.agents.flows import FlowReport


class FlowReader:
    """What ``platform.agents.flows.ReadsFlows`` asks for."""

    def shape(self, flow: Mapping[str, object]) -> Sequence[str]:
        """Return a sentence for each value of a graph that cannot be read, naming its node or edge."""
        return checks.shape(flow)

    def check(
        self, flow: Mapping[str, object], *, functions: Mapping[str, str], variables: frozenset[str]
    ) -> FlowReport:
        """Judge a graph as it would be published."""
        found = checks.check(flow, Surroundings(functions, variables))
        nodes = Parts.read(flow).nodes.values()
        own = {node.id: node.config for node in nodes if node.kind == "transfer" and checks.destinations(node)}
        return FlowReport(found.problems, found.warnings, own)
