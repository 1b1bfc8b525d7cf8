"""Keys: shown once, rotated, revoked, limited to their kind (contract B.10, B.2.1)."""

from __future__ import annotations

import pytest

from dialnexa.kit.secrets import sha256_hex
from dialnexa.platform.tenancy import repository
from tests.api.world import World

EXACT = {"statusCode": 401, "message": "Unauthorized", "error": "Unauthorized"}


async def test_a_key_is_shown_once_and_stored_as_its_hash(world: World) -> None:
    made = await world.key(name="CRM")
    assert made["secret"].startswith("sk_live_")
    assert made["secret"].endswith(made["last4"])
    listed = await world.http.get("/v1/api-keys", params={"search": "crm"})
    assert [key["name"] for key in listed.json()["data"]] == ["CRM"]
    assert made["secret"] not in listed.text
    async with world.database.read() as session:
        row = await repository.key(session, world.home.workspace_id, made["id"])
    assert row is not None
    assert row.sha256 == sha256_hex(made["secret"])


@pytest.mark.parametrize(
    ("kind", "environment", "prefix"),
    [
        ("secret", "test", "sk_test_"),
        ("publishable", "live", "pk_live_"),
        ("publishable", "test", "pk_test_"),
        ("restricted", "live", "rk_live_"),
    ],
)
async def test_kinds_have_their_prefixes(world: World, kind: str, environment: str, prefix: str) -> None:
    made = await world.key(type=kind, environment=environment)
    assert made["secret"].startswith(prefix)


@pytest.mark.parametrize(
    "header", [None, b"Bearer ", b"Bearer sk_live_wrong", b"Basic abc", b"sk_live_x", "Bearer ключ".encode()]
)
async def test_without_a_valid_key_the_answer_is_always_the_same(world: World, header: bytes | None) -> None:
    async with world.as_(None) as stranger:
        answer = await stranger.get("/v1/agents", headers=[(b"authorization", header)] if header else [])
    assert answer.status_code == 401
    assert answer.json() == EXACT
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_revoked_key_stops_at_once_and_stays_listed(world: World) -> None:
    made = await world.key()
    async with world.as_(made["secret"]) as other:
        assert (await other.get("/v1/agents")).status_code == 200
        revoked = await world.http.delete(f"/v1/api-keys/{made['id']}")
        assert revoked.json() == {"success": True, "message": "API key revoked.", "id": made["id"]}
        assert (await other.get("/v1/agents")).json() == EXACT
    row = (await world.http.get("/v1/api-keys")).json()["data"][0]
    assert (row["id"], row["is_expired"], row["is_revoked"]) == (made["id"], True, True)


async def test_rotation_leaves_the_old_key_a_day_or_no_time(world: World) -> None:
    first = await world.key(name="CRM")
    second = await world.key(name="CRM")
    async with world.as_(first["secret"]) as old:
        world.clock.later(hours=23)
        assert (await old.get("/v1/agents")).status_code == 200
        world.clock.later(hours=1)
        assert (await old.get("/v1/agents")).json() == EXACT
    await world.key(name="CRM", expire_now=True)
    async with world.as_(second["secret"]) as old:
        assert (await old.get("/v1/agents")).status_code == 401


async def test_another_service_s_key_is_left_alone_unless_asked(world: World) -> None:
    mail = await world.key(name="mail")
    await world.key(name="CRM")
    async with world.as_(mail["secret"]) as other:
        assert (await other.get("/v1/agents")).status_code == 200
        await world.key(name="shop", expire_now=True)
        assert (await other.get("/v1/agents")).status_code == 200, "the previous key is CRM's"


async def test_an_imported_key_works_as_it_is(world: World) -> None:
    made = await world.key(name="from the hosted service", secret="abcdefghijklmn:123456a1b1234b")
    assert made["secret"] == "abcdefghijklmn:123456a1b1234b"
    async with world.as_(made["secret"]) as other:
        assert (await other.get("/v1/agents")).status_code == 200
    again = await world.http.post("/v1/api-keys", json={"name": "x", "secret": made["secret"]})
    assert again.status_code == 409


async def test_nobody_makes_a_key_stronger_than_their_own(world: World) -> None:
    async with world.as_(world.home.keys.test_secret_key) as tester:
        assert (await tester.post("/v1/api-keys", json={"name": "x"})).json()["environment"] == "test"
        refused = await tester.post("/v1/api-keys", json={"name": "x", "environment": "live"})
        assert refused.status_code == 403
    restricted = await world.key(type="restricted", scopes=["api-keys:write", "calls:read"])
    async with world.as_(restricted["secret"]) as limited:
        assert (await limited.post("/v1/api-keys", json={"name": "x"})).status_code == 403
        body = {"name": "x", "type": "restricted", "scopes": ["calls:read"]}
        assert (await limited.post("/v1/api-keys", json=body)).status_code == 201


async def test_a_restricted_key_does_what_its_scopes_say(world: World) -> None:
    made = await world.key(type="restricted", scopes=["agents:read", "numbers:*"])
    async with world.as_(made["secret"]) as limited:
        assert (await limited.get("/v1/agents")).status_code == 200
        assert (await limited.get("/v1/phone-numbers")).status_code == 200
        refused = await limited.delete(f"/v1/agents/{world.home.agent_id}")
        assert (refused.status_code, refused.json()["message"]) == (
            403,
            "This restricted key lacks the scope agents:write.",
        )


@pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": "   "}])
async def test_a_key_needs_a_name(world: World, body: dict[str, str]) -> None:
    answer = await world.http.post("/v1/api-keys", json=body)
    assert (answer.status_code, answer.json()["message"]) == (400, ["name should not be empty"])


async def test_last_use_is_noted(world: World) -> None:
    await world.http.get("/v1/agents")
    rows = (await world.http.get("/v1/api-keys")).json()["data"]
    assert [row["last_used_at"] for row in rows if row["type"] == "secret" and row["environment"] == "live"] == [
        "2026-05-23T12:00:00.000Z"
    ]


async def test_limits_and_telephony_rules(world: World) -> None:
    limits = (await world.http.get("/v1/workspace/limits")).json()
    assert limits == {
        "concurrency_limit": 25,
        "active_calls": 0,
        "peak": 0,
        "peak_at": None,
        "peaks": [],
        "limits": [],
    }
    changed = await world.http.patch("/v1/workspace/limits", json={"concurrency_limit": 0})
    assert changed.json()["concurrency_limit"] == 0
    assert (await world.http.patch("/v1/workspace/limits", json={"concurrency_limit": -1})).status_code == 400
    rules = await world.http.patch("/v1/telephony-config", json={"blocked_prefixes": ["+7"]})
    assert (rules.json()["blocked_prefixes"], rules.json()["allow_premium"]) == (["+7"], False)
    await world.http.patch("/v1/telephony-config", json={"allow_premium": True})
    assert rules.json() | {"allow_premium": True} == (await world.http.get("/v1/telephony-config")).json()


async def test_a_key_is_renamed_and_narrowed_while_it_works(world: World) -> None:
    made = await world.key(type="restricted", scopes=["agents:*"])
    path = f"/v1/api-keys/{made['id']}"
    changed = await world.http.patch(path, json={"name": "Reporting", "scopes": ["calls:read"]})
    assert changed.json() == (await world.http.get(path)).json()
    assert (changed.json()["name"], changed.json()["scopes"]) == ("Reporting", ["calls:read"])
    async with world.as_(made["secret"]) as limited:
        assert (await limited.get("/v1/agents")).status_code == 403
        assert (await limited.get("/v1/calls")).status_code == 200
    await world.http.delete(path)
    assert (await world.http.patch(path, json={"name": "x"})).status_code == 409


async def test_nobody_widens_a_key_beyond_their_own(world: World) -> None:
    maker = await world.key(type="restricted", scopes=["api-keys:*", "calls:read"])
    other = await world.key(name="other", type="restricted", scopes=["calls:read"])
    async with world.as_(maker["secret"]) as limited:
        for key, body in ((other, {"scopes": ["agents:read"]}), (maker, {"scopes": ["agents:read"]})):
            assert (await limited.patch(f"/v1/api-keys/{key['id']}", json=body)).status_code == 403
        assert (await limited.post(f"/v1/api-keys/{other['id']}/regenerate", json={})).status_code == 201
        strong = (await world.key(name="strong"))["id"]
        assert (await limited.post(f"/v1/api-keys/{strong}/regenerate", json={})).status_code == 403
    async with world.as_(world.home.keys.test_secret_key) as tester:
        assert (await tester.patch(f"/v1/api-keys/{other['id']}", json={"name": "x"})).status_code == 403


@pytest.mark.parametrize(("expire_now", "old_works"), [(False, True), (True, False)])
async def test_a_new_secret_for_the_same_key(world: World, expire_now: bool, old_works: bool) -> None:
    old = await world.key(type="restricted", scopes=["agents:read"], name="CRM")
    answer = await world.http.post(f"/v1/api-keys/{old['id']}/regenerate", json={"expire_now": expire_now})
    new = answer.json()
    assert (new["name"], new["scopes"], new["id"] != old["id"]) == ("CRM", ["agents:read"], True)
    for key, works in ((new, True), (old, old_works)):
        async with world.as_(key["secret"]) as client:
            assert (await client.get("/v1/agents")).status_code == (200 if works else 401)
    world.clock.later(hours=24)
    async with world.as_(old["secret"]) as client:
        assert (await client.get("/v1/agents")).status_code == 401


async def test_a_key_can_be_made_for_a_while(world: World) -> None:
    made = await world.key(expires_at="2026-05-23T13:00:00Z")
    async with world.as_(made["secret"]) as client:
        assert (await client.get("/v1/agents")).status_code == 200
        world.clock.later(hours=1)
        assert (await client.get("/v1/agents")).json() == EXACT


async def test_scopes_are_listed_and_others_refused(world: World) -> None:
    listed = {one["scope"] for one in (await world.http.get("/v1/api-keys/scopes")).json()}
    assert {"calls:read", "calls:write", "calls:*", "audit-log:read"} <= listed
    for fields, part in (
        ({"type": "restricted", "scopes": ["coffee:read"]}, "is no scope: write it as resource:read"),
        ({"type": "restricted", "scopes": ["calls:delete"]}, "is no scope"),
        ({"scopes": ["calls:read"]}, 'only keys of the type "restricted" have'),
        ({"type": "publishable", "allowed_origins": ["https://shop.example/cart"]}, "must be a web origin"),
        ({"expires_at": "2026-12-31T00:00:00"}, "without a time zone"),
    ):
        answer = await world.http.post("/v1/api-keys", json={"name": "x", **fields})
        assert (answer.status_code, part in str(answer.json()["message"])) == (400, True), answer.text


async def test_origins_are_kept_as_browsers_send_them(world: World) -> None:
    made = await world.key(type="publishable", allowed_origins=["HTTPS://Shop.example/", "http://localhost:3000"])
    assert made["allowed_origins"] == ["https://shop.example", "http://localhost:3000"]
