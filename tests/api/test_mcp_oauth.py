"""OAuth 2.1 before the MCP server, walked by the SDK's own client; and everything that must not get a token."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import httpx2
import pytest
from fastapi import FastAPI
from mcp.client import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from pydantic import AnyUrl
from sqlalchemy import select
from starlette.routing import Match, Route

from dialnexa.api.app import assemble
from dialnexa.api.mcp import oauth
from dialnexa.api.mcp.server import PATH
from dialnexa.api.mcp.wing import Wing
from dialnexa.platform.oauth import service
from dialnexa.platform.oauth.models import OAuthClient, OAuthGrant
from dialnexa.platform.tenancy.rate_limits import Rate, RateLimits
from tests.api.world import UNLIMITED, VAULT, World

BASE = "https://dialnexa.test"
BACK = "http://localhost:3030/callback"
VERIFIER = "v" * 43
CHALLENGE = urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
BOTH = {"Accept": "application/json, text/event-stream"}


@pytest.fixture
def app(world: World, tmp_path: Path) -> FastAPI:
    return app_of(world, tmp_path)


def app_of(world: World, folder: Path, limits: RateLimits = UNLIMITED) -> FastAPI:
    return assemble(
        world.database,
        vault=VAULT,
        engine=world.queue,
        recordings=folder,
        public_url=BASE,
        clock=world.clock,
        rate_limits=limits,
    )


def test_every_route_of_the_wing_opens_it(app: FastAPI) -> None:
    """The wing is loaded by the first request for one of its paths, so it must know where they begin."""
    paths = [route.path for route in oauth.routes(app) if isinstance(route, Route)]
    assert PATH in paths
    assert [path for path in paths if Wing(app).matches({"type": "http", "path": path})[0] is not Match.FULL] == []
    assert Wing(app).matches({"type": "http", "path": "/v1/mcpfoo"})[0] is Match.NONE


def browser(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE)


@dataclass
class Storage:
    """Where the SDK's client keeps what it was given."""

    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None
    answers: list[str] = field(default_factory=list[str])

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


async def consent(http: httpx.AsyncClient, address: str, key: str, answer: str = "allow") -> httpx.Response:
    """Do what a person does: open the page, paste a key, press a button."""
    page = await http.get(address, follow_redirects=True)
    assert page.status_code == 200, page.text
    (request,) = re.findall(r'name="request" value="([^"]+)"', page.text)
    return await http.post("/oauth/consent", data={"request": unescape(request), "key": key, "answer": answer})


async def registered(http: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    body = {"redirect_uris": [BACK], "client_name": "<b>Helper</b>", "token_endpoint_auth_method": "none", **more}
    answer = await http.post("/register", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def authorize_url(client_id: str, **more: str) -> str:
    query = {
        "client_id": client_id,
        "response_type": "code",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        "redirect_uri": BACK,
        "state": "s1",
        **more,
    }
    return str(httpx.URL("/authorize", params=query))


def query_of(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


async def code_for(http: httpx.AsyncClient, client_id: str, key: str) -> str:
    answer = await consent(http, authorize_url(client_id), key)
    assert answer.status_code == 303, answer.text
    return query_of(answer.headers["location"])["code"]


async def exchange(http: httpx.AsyncClient, client_id: str, code: str, **more: str) -> httpx.Response:
    form = {"client_id": client_id, "code": code, "code_verifier": VERIFIER, "redirect_uri": BACK, **more}
    return await http.post("/token", data={"grant_type": "authorization_code", **form})


async def refreshed(http: httpx.AsyncClient, client_id: str, token: str) -> httpx.Response:
    form = {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": token}
    return await http.post("/token", data=form)


async def opens(http: httpx.AsyncClient, token: str) -> int:
    headers = {**BOTH, "Authorization": f"Bearer {token}"}
    return (await http.post("/v1/mcp", json=LIST, headers=headers)).status_code


async def test_the_sdk_s_client_finds_its_way_in_from_a_bare_401(world: World, app: FastAPI) -> None:
    storage = Storage()

    async def redirect(address: str) -> None:
        async with browser(app) as person:
            answer = await consent(person, address, world.home.keys.secret_key)
        storage.answers.append(answer.headers["location"])

    async def callback() -> AuthorizationCodeResult:
        return AuthorizationCodeResult.model_validate(query_of(storage.answers[-1]))

    metadata = OAuthClientMetadata(redirect_uris=[AnyUrl(BACK)], client_name="Helper")
    auth = OAuthClientProvider(f"{BASE}/v1/mcp", metadata, storage, redirect, callback)
    http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app), auth=auth)
    async with http, Client(streamable_http_client(f"{BASE}/v1/mcp", http_client=http)) as client:
        result = await client.call_tool("get_agent", {"agent_id": world.home.agent_id})
    assert result.structured_content["id"] == world.home.agent_id
    assert len(storage.answers) == 1
    async with world.database.read() as session:
        rows = [*(await session.scalars(select(OAuthGrant))), *(await session.scalars(select(OAuthClient)))]
    kept = repr([vars(row) for row in rows])
    assert storage.tokens is not None
    assert storage.tokens.access_token not in kept
    assert str(storage.tokens.refresh_token) not in kept


async def test_the_metadata_agrees_with_itself(app: FastAPI) -> None:
    async with browser(app) as http:
        refused = await http.post("/v1/mcp", json=LIST, headers=BOTH)
        (where,) = re.findall(r'resource_metadata="([^"]+)"', refused.headers["www-authenticate"])
        resource = (await http.get(where)).json()
        assert resource["resource"] == f"{BASE}/v1/mcp"
        assert resource["authorization_servers"] == [BASE]
        server = (await http.get("/.well-known/oauth-authorization-server")).json()
    assert server["issuer"] == BASE
    assert server["code_challenge_methods_supported"] == ["S256"]


async def test_the_page_shows_who_asks_and_is_safe_to_show(world: World, app: FastAPI) -> None:
    async with browser(app) as http:
        client = await registered(http)
        page = await http.get(authorize_url(client["client_id"]), follow_redirects=True)
        assert "&lt;b&gt;Helper&lt;/b&gt;" in page.text
        assert "http://localhost:3030" in page.text
        assert "form-action 'self' http://localhost:3030" in page.headers["content-security-policy"]
        assert page.headers["x-frame-options"] == "DENY"
        assert page.headers["cache-control"] == "no-store"
        assert "deprecation" not in page.headers


async def test_a_person_may_decline(world: World, app: FastAPI) -> None:
    async with browser(app) as http:
        client = await registered(http)
        answer = await consent(http, authorize_url(client["client_id"]), "", "deny")
    assert query_of(answer.headers["location"]) == {
        "error": "access_denied",
        "error_description": "The person declined.",
        "state": "s1",
        "iss": BASE,
    }


async def test_only_a_working_key_of_the_right_kind_consents(world: World, app: FastAPI) -> None:
    revoked = await world.key()
    await world.http.delete(f"/v1/api-keys/{revoked['id']}")
    async with browser(app) as http:
        client = await registered(http)
        for key in ("", "sk_live_unknown", revoked["secret"], world.home.keys.publishable_key):
            answer = await consent(http, authorize_url(client["client_id"]), key)
            assert answer.status_code == 401
            assert "key" in answer.text


async def test_a_request_is_good_for_ten_minutes_and_only_as_it_was_made(world: World, app: FastAPI) -> None:
    async with browser(app) as http:
        client = await registered(http)
        page = (await http.get(authorize_url(client["client_id"]))).headers["location"]
        assert (await http.get(page[:-9])).status_code == 400
        assert (await http.get("/oauth/consent")).status_code == 400
        world.clock.later(minutes=11)
        assert "ten minutes" in (await http.get(page)).text


async def test_pkce_binds_the_code_to_who_asked(world: World, app: FastAPI) -> None:
    async with browser(app) as http:
        client = await registered(http)
        bare = await http.get(authorize_url(client["client_id"], code_challenge_method="plain"))
        assert query_of(bare.headers["location"])["error"] == "invalid_request"
        code = await code_for(http, client["client_id"], world.home.keys.secret_key)
        wrong = await exchange(http, client["client_id"], code, code_verifier="w" * 43)
        assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_grant")
        other = await registered(http)
        assert (await exchange(http, other["client_id"], code)).json()["error"] == "invalid_grant"
        elsewhere = await exchange(http, client["client_id"], code, redirect_uri="http://localhost:3030/other")
        assert elsewhere.status_code == 400
        assert (await exchange(http, client["client_id"], code)).status_code == 200


async def test_a_code_used_twice_ends_what_it_began(world: World, app: FastAPI) -> None:
    async with browser(app) as http:
        client = await registered(http)
        code = await code_for(http, client["client_id"], world.home.keys.secret_key)
        token = (await exchange(http, client["client_id"], code)).json()["access_token"]
        assert await opens(http, token) == 200
        assert (await exchange(http, client["client_id"], code)).json()["error"] == "invalid_grant"
        assert await opens(http, token) == 401


async def test_a_code_lives_two_minutes(world: World, app: FastAPI) -> None:
    async with browser(app) as http:
        client = await registered(http)
        code = await code_for(http, client["client_id"], world.home.keys.secret_key)
        world.clock.later(minutes=2)
        assert (await exchange(http, client["client_id"], code)).json()["error"] == "invalid_grant"


async def test_tokens_run_out_rotate_and_betray_their_thief(world: World, app: FastAPI) -> None:
    async with browser(app) as http:
        client = await registered(http)
        code = await code_for(http, client["client_id"], world.home.keys.secret_key)
        first = (await exchange(http, client["client_id"], code)).json()
        assert first["expires_in"] == 3600
        world.clock.later(hours=1)
        assert await opens(http, first["access_token"]) == 401
        second = (await refreshed(http, client["client_id"], first["refresh_token"])).json()
        assert await opens(http, second["access_token"]) == 200
        assert (await refreshed(http, client["client_id"], first["refresh_token"])).json()["error"] == "invalid_grant"
        assert await opens(http, second["access_token"]) == 401


async def test_a_token_is_worth_what_its_key_is(world: World, app: FastAPI) -> None:
    key = await world.key(type="restricted", scopes=["agents:read"])
    async with browser(app) as http:
        client = await registered(http)
        code = await code_for(http, client["client_id"], key["secret"])
        token = (await exchange(http, client["client_id"], code)).json()["access_token"]
        headers = {**BOTH, "Authorization": f"Bearer {token}"}
        body = {**LIST, "method": "tools/call", "params": {"name": "list_calls", "arguments": {}}}
        refused = (await http.post("/v1/mcp", json=body, headers=headers)).json()["result"]
        assert refused["structuredContent"]["code"] == "missing_scope"
        assert (await http.get("/v1/agents", headers=headers)).status_code == 401  # good for the MCP server only
        await world.http.delete(f"/v1/api-keys/{key['id']}")
        assert await opens(http, token) == 401


async def test_a_token_can_be_given_back(world: World, app: FastAPI) -> None:
    async with browser(app) as http:
        client = await registered(http, token_endpoint_auth_method="client_secret_post")
        secret = client["client_secret"]
        code = await code_for(http, client["client_id"], world.home.keys.secret_key)
        assert (await exchange(http, client["client_id"], code, client_secret="wrong")).status_code == 401
        tokens = (await exchange(http, client["client_id"], code, client_secret=secret)).json()
        form = {"client_id": client["client_id"], "client_secret": secret, "token": tokens["access_token"]}
        assert (await http.post("/revoke", data=form)).status_code == 200
        assert await opens(http, tokens["access_token"]) == 401


async def test_who_was_let_in_can_be_seen_and_sent_away(world: World, app: FastAPI) -> None:
    async with browser(app) as http:
        client = await registered(http)
        waiting = await code_for(http, client["client_id"], world.home.keys.secret_key)
        assert (await world.http.get("/v1/oauth/grants")).json()["data"] == [], "the code was not exchanged yet"
        tokens = (await exchange(http, client["client_id"], waiting)).json()
        [grant] = (await world.http.get("/v1/oauth/grants")).json()["data"]
        assert (grant["client_name"], grant["client_id"]) == ("<b>Helper</b>", client["client_id"])
        assert (grant["redirect_uri"], grant["expires_at"]) == (BACK, "2026-06-22T12:00:00.000Z")
        assert await opens(http, tokens["access_token"]) == 200
        path = f"/v1/oauth/grants/{grant['id']}"
        assert (await world.http.delete(path)).json()["id"] == grant["id"]
        assert await opens(http, tokens["access_token"]) == 401
        assert (await refreshed(http, client["client_id"], tokens["refresh_token"])).status_code == 400
        assert (await world.http.delete(path)).status_code == 404
    assert "sha256" not in json.dumps(grant)


@pytest.mark.parametrize(
    "address",
    ["http://evil.example/back", "javascript:alert(1)", "data:text/html,x", "https://a.example/back#here"],
)
async def test_codes_are_never_sent_where_others_could_read_them(app: FastAPI, address: str) -> None:
    async with browser(app) as http:
        answer = await http.post("/register", json={"redirect_uris": [address]})
    assert answer.status_code == 400
    assert answer.json()["error"] in {"invalid_redirect_uri", "invalid_client_metadata"}


async def test_tokens_for_other_servers_are_not_made_here(app: FastAPI) -> None:
    async with browser(app) as http:
        client = await registered(http)
        answer = await http.get(authorize_url(client["client_id"], resource="https://other.example/mcp"))
        assert query_of(answer.headers["location"])["error"] == "invalid_target"
        ours = await http.get(authorize_url(client["client_id"], resource=f"{BASE}/v1/mcp"))
        assert urlsplit(ours.headers["location"]).path == "/oauth/consent"


async def test_strangers_cannot_fill_the_table_or_guess_keys(world: World, tmp_path: Path) -> None:
    limits = RateLimits(UNLIMITED.key, UNLIMITED.calls, Rate(60, 3))
    async with browser(app_of(world, tmp_path, limits)) as http:
        answers = [await http.post("/register", json={"redirect_uris": [BACK]}) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [201, 201, 201, 429]
    assert int(answers[-1].headers["retry-after"]) >= 1


async def test_what_nobody_can_use_any_more_is_forgotten(world: World, app: FastAPI) -> None:
    async with browser(app) as http:
        used, _unused = await registered(http), await registered(http)
        code = await code_for(http, used["client_id"], world.home.keys.secret_key)
        await exchange(http, used["client_id"], code)
    for days, clients, grants in ((2, 2, 2), (29, 0, 0)):  # the neighbour has granted something too
        world.clock.later(days=days)
        async with world.database.write() as session:
            await service.forget_old(session, now=world.clock.now())
            assert len((await session.scalars(select(OAuthClient))).all()) == clients
            assert len((await session.scalars(select(OAuthGrant))).all()) == grants


async def test_without_a_safe_address_there_are_keys_only(world: World) -> None:
    answer = await world.http.get("/.well-known/oauth-authorization-server")
    assert answer.status_code == 404
    async with world.as_(None) as stranger:
        refused = await stranger.post("/v1/mcp", json=LIST, headers=BOTH)
    assert "resource_metadata" not in refused.headers["www-authenticate"]
