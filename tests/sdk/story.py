"""A server that answers as a story says, both clients of it, and time that passes only where one sleeps."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from dialnexa_client import AsyncDialNexa, DialNexa, Retries

Step = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]
KEY = "sk_test_1"
CALL = {"id": "call_1", "status": "queued", "created_at": "2026-05-23T10:15:00.000Z"}


class Story:
    """What the server answers, one step per request; what was asked, and how long the client slept in between."""

    def __init__(self, *steps: Step) -> None:
        self._steps = list(steps)
        self.requests: list[httpx.Request] = []
        self.slept: list[float] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        assert self._steps, "the client asked once more than the story has answers"
        step = self._steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step if isinstance(step, httpx.Response) else step(request)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def async_sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def now(self) -> float:
        return sum(self.slept)

    def client(self, **options: Any) -> DialNexa:
        http = httpx.Client(transport=httpx.MockTransport(self.answer))
        return DialNexa(KEY, http_client=http, sleep=self.sleep, monotonic=self.now, **{**_calm(), **options})

    def async_client(self, **options: Any) -> AsyncDialNexa:
        http = httpx.AsyncClient(transport=httpx.MockTransport(self.answer))
        return AsyncDialNexa(
            KEY, http_client=http, sleep=self.async_sleep, monotonic=self.now, **{**_calm(), **options}
        )

    def body(self, index: int = -1) -> Any:
        return json.loads(self.requests[index].content)


def _calm() -> Mapping[str, Any]:
    return {"retries": Retries(2, chance=lambda: 0.0)}


def ok(body: object, status: int = 200) -> httpx.Response:
    return httpx.Response(status, json=body)


def refusal(
    status: int, message: str | list[str] = "no", *, headers: Mapping[str, str] | None = None, **more: object
) -> httpx.Response:
    body = {"statusCode": status, "message": message, "error": "…", **more}
    return httpx.Response(status, json=body, headers={"X-Request-Id": "req_1", **(headers or {})})


def call(status: str, **more: object) -> httpx.Response:
    return ok({**CALL, "status": status, **more})
