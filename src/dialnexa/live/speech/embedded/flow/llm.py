"""``FlowLlm``: the flow engine behind the port of a language model, as a pure function of the dialogue so far."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from dialnexa.live.plan import AgentPlan
from dialnexa.live.speech.embedded.flow import acting, prompt_agent
from dialnexa.live.speech.embedded.flow import graph as graphs
from dialnexa.live.speech.embedded.flow.dialogue import SILENCE, Dialogue, Reply, Setting
from dialnexa.live.speech.embedded.flow.graph import Graph
from dialnexa.live.speech.embedded.flow.slots import Answer, keypad
from dialnexa.live.speech.ports import Cites, Expect, Finished, LlmEvent, Message, TextDelta, Tool, ToolCall, Walked
from dialnexa.live.timeline import Passage


@dataclass(frozen=True, slots=True)
class _Heard:
    """One user turn, and what knowledge bases say to it."""

    text: str
    passages: tuple[Passage, ...] = ()


@dataclass(frozen=True, slots=True)
class _Spoke:
    """The agent was heard to say something."""


@dataclass(frozen=True, slots=True)
class _Returned:
    """A function's result."""

    result: str


_Event = _Heard | _Spoke | _Returned


class FlowLlm:
    """The embedded mind of one agent. Shared by its calls: it keeps nothing between questions."""

    def __init__(self, agent: AgentPlan) -> None:
        """Read the agent's graph, or make one from its prompt.

        Raises ``GraphError`` (a ``ValueError``) naming every node and edge that is wrong.
        """
        self._agent = agent
        self._graph: Graph = graphs.parse(agent.flow) if agent.flow is not None else prompt_agent.compiled(agent)

    async def stream(self, messages: Sequence[Message], tools: Sequence[Tool]) -> AsyncIterator[LlmEvent]:
        """Replay the dialogue over the graph and yield the reply: Expect, TextDeltas, at most one ToolCall, Finished.

        An agent with a graph of its own also tells how it walked it.

        Before the first user turn nothing is said (unless the opening is the model's to say): only what may be
        answered is yielded. A user turn may be words, ``DTMF: 12``, empty (nothing understood) or ``[silence]``.
        """
        events = _events(messages)
        dialogue, reply = self._replay(events, tools)
        if self._agent.flow is not None:
            yield Walked(dialogue.path, dict(dialogue.collected))
        expectation = dialogue.expectation()
        if expectation is not None:
            yield Expect(expectation)
        if reply.cites is not None:
            yield Cites(reply.cites)
        for sentence in reply.sentences():
            yield TextDelta(sentence)
        if reply.wish is not None:
            wish = acting.fitted(reply.wish, self._agent.functions)
            yield ToolCall(f"flow_{len(events)}", wish.name, json.dumps(dict(wish.arguments)))
        said = len(reply.text.split())
        yield Finished("tool_calls" if reply.wish else "stop", sum(len(m.content.split()) for m in messages), said)

    def slots(self, messages: Sequence[Message], tools: Sequence[Tool] = ()) -> Mapping[str, Answer]:
        """Return what the caller has told by the end of this dialogue."""
        return self._replay(_events(messages), tools)[0].slots

    def _replay(self, events: Sequence[_Event], tools: Sequence[Tool]) -> tuple[Dialogue, Reply]:
        """Return the dialogue after these events and what it says now: nothing, where nothing new happened."""
        dialogue = Dialogue(self._graph, self._setting(tools))
        reply = dialogue.open() if not events and self._agent.opening.mode == "agent_dynamic" else Reply()
        for event in events:
            match event:
                case _Spoke():
                    dialogue.opened()
                    reply = Reply()
                case _Heard(text, passages):
                    reply = dialogue.hear(text, passages)
                case _Returned(result):
                    reply = dialogue.returned(result)
        return dialogue, reply

    def _setting(self, tools: Sequence[Tool]) -> Setting:
        """Gather what the dialogue may use; functions are found by their kind or by their name."""
        return Setting(
            opening=self._agent.opening.text,
            variables=self._agent.variables,
            keyterms=self._agent.transcriber.keyterms,
            tools=acting.usable(self._agent.functions, (tool.name for tool in tools)),
        )


def _events(messages: Sequence[Message]) -> list[_Event]:
    """Read what happened out of the messages.

    User turns with no heard reply between them are one turn: the person cannot have answered what was never played.
    A system message after the dialogue began asks for a reminder.
    """
    events: list[_Event] = []
    for message in messages:
        match message.role:
            case "user":
                before = events[-1] if events else None
                if isinstance(before, _Heard):
                    found = before.passages + message.passages
                    events[-1] = _Heard(_together(before.text, message.content), found)
                else:
                    events.append(_Heard(message.content, message.passages))
            case "assistant":
                if message.content.strip():
                    events.append(_Spoke())
            case "tool":
                events.append(_Returned(message.content))
            case "system":
                pass
    if events and messages[-1].role == "system":
        events.append(_Heard(SILENCE))
    return events


def _together(first: str, second: str) -> str:
    """Join two turns that were spoken without an answer between them; keys go before words."""
    if keypad(first) or keypad(second):
        keys = keypad(first) + keypad(second)
        return f"DTMF: {keys}"
    kept = [text.strip() for text in (first, second) if text.strip() and text.strip().lower() != SILENCE]
    return " ".join(kept) or second
