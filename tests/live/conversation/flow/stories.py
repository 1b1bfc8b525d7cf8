"""A call of an agent with a graph and a scripted model: what the person says, what the model does, what is heard."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tests.live.fake_speech import FakeLlm, Scripted
from tests.live.fakes import VirtualClock

from dialnexa.live.conversation.flow.mind import FlowMind
from dialnexa.live.plan import AgentPlan, FunctionSpec, Model, Opening
from dialnexa.live.speech.ports import Finished, LlmEvent, Message, TextDelta, Tool, ToolCall, Walked

END_CALL = FunctionSpec("end_call", "end_call", "", offered=False)


def node(name: str, kind: str = "conversation", message: str = "", prompt: str = "", **config: Any) -> dict[str, Any]:
    return {"id": name, "type": kind, "message": message, "prompt": prompt, "config": config}


def way(source: str, target: str, kind: str = "always", **condition: Any) -> dict[str, Any]:
    name = f"{source}-{target}"
    return {"id": name, "from": source, "to": target, "condition": {"type": kind, **condition}}


def when(source: str, target: str, text: str) -> dict[str, Any]:
    return way(source, target, "llm", text=text)


def agent(*parts: dict[str, Any], functions: Sequence[FunctionSpec] = (), **variables: str) -> AgentPlan:
    """An agent with these nodes and edges; its opening is the start's message."""
    nodes = [part for part in parts if "type" in part]
    start = next(part for part in nodes if part["type"] == "start")
    mode: Any = "agent_defined" if start["message"] else "agent_dynamic"
    return AgentPlan(
        agent_id="agent_1",
        version_id="av_1",
        name="Mia",
        prompt="You are Mia.",
        opening=Opening(mode, start["message"]),
        model=Model("test/model"),
        functions=(*functions, END_CALL),
        flow={"nodes": nodes, "edges": [part for part in parts if "from" in part]},
        variables=variables,
    )


def moves(name: str, **arguments: Any) -> list[LlmEvent]:
    """What a model yields that calls a tool and says nothing."""
    return [ToolCall(f"call_{name}", name, json.dumps(arguments))]


@dataclass
class Call:
    """A dialogue in progress, as the conversation would keep it."""

    plan: AgentPlan
    script: Sequence[Scripted] = ()
    messages: list[Message] = field(default_factory=list[Message])
    walked: Walked | None = None

    def __post_init__(self) -> None:
        self.model = FakeLlm(self.script, clock=VirtualClock())
        self.mind = FlowMind(self.plan, self.model)
        self.tools = [Tool(one.name, one.description) for one in self.plan.functions if one.offered]
        self.messages.append(Message("system", self.plan.prompt))
        if self.plan.opening.mode == "agent_defined":
            self.messages.append(Message("assistant", self.plan.opening.text))

    @property
    def path(self) -> list[str]:
        assert self.walked is not None
        return [entered.node_id for entered in self.walked.path]

    @property
    def collected(self) -> Mapping[str, str]:
        assert self.walked is not None
        return self.walked.collected

    def offered(self, request: int = -1) -> dict[str, str]:
        """The tools of a request to the model, with what they are for."""
        return {tool.name: tool.description for tool in self.model.tools[request]}

    def told(self, request: int = -1) -> str:
        """The model's instructions in a request."""
        return self.model.requests[request][0].content

    async def ask(self, heard: int | None = None) -> str:
        """Have it reply; the person hears all of it, or only so many characters. Returns what it meant to say."""
        text, calls, finished = "", list[ToolCall](), False
        async for event in self.mind.stream(self.messages, self.tools):
            finished = isinstance(event, Finished)
            match event:
                case TextDelta():
                    text += event.text
                case ToolCall():
                    calls.append(event)
                case Walked():
                    self.walked = event
                case _:
                    pass
        assert finished
        said = text if heard is None else text[:heard].strip()
        if said or calls:
            self.messages.append(Message("assistant", said, tool_calls=tuple(calls)))
        return text

    async def says(self, text: str, *, heard: int | None = None) -> str:
        """The person says this. What nobody heard a reply to is one turn with what they say next."""
        last = self.messages[-1]
        if last.role == "user":
            self.messages[-1] = replace(last, content=f"{last.content} {text}")
        else:
            self.messages.append(Message("user", text))
        return await self.ask(heard)

    async def returns(self, result: str) -> str:
        """The function called last returns this."""
        self.messages.append(Message("tool", result, tool_call_id=self.calls[-1].id))
        return await self.ask()

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The functions called in the last reply."""
        return self.messages[-1].tool_calls

    @property
    def ends(self) -> bool:
        return [call.name for call in self.calls] == ["end_call"]
