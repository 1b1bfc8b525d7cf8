"""OAuth 2.1 for the MCP server: the SDK speaks the protocol, ``platform/oauth`` has the rules, this joins the two.

Metadata (RFC 8414, RFC 9728), registration (RFC 7591), PKCE, refresh and revocation come with the SDK's routes.
"""

from __future__ import annotations

import time
from datetime import datetime
from urllib.parse import urlencode, urlsplit

from fastapi import FastAPI
from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    AuthorizationParams,
    AuthorizeError,
    RefreshToken,
    RegistrationError,
    TokenError,
)
from mcp.server.auth.routes import build_resource_metadata_url, create_auth_routes, create_protected_resource_routes
from mcp.server.auth.settings import ClientRegistrationOptions, RevocationOptions
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from pydantic import AnyHttpUrl, AnyUrl, ConfigDict, TypeAdapter
from starlette.requests import Request
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from dialnexa.api.errors import error_response
from dialnexa.api.mcp.consent import PATH as CONSENT_PATH
from dialnexa.api.mcp.consent import ConsentPage, Wish
from dialnexa.api.mcp.server import PATH, McpEndpoint
from dialnexa.kit.clock import Clock
from dialnexa.kit.errors import TooManyRequests
from dialnexa.kit.secrets import Vault
from dialnexa.platform.database import Database
from dialnexa.platform.http import count_stranger
from dialnexa.platform.oauth import service
from dialnexa.platform.oauth.service import ACCESS_LIVES, Tokens

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})
_NEVER = frozenset({"javascript", "data", "vbscript", "file", "blob", "about"})
_MAX_REDIRECTS = 10
_URL = TypeAdapter(AnyHttpUrl, config=ConfigDict(url_preserve_empty_path=True))
"""Issuers are compared letter by letter (RFC 8414 section 3.3), so no slash may be added."""


def routes(app: FastAPI) -> list[BaseRoute]:
    """Return the MCP server's route, and those of OAuth where the public address is safe to send tokens to."""
    public_url: str = app.state.public_url.rstrip("/")
    parts = urlsplit(public_url)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        return [Route(PATH, McpEndpoint(app), methods=["POST"])]
    issuer, resource = _URL.validate_python(public_url), _URL.validate_python(f"{public_url}{PATH}")
    provider = Provider(app.state.database, app.state.vault, app.state.clock, public_url)
    protocol = create_auth_routes(
        provider,
        issuer,
        client_registration_options=ClientRegistrationOptions(enabled=True),
        revocation_options=RevocationOptions(enabled=True),
    )
    protocol += create_protected_resource_routes(resource, [issuer], resource_name="DialNexa")
    protocol.append(Route(CONSENT_PATH, ConsentPage(app, provider.client_name, public_url), methods=["GET", "POST"]))
    endpoint = McpEndpoint(app, metadata_url=str(build_resource_metadata_url(resource)))
    return [Route(PATH, endpoint, methods=["POST"]), *map(_counted, protocol)]


class Provider:
    """What the SDK's routes ask of an authorization server. Of secrets it hands on, only hashes stay here."""

    def __init__(self, database: Database, vault: Vault, clock: Clock, public_url: str) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._public_url = public_url

    # --- programs -----------------------------------------------------------------------------------------------------

    async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
        """Return a registered program."""
        async with self._database.read() as session:
            found = await service.registration(session, self._vault, client_id)
        return None if found is None else OAuthClientInformationFull.model_validate_json(found)

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        """Remember a program; raise ``RegistrationError`` for addresses that codes must never be sent to."""
        addresses = client_info.redirect_uris or []
        if not 0 < len(addresses) <= _MAX_REDIRECTS or not all(map(_is_safe, addresses)):
            allowed = "https, http on this very machine, or an app's own scheme"
            raise RegistrationError("invalid_redirect_uri", f"Register 1 to {_MAX_REDIRECTS} redirect_uris: {allowed}.")
        assert client_info.client_id is not None  # the SDK has just made it
        async with self._database.write() as session:
            registration = client_info.model_dump_json(exclude_none=True)
            await service.register(session, self._vault, client_info.client_id, registration, now=self._now)

    async def client_name(self, client_id: str) -> str | None:
        """Return what a program calls itself, ``None`` when nobody knows it."""
        client = await self.get_client(client_id)
        return None if client is None else client.client_name or "A program without a name"

    # --- codes and tokens ---------------------------------------------------------------------------------------------

    async def authorize(self, client: OAuthClientInformationFull, params: AuthorizationParams) -> str:
        """Return the page where a person agrees; raise ``AuthorizeError`` for a token of another server."""
        wanted = (params.resource or "").rstrip("/")
        if wanted not in {"", self._public_url, f"{self._public_url}{PATH}"}:
            raise AuthorizeError("invalid_target", f"Tokens from here are for {self._public_url}{PATH} only.")
        wish = Wish(
            client_id=client.client_id or "",
            redirect_uri=str(params.redirect_uri),
            redirect_uri_given=params.redirect_uri_provided_explicitly,
            code_challenge=params.code_challenge,
            state=params.state,
            made_at=self._now,
        )
        return f"{self._public_url}{CONSENT_PATH}?{urlencode({'request': self._vault.seal(wish.model_dump_json())})}"

    async def load_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: str
    ) -> AuthorizationCode | None:
        """Return a code that can be exchanged."""
        client_id = client.client_id or ""
        async with self._database.write() as session:
            grant = await service.open_grant(session, client_id, authorization_code, now=self._now)
        if grant is None:
            return None
        return AuthorizationCode(
            code=authorization_code,
            scopes=[],
            expires_at=time.time() + (grant.code_expires_at - self._now).total_seconds(),  # the SDK asks this clock
            client_id=client_id,
            code_challenge=grant.code_challenge,
            redirect_uri=AnyUrl(grant.redirect_uri),
            redirect_uri_provided_explicitly=grant.redirect_uri_given,
        )

    async def exchange_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: AuthorizationCode
    ) -> OAuthToken:
        """Turn a code into tokens; raise ``TokenError`` when it was used already."""
        async with self._database.write() as session:
            tokens = await service.exchange(session, client.client_id or "", authorization_code.code, now=self._now)
        return _shown(tokens, "The code was used already; ask for a new one.")

    async def load_refresh_token(self, client: OAuthClientInformationFull, refresh_token: str) -> RefreshToken | None:
        """Return a refresh token that is good."""
        client_id = client.client_id or ""
        async with self._database.write() as session:
            grant = await service.refreshable(session, client_id, refresh_token, now=self._now)
        return None if grant is None else RefreshToken(token=refresh_token, client_id=client_id, scopes=[])

    async def exchange_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: RefreshToken, scopes: list[str]
    ) -> OAuthToken:
        """Turn a refresh token into a new pair; raise ``TokenError`` when it was used already."""
        async with self._database.write() as session:
            tokens = await service.refresh(session, client.client_id or "", refresh_token.token, now=self._now)
        return _shown(tokens, "The refresh token was used already; ask for consent anew.")

    async def load_access_token(self, token: str) -> AccessToken | None:
        """Return an access token as the revocation route needs it; the MCP server itself judges tokens elsewhere."""
        async with self._database.read() as session:
            client_id = await service.client_of(session, token)
        return None if client_id is None else AccessToken(token=token, client_id=client_id, scopes=[])

    async def revoke_token(self, token: AccessToken | RefreshToken) -> None:
        """End the grant of a token."""
        async with self._database.write() as session:
            await service.revoke(session, token.client_id, token.token)

    async def exchange_identity_assertion(self, client: OAuthClientInformationFull, params: object) -> OAuthToken:
        """Refuse: keys are the only identities here."""
        raise TokenError("unsupported_grant_type", "Use the authorization code grant.")

    @property
    def _now(self) -> datetime:
        return self._clock.now()


def _shown(tokens: Tokens | None, refusal: str) -> OAuthToken:
    if tokens is None:
        raise TokenError("invalid_grant", refusal)
    return OAuthToken(
        access_token=tokens.access,
        refresh_token=tokens.refresh,
        expires_in=int(ACCESS_LIVES.total_seconds()),
    )


def _is_safe(address: AnyUrl) -> bool:
    if address.scheme == "http":
        return address.host in _LOOPBACK
    return address.scheme not in _NEVER and address.fragment is None


class _Counted:
    """Counts requests without a key against their address, and refuses floods."""

    def __init__(self, endpoint: ASGIApp) -> None:
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            count_stranger(Request(scope))
        except TooManyRequests as error:
            await error_response(429, error.messages[0])(scope, receive, send)
            return
        await self._endpoint(scope, receive, send)


def _counted(route: BaseRoute) -> BaseRoute:
    assert isinstance(route, Route)
    return Route(route.path, _Counted(route.endpoint), methods=list(route.methods or ()))
