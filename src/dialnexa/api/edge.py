"""The outermost layer: what every answer carries, whatever happened inside."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import structlog
from fastapi import FastAPI, Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from dialnexa.api.errors import error_response
from dialnexa.api.metrics import Metrics
from dialnexa.kit.errors import TooManyRequests
from dialnexa.kit.ids import new_id
from dialnexa.kit.tracing import tracer
from dialnexa.platform.http import count_stranger

_SUNSET = "Fri, 31 Jul 2026 00:00:00 GMT"
_PUBLIC = (
    *("/docs", "/api-reference", "/healthz", "/readyz", "/metrics"),
    *("/.well-known", "/authorize", "/token", "/register", "/revoke", "/oauth"),
)
_SAFETY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}

log = structlog.get_logger(__name__)


class Edge:
    """ASGI middleware: request ids, safety, rate-limit and legacy headers, metrics, and the last net for bugs."""

    def __init__(self, app: ASGIApp, *, owner: FastAPI, metrics: Metrics) -> None:
        self._app = app
        self._owner = owner
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, send, self._owner)
        started = time.perf_counter()
        with bound_contextvars(request_id=exchange.id), tracer().request(exchange.id) as trace:
            try:
                await self._app(scope, receive, exchange.send)
            except Exception as error:  # noqa: BLE001 - a bug must not cost the client its answer; it is logged
                await self._fail(exchange, error, receive)
            finally:
                route = self._metrics.observe(scope, exchange.status, time.perf_counter() - started)
                trace.answered(scope["method"], route, exchange.status)

    async def _fail(self, exchange: _Exchange, error: Exception, receive: Receive) -> None:
        log.error("request failed", request_id=exchange.id, path=exchange.scope["path"], exc_info=error)
        if exchange.status is not None:
            raise error  # the answer has begun: only the server can end the connection
        answer = error_response(
            500,
            f"Something went wrong on our side. Please report it with this id: {exchange.id}",
            extra={"id": exchange.id},
        )
        await answer(exchange.scope, receive, exchange.send)


class _Exchange:
    """One request and the answer on its way out."""

    def __init__(self, scope: Scope, send: Send, owner: FastAPI) -> None:
        self.scope = scope
        self.id = new_id("req")
        self.status: int | None = None
        self._send = send
        self._owner = owner
        scope.setdefault("state", {})["request_id"] = self.id

    async def send(self, message: Message) -> None:
        """Pass a message on, with our headers when it begins the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = self.id
            for name, value in {**_SAFETY, **self._rate(), **self._legacy()}.items():
                headers.setdefault(name, value)
            if headers.get("content-type", "").startswith("application/json") and "etag" not in headers:
                headers.setdefault("Cache-Control", "no-store")
        await self._send(message)

    def _rate(self) -> dict[str, str]:
        verdict = self.scope["state"].get("rate")
        if verdict is None:  # nobody asked for a key: such requests count by address
            request = Request({**self.scope, "app": self._owner})
            with suppress(TooManyRequests):  # what needs no key (health, reference) is counted, never refused
                count_stranger(request)
            verdict = request.state.rate
        now = self._owner.state.clock.now()
        headers: dict[str, str] = verdict.headers(now)
        if self.status != 429:
            headers.pop("Retry-After", None)
        return headers

    def _legacy(self) -> dict[str, str]:
        path: str = self.scope["path"]
        if path == "/" or path.startswith(("/v1/", *_PUBLIC)):
            return {}
        return {
            "Deprecation": "true",
            "Sunset": _SUNSET,
            "Link": f'</v1{_header_path(self.scope)}>; rel="successor-version"',
        }


def _header_path(scope: Scope) -> str:
    """Return the path as the client sent it, still escaped: decoded, it could hold what a header cannot."""
    raw: Any = scope.get("raw_path") or b"/"
    return raw.decode("ascii", "replace").partition("?")[0]
