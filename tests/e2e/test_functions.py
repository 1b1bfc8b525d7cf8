"""An agent that looks something up while it talks: the model calls a custom function, and its result is spoken.

Everything real: the installed command, SIP and RTP, and HTTP to two servers of this test, one being the language model
(OpenAI's protocol), one being the developer's own API.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.installation import Installation, gather_finished, running
from tests.live.speech.chat_server import DONE, STOP, ChatServer, chat_server, chunk, says

pytestmark = pytest.mark.e2e

FRIENDLY = "+16505550199"


@dataclass
class OrderDesk:
    """The developer's API: knows where every order is, and remembers what it was asked."""

    url: str = ""
    asked: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        self.asked.append((head[0], headers, json.loads(body)))
        answer = json.dumps({"order": {"place": "Springfield", "day": "Friday"}}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n")
        writer.write(b"content-length: %d\r\n\r\n%s" % (len(answer), answer))
        await writer.drain()
        writer.close()


@asynccontextmanager
async def _order_desk() -> AsyncGenerator[OrderDesk]:
    desk = OrderDesk()
    server = await asyncio.start_server(desk.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    desk.url = f"http://{host}:{port}"
    async with server:
        yield desk


@asynccontextmanager
async def _model() -> AsyncGenerator[ChatServer]:
    def answer(writer: asyncio.StreamWriter) -> Coroutine[None, None, None]:
        return _reply(model)(writer)

    async with chat_server(*[answer] * 50) as model:
        yield model


def _reply(model: ChatServer) -> Any:
    """Look the order up once; then say what came of it, and hang up."""
    messages: Any = model.asked[-1].body["messages"]
    results = [json.loads(message["content"]) for message in messages if message["role"] == "tool"]
    if not results:
        return says(*_calls("check_order", '{"number": "A-17"}'), DONE)
    if len(results) == 1 and messages[-1]["role"] == "tool":
        told = results[0].get("variables", {})
        sentence = f"Your order is in {told.get('order.place')}, and comes on {told.get('order.day')}. Goodbye."
        return says(chunk({"content": sentence}), *_calls("end_call", "{}"), DONE)
    return says(chunk({"content": "Goodbye."}), STOP, DONE)


def _calls(name: str, arguments: str) -> list[bytes]:
    call = {"index": 0, "id": f"call_{name}", "type": "function", "function": {"name": name, "arguments": arguments}}
    return [chunk({"tool_calls": [call]}), chunk({}, "tool_calls")]


def _publish(home: Installation, desk: OrderDesk) -> str:
    agent = home.http.post(
        "/v1/agents",
        json={
            "title": "Orders",
            "language_id": "lang_en_us",
            "voice_id": "builtin/auto",
            "prompt_text": "You tell {{customer_name}} where the order is.",
            "welcome_message": "Hello {{customer_name}}, does your appointment on Tuesday at two still work for you?",
            "pause_before_speaking_sec": 0,
            "boosted_keywords": "yes that works",
            "is_published": True,
            "agent_functions": [
                {"type": "end_call", "display_name": "end_call", "description": "Hang up when all is said."},
                {
                    "type": "custom",
                    "display_name": "Check order",
                    "description": "Says where an order is.",
                    "config": {
                        "url": f"{desk.url}/orders/{{{{customer_name}}}}",
                        "method": "POST",
                        "api_token": "t0p-secret",
                        "parameters": [{"name": "number", "type": "string", "required": True}],
                        "response_variables": {"order.place": "$.order.place", "order.day": "order.day"},
                    },
                },
            ],
        },
    )
    assert agent.status_code == 201, agent.text
    return agent.json()["agent_version_id"]


async def test_a_function_is_called_in_mid_conversation_and_its_result_is_spoken(tmp_path: Path) -> None:
    async with _model() as model, _order_desk() as desk:
        environment = {
            "DIALNEXA_LLM_BASE_URL": model.url,
            "DIALNEXA_LLM_MODEL": "small",
            "DIALNEXA_OUTGOING_ALLOW": "127.0.0.1",
        }
        with running(tmp_path / "data", environment=environment) as home:
            version = await asyncio.to_thread(_publish, home, desk)
            placed = await asyncio.to_thread(
                lambda: home.place(FRIENDLY, agent_version_id=version, variables={"customer_name": "Maria Lopez"})
            )
            assert placed.status_code == 201, placed.text
            [record] = await gather_finished(home, [placed.json()["call_id"]])
            events = await asyncio.to_thread(home.timeline, record["call_id"])
            logs = home.logs()

    assert record["status"] == "completed", record
    [(line, headers, body)] = desk.asked
    assert line.startswith("POST /orders/Maria%20Lopez ")
    assert headers["authorization"] == "Bearer t0p-secret"
    assert body == {"number": "A-17"}
    said = " ".join(turn["content"] for turn in record["transcript_turns"] if turn["role"] == "agent")
    assert "Springfield" in said and "Friday" in said, said
    [looked_up] = [one["detail"] for one in events if one["event"] == "tool" and one["detail"]["name"] == "check_order"]
    assert looked_up["ok"] is True
    assert "t0p-secret" not in logs + json.dumps(events)
