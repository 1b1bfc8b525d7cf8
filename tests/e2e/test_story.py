"""One story from nothing to a spreadsheet, told over public HTTP alone, as a developer lives it.

A knowledge base, an agent that talks along a graph with a language model, a function of the developer's own, a rented
number, a call; then what is known of the call, the webhooks it sent, and the export that holds it.
"""

from __future__ import annotations

import asyncio
import csv
import hashlib
import hmac
import io
import json
import threading
from collections.abc import AsyncGenerator, Coroutine, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.e2e.inbox import Inbox, inbox
from tests.e2e.installation import Installation, running
from tests.live.speech.chat_server import DONE, STOP, Answer, ChatServer, chat_server, chunk, says
from tests.platform.knowledge.embedding_server import embedding_server

pytestmark = pytest.mark.e2e

FRIENDLY = "+16505550199"
HANDBOOK = """\
How reminders work.

Text message reminders are free. A text message goes out at nine in the morning of the day before.
If something is not right, or a day no longer works, call us and we move the appointment. That works until the evening.
Thank you for being our patient. Goodbye is said at the door.
"""
FOUND = {"summary": "Maria keeps Tuesday at two.", "sentiment": "positive", "sentiment_score": 0.8, "channel": "text"}


# --- the developer's side ---------------------------------------------------------------------------------------------


@asynccontextmanager
async def _model() -> AsyncGenerator[ChatServer]:
    def answer(writer: asyncio.StreamWriter) -> Coroutine[None, None, None]:
        return _reply(model.asked[-1].body)(writer)

    async with chat_server(*[answer] * 100) as model:
        yield model


def _reply(body: dict[str, Any]) -> Answer:
    """What a sensible model does with the tools it has where the conversation stands."""
    if "response_format" in body:
        return says(chunk({"content": json.dumps(FOUND)}), STOP, DONE)
    tools = {tool["function"]["name"] for tool in body.get("tools", ())}
    heard = [message["content"] for message in body["messages"] if message["role"] == "user"][-1].lower()
    for place, word, question in (
        ("remind", "works", "Sorry, does Tuesday at two still work for you?"),
        ("book", "text", "Good. Shall I remind you by text, or by phone?"),
        ("bye", "right", "By text message, is that right?"),
    ):
        if f"go_to_{place}" in tools:
            if word in heard:
                return says(*_calls(f"go_to_{place}", {"channel": "text"} if place == "book" else {}), DONE)
            return says(chunk({"content": question}), STOP, DONE)
    return says(chunk({"content": "Goodbye."}), STOP, DONE)


def _calls(name: str, arguments: dict[str, str]) -> list[bytes]:
    function = {"name": name, "arguments": json.dumps(arguments)}
    call = {"index": 0, "id": f"call_{name}", "type": "function", "function": function}
    return [chunk({"tool_calls": [call]}), chunk({}, "tool_calls")]


@dataclass
class Clinic:
    """The developer's API, which takes reminders."""

    url: str
    asked: list[dict[str, Any]]


@contextmanager
def _clinic() -> Generator[Clinic]:
    asked: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            answer = json.dumps({"reminder": {"day": "Monday"}}).encode()
            self.send_response(201)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Clinic(f"http://127.0.0.1:{server.server_address[1]}", asked)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# --- the story --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    """What the developer has in hands at the end."""

    base: dict[str, Any]
    agent: dict[str, Any]
    number: str
    record: dict[str, Any]
    timeline: list[dict[str, Any]]
    waterfall: dict[str, Any]
    booked: list[dict[str, Any]]
    messages: list[tuple[dict[str, str], bytes]]
    secret: str
    replayed: dict[str, Any]
    table: list[dict[str, str]]
    """The export, one row a call."""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    return asyncio.run(_tell(tmp_path_factory.mktemp("story") / "data"))


async def _tell(data: Path) -> Told:
    with _clinic() as clinic, inbox() as box:
        async with _model() as model, embedding_server() as embeddings:
            environment = {
                "DIALNEXA_LLM_BASE_URL": model.url,
                "DIALNEXA_LLM_MODEL": "sensible",
                "DIALNEXA_EMBEDDINGS_BASE_URL": embeddings.url,
                "DIALNEXA_EMBEDDINGS_MODEL": "words-1",
                "DIALNEXA_EMBEDDINGS_QUESTION_MS": "5000",
                "DIALNEXA_OUTGOING_ALLOW": "127.0.0.0/8",
            }
            with running(data, environment=environment) as home:
                return await asyncio.to_thread(_live_it, home, clinic, box)


def _live_it(home: Installation, clinic: Clinic, box: Inbox) -> Told:
    base = _base(home)
    agent = _agent(home, clinic, base["id"])
    hook = _post(home, "/v1/user-webhooks", {"url": f"http://127.0.0.1:{box.port}/hook", "events": ["*"]})
    number = _rented(home)
    version = agent["agent_version_id"]
    placed = home.place(FRIENDLY, from_number=number, agent_version_id=version, variables={"customer_name": "Maria"})
    assert placed.status_code == 201, placed.text
    call_id = placed.json()["call_id"]
    home.finished(call_id)
    home.eventually(lambda: (call_id, "call.analysis_ready") in box.events, within_s=90)
    messages = list(box.messages)
    replayed = home.get(f"/v1/events?call_id={call_id}&type=call.completed")["data"][0]
    answer = home.http.post(f"/v1/user-webhooks/{hook['id']}/replay", json={"event_id": replayed["id"]})
    assert answer.json()["count"] == 1, answer.text
    home.eventually(lambda: len(_sent(box, replayed["id"])) == 2, within_s=60)
    export = home.http.get(f"/v1/calls?export=true&agent_id={agent['id']}", headers={"Accept": "text/csv"})
    assert export.headers["content-type"].startswith("text/csv"), export.text
    return Told(
        base,
        agent,
        number,
        home.call(call_id),
        home.timeline(call_id),
        home.get(f"/v1/calls/{call_id}/waterfall"),
        clinic.asked,
        messages,
        hook["secret"],
        json.loads(_sent(box, replayed["id"])[-1]),
        list(csv.DictReader(io.StringIO(export.text.removeprefix("\ufeff")))),
    )


def _sent(box: Inbox, event_id: str) -> list[bytes]:
    return [body for headers, body in box.messages if headers["x-dialnexa-event-id"] == event_id]


def _post(home: Installation, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = home.http.post(path, json=body)
    assert answer.is_success, f"{path}: {answer.text}"
    return answer.json()


def _base(home: Installation) -> dict[str, Any]:
    base = _post(home, "/v1/knowledge-base", {"name": "Handbook", "language": "en"})
    path = f"/v1/knowledge-base/{base['id']}"
    sent = home.http.post(f"{path}/documents", files={"file": ("handbook.txt", HANDBOOK.encode())})
    assert sent.status_code == 201, sent.text
    document = f"{path}/documents/{sent.json()['id']}"
    home.eventually(lambda: home.get(document)["embedding_status"] == "ready", within_s=60)
    for question in ("text message please", "SMS"):  # the second only means the same
        found = _post(home, f"{path}/search", {"query": question})
        assert (found["searched_by"], found["warning"]) == ("words_and_meaning", None)
        assert "nine in the morning" in found["results"][0]["text"]
    return base


def _agent(home: Installation, clinic: Clinic, base_id: str) -> dict[str, Any]:
    agent = _post(
        home,
        "/v1/agents",
        {
            "title": "Reminders",
            "agent_type": "Conversational_Flow_Agent",
            "language_id": "en",
            "voice_id": "builtin/auto",
            "prompt_text": "You remind {{customer_name}} of an appointment. Be brief.",
            "boosted_keywords": "yes that works, text message please, yes that is right",
            "pause_before_speaking_sec": 0,
            "knowledge_base_ids": [base_id],
            "kb_min_score": 0.2,
            "post_call_analysis": [{"name": "channel", "type": "selector", "options": ["text", "phone"]}],
            "flow": {"nodes": list(_nodes()), "edges": list(_edges())},
            "agent_functions": [
                {
                    "type": "custom",
                    "display_name": "book_reminder",
                    "description": "Books a reminder.",
                    "config": {
                        "url": f"{clinic.url}/reminders",
                        "method": "POST",
                        "parameters": [{"name": "channel", "type": "string", "required": True}],
                        "response_variables": {"reminder_day": "$.reminder.day"},
                    },
                }
            ],
        },
    )
    checked = home.get(f"/v1/agents/{agent['id']}/versions/1/flow-check")
    assert checked["problems"] == [], checked
    return _post(home, f"/v1/agents/{agent['id']}/publish", {})


def _nodes() -> Iterator[dict[str, Any]]:
    hello = "Hello {{customer_name}}, does your appointment on Tuesday at two still work for you?"
    yield {"id": "hello", "type": "start", "message": hello, "prompt": "Ask whether Tuesday at two still works."}
    channel = {"name": "channel", "type": "string", "options": ["text", "phone"], "description": "How to remind them."}
    remind = "Ask whether to remind them by text or by phone."
    yield {"id": "remind", "type": "conversation", "prompt": remind, "config": {"variables": [channel]}}
    yield {
        "id": "book",
        "type": "function",
        "config": {"function": "book_reminder", "arguments": {"channel": "{{channel}}"}},
    }
    yield {"id": "confirm", "type": "conversation", "prompt": "Say it back, and ask whether that is right."}
    yield {"id": "bye", "type": "end", "message": "All set. You hear from us on {{reminder_day}}. Goodbye."}
    yield {"id": "sorry", "type": "end", "message": "That did not work, we will call again. Goodbye."}


def _edges() -> Iterator[dict[str, Any]]:
    for source, target, condition in (
        ("hello", "remind", {"type": "llm", "text": "The appointment still works for them."}),
        ("remind", "book", {"type": "llm", "text": "They said how they want to be reminded."}),
        ("book", "confirm", {"type": "outcome", "value": "success"}),
        ("book", "sorry", {"type": "outcome", "value": "failure"}),
        ("confirm", "bye", {"type": "llm", "text": "They say that it is right."}),
    ):
        yield {"id": f"{source}-{target}", "from": source, "to": target, "condition": condition}


def _rented(home: Installation) -> str:
    path = "/v1/organization-phone-numbers"
    offers = home.get(f"{path}/available?country_iso=US&area_code=212")["objects"]
    return _post(home, f"{path}/purchase", {"phone_number": offers[0]["phone_number"]})["phone_number"]


# --- what came of it --------------------------------------------------------------------------------------------------


def test_the_call_goes_along_the_graph_and_the_function_is_called(told: Told) -> None:
    record = told.record
    assert (record["status"], record["end_reason"]) == ("completed", "agent_disconnected"), record
    assert record["from_number"] == told.number
    assert record["transcript"].endswith("Agent: All set. You hear from us on Monday. Goodbye."), record["transcript"]
    entered = [one["detail"]["node_id"] for one in told.timeline if one["event"] == "flow_node"]
    assert entered == ["hello", "remind", "book", "confirm", "bye"]
    [tool] = [one["detail"] for one in told.timeline if one["event"] == "tool" and one["detail"]["name"] != "end_call"]
    assert (tool["name"], tool["ok"]) == ("book_reminder", True)
    assert told.booked == [{"channel": "text"}]
    assert record["collected_variables"]["channel"] == "text"


def test_what_the_agent_knew_is_cited_where_it_was_used(told: Told) -> None:
    cited = [one for turn in told.record["transcript_turns"] for one in turn["citations"]]
    assert cited
    assert {(one["knowledge_base_id"], one["title"]) for one in cited} == {(told.base["id"], "handbook")}
    assert {turn["role"] for turn in told.record["transcript_turns"] if turn["citations"]} == {"agent"}


def test_every_answer_shows_where_its_time_went(told: Told) -> None:
    turns = told.waterfall["turns"]
    assert len(turns) >= 3
    for turn in turns:
        assert told.record["transcript_turns"][turn["turn"]]["role"] == "agent"
        assert turn["endpoint"] <= turn["first_packet"] == turn["total"]
    assert told.waterfall["total_p50"] == told.record["latency"]


def test_the_call_is_analysed_by_the_model_in_the_agent_s_own_terms(told: Told) -> None:
    assert told.record["summary"] == FOUND["summary"]
    assert told.record["sentiment"] == "positive"
    assert told.record["analysis"]["channel"] == "text"


def test_webhooks_come_in_order_and_are_verified_by_a_stranger_s_code(told: Told) -> None:
    said = [json.loads(body) for _, body in told.messages]
    assert [one["event"] for one in said] == [
        "ping",
        "call.initiated",
        "call.started",
        "call.completed",
        "call.transcript_ready",
        "call.analysis_ready",
    ]
    for headers, body in told.messages:
        assert Webhook(told.secret).verify(body, headers)
        assert headers["x-dialnexa-signature"] == f"sha256={_hmac(told.secret, body)}"
        stamp = headers["x-dialnexa-timestamp"]
        signature = _hmac(told.secret, f"{stamp}.".encode() + body)
        assert headers["x-dialnexa-signature-v2"] == f"t={stamp},v1={signature}"
    assert said[-1]["extracted_data"]["channel"] == "text"


def _hmac(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def test_an_event_can_be_had_again(told: Told) -> None:
    first = next(
        one for one in map(json.loads, (body for _, body in told.messages)) if one["event"] == "call.completed"
    )
    assert (told.replayed["id"], told.replayed["event"]) == (first["id"], "call.completed")
    assert told.replayed["call_id"] == told.record["id"]


def test_the_spreadsheet_holds_the_call_with_the_agent_s_own_field(told: Told) -> None:
    [row] = told.table
    assert (row["id"], row["status"], row["summary"]) == (told.record["id"], "completed", FOUND["summary"])
    assert row["analysis.channel"] == "text"
