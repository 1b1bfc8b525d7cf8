"""Alerts over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from dialnexa.platform.alerts import service
from tests.api.conftest import furnished, world
from tests.api.world import World

__all__ = ["furnished", "world"]
BODY: dict[str, Any] = {"name": "Too many fail", "metric": "failure_rate", "threshold": 20}


async def test_setting_reading_changing_and_taking_away(world: World) -> None:
    made = await world.http.post("/v1/alerts", json=BODY)
    assert made.status_code == 201, made.text
    alert = made.json()
    assert (alert["state"], alert["value"], alert["unit"]) == ("ok", None, "percent")
    assert (alert["resolve_threshold"], alert["window_minutes"], alert["min_calls"]) == (18.0, 60, 5)
    path = f"/v1/alerts/{alert['id']}"
    changed = (await world.http.patch(path, json={"threshold": 40, "agent_id": world.home.agent_id})).json()
    assert (changed["threshold"], changed["resolve_threshold"]) == (40.0, 36.0)
    assert (changed["agent_id"], changed["name"]) == (world.home.agent_id, BODY["name"])
    assert (await world.http.patch(path, json={"agent_id": None})).json()["agent_id"] is None
    assert [one["id"] for one in (await world.http.get("/v1/alerts")).json()["data"]] == [alert["id"]]
    assert (await world.http.get("/v1/alerts?state=triggered")).json()["data"] == []
    assert (await world.http.delete(path)).json()["success"] is True
    assert (await world.http.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"metric": "mood"}, "metric must be one of: failure_rate, no_answer_rate, latency_p95_ms, "),
        ({"threshold": 120}, "The body does not fit: the threshold of failure_rate must be 0.1 to 100 (percent)"),
        ({"resolve_threshold": 21}, "The body does not fit: resolve_threshold must not be above threshold"),
        ({"window_minutes": 1}, "window_minutes must be at least 5"),
        (
            {"metric": "concurrency_use", "agent_id": "agent_1"},
            "The body does not fit: concurrency_use is of the whole",
        ),
        ({"treshold": 5, "threshold": ...}, "treshold is not a field of this request; did you mean threshold?"),
    ],
)
async def test_what_makes_no_sense_is_refused(world: World, fields: dict[str, Any], sentence: str) -> None:
    body = {name: value for name, value in {**BODY, **fields}.items() if value is not ...}
    answer = await world.http.post("/v1/alerts", json=body)
    assert answer.status_code == 400
    assert answer.json()["message"][0].startswith(sentence)


async def test_a_change_must_fit_what_stays(world: World) -> None:
    alert = (await world.http.post("/v1/alerts", json={**BODY, "resolve_threshold": 10})).json()
    refused = await world.http.patch(f"/v1/alerts/{alert['id']}", json={"threshold": 5})
    assert (refused.status_code, "resolve_threshold" in refused.text) == (400, True)
    assert (await world.http.post("/v1/alerts", json={**BODY, "agent_id": world.neighbour.agent_id})).status_code == 404


async def test_there_are_only_so_many(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST", 1)
    assert (await world.http.post("/v1/alerts", json=BODY)).status_code == 201
    assert (await world.http.post("/v1/alerts", json=BODY)).status_code == 409
