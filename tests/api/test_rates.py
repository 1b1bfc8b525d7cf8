"""Rate limits: one bucket per key, one per workspace for calls, one per address for strangers (contract B.2.4)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import pytest

from dialnexa.platform.http import Principal, Requires, Router
from dialnexa.platform.tenancy.rate_limits import Rate, RateLimiter, RateLimits, Verdict, tighter
from tests.api.world import Furnished, World, open_world


@pytest.fixture
async def strict(furnished: Furnished, tmp_path: Path) -> AsyncIterator[World]:
    limits = RateLimits(key=Rate(60, 5), calls=Rate(60, 2), address=Rate(60, 3))
    async with open_world(furnished, tmp_path, rate_limits=limits) as world:
        yield world


async def test_every_answer_tells_how_much_is_left(strict: World) -> None:
    answer = await strict.http.get("/v1/agents")
    assert answer.headers["x-ratelimit-limit"] == "60"
    assert answer.headers["x-ratelimit-remaining"] == "4"
    assert answer.headers["x-ratelimit-reset"] == str(round(strict.clock.now().timestamp()) + 1)
    assert "retry-after" not in answer.headers
    for path in ("/healthz", "/v1/nothing", "/api-reference/openapi.json"):
        assert "x-ratelimit-limit" in (await strict.http.get(path)).headers


async def test_over_the_limit_the_answer_says_when_to_come_back(strict: World) -> None:
    for _ in range(5):
        assert (await strict.http.get("/v1/agents")).status_code == 200
    refused = await strict.http.get("/v1/agents")
    assert refused.status_code == 429
    assert refused.json()["error"] == "Too Many Requests"
    assert {name: refused.headers[name] for name in ("x-ratelimit-remaining", "retry-after")} == {
        "x-ratelimit-remaining": "0",
        "retry-after": "1",
    }
    strict.clock.later(seconds=1)
    assert (await strict.http.get("/v1/agents")).status_code == 200


async def test_placing_calls_is_counted_for_the_whole_workspace(strict: World) -> None:
    async with strict.as_(strict.home.keys.test_secret_key) as tester:
        assert (await strict.http.post("/v1/calls", json={})).status_code == 400
        assert (await tester.post("/v1/calls", json={})).status_code == 400
        refused = await tester.post("/calls", json={})
        assert refused.status_code == 429
        assert (await tester.get("/v1/calls")).status_code == 200, "only placing is slowed down"


async def test_guessing_keys_is_slow(strict: World) -> None:
    async with strict.as_("sk_live_guess") as stranger:
        statuses = [(await stranger.get("/v1/agents")).status_code for _ in range(4)]
    assert statuses == [401, 401, 401, 429]


def test_a_bucket_fills_up_but_not_over() -> None:
    now = [0.0]
    limiter = RateLimiter(RateLimits(), monotonic=lambda: now[0])
    rate = Rate(per_minute=60, burst=2)
    assert [limiter.take("x", rate).allowed for _ in range(3)] == [True, True, False]
    now[0] = 1.0
    assert limiter.take("x", rate).allowed
    now[0] = 1000.0
    assert [limiter.take("x", rate).allowed for _ in range(3)] == [True, True, False]


def test_the_tighter_verdict_binds() -> None:
    wide, narrow = Verdict(600, 500, 0, 0), Verdict(120, 3, 0, 0)
    empty, off = Verdict(120, 0, 0, 1), Verdict(0, 0, 0, 0)
    assert tighter(wide, narrow) is narrow
    assert tighter(empty, wide) is empty
    assert tighter(off, wide) is wide


async def test_a_publishable_key_is_counted_by_key_and_by_address(furnished: Furnished, tmp_path: Path) -> None:
    limits = RateLimits(key=Rate(600, 600), web_key=Rate(60, 3), web_address=Rate(60, 2))
    async with open_world(furnished, tmp_path, rate_limits=limits, trusted_proxies="127.0.0.1") as world:
        router = Router(tags=["Web calls"])

        @router.post("/web-calls-for-this-test")
        async def begin(_who: Annotated[Principal, Requires("calls:write", publishable=True)]) -> dict[str, bool]:
            return {"ok": True}

        world.app.include_router(router)
        pages = await world.key(type="publishable", allowed_origins=["https://shop.example"])
        seen = list[int]()
        async with world.as_(pages["secret"]) as page:
            for address, origin in (
                ("198.51.100.1", "https://shop.example"),
                ("198.51.100.1", "https://shop.example"),
                ("198.51.100.1", "https://shop.example"),  # too often from there
                ("198.51.100.2", "https://shop.example"),  # another address, but the key's own bucket is empty
            ):
                headers = {"X-Forwarded-For": f"203.0.113.66, {address}", "Origin": origin}
                seen.append((await page.post("/web-calls-for-this-test", headers=headers)).status_code)
            assert seen == [200, 200, 429, 429]
            world.clock.later(minutes=1)
            foreign = await page.post("/web-calls-for-this-test", headers={"Origin": "https://evil.example"})
            assert (foreign.status_code, foreign.json()["code"]) == (403, "origin_forbidden")


async def test_only_trusted_proxies_say_who_asks(furnished: Furnished, tmp_path: Path) -> None:
    for trusted, counted in (("", "127.0.0.1"), ("127.0.0.0/8", "198.51.100.1"), ("203.0.113.9", "127.0.0.1")):
        folder = tmp_path / (trusted.replace("/", "_") or "nobody")
        folder.mkdir()
        async with open_world(furnished, folder, trusted_proxies=trusted) as world:
            headers = {"X-Forwarded-For": "6.6.6.6, 198.51.100.1"}
            await world.http.post("/v1/api-keys", json={"name": "x"}, headers=headers)
            entry = (await world.http.get("/v1/audit-log")).json()["data"][0]
            assert entry["address"] == counted, trusted
