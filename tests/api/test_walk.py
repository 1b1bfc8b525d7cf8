"""Walks every route there is, with every key that must not get in. A new route is covered by being served."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from dialnexa.platform.tenancy import scopes
from tests.api.contract import VERBS, document
from tests.api.world import Neighbour, World

PUBLISHABLE = ("/v1/web-calls",)
"""The only routes a publishable key may use."""
EXACT = {"statusCode": 401, "message": "Unauthorized", "error": "Unauthorized"}


@dataclass(frozen=True)
class Walked:
    """One request of the walk."""

    verb: str
    path: str
    body: Any
    scope: str
    """What a restricted key needs for it, as the document says; empty where a key is not the only way in."""
    uploads: bool = False

    def __str__(self) -> str:
        return f"{self.verb.upper()} {self.path}"


def foreign_ids(neighbour: Neighbour) -> dict[str, str]:
    """Path parameters, and what the neighbour has for each. A route with a new one needs a line here."""
    return {
        "agent_id": neighbour.agent_id,
        "number": "1",
        "number_id": neighbour.number_id,
        "trunk_id": neighbour.trunk_id,
        "key_id": neighbour.key_id,
        "call_id": neighbour.call_id,
        "refused_id": neighbour.refused_id,
        "log_id": neighbour.call_id.replace("call_", "log_"),
        "campaign_id": "cmp_none",
        "language_id": "lang_none",
        "llm_id": "llm_none",
        "transcriber_id": "trs_none",
        "voice_id": "voice_none",
        "country_iso": "zz_none",
        "group_id": "zz_none",
        "webhook_id": neighbour.webhook_id,
        "folder_id": neighbour.folder_id,
        "template_id": "template_none",
        "delivery_id": neighbour.delivery_id,
        "calendar_id": neighbour.calendar_id,
        "booking_id": neighbour.booking_id,
        "alert_id": neighbour.alert_id,
        "grant_id": neighbour.grant_id,
        "function_name": "none",
        "kb_id": neighbour.kb_id,
        "document_id": neighbour.document_id,
    }


def routes(world: World, *, guarded: bool = True) -> Iterator[Walked]:
    ids = foreign_ids(world.neighbour)
    for path, operations in document(world.app)["paths"].items():
        for verb in VERBS:
            operation = operations.get(verb)
            if operation is None or ("security" in operation) != guarded:
                continue
            unknown = [name for name in _names(path) if name not in ids]
            assert not unknown, f"teach foreign_ids about {unknown} of {path}"
            scope = "".join(operation["security"][0]["HTTPBearer"]) if guarded else ""
            uploads = "multipart/form-data" in operation.get("requestBody", {}).get("content", {})
            yield Walked(verb, path.format(**ids), _body(world, operation), scope, uploads)


def _names(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def _body(world: World, operation: dict[str, Any]) -> Any:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    return None if content is None else _example(content["schema"], document(world.app)["components"]["schemas"])


def _example(schema: dict[str, Any], known: dict[str, Any]) -> Any:
    """Return the smallest value that fits a schema."""
    if "$ref" in schema:
        return _example(known[schema["$ref"].rpartition("/")[2]], known)
    for word in ("anyOf", "oneOf", "allOf"):
        if word in schema:
            return _example(schema[word][0], known)
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "object":
        wanted = schema.get("required", [])
        return {name: _example(part, known) for name, part in schema.get("properties", {}).items() if name in wanted}
    if schema.get("format") == "date-time":
        return "2026-05-25T12:00:00Z"
    special = {"phonenumber": "+12025550134", "terminationuri": "sip.example.com"}
    simple = {"string": "x" * 16, "integer": 1, "number": 1, "boolean": True, "array": [], "null": None}
    name = schema.get("title", "").replace(" ", "").lower()
    return special.get(name, simple[schema.get("type", "null")])


async def _send(world: World, key: str | None, walked: Walked) -> Any:
    async with world.as_(key) as http:
        if walked.uploads:
            return await http.request(walked.verb, walked.path, files={"file": ("a.txt", b"We open at nine.")})
        query = {"country_iso": "US"} if walked.path.endswith(("/available", "/plivo-numbers")) else None
        return await http.request(walked.verb, walked.path, json=walked.body, params=query)


async def test_there_is_something_to_walk(world: World) -> None:
    walked = {str(route) for route in routes(world)}
    assert {"GET /v1/agents", "POST /v1/calls", "DELETE /v1/api-keys/" + world.neighbour.key_id} <= walked
    assert {str(route) for route in routes(world, guarded=False)} == {
        "GET /",
        "GET /healthz",
        "GET /readyz",
        "GET /v1/voices/voice_none/preview",
    }


@pytest.mark.parametrize("case", ["none", "unknown", "revoked", "expired"])
async def test_no_route_opens_without_a_valid_key(world: World, case: str) -> None:
    made = await world.key()
    if case == "revoked":
        await world.http.delete(f"/v1/api-keys/{made['id']}")
    if case == "expired":
        await world.key(expire_now=True)
    key = {"none": None, "unknown": "sk_live_unknown"}.get(case, made["secret"])
    for route in routes(world):
        answer = await _send(world, key, route)
        assert (answer.status_code, answer.json()) == (401, EXACT), route


async def test_a_publishable_key_opens_nothing_but_web_calls(world: World) -> None:
    for route in routes(world):
        if not route.path.startswith(PUBLISHABLE):
            answer = await _send(world, world.home.keys.publishable_key, route)
            assert answer.status_code == 403, route
            assert "publishable" in answer.json()["message"], route


async def test_a_restricted_key_without_scopes_opens_nothing(world: World) -> None:
    made = await world.key(type="restricted")
    for route in routes(world):
        answer = await _send(world, made["secret"], route)
        assert answer.status_code == 403, route


async def test_a_restricted_key_opens_just_what_its_scope_says(world: World) -> None:
    """Each route again, with keys that hold every scope but the one it needs: the 403 names what is missing."""
    assert {str(route) for route in routes(world) if not route.scope} == {
        f"GET /v1/calls/{world.neighbour.call_id}/recording"  # a signed link opens it too; its own tests try keys
    }
    for scope in sorted({route.scope for route in routes(world)} - {""}):
        every = [one for one, _ in scopes.every() if not one.endswith("*") and one != scope]
        made = await world.key(name=scope, type="restricted", scopes=every)
        for route in routes(world):
            if route.scope == scope:
                answer = await _send(world, made["secret"], route)
                assert answer.status_code == 403, route
                assert answer.json()["message"] == f"This restricted key lacks the scope {scope}.", route


async def test_every_scope_is_known_and_used(world: World) -> None:
    used = {route.scope.partition(":")[0] for route in routes(world) if route.scope}
    assert used == set(scopes.RESOURCES), "keep the list in tenancy/scopes.py as the routes are"


async def test_nobody_reaches_a_neighbour_s_things_by_their_ids(world: World) -> None:
    before = await _everything_of_the_neighbour(world)
    for route in routes(world):
        if any(value in route.path for value in foreign_ids(world.neighbour).values() if len(value) > 1):
            if "cmp_none" in route.path:
                continue
            answer = await _send(world, world.home.keys.secret_key, route)
            assert answer.status_code in {403, 404}, f"{route}: {answer.status_code} {answer.text}"
    assert await _everything_of_the_neighbour(world) == before


async def test_no_list_shows_a_neighbour_s_things(world: World) -> None:
    theirs = [value for value in foreign_ids(world.neighbour).values() if "_" in value and value != "cmp_none"]
    for route in routes(world):
        if route.verb == "get" and not any(value in route.path for value in theirs):
            answer = await _send(world, world.home.keys.secret_key, route)
            assert answer.status_code == 200, route
            assert not [value for value in theirs if value in answer.text], route


async def _everything_of_the_neighbour(world: World) -> list[Any]:
    """Read all the neighbour has, with the neighbour's key; what a key was last used for changes by asking."""
    seen: list[Any] = []
    for route in routes(world):
        if route.verb == "get" and "api-keys" not in route.path:
            answer = await _send(world, world.neighbour.key, route)
            said = answer.json() if answer.headers["content-type"].startswith("application/json") else answer.text
            seen.append((str(route), answer.status_code, _steady(said)))
    return seen


def _steady(value: Any) -> Any:
    """Leave out links and request ids, which are fresh each time."""
    if isinstance(value, dict):
        return {key: _steady(part) for key, part in value.items() if key not in {"recording_url", "api_id"}}
    return [_steady(part) for part in value] if isinstance(value, list) else value
