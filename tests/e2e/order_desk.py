"""A developer's API that knows where every order is, for agents that look something up while they talk."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

TOKEN = "t0p-secret"
Request = tuple[str, dict[str, str], dict[str, Any]]
"""Request line, headers and body."""


@dataclass
class OrderDesk:
    """Answers, and remembers what it was asked."""

    url: str = ""
    asked: list[Request] = field(default_factory=list[Request])

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
async def order_desk() -> AsyncGenerator[OrderDesk]:
    desk = OrderDesk()
    server = await asyncio.start_server(desk.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    desk.url = f"http://{host}:{port}"
    async with server:
        yield desk


def check_order(desk: OrderDesk) -> dict[str, Any]:
    """The function of an agent that asks it."""
    return {
        "type": "custom",
        "display_name": "Check order",
        "description": "Says where an order is.",
        "config": {
            "url": f"{desk.url}/orders/{{{{customer_name}}}}",
            "method": "POST",
            "api_token": TOKEN,
            "parameters": [{"name": "number", "type": "string", "required": True}],
            "response_variables": {"order.place": "$.order.place", "order.day": "order.day"},
        },
    }
