"""Bad input and bugs: the exact status, one shape, and a sentence that says what to mend (contract B.2.2)."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from dialnexa.platform.tenancy import routes as tenancy
from tests.api.world import World, agent_body

JSON = {"Content-Type": "application/json"}
FORM = "multipart/form-data; boundary=x"


async def _post(world: World, content: bytes, headers: dict[str, str] | None = None) -> Any:
    return await world.http.post("/v1/agents", content=content, headers=JSON if headers is None else headers)


@pytest.mark.parametrize(
    "content",
    [b"{", b'{"title": }', b"[1,", b'{"llm_temperature": NaN}', b'{"title": "\\ud800"}', b"\xff\xfe{}", b"'x'"],
)
async def test_malformed_json(world: World, content: bytes) -> None:
    answer = await _post(world, content)
    assert answer.status_code == 400
    assert answer.json()["message"][0].startswith("The body is not valid JSON: ")


@pytest.mark.parametrize("content", [b"[]", b'"text"', b"7", b"null", b""])
async def test_a_body_that_is_no_object(world: World, content: bytes) -> None:
    answer = await _post(world, content)
    assert answer.status_code == 400
    assert answer.json()["message"][0].startswith("The body ")


async def test_a_character_no_database_stores(world: World) -> None:
    answer = await _post(world, json.dumps({**agent_body(), "title": "a\x00b"}).encode())
    assert (answer.status_code, "U+0000" in answer.json()["message"]) == (400, True)
    assert (await world.http.get("/v1/agents/a%00b")).status_code == 400
    assert (await world.http.get("/v1/api-keys?search=a%00b")).status_code == 400


async def test_a_body_nested_too_deep(world: World) -> None:
    answer = await _post(world, b'{"flow":' * 5000 + b"1" + b"}" * 5000)
    assert answer.status_code == 400


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_a_body_of_another_type(world: World, content_type: str) -> None:
    answer = await _post(world, b'{"title": "x"}', {"Content-Type": content_type} if content_type else {})
    assert answer.status_code == 415
    assert "application/json" in answer.json()["message"]
    assert answer.json()["error"] == "Unsupported Media Type"


async def test_a_packed_body_is_not_unpacked(world: World) -> None:
    packed = gzip.compress(b" " * 100_000_000)
    for path, kind in (("/v1/agents", "application/json"), ("/v1/knowledge-base/kb_none/documents", FORM)):
        headers = {"Content-Type": kind, "Content-Encoding": "gzip"}
        answer = await world.http.post(path, content=packed, headers=headers)
        assert answer.status_code == 415
        assert answer.json()["message"] == "Send the body as it is, without Content-Encoding: gzip."


async def test_a_body_too_large_is_refused_whether_or_not_it_says_so(world: World) -> None:
    big = json.dumps({**agent_body(), "description": "x" * 1_000_000}).encode()
    told = await _post(world, big)
    assert (told.status_code, told.json()["error"]) == (413, "Payload Too Large")

    async def in_pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(big), 65_536):
            yield big[start : start + 65_536]

    untold = await world.http.post("/v1/agents", content=in_pieces(), headers=JSON)
    assert untold.status_code == 413


async def test_unknown_paths_and_methods(world: World) -> None:
    missing = await world.http.get("/v1/nothing")
    assert missing.json() == {
        "statusCode": 404,
        "message": "Cannot GET /v1/nothing. The reference of all routes is at /docs",
        "error": "Not Found",
    }
    wrong = await world.http.put("/v1/agents", json={})
    assert (wrong.status_code, wrong.json()["error"]) == (405, "Method Not Allowed")
    assert wrong.headers["allow"]


@pytest.mark.parametrize("query", ["page=0", "page=-1", "page=x", "limit=0", "limit=-5", "limit=1.5"])
async def test_bad_pages(world: World, query: str) -> None:
    answer = await world.http.get(f"/v1/agents2?{query}")
    assert answer.status_code == 400
    assert isinstance(answer.json()["message"], list)


async def test_a_limit_too_large_is_clamped(world: World) -> None:
    assert (await world.http.get("/v1/agents2?limit=5000")).json()["meta"]["limit"] == 200


async def test_the_key_is_checked_before_the_body(world: World) -> None:
    async with world.as_(None) as stranger:
        assert (await stranger.post("/v1/agents", content=b"{", headers=JSON)).status_code == 401
        assert (await stranger.post("/v1/agents", content=b"x" * 2_000_000)).status_code == 401


async def test_a_bug_answers_with_an_id_that_is_in_the_log(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(tenancy.service, "workspace", broken)
    with capture_logs() as logs:
        answer = await world.http.get("/v1/workspace")
    body = answer.json()
    assert (answer.status_code, body["error"]) == (500, "Internal Server Error")
    assert "secret detail" not in answer.text
    assert body["id"] == answer.headers["x-request-id"]
    assert [line["request_id"] for line in logs if line["log_level"] == "error"] == [body["id"]]
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_older_paths_say_what_follows_them(world: World) -> None:
    older = await world.http.get("/agents?x=1")
    assert older.headers["deprecation"] == "true"
    assert older.headers["sunset"] == "Fri, 31 Jul 2026 00:00:00 GMT"
    assert older.headers["link"] == '</v1/agents>; rel="successor-version"'
    newer = await world.http.get("/v1/agents")
    assert "deprecation" not in newer.headers
    assert older.json() == newer.json()


async def test_status_health_and_metrics(world: World) -> None:
    async with world.as_(None) as anyone:
        root = (await anyone.get("/")).json()
        assert (root["name"], root["openapi"]) == ("DialNexa", "/api-reference/openapi.json")
        assert (await anyone.get("/healthz")).json() == {"status": "ok"}
        assert (await anyone.get("/readyz")).json()["status"] == "degraded"  # no worker runs beside this test
        world.app.state.draining = True
        assert (await anyone.get("/readyz")).status_code == 503
        text = (await anyone.get("/metrics")).text
        assert 'dialnexa_http_requests_total{method="GET",route="/readyz",status="503"} 1.0' in text


@pytest.mark.parametrize(
    ("method", "path", "body", "sentences"),
    [
        (
            "POST",
            "/v1/calls",
            {"to_numbr": "+16505550199", "from_number": "+14155550100", "agent_version_id": "av_1"},
            ["to_numbr is not a field of this request; did you mean to_number?"],
        ),
        (
            "POST",
            "/calls",
            {"to_phone_numbr": "+16505550199", "metadata": {"to_numbr": "mine"}, "notes": 7},
            [
                "to_phone_numbr is not a field of this request; did you mean to_phone_number?",
                "agent_id should not be empty",
                "notes must be an object",
            ],
        ),
        (
            "POST",
            "/v1/agents",
            {**agent_body(), "agent_functions": [{"type": "custom", "display_name": "x", "config": {"urll": "u"}}]},
            [
                "agent_functions[0] is a custom function that cannot be called: "
                "config.urll is not a field of this request; did you mean url?"
            ],
        ),
        (
            "POST",
            "/v1/agents2",
            {"tittle": "Ada", "prompts": {"promt_text": "Hi.", "flow": {"nods": []}}, "promts": {}},
            [
                "tittle is not a field of this request; did you mean title?",
                "prompts.promt_text is not a field of this request; did you mean prompt_text?",
            ],
        ),
        ("GET", "/v1/calls?limt=5", None, ["limt is not a parameter of this request; did you mean limit?"]),
    ],
)
async def test_what_is_misspelt_is_named(
    world: World, method: str, path: str, body: dict[str, Any] | None, sentences: list[str]
) -> None:
    answer = await world.http.request(method, path, json=body)
    assert (answer.status_code, answer.json()["message"]) == (400, sentences)


async def test_other_strangers_are_ignored_and_named(world: World) -> None:
    answer = await world.http.post("/v1/agents?trace=1", json={**agent_body(), "titles": ["Ada"], "crm": 7})
    assert (answer.status_code, answer.headers["x-dialnexa-ignored-fields"]) == (201, "titles, crm, trace")


async def test_what_an_answer_says_may_be_sent_back(world: World) -> None:
    """Programs read an object, change a field and send it whole; no field of an answer passes for a misspelling."""
    agent = await world.agent()
    hook = {"url": "https://hooks.example/x", "events": ["*"], "is_active": False}
    webhook = (await world.http.post("/v1/user-webhooks", json=hook)).json()
    base = (await world.http.post("/v1/knowledge-base", json={"name": "Hours"})).json()
    [number, *_] = (await world.http.get("/v1/organization-phone-numbers")).json()["data"]
    key = await world.key()
    for path in (
        f"agents/{agent['id']}",
        f"agents2/{agent['id']}",
        f"user-webhooks/{webhook['id']}",
        f"knowledge-base/{base['id']}",
        f"organization-phone-numbers/{number['id']}",
        f"api-keys/{key['id']}",
        "workspace",
    ):
        read = (await world.http.get(f"/v1/{path}")).json()
        answer = await world.http.patch(f"/v1/{path}", json={**read, "secret": None} if "webhook" in path else read)
        assert "did you mean" not in answer.text, path


async def test_requests_are_counted_by_the_whole_template_of_their_route(world: World) -> None:
    agent = await world.agent()
    for path in (
        f"/v1/agents/{agent['id']}/versions/1",
        f"/agents2/{agent['id']}/versions/1",
        "/v1/user-webhooks/webhook_x/deliveries",
        "/v1/voices/builtin/auto/preview",
        "/docs/reference.js",
        "/v1/nothing/5",
        "/wp-login.php",
    ):
        await world.http.get(path)
    counted = re.findall(r'dialnexa_http_requests_total\{method="GET",route="([^"]*)"', await _metrics(world))
    assert counted == [
        "/v1/agents/{agent_id}/versions/{number}",
        "/agents2/{agent_id}/versions/{number}",
        "/v1/user-webhooks/{webhook_id}/deliveries",
        "/v1/voices/{voice_id:path}/preview",
        "/docs/{name}",
        "unknown",
    ]


async def _metrics(world: World) -> str:
    return (await world.http.get("/metrics")).text


async def test_while_draining_new_calls_are_sent_elsewhere(world: World) -> None:
    world.app.state.draining = True
    answer = await world.http.post("/v1/calls", json={})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert (await world.http.get("/v1/calls")).status_code == 200
