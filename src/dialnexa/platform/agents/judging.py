"""Whether what an agent names can work here: parts there are, URLs the guard lets out, a graph that can be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from dialnexa.kit.errors import BadRequest
from dialnexa.kit.outgoing import Outgoing, Refused
from dialnexa.platform.agents import flows
from dialnexa.platform.agents.cautions import Caution, cautions
from dialnexa.platform.agents.confidential import MASK
from dialnexa.platform.agents.config import AgentConfig, obstacles
from dialnexa.platform.agents.connected import IntegrationFunction
from dialnexa.platform.agents.flows import FlowReport, ReadsFlows
from dialnexa.platform.agents.functions import AgentFunction, CustomFunction
from dialnexa.platform.catalogue.service import Catalogue
from dialnexa.platform.wire import sentences


@dataclass(frozen=True, slots=True)
class Judge:
    """Knows the installation. The flow reader is given to it, because graphs are read by the wing that runs them."""

    catalogue: Catalogue
    outgoing: Outgoing
    flows: ReadsFlows

    def refuse_impossible(self, body: AgentConfig, spelling: Mapping[str, str] | None = None) -> None:
        """Raise ``BadRequest`` with a sentence for each thing that cannot work among the fields that were sent.

        Only those are judged, so that an old draft can be mended field by field. ``spelling`` translates flat names
        into the caller's.
        """
        if mistakes := self.mistakes(body, spelling):
            raise BadRequest(mistakes)

    def mistakes(self, body: AgentConfig, spelling: Mapping[str, str] | None = None) -> list[str]:
        """Return a sentence for each thing that cannot work among the fields that were sent."""
        sent, spell = body.model_fields_set, spelling or {}
        mistakes = self.catalogue.mistakes(body.model_dump(include=sent), spell)
        if "agent_functions" in sent:
            mistakes += self._urls(spell.get("agent_functions", "agent_functions"), body.agent_functions)
        if "flow" in sent:
            mistakes += self.flow_mistakes(body.flow, spell.get("flow", "flow"))
        return mistakes

    def cautions(self, config: AgentConfig) -> list[Caution]:
        """Return what to know about settings that calls here do not, or not quite, carry out."""
        return cautions(config, self.catalogue)

    def flow_mistakes(self, flow: Mapping[str, object] | None, field: str = "flow") -> list[str]:
        """Return a sentence for each value of a graph that cannot be read; whether it makes sense is asked later."""
        return [f"{field}: {problem}" for problem in self.flows.shape(flow)] if flow is not None else []

    def flow_report(self, config: AgentConfig) -> FlowReport:
        """Judge the graph of a version as it would be published."""
        return flows.report(config, self.flows)

    def obstacles(self, config: AgentConfig) -> list[str]:
        """Return what keeps a draft from being published."""
        problems = self.flow_report(config).problems if config.agent_type == "Conversational_Flow_Agent" else ()
        return [*obstacles(config), *(f"flow: {problem}" for problem in problems)]

    def _urls(self, field: str, functions: Sequence[AgentFunction]) -> list[str]:
        found = list[str]()
        for index, function in enumerate(functions):
            config = function.config
            if function.type == "integration":
                config = IntegrationFunction.model_validate(config).request()
            elif function.type != "custom":
                continue
            try:
                url = CustomFunction.model_validate(config).sample_url()
                if url != MASK:  # what is stored was judged when it was sent
                    self.outgoing.check(url)
            except Refused as refusal:
                found.append(f"{field}[{index}].config.url {refusal}")
            except ValidationError as error:
                problems = ", ".join(sentences(error.errors()))
                found.append(f"{field}[{index}].config.action_config cannot be used: {problems}")
        return found
