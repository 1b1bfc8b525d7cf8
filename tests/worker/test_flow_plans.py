"""A claimed call as the plan a live call runs by: which mind, which first words, what its graph brings along."""

from __future__ import annotations

from typing import Any

import pytest

from dialnexa.live.plan import CallPlan, FunctionSpec
from dialnexa.platform.agents.config import AgentConfig
from dialnexa.platform.calls.records import ClaimedCall
from dialnexa.platform.tenancy.telephony import TelephonyRules
from dialnexa.worker.plans import ModelDefaults, build_plan

NONE = ModelDefaults("", "", "")
OLLAMA = ModelDefaults("http://127.0.0.1:11434/v1", "", "qwen")
FLOW: dict[str, Any] = {
    "nodes": [
        {"id": "start", "type": "start", "message": "Hello {{name}}."},
        {"id": "hand", "type": "transfer", "config": {"destinations": ["{{desk}}", "+19005550100"]}},
        {"id": "text", "type": "sms", "config": {"text": "See you."}},
        {"id": "end", "type": "end"},
    ],
    "edges": [],
}


def planned(
    models: ModelDefaults = NONE, *, direction: Any = "outbound", channel: Any = "phone", **config: Any
) -> CallPlan:
    body = {"agent_type": "Conversational_Flow_Agent", "flow": FLOW, **config}
    call = ClaimedCall(
        call_id="call_1",
        workspace_id="ws_1",
        account_id="acct_1",
        livemode=True,
        direction=direction,
        from_number="+14155550100",
        to_number="+16505550199",
        agent_id="agent_1",
        agent_version_id="av_1",
        agent_version_number=1,
        agent_title="Mia",
        config=AgentConfig.model_validate(body),
        variables={"name": "Ann", "desk": "sip:desk@pbx.example"},
        trunk_id=None,
        channel=channel,
    )
    return build_plan(call, None, None, models=models, no_audio_s=30, rules=TelephonyRules()).plan


@pytest.mark.parametrize(
    ("models", "wanted", "mind"),
    [
        (NONE, None, "builtin/flow"),
        (OLLAMA, None, "qwen"),
        (OLLAMA, "builtin/flow", "builtin/flow"),
        (OLLAMA, "gpt", "gpt"),
    ],
)
def test_a_flow_runs_on_whichever_model_its_agent_names(models: ModelDefaults, wanted: str | None, mind: str) -> None:
    assert planned(models, llm_id=wanted).agent.model.id == mind


def test_a_flow_without_a_welcome_message_begins_with_the_words_of_its_start() -> None:
    assert planned().agent.opening.text == "Hello Ann."
    assert planned(welcome_message="Good day.").agent.opening.text == "Good day."


def test_nodes_bring_what_they_do_and_the_model_is_not_offered_it() -> None:
    found = {function.name: function for function in planned().agent.functions}
    assert found["end_call"] == FunctionSpec("end_call", "end_call", "", offered=False)
    assert found["transfer_hand"].config["destinations"] == ["sip:desk@pbx.example"]
    assert found["sms_text"].config == {"to": "+16505550199"}
    assert not any(function.offered for function in found.values())
    assert planned(direction="inbound").agent.functions[2].config == {"to": "+14155550100"}


def test_an_agent_that_ends_calls_itself_needs_no_second_way() -> None:
    own = {"type": "end_call", "display_name": "hang_up"}
    names = [function.name for function in planned(agent_functions=[own]).agent.functions]
    assert names == ["hang_up", "transfer_hand", "sms_text"]


def test_a_message_goes_to_the_person_unless_the_function_says_otherwise() -> None:
    sms = [{"type": "sms", "display_name": "a"}, {"type": "sms", "display_name": "b", "config": {"to": "+14155550177"}}]
    numbers = [function.config["to"] for function in planned(agent_functions=sms).agent.functions[:2]]
    assert numbers == ["+16505550199", "+14155550177"]


def test_an_agent_with_a_prompt_leaves_a_graph_alone() -> None:
    plan = planned(OLLAMA, agent_type="Single_Prompt_Agent", prompt_text="You are Mia.")
    assert (plan.agent.flow, plan.agent.functions, plan.agent.opening.text) == (None, (), "")


def test_a_plan_knows_a_web_call() -> None:
    assert planned(channel="web").channel == "web"
