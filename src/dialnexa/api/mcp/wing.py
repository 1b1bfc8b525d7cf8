"""The MCP server's wing of the application, opened when somebody first asks for a page of it.

The SDK takes as long to load as all the rest of an API process; most of those are never asked.
"""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import Any

from fastapi import FastAPI
from starlette.datastructures import URLPath
from starlette.routing import BaseRoute, Match, NoMatchFound, Router
from starlette.types import Receive, Scope, Send

PATHS = (
    "/v1/mcp",
    "/.well-known/oauth-authorization-server",
    "/.well-known/oauth-protected-resource",
    "/authorize",
    "/token",
    "/register",
    "/revoke",
    "/oauth/consent",
)
"""Where its routes begin."""


class Wing(BaseRoute):
    """Stands for all of its routes."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._router: Router | None = None
        self._opening = asyncio.Lock()

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Tell whether a request is for this wing."""
        path: str = scope.get("path", "")
        ours = scope["type"] == "http" and any(path == one or path.startswith(f"{one}/") for one in PATHS)
        return (Match.FULL if ours else Match.NONE), {}

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        """Know no names: nothing here is linked to by name."""
        raise NoMatchFound(name, path_params)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request of this wing; the first one waits until it is open."""
        async with self._opening:
            if self._router is None:
                oauth = await asyncio.to_thread(import_module, "dialnexa.api.mcp.oauth")
                self._router = Router(oauth.routes(self._app), redirect_slashes=False)
        await self._router(scope, receive, send)
