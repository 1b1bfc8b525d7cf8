"""Tell a conversation as a story: what the caller says, and what the agent must answer."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from dialnexa.live.plan import AgentPlan, FunctionSpec, Opening
from dialnexa.live.speech.embedded.flow.llm import FlowLlm
from dialnexa.live.speech.ports import Expect, Expectation, Finished, LlmEvent, Message, TextDelta, Tool, ToolCall

DEMO = Path(__file__).parents[4] / "src/dialnexa/platform/agents/demo.json"
SEED_001 = {"customer_name": "Alex Rivera", "appointment_date": "June 3rd at 2 PM", "account_id": "acct_7842"}
END_CALL = FunctionSpec("end_call", "end_call", "End the call.")


@dataclass(frozen=True)
class Said:
    """One reply of the agent, whole."""

    text: str
    calls: tuple[ToolCall, ...]
    expectation: Expectation | None
    events: tuple[LlmEvent, ...]

    @property
    def ends(self) -> bool:
        return [call.name for call in self.calls] == ["end_call"]


def demo_body() -> dict[str, object]:
    return cast("dict[str, object]", json.loads(DEMO.read_text()))


def filled(text: str, variables: Mapping[str, str]) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda tag: variables.get(tag[1], ""), text)


def demo_agent(variables: Mapping[str, str] | None = None) -> AgentPlan:
    """The demo agent as the platform hands it to a call."""
    body = demo_body()
    values = {
        **cast("dict[str, str]", body["default_dynamic_variables"]),
        **(SEED_001 if variables is None else variables),
    }
    return AgentPlan(
        agent_id="agent_1",
        version_id="av_1",
        name=str(body["title"]),
        prompt=filled(str(body["prompt_text"]), values),
        opening=Opening("agent_defined", filled(str(body["welcome_message"]), values)),
        functions=(END_CALL,),
        flow=cast("Mapping[str, object]", body["flow"]),
        variables=values,
    )


def prompt_agent(*functions: FunctionSpec) -> AgentPlan:
    opening = Opening("agent_defined", "Hello, this is the front desk. How can I help?")
    return AgentPlan(
        "agent_2", "av_2", "Front desk", "You are the front desk.", opening, functions=(*functions, END_CALL)
    )


def flow_agent(
    nodes: Sequence[Mapping[str, object]], edges: Sequence[Mapping[str, object]], **variables: str
) -> AgentPlan:
    """An agent with a small graph of its own; its start node speaks the opening."""
    flow = {"nodes": list(nodes), "edges": list(edges)}
    return AgentPlan(
        "agent_3", "av_3", "Test", "", Opening("agent_dynamic"), flow=flow, functions=(END_CALL,), variables=variables
    )


class Call:
    """A dialogue in progress, as the conversation would keep it."""

    def __init__(self, agent: AgentPlan, *, tools: Sequence[str] = ("end_call",), opening_heard: bool = True) -> None:
        self.agent = agent
        self.llm = FlowLlm(agent)
        self.tools = [Tool(name, "") for name in tools]
        self.messages = [Message("system", agent.prompt)]
        if opening_heard and agent.opening.text:
            self.messages.append(Message("assistant", agent.opening.text))

    async def ask(self) -> Said:
        """Ask the model as things are, without keeping its reply."""
        events = [event async for event in self.llm.stream(self.messages, self.tools)]
        assert [event for event in events if isinstance(event, Finished)] == events[-1:]
        return Said(
            "".join(event.text for event in events if isinstance(event, TextDelta)),
            tuple(event for event in events if isinstance(event, ToolCall)),
            next((event.expectation for event in events if isinstance(event, Expect)), None),
            tuple(events),
        )

    async def says(self, text: str, *, heard: int | None = None) -> Said:
        """Let the caller say something; the reply is played in full, or cut after ``heard`` characters."""
        self.messages.append(Message("user", text))
        return await self._reply(heard)

    async def returns(self, result: str) -> Said:
        """Give the result of the function called last."""
        call = self.messages[-1].tool_calls[-1]
        self.messages.append(Message("tool", result, tool_call_id=call.id))
        return await self._reply(None)

    async def _reply(self, heard: int | None) -> Said:
        said = await self.ask()
        text = said.text if heard is None else said.text[:heard]
        if text or said.calls:
            self.messages.append(Message("assistant", text, said.calls))
        return said
