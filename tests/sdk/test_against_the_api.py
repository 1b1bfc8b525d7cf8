"""The Python client on the API itself: every operation, with every answer held against the OpenAPI document."""

from __future__ import annotations

import httpx
import pytest

from dialnexa_client import AsyncDialNexa, BadRequest, Conflict, Forbidden, NotFound, Unauthorized
from tests.api import contract
from tests.api.world import World, agent_body

BUSY = "+16505550110"


def client_of(world: World, key: str | None = None) -> AsyncDialNexa:
    async def check(response: httpx.Response) -> None:
        await contract.check(world.app, response)

    async def no_sleep(_: float) -> None:
        raise AssertionError("a healthy API never makes its client wait")

    http = httpx.AsyncClient(transport=httpx.ASGITransport(world.app), event_hooks={"response": [check]})
    secret = key or world.home.keys.secret_key
    return AsyncDialNexa(secret, base_url="http://dialnexa.test", http_client=http, sleep=no_sleep)


async def test_a_call_from_its_request_to_its_end(world: World) -> None:
    api = client_of(world)
    placed = await api.calls.create(
        from_number=world.home.from_number,
        to_number=BUSY,
        agent_version_id=world.home.agent_version_id,
        variables={"customer_name": "Alex Rivera"},
        metadata={"crm_contact_id": "cont_99123"},
    )
    assert (placed.status, placed.to_number) == ("queued", BUSY)
    got = await api.calls.get(placed.id)
    assert (got.variables, got.is_final) == ({"customer_name": "Alex Rivera"}, False)
    assert [one.id async for one in api.calls.list(status="queued", to=BUSY)] == [placed.id]
    ended = await api.calls.hang_up(placed.id)
    assert (ended.status, (await api.calls.wait(placed.id)).status) == ("cancelled", "cancelled")
    timeline = await api.calls.timeline(placed.id)
    assert timeline.status == "cancelled"
    assert (await api.calls.timeline(placed.id, after=timeline.last_seq)).lines == ()
    with pytest.raises(Conflict, match="already ended"):
        await api.calls.hang_up(placed.id)


async def test_one_idempotency_key_is_one_call(world: World) -> None:
    api = client_of(world)
    order = {"to_number": BUSY, "agent_id": world.home.agent_id, "idempotency_key": "order-7"}
    first = await api.calls.create(**order)  # pyright: ignore[reportArgumentType]
    assert (await api.calls.create(**order)).id == first.id  # pyright: ignore[reportArgumentType]
    assert len([one async for one in api.calls.list()]) == 1


async def test_refusals_keep_the_servers_sentences(world: World) -> None:
    api = client_of(world)
    with pytest.raises(BadRequest) as caught:
        await api.calls.create(to_number="nobody", from_number="+1", agent_version_id="av_1")
    assert len(caught.value.messages) == 2
    assert caught.value.request_id
    with pytest.raises(Forbidden):
        await api.calls.create(to_number=BUSY, from_number="+14155550777", agent_version_id=world.home.agent_version_id)
    with pytest.raises(NotFound, match=world.neighbour.call_id):
        await api.calls.get(world.neighbour.call_id)
    with pytest.raises(Unauthorized):
        await client_of(world, "sk_live_nobodys").limits.get()
    await api.limits.set(concurrency_limit=0)
    with pytest.raises(Conflict, match="concurren"):
        await api.calls.create(to_number=BUSY, agent_id=world.home.agent_id)


async def test_an_agent_from_draft_to_rollback(world: World) -> None:
    api = client_of(world)
    made = await api.agents.create(**agent_body(), welcome_message="Hello.")
    assert (made.is_published, made.live_agent_version_id, made.welcome_message) == (False, None, "Hello.")
    first = (await api.agents.publish(made.id)).live_version_number
    changed = await api.agents.update(made.id, title="Bea")
    assert changed.title == "Bea"
    second = await api.agents.publish(made.id)
    assert first is not None
    assert second.live_version_number == first + 1
    assert (await api.agents.roll_back(made.id, first)).live_version_number == first
    versions = [version async for version in api.agents.versions(made.id)]
    assert [version.number for version in versions if version.is_live] == [first]
    assert made.id in [agent.id async for agent in api.agents.list()]
    assert (await api.agents.delete(made.id)).id == made.id
    with pytest.raises(NotFound):
        await api.agents.get(made.id)


async def test_numbers_keys_and_limits(world: World) -> None:
    api = client_of(world)
    number = await api.phone_numbers.add_sip_trunk(
        phone_number="+12025550100",
        termination_uri="198.51.100.7:5060",
        username="me",
        password="secret",
        transport="tcp",
        codecs=["PCMA"],
    )
    trunk = (await world.http.get("/v1/organization-phone-numbers/sip-trunks")).json()["data"][0]
    assert (trunk["transport"], trunk["codecs"]) == ("tcp", ["PCMA"])
    renamed = await api.phone_numbers.update(number.id, nickname="Reception", agent_id=world.home.agent_id)
    assert (renamed.nickname, renamed.inbound_agent_id) == ("Reception", world.home.agent_id)
    assert (await api.phone_numbers.get(number.id)).phone_number == "+12025550100"
    assert number.id in [one.id async for one in api.phone_numbers.list()]
    assert (await api.phone_numbers.delete(number.id)).id == number.id

    key = await api.api_keys.create(name="reader", type="restricted", scopes=["calls:read"])
    reader = client_of(world, key.secret)
    assert [one async for one in reader.calls.list()] == []
    with pytest.raises(Forbidden):
        await reader.calls.create(to_number=BUSY, agent_id=world.home.agent_id)
    assert [one.id async for one in api.api_keys.list(search="reader")] == [key.id]
    await api.api_keys.revoke(key.id)
    with pytest.raises(Unauthorized):
        await reader.calls.list().page()

    assert (await api.limits.set(concurrency_limit=7)).concurrency_limit == (await api.limits.get()).concurrency_limit
