"""The page on which a person lets a program act with one of their keys. It knows nobody: the key is the proof."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from html import escape
from importlib import resources
from string import Template
from urllib.parse import parse_qs, urlsplit

from fastapi import FastAPI
from mcp.server.auth.provider import construct_redirect_uri
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from dialnexa.kit.clock import Clock
from dialnexa.kit.errors import BadRequest, DialNexaError, Forbidden
from dialnexa.kit.secrets import SealBroken, Vault
from dialnexa.platform.database import Database
from dialnexa.platform.oauth import service
from dialnexa.platform.oauth.service import Consent
from dialnexa.platform.tenancy.authentication import Authenticator
from dialnexa.platform.tenancy.principal import Principal

PATH = "/oauth/consent"
_OPEN_FOR = timedelta(minutes=10)
_MAX_FORM = 16_384
_PAGE = Template(resources.files("dialnexa.api.mcp").joinpath("consent.html").read_text())


class Wish(BaseModel):
    """What a program asks for. It travels sealed through the browser, so that no server has to remember it."""

    client_id: str
    redirect_uri: str
    redirect_uri_given: bool
    code_challenge: str
    state: str | None
    made_at: datetime


class ConsentPage:
    """The ASGI endpoint of the page: GET shows it, POST is the person's answer."""

    def __init__(self, app: FastAPI, client_name: Callable[[str], Awaitable[str | None]], issuer: str) -> None:
        self._client_name = client_name
        self._issuer = issuer
        self._database: Database = app.state.database
        self._vault: Vault = app.state.vault
        self._clock: Clock = app.state.clock
        self._authenticator: Authenticator = app.state.authenticator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request = Request(scope, receive)
        try:
            answer = await (self._show(request) if request.method == "GET" else self._decide(request))
        except BadRequest as error:
            answer = HTMLResponse(f"<!doctype html><title>DialNexa</title><p>{escape(error.messages[0])}", 400)
        await answer(scope, receive, send)

    async def _show(self, request: Request) -> Response:
        sealed = request.query_params.get("request", "")
        return await self._page(sealed, self._wish(sealed))

    async def _decide(self, request: Request) -> Response:
        form = await _form(request)
        sealed = form.get("request", "")
        wish = self._wish(sealed)
        if form.get("answer") != "allow":
            return self._back(wish, error="access_denied", error_description="The person declined.")
        try:
            who = await self._authenticator.authenticate(f"Bearer {form.get('key', '')}")
            if who.kind == "publishable":
                raise Forbidden("A publishable key opens no tools; use a secret (sk_…) or a restricted key (rk_…).")
        except DialNexaError as error:
            told = (
                error.messages[0]
                if isinstance(error, Forbidden)
                else "There is no such working key. Was it copied whole?"
            )
            return await self._page(sealed, wish, told)
        return self._back(wish, code=await self._grant(who, wish))

    async def _grant(self, who: Principal, wish: Wish) -> str:
        given = Consent(wish.client_id, wish.redirect_uri, wish.redirect_uri_given, wish.code_challenge)
        async with self._database.write() as session:
            return await service.consent(session, who, given, now=self._clock.now())

    def _wish(self, sealed: str) -> Wish:
        try:
            wish = Wish.model_validate_json(self._vault.open(sealed))
        except (SealBroken, ValidationError) as error:
            raise BadRequest("This address is not complete. Go back to the program and connect anew.") from error
        if self._clock.now() - wish.made_at > _OPEN_FOR:
            raise BadRequest("This request is older than ten minutes. Go back to the program and connect anew.")
        return wish

    def _back(self, wish: Wish, **answer: str) -> Response:
        """Take the person back to the program with the answer (RFC 6749 section 4.1.2, RFC 9207)."""
        address = construct_redirect_uri(wish.redirect_uri, state=wish.state, iss=self._issuer, **answer)
        return RedirectResponse(address, 303, headers={"Cache-Control": "no-store"})

    async def _page(self, sealed: str, wish: Wish, told: str = "") -> Response:
        name = await self._client_name(wish.client_id)
        if name is None:
            raise BadRequest("The program is not known here any more. Go back to it and connect anew.")
        parts = urlsplit(wish.redirect_uri)
        target = f"{parts.scheme}://{parts.netloc}" if parts.scheme in {"http", "https"} else f"{parts.scheme}:"
        page = _PAGE.substitute(
            name=escape(name[:80]), target=escape(target), request=escape(sealed), told=escape(told), action=PATH
        )
        policy = f"default-src 'none'; style-src 'unsafe-inline'; form-action 'self' {target}; base-uri 'none'"
        headers = {"Content-Security-Policy": policy, "Cache-Control": "no-store"}
        return HTMLResponse(page, 401 if told else 200, headers=headers)


async def _form(request: Request) -> dict[str, str]:
    """Read a posted form; of a field that comes twice the last counts."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_FORM:
            raise BadRequest("The form is larger than it can be.")
    return {name: values[-1] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
