"""Whatever the graph and whatever the model does: every turn ends, and nothing breaks, in neither engine."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.live.conversation.flow.stories import agent, node
from tests.live.fake_speech import FakeLlm
from tests.live.fakes import VirtualClock

from dialnexa.live.conversation.flow.mind import FlowMind
from dialnexa.live.plan import FunctionSpec
from dialnexa.live.speech.embedded.flow.checks import Surroundings, check
from dialnexa.live.speech.embedded.flow.llm import FlowLlm
from dialnexa.live.speech.ports import LlmEvent, Message, TextDelta, Tool, ToolCall, Walked

FIND = FunctionSpec("find", "custom", "", {"type": "object", "required": ["number"]})
NAMES = ("start", "a", "b", "c", "d")
KINDS = ("conversation", "function", "transfer", "sms", "logic", "end")
CONFIGS: tuple[dict[str, Any], ...] = (
    {},
    {"slot": "number"},
    {"variables": ["x"], "set": {"x": "{{x}}1"}},
    {"function": "find", "arguments": {"number": "1"}},
    {"function": "find", "end_call": True},
    {"expect": "yes_no", "confirm": True},
)
CONDITIONS: tuple[dict[str, Any], ...] = (
    {"type": "always"},
    {"type": "llm", "text": "so it is", "phrases": ["yes"]},
    {"type": "expression", "expr": "x exists or number == 1"},
    {"type": "outcome", "value": "success"},
    {"type": "outcome", "value": "failure"},
    {"type": "slot", "value": "yes"},
    {"type": "no_match"},
)
SAID = ("yes", "no", "", "DTMF: 1", "[silence]", "never call me again")
MOVES = ("go_to_a", "go_to_b", "go_to_start", "go_to_wide", "go_back", "note_answer", "find", "nonsense")

configs = st.sampled_from(CONFIGS)
words = st.sampled_from(("", "Hello {{number}}."))


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, Any]:
    """Nodes of every kind, any edges between them, perhaps a global one."""
    nodes = [node("start", "start", draw(words), draw(words), **draw(configs))]
    for name in NAMES[1:]:
        config = {"function": "find", **draw(configs)}
        nodes.append(node(name, draw(st.sampled_from(KINDS)), draw(words), draw(words), **config))
    if draw(st.booleans()):
        nodes.append(
            node("wide", "global", draw(words), draw(words), intent=draw(st.sampled_from(("wait", "operator"))))
        )
    ends = st.tuples(st.sampled_from([one["id"] for one in nodes]), st.sampled_from(NAMES), st.sampled_from(CONDITIONS))
    edges = [
        {"id": str(index), "from": source, "to": target, "condition": condition}
        for index, (source, target, condition) in enumerate(draw(st.lists(ends, max_size=12)))
    ]
    return {"nodes": nodes, "edges": edges}


async def _conversation(
    mind: FlowMind | FlowLlm, model: FakeLlm, script: Sequence[tuple[str, Sequence[str], bool]]
) -> None:
    """Talk: each turn the person says something, the model calls these, and what is said is heard or not."""
    messages = [Message("system", "")]
    for said, calls, heard in script:
        messages.append(Message("user", said))
        model.script.clear()
        model.script.extend([[ToolCall(f"m{index}", name, '{"x": 1}')] for index, name in enumerate(calls)])
        for _ in range(8):
            events: list[LlmEvent] = [event async for event in mind.stream(messages, [Tool("find", "")])]
            assert isinstance(next((one for one in events if isinstance(one, Walked)), None), Walked)
            wishes = tuple(event for event in events if isinstance(event, ToolCall))
            text = "".join(event.text for event in events if isinstance(event, TextDelta)) if heard else ""
            if text or wishes:
                messages.append(Message("assistant", text, tool_calls=wishes))
            messages += [Message("tool", '{"ok": true}', tool_call_id=wish.id) for wish in wishes]
            if not wishes or any(wish.name == "end_call" for wish in wishes):
                break


turns = st.tuples(st.sampled_from(SAID), st.lists(st.sampled_from(MOVES), max_size=4), st.booleans())


@given(graphs(), st.lists(turns, max_size=5))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_graph_and_no_model_breaks_a_conversation(flow: dict[str, Any], script: list[Any]) -> None:
    plan = agent(*flow["nodes"], *flow["edges"], functions=[FIND], number="7")
    model = FakeLlm((), clock=VirtualClock())
    asyncio.run(_conversation(FlowMind(plan, model), model, script))
    assert len(model.requests) <= 8 * 6 * max(1, len(script))
    asyncio.run(_conversation(FlowLlm(plan), model, script))
    check(flow, Surroundings({"find": "custom"}))
