"""An agent with a prompt and a language model of its own on a real call, and what is heard when the model fails.

One installation, five calls in two groups: one goes along a conversation graph, in one the agent looks something up
over HTTP. The model server is a local one that speaks the OpenAI protocol; it knows which story it is in by the agent's
prompt.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.installation import Installation, gather_finished, running
from tests.e2e.order_desk import TOKEN, OrderDesk, Request, check_order, order_desk
from tests.live.speech.chat_server import DONE, STOP, ChatServer, chat_server, chunk, refuses, says

pytestmark = pytest.mark.e2e

FRIENDLY, SILENT = "+16505550199", "+16505550180"
MODEL = "small-but-polite"
TALKS, BROKEN, MUTE = "You remind people of appointments.", "Your model is broken.", "Your model is mute."
WALKS, LOOKS_UP = "You remind people along a graph.", "You tell people where their order is."
PLAN = (
    (
        (TALKS, FRIENDLY, "agent_defined"),
        (BROKEN, FRIENDLY, "agent_defined"),
        (MUTE, SILENT, "agent_dynamic"),  # the model is to say the first words, and says none
    ),
    ((WALKS, FRIENDLY, "agent_defined"), (LOOKS_UP, FRIENDLY, "agent_defined")),
)
"""The calls of one group go on at the same time: what is asked is what was understood, so not more than two talk."""
FLOW = {
    "nodes": [
        {"id": "start", "type": "start", "prompt": "Find out whether Tuesday at two works."},
        {
            "id": "ask",
            "type": "conversation",
            "message": "Good. Shall I remind you by text, or by phone?",
            "config": {"slot": "reminder"},
        },
        {"id": "note", "type": "sms", "config": {"text": "See you on Tuesday."}},
        {"id": "confirm", "type": "conversation", "message": "By {{reminder}}, is that right?"},
        {"id": "done", "type": "end", "message": "All set. Goodbye, {{customer_name}}."},
    ],
    "edges": [
        {"id": "e1", "from": "start", "to": "ask", "condition": {"type": "llm", "text": "The time works."}},
        {"id": "e2", "from": "ask", "to": "note", "condition": {"type": "always"}},
        {"id": "e3", "from": "note", "to": "done", "condition": {"type": "outcome", "value": "success"}},
        {"id": "e4", "from": "note", "to": "confirm", "condition": {"type": "outcome", "value": "failure"}},
        {"id": "e5", "from": "confirm", "to": "done", "condition": {"type": "llm", "text": "It is right."}},
    ],
}


@dataclass(frozen=True)
class Story:
    """One call that is over: its record, its timeline, and what the model was asked."""

    record: dict[str, Any]
    events: list[dict[str, Any]]
    asked: list[dict[str, Any]]
    """The bodies of the requests to the model."""
    looked_up: list[Request]
    """What the developer's API was asked in all calls."""
    logs: str
    """The logs of the installation."""

    def said(self, role: str) -> str:
        return " ".join(turn["content"] for turn in self.record["transcript_turns"] if turn["role"] == role)

    def troubles(self) -> list[dict[str, Any]]:
        return [event["detail"] for event in self.events if event["event"] == "trouble"]


def _reply(model: ChatServer) -> Any:
    """What a model with these instructions would answer to the last request."""
    messages = model.asked[-1].body["messages"]
    assert isinstance(messages, list)
    if BROKEN in messages[0]["content"]:
        return refuses(500, "out of memory")
    if MUTE in messages[0]["content"]:
        return _silence
    if LOOKS_UP in messages[0]["content"]:
        return _look_up(messages)
    heard = messages[-1]["content"].lower()
    if WALKS in messages[0]["content"]:
        tools: Any = model.asked[-1].body["tools"]
        return _move(heard, [tool["function"]["name"] for tool in tools])
    if "text" in heard:
        return says(chunk({"content": "By text message, "}), chunk({"content": "is that right?"}), STOP, DONE)
    if "right" in heard:
        return says(chunk({"content": "All set. Goodbye, "}), chunk({"content": "Maria."}), *_end_call(), DONE)
    if "works" in heard:
        return says(chunk({"content": "Good. Shall I remind you by text, or by phone?"}), STOP, DONE)
    return says(chunk({"content": "Sorry, does Tuesday at two still work for you?"}), STOP, DONE)


def _move(heard: str, offered: list[str]) -> Any:
    """What a model does that is offered ways on: takes the one that was meant, else asks again."""
    if "works" in heard and "go_to_ask" in offered:
        return says(*_calls("go_to_ask", "{}"), DONE)
    if "text" in heard and "note_answer" in offered:
        return says(*_calls("note_answer", '{"reminder": "text message"}'), DONE)
    if "right" in heard and "go_to_done" in offered:
        return says(*_calls("go_to_done", "{}"), DONE)
    return says(chunk({"content": "Sorry, does Tuesday at two still work for you?"}), STOP, DONE)


def _look_up(messages: list[Any]) -> Any:
    """Look the order up once; then say what came of it, and hang up."""
    results = [json.loads(message["content"]) for message in messages if message["role"] == "tool"]
    if not results:
        return says(*_calls("check_order", '{"number": "A-17"}'), DONE)
    if len(results) == 1 and messages[-1]["role"] == "tool":
        told = results[0].get("variables", {})
        sentence = f"Your order is in {told.get('order.place')}, and comes on {told.get('order.day')}. Goodbye."
        return says(chunk({"content": sentence}), *_calls("end_call", "{}"), DONE)
    return says(chunk({"content": "Goodbye."}), STOP, DONE)


def _calls(name: str, arguments: str) -> list[bytes]:
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}
    return [chunk({"tool_calls": [call]}), chunk({}, "tool_calls")]


def _end_call() -> list[bytes]:
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "end_call", "arguments": ""}}
    rest = {"index": 0, "function": {"arguments": '{"reason": "done"}'}}
    return [chunk({"tool_calls": [call]}), chunk({"tool_calls": [rest]}), chunk({}, "tool_calls")]


async def _silence(_writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


@asynccontextmanager
async def _model_server() -> AsyncGenerator[ChatServer]:
    def answer(writer: asyncio.StreamWriter) -> Coroutine[None, None, None]:
        return _reply(model)(writer)  # chosen now: in a moment another call may have asked

    async with chat_server(*[answer] * 100) as model:
        yield model


def _publish(home: Installation, prompt: str, start: str, desk: OrderDesk) -> str:
    """Create an agent as a developer would, over HTTP, and return the id of its published version."""
    agent = home.http.post(
        "/v1/agents",
        json={
            "title": "Reminders",
            "agent_type": "Conversational_Flow_Agent" if prompt == WALKS else "Single_Prompt_Agent",
            "flow": FLOW if prompt == WALKS else None,
            "language_id": "en",
            "voice_id": "builtin/auto",
            "boosted_keywords": "yes that works, text message please, yes that is right",
            "prompt_text": f"{prompt}\nYou talk to {{{{customer_name}}}}. Note: {{{{crm_note}}}}",
            "welcome_message": "Hello {{customer_name}}, does your appointment on Tuesday at two still work for you?",
            "conversation_start_type": start,
            "pause_before_speaking_sec": 0,
            "agent_functions": [
                {"type": "end_call", "display_name": "end_call", "description": "Hang up when all is said."},
                *([check_order(desk)] if prompt == LOOKS_UP else []),
            ],
        },
    )
    assert agent.status_code == 201, agent.text
    published = home.http.post(f"/v1/agents/{agent.json()['id']}/publish")
    assert published.status_code == 200, published.text
    versions = home.get(f"/v1/agents/{agent.json()['id']}/versions")["data"]
    return next(version["id"] for version in versions if version["is_published"])


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Story]:
    return asyncio.run(_tell_them(tmp_path_factory.mktemp("model") / "data"))


async def _tell_them(data: Path) -> dict[str, Story]:
    async with _model_server() as model, order_desk() as desk:
        environment = {
            "DIALNEXA_LLM_BASE_URL": model.url,
            "DIALNEXA_LLM_MODEL": MODEL,
            "DIALNEXA_LLM_API_KEY": "mine",
            "DIALNEXA_OUTGOING_ALLOW": "127.0.0.1",
        }
        with running(data, environment=environment) as home:
            told = dict[str, Story]()
            for group in PLAN:
                told |= await _told(home, model, desk, group)
            assert all(asked.headers["authorization"] == "Bearer mine" for asked in model.asked)
            return told


async def _told(
    home: Installation, model: ChatServer, desk: OrderDesk, group: Sequence[tuple[str, str, str]]
) -> dict[str, Story]:
    placed = [
        home.place(
            person,
            agent_version_id=_publish(home, prompt, start, desk),
            variables={"customer_name": "Maria"},
            metadata={"crm_note": "pays late"},
        )
        for prompt, person, start in group
    ]
    assert [answer.status_code for answer in placed] == [201] * len(group)
    records = await gather_finished(home, [answer.json()["call_id"] for answer in placed])
    return {
        prompt: Story(record, home.timeline(record["id"]), _asked(model, prompt), desk.asked, home.logs())
        for (prompt, _, _), record in zip(group, records, strict=True)
    }


def _asked(model: ChatServer, prompt: str) -> list[dict[str, Any]]:
    """What it was asked during the call, and not for the analysis after it."""
    bodies: list[dict[str, Any]] = [asked.body for asked in model.asked if "response_format" not in asked.body]
    return [body for body in bodies if prompt in body["messages"][0]["content"]]


# --- a model that works ----------------------------------------------------------------------------------------------


def test_the_model_talks_and_ends_the_call(stories: dict[str, Story]) -> None:
    story = stories[TALKS]
    assert (story.record["status"], story.record["end_reason"]) == ("completed", "agent_disconnected"), story.record
    assert story.record["transcript"] == (
        "User: hello\n"
        "Agent: Hello Maria, does your appointment on Tuesday at two still work for you?\n"
        "User: yes that works\n"
        "Agent: Good. Shall I remind you by text, or by phone?\n"
        "User: text message please\n"
        "Agent: By text message, is that right?\n"
        "User: yes that is right\n"
        "Agent: All set. Goodbye, Maria."
    )
    ended = next(event["detail"] for event in story.events if event["event"] == "tool")
    assert (ended["name"], ended["arguments"], ended["ok"]) == ("end_call", '{"reason": "done"}', True)
    assert story.troubles() == []


def test_the_model_is_told_who_it_talks_to_and_what_was_really_said(stories: dict[str, Story]) -> None:
    last = stories[TALKS].asked[-1]
    assert last["model"] == MODEL
    assert last["stream"] is True
    assert [tool["function"]["name"] for tool in last["tools"]] == ["end_call"]
    system, *talk = last["messages"]
    assert system["role"] == "system"
    assert "You talk to Maria." in system["content"], "variables are filled in"
    assert "pays late" not in system["content"], "metadata of this request shape is not for the agent (H.2)"
    assert "{{" not in system["content"]
    assert [f"{message['role']}: {message['content']}" for message in talk] == [
        "user: hello",
        "assistant: Hello Maria, does your appointment on Tuesday at two still work for you?",
        "user: yes that works",
        "assistant: Good. Shall I remind you by text, or by phone?",
        "user: text message please",
        "assistant: By text message, is that right?",
        "user: yes that is right",
    ]
    assert stories[TALKS].record["unresolved_variables"] == ["crm_note"]
    assert stories[TALKS].record["metadata"] == {"crm_note": "pays late"}


def test_each_answer_says_where_its_time_went(stories: dict[str, Story]) -> None:
    record = stories[TALKS].record
    answers = [turn for turn in record["transcript_turns"] if turn["role"] == "agent"][1:]
    stages = ["endpoint", "llm_first_token", "first_clause", "tts_first_audio", "first_packet"]
    for turn in answers:
        times = [turn["latency"][stage] for stage in stages]
        assert times == sorted(times), turn
    assert record["latency"] > 0


# --- a model along a graph -------------------------------------------------------------------------------------------


def test_the_graph_leads_the_conversation_and_the_model_judges_what_was_said(stories: dict[str, Story]) -> None:
    story = stories[WALKS]
    assert (story.record["status"], story.record["end_reason"]) == ("completed", "agent_disconnected"), story.record
    assert story.said("agent").endswith(
        "Good. Shall I remind you by text, or by phone? By text message, is that right? All set. Goodbye, Maria."
    )
    assert story.record["collected_variables"] == {"reminder": "text message"}
    assert story.troubles() == []


def test_the_timeline_tells_where_the_conversation_went(stories: dict[str, Story]) -> None:
    events = stories[WALKS].events
    nodes = [event["detail"] for event in events if event["event"] == "flow_node"]
    assert [(node["node_id"], node["edge_id"]) for node in nodes] == [
        ("start", ""),
        ("ask", "e1"),
        ("note", "e2"),
        ("confirm", "e4"),
        ("done", "e5"),
    ]
    (message,) = (event["detail"] for event in events if event["event"] == "sms")
    assert (message["to"], message["sent"]) == (FRIENDLY, False)
    assert message["detail"].startswith("No carrier for text messages")


# --- a model that looks something up ---------------------------------------------------------------------------------


def test_a_function_is_called_in_mid_conversation_and_its_result_is_spoken(stories: dict[str, Story]) -> None:
    story = stories[LOOKS_UP]
    assert story.record["status"] == "completed", story.record
    [(line, headers, body)] = story.looked_up
    assert line.startswith("POST /orders/Maria ")
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert body == {"number": "A-17"}
    said = story.said("agent")
    assert "Springfield" in said and "Friday" in said, said
    [looked_up] = [
        one["detail"] for one in story.events if one["event"] == "tool" and one["detail"]["name"] == "check_order"
    ]
    assert looked_up["ok"] is True
    assert TOKEN not in story.logs + json.dumps(story.events)


# --- a model that does not -------------------------------------------------------------------------------------------


def test_a_model_that_fails_is_asked_again_and_then_apologised_for(stories: dict[str, Story]) -> None:
    story = stories[BROKEN]
    assert (story.record["status"], story.record["end_reason"]) == ("failed", "error"), story.record
    assert "answered 500: out of memory" in story.record["detail"]
    assert MODEL in story.record["detail"]
    assert story.said("agent").endswith("Please try again later. Goodbye.")
    assert len(story.asked) == 4, "twice the request, and each once more when it failed before a first token"
    assert {trouble["part"] for trouble in story.troubles()} == {"llm"}


def test_a_model_that_says_nothing_is_bridged_and_then_apologised_for(stories: dict[str, Story]) -> None:
    story = stories[MUTE]
    assert (story.record["status"], story.record["end_reason"]) == ("failed", "error"), story.record
    assert story.record["detail"] == "The language model did not answer."
    assert story.said("agent").startswith("One moment, please.")
    assert story.said("agent").endswith("Please try again later. Goodbye.")
    assert story.troubles()


def test_a_call_that_failed_on_the_model_has_its_recording(stories: dict[str, Story]) -> None:
    for story in stories.values():
        assert story.record["recording_url"]
        assert story.record["recording_lost"] is None
        assert [event["event"] for event in story.events if event["event"] != "analysis_ready"][-1] == "call_ended"
