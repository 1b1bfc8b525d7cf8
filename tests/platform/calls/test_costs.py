"""What calls cost: at the prices of their day, on the call, in sums, on every database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from dialnexa.platform.calls.charging import charge_analysis
from dialnexa.platform.calls.models import Call
from dialnexa.platform.calls.states import CallState
from dialnexa.platform.costs.usage import Tokens, Usage
from tests.platform.calls.house import House
from tests.platform.calls.serving import Api, serve

USED = Usage(talk_seconds=60, tts_characters=1000, llm=Tokens(model="m", requests=1, input_tokens=10))
PRICES: dict[str, Any] = {
    "rates": [
        {"component": "telephony", "per_minute": 0.02},
        {"component": "tts", "per_1000_characters": 0.25},
    ]
}


async def put(api: Api, body: dict[str, Any], key: str = "sk_live_a") -> httpx.Response:
    return await api.http.put("/v1/prices", json=body, headers={"Authorization": f"Bearer {key}"})


async def talk(house: House, state: CallState = CallState.COMPLETED, **more: Any) -> str:
    node = f"node_{len(await house.calls())}"
    await house.node(node)
    call = await house.place()
    await house.claim(call.id, node)
    if state is CallState.COMPLETED:
        await house.answered(call.id, node)
        more = {"usage": USED, "duration_ms": 60_000, **more}
    await house.finish(call.id, state, node_id=node, **more)
    return call.id


async def test_a_call_tells_what_it_used_and_cost(api: Api, house: House) -> None:
    free = await talk(house)
    assert (await put(api, PRICES)).status_code == 200
    paid = await talk(house)
    unanswered = await talk(house, CallState.NO_ANSWER, reason="user_did_not_pick_up")
    call = (await api.get(f"/v1/calls/{paid}")).json()
    assert (call["cost"]["total"], call["cost"]["currency"]) == (0.27, "USD")
    assert call["usage"]["tts_characters"] == 1000
    lines = {line["component"]: (line["amount"], line["unit"]) for line in call["cost"]["components"]}
    assert lines["telephony"] == (0.02, "minutes")
    assert lines["llm"] == (0.0, "tokens")
    assert (await api.get(f"/v1/calls/{free}")).json()["cost"]["total"] == 0
    assert (await api.get(f"/v1/calls/{unanswered}")).json()["cost"] is None


async def test_a_recogniser_that_stepped_in_is_on_the_log_and_in_the_price(api: Api, house: House) -> None:
    await put(api, {"rates": [{"component": "stt", "name": "whisper-1", "per_minute": 0.5}]})
    used = Usage(stt="builtin/pocketsphinx", stt_seconds=60, stt_fallback="whisper-1", stt_fallback_seconds=30)
    stepped_in, plain = await talk(house, usage=used), await talk(house)
    log = (await api.get(f"/v1/call-logs/{stepped_in}")).json()
    assert log["fallback_stt_transcriber_id"] == "whisper-1"
    assert (await api.get(f"/v1/call-logs/{plain}")).json()["fallback_stt_transcriber_id"] is None
    cost = (await api.get(f"/v1/calls/{stepped_in}")).json()["cost"]
    assert [(line["detail"], line["amount"]) for line in cost["components"] if line["component"] == "stt"] == [
        ("builtin/pocketsphinx", 0),
        ("whisper-1", 0.25),
    ]


async def test_what_a_call_cost_goes_through_the_wallet_once(api: Api, house: House) -> None:
    await put(api, PRICES)
    paid = await talk(house)
    await talk(house, CallState.NO_ANSWER, reason="user_did_not_pick_up")
    ledger = (await api.get("/v1/workspace/wallet")).json()
    assert [(entry["reference"], entry["amount_usd"]) for entry in ledger["entries"]["data"]] == [(paid, -0.27)]
    async with house.database.write() as session:
        call = await session.get(Call, paid)
        assert call is not None
        await charge_analysis(session, call, Tokens(model="m", requests=1, input_tokens=10))
    assert (await api.get("/v1/workspace/wallet")).json()["entries"]["meta"]["total"] == 1


async def test_old_calls_keep_their_price_whatever_comes_after(api: Api, house: House) -> None:
    await put(api, PRICES)
    call_id = (await house.place()).id
    house.later(hours=1)
    await put(api, {"currency": "EUR", "rates": [{"component": "telephony", "per_minute": 9}]})
    await house.node("node_a")
    await house.claim(call_id, "node_a")
    await house.answered(call_id, "node_a")
    await house.finish(call_id, node_id="node_a", usage=USED, duration_ms=60_000)
    assert (await api.get(f"/v1/calls/{call_id}")).json()["cost"]["total"] == 0.27, "it was placed before"
    assert (await api.get(f"/v1/calls/{await talk(house)}")).json()["cost"]["total"] == 9


async def test_prices_may_be_set_for_later_but_not_for_the_past(api: Api, house: House) -> None:
    later = {**PRICES, "valid_from": "2026-05-23T13:00:00Z"}
    assert (await put(api, later)).json()["valid_from"] == "2026-05-23T13:00:00.000Z"
    now = (await api.get("/v1/prices")).json()
    assert (now["id"], now["rates"], len(now["history"])) == (None, [], 1)
    house.later(hours=2)
    assert (await api.get("/v1/prices")).json()["rates"][0]["per_minute"] == 0.02
    refused = await put(api, later)
    assert refused.status_code == 400
    assert "must not lie in the past" in refused.json()["message"][0]
    naive = await put(api, {**PRICES, "valid_from": "2026-06-01T00:00:00"})
    assert "valid_from must have a time zone" in naive.json()["message"][0]


async def test_a_test_key_sets_no_prices_and_a_rate_is_judged(api: Api) -> None:
    assert (await put(api, PRICES, "sk_test_a")).status_code == 403
    wrong = await put(api, {"rates": [{"component": "stt", "per_call": 1}]})
    assert wrong.status_code == 400
    assert wrong.json()["message"] == ["rates[0] has per_call, but stt is priced by per_minute"]


async def test_sums_over_a_period(any_house: House, tmp_path: Path) -> None:
    house = any_house
    async with serve(house, tmp_path) as api:
        await put(api, PRICES)
        for _ in range(2):
            await talk(house)
        house.later(days=1)
        await talk(house)
        await talk(house, CallState.NO_ANSWER, reason="user_did_not_pick_up")
        whole = (await api.get("/v1/calls/costs")).json()
        assert (whole["calls"], whole["minutes"]) == (4, 3)
        assert whole["totals"] == [{"group": None, "currency": "USD", "total": 0.81}]
        days = (await api.get("/v1/calls/costs", group_by="day")).json()["groups"]
        assert [(line["group"], line["total"]) for line in days] == [("2026-05-23", 0.54), ("2026-05-24", 0.27)]
        parts = (await api.get("/v1/calls/costs", group_by="component", start_date="2026-05-24")).json()
        assert parts["calls"] == 2
        assert [(line["group"], line["total"]) for line in parts["groups"]] == [("telephony", 0.02), ("tts", 0.25)]
        agents = (await api.get("/v1/calls/costs", group_by="agent", end_date="2026-05-23")).json()
        assert [line["group"] for line in agents["groups"]] == [house.agent_id]
        assert (await api.get("/v1/calls/costs", "sk_test_a")).json()["totals"] == []
