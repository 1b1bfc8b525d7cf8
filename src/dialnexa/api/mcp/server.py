"""Speaks MCP (Streamable HTTP, stateless, JSON) and carries each tool out as a request to this very application.

So arguments, answers, scopes and limits of a tool are those of the API, by construction.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from importlib import metadata
from typing import Any, cast
from urllib.parse import urlsplit

import httpx
from fastapi import FastAPI
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
)
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from dialnexa.api.errors import error_response
from dialnexa.api.mcp.operations import CONFIRM, Operation, build
from dialnexa.api.mcp.tools import ENTRIES
from dialnexa.kit.clock import Clock
from dialnexa.kit.errors import BadRequest, DialNexaError, Forbidden, Unauthorized
from dialnexa.platform.database import Database
from dialnexa.platform.http import Principal, Vouched, authenticate, count_stranger, vouch
from dialnexa.platform.oauth import service as oauth

PATH = "/v1/mcp"
_TIMEOUT_S = 60.0
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_INSTRUCTIONS = (
    "DialNexa makes and takes phone calls that AI agents hold. Numbers are E.164. A call needs a published agent "
    "version; `create_call` returns at once, `get_call` tells how it went. Ask the person before placing calls."
)


class McpEndpoint:
    """The ASGI endpoint of ``/v1/mcp``. Each request is a session of its own and leaves nothing behind."""

    def __init__(self, app: FastAPI, *, metadata_url: str = "") -> None:
        """Serve the tools of ``app``; ``metadata_url`` tells clients without a key how to get a token (RFC 9728)."""
        self._app = app
        self._metadata_url = metadata_url

    @cached_property
    def operations(self) -> dict[str, Operation]:
        """Return the tools by their names; made on the first request, for the document takes its time."""
        return build(self._app.openapi(), ENTRIES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request = Request(scope, receive)
        try:
            vouched = await self._admit(request)
        except DialNexaError as error:
            await self._refusal(error)(scope, receive, send)
            return
        session = _Session(self._app, self.operations, vouched, request)
        server = Server(
            "DialNexa",
            version=metadata.version("dialnexa"),
            instructions=_INSTRUCTIONS,
            on_list_tools=session.list_tools,
            on_call_tool=session.call_tool,
        )
        manager = StreamableHTTPSessionManager(server, json_response=True, stateless=True)
        async with manager.run():
            await manager.handle_request(scope, receive, send)

    async def _admit(self, request: Request) -> Vouched:
        self._check_origin(request)
        principal = await self._who(request)
        if principal.kind == "publishable":
            raise Forbidden("A publishable key opens no tools; use a secret (sk_…) or a restricted key (rk_…).")
        return await vouch(request, principal)

    async def _who(self, request: Request) -> Principal:
        secret = request.headers.get("authorization", "").partition(" ")[2].strip()
        if not oauth.is_access_token(secret):
            return await authenticate(request)
        database: Database = self._app.state.database
        clock: Clock = self._app.state.clock
        try:
            async with database.read() as session:
                return await oauth.principal(session, secret, now=clock.now())
        except Unauthorized:
            count_stranger(request)
            raise

    def _check_origin(self, request: Request) -> None:
        """Refuse what a foreign web page had a browser send (the transport's protection against DNS rebinding)."""
        origin = request.headers.get("origin")
        if origin is None:
            return
        public_url: str = self._app.state.public_url
        public = urlsplit(public_url)
        if urlsplit(origin).hostname not in _LOOPBACK and origin != f"{public.scheme}://{public.netloc}":
            raise Forbidden(
                f"Pages of {origin} may not use this server; use it from a program, or through its own origin."
            )

    def _refusal(self, error: DialNexaError) -> Response:
        headers = dict(error.headers)
        if isinstance(error, Unauthorized) and self._metadata_url:
            challenge = headers.get("WWW-Authenticate", "Bearer")
            headers["WWW-Authenticate"] = f'{challenge}, resource_metadata="{self._metadata_url}"'
        return error_response(error.status, error.messages[0], headers=headers)


class _Session:
    """What one request may ask: the tools, and one call of one of them."""

    def __init__(self, app: FastAPI, operations: Mapping[str, Operation], vouched: Vouched, request: Request) -> None:
        self._app = app
        self._operations = operations
        self._vouched = vouched
        self._request = request

    async def list_tools(self, _context: object, _params: PaginatedRequestParams | None) -> ListToolsResult:
        """List all tools; they are few enough for one page."""
        return ListToolsResult(tools=[operation.tool for operation in self._operations.values()])

    async def call_tool(self, context: Any, params: CallToolRequestParams) -> CallToolResult | InputRequiredResult:
        """Carry a tool out; a refusal of the API is a result the model can read and mend."""
        operation = self._operations.get(params.name)
        if operation is None:
            raise MCPError(INVALID_PARAMS, f"There is no tool {params.name}; tools/list names all.")
        arguments = dict(params.arguments or {})
        if operation.entry.billable and (question := _unconfirmed(operation, arguments, context, params)):
            return question
        if operation.entry.billable:
            arguments.pop(CONFIRM, None)
        try:
            path, parts = operation.request(arguments)
        except BadRequest as error:
            return _said({"statusCode": 400, "message": error.messages, "error": "Bad Request"}, failed=True)
        return _result(await self._send(operation.entry.method, path, parts))

    async def _send(self, method: str, path: str, parts: dict[str, Any]) -> httpx.Response:
        async def vouching(scope: Any, receive: Any, send: Any) -> None:
            scope["state"] = {"vouched": self._vouched}
            await self._app(scope, receive, send)

        client = self._request.client
        address = (client.host, client.port) if client else ("unknown", 0)
        transport = httpx.ASGITransport(vouching, raise_app_exceptions=False, client=address)
        base = str(self._request.base_url)
        async with httpx.AsyncClient(transport=transport, base_url=base, timeout=_TIMEOUT_S) as http:
            return await http.request(method, path, **parts)


def _unconfirmed(
    operation: Operation, arguments: Mapping[str, object], context: Any, params: CallToolRequestParams
) -> CallToolResult | InputRequiredResult | None:
    """Return what to answer while nobody has agreed to the cost; ``None`` once somebody has."""
    if arguments.get(CONFIRM) is True:
        return None
    given = (params.input_responses or {}).get(CONFIRM)
    if isinstance(given, ElicitResult):
        agreed = given.action == "accept" and (given.content or {}).get(CONFIRM) is True
        return None if agreed else _said({"message": "The person declined; nothing was done."}, failed=True)
    what = f"{operation.tool.title}: {json.dumps(arguments, ensure_ascii=False)}"
    capabilities = context.session.client_capabilities
    if capabilities is not None and capabilities.elicitation is not None and context.protocol_version >= _ASKING_SINCE:
        return InputRequiredResult(input_requests={CONFIRM: ElicitRequest(params=_question(what))})
    ask = f"This may cost money. Ask the person, then call it with {CONFIRM}: true. {what}"
    return _said({"message": ask}, failed=True)


_ASKING_SINCE = "2026-07-28"
"""The first revision of MCP in which a stateless server can ask: the question travels in the result."""


def _question(what: str) -> ElicitRequestFormParams:
    schema = {"type": "boolean", "title": "Go ahead", "description": "Yes, do this now."}
    return ElicitRequestFormParams(
        message=f"This may cost money. {what}",
        requested_schema={"type": "object", "properties": {CONFIRM: schema}, "required": [CONFIRM]},
    )


def _result(answer: httpx.Response) -> CallToolResult:
    if not answer.headers.get("content-type", "").startswith("application/json"):
        return _said({"statusCode": answer.status_code, "message": answer.text[:4000]}, failed=answer.is_error)
    return _said(answer.json(), failed=answer.is_error)


def _said(body: object, *, failed: bool) -> CallToolResult:
    """Return a result as text and, where it is an object, as structured content too."""
    text = json.dumps(body, ensure_ascii=False)
    structured = cast("dict[str, Any]", body) if isinstance(body, dict) else None
    return CallToolResult(content=[TextContent(text=text)], structured_content=structured, is_error=failed)
