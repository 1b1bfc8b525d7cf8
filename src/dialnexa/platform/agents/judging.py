"""Whether what an agent names can work here: parts there are, URLs the guard lets out, a graph that can be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dialnexa.kit.errors import BadRequest
from dialnexa.kit.outgoing import Outgoing, Refused
from dialnexa.platform.agents.config import AgentConfig
from dialnexa.platform.agents.functions import AgentFunction, CustomFunction
from dialnexa.platform.catalogue.service import Catalogue

FlowProblems = Callable[[Mapping[str, object]], list[str]]
"""Returns a sentence for each mistake in a conversation graph, naming its node or edge."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Knows the installation. The flow reader is given to it, because graphs are read by the wing that runs them."""

    catalogue: Catalogue
    outgoing: Outgoing
    flow_problems: FlowProblems

    def refuse_impossible(self, body: AgentConfig, spelling: Mapping[str, str] | None = None) -> None:
        """Raise ``BadRequest`` with a sentence for each thing that cannot work among the fields that were sent.

        Only those are judged, so that an old draft can be mended field by field. ``spelling`` translates flat names
        into the caller's.
        """
        sent, spell = body.model_fields_set, spelling or {}
        mistakes = self.catalogue.mistakes(body.model_dump(include=sent), spell)
        if "agent_functions" in sent:
            mistakes += self._urls(spell.get("agent_functions", "agent_functions"), body.agent_functions)
        if "flow" in sent:
            mistakes += self.flow_mistakes(body.flow, spell.get("flow", "flow"))
        if mistakes:
            raise BadRequest(mistakes)

    def flow_mistakes(self, flow: Mapping[str, object] | None, field: str = "flow") -> list[str]:
        """Return a sentence for each mistake in a graph."""
        return [f"{field}: {problem}" for problem in self.flow_problems(flow)] if flow is not None else []

    def _urls(self, field: str, functions: Sequence[AgentFunction]) -> list[str]:
        found = list[str]()
        for index, function in enumerate(functions):
            if function.type != "custom":
                continue
            try:
                self.outgoing.check(CustomFunction.model_validate(function.config).sample_url())
            except Refused as refusal:
                found.append(f"{field}[{index}].config.url {refusal}")
        return found
