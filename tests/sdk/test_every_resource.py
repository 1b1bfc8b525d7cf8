"""The rest of the Python client on the API itself: catalogue, folders, knowledge, webhooks, events, house rules."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dialnexa.platform.webhooks import fanout
from dialnexa_client import Conflict, Event, NotFound
from tests.api.world import World
from tests.sdk.test_against_the_api import BUSY, client_of


async def test_the_catalogue(world: World) -> None:
    api = client_of(world)
    assert (await api.languages.get("en-GB")).id in [one.id for one in await api.languages.list()]
    assert [one.id for one in await api.llms.list()] == [(await api.llms.get("builtin/flow")).id]
    assert await api.llms.fallback() == await api.transcribers.fallback() == ()
    (ears,) = await api.transcribers.list()
    assert (await api.transcribers.get(ears.id)).name == ears.name
    (emma,) = [voice async for voice in api.voices.list(gender="female", accent="british")]
    assert (await api.voices.get(emma.id)).preview_url == emma.preview_url
    assert (await api.voices.languages(emma.id))[0].code == "en-GB"
    assert [model.id async for model in api.voices.models(emma.id)] == [emma.model_id]
    assert "Scottish" in await api.voices.accents()
    assert [voice async for voice in api.voices.s2s()] == []


async def test_agents_move_leave_and_come_back(world: World) -> None:
    api = client_of(world)
    folder = await api.folders.create("Reminders")
    copy = await api.agents.duplicate(world.home.agent_id, title="Copy")
    await api.agents.move(copy.id, folder.id)
    assert (await api.folders.get(folder.id)).agents == 1
    assert (await api.folders.rename(folder.id, "Calls")).name == "Calls"
    assert [one.name async for one in api.folders.list()] == ["Calls"]
    await api.folders.delete(folder.id, move_agents_to="")
    with pytest.raises(NotFound):
        await api.folders.get(folder.id)
    file = await api.agents.export(copy.id)
    made = await api.agents.import_(file.raw, title="Back")
    assert '"title": "Back"' in json.dumps(made["agent"])
    assert (await api.agents.version(copy.id, 1))["number"] == 1
    await api.agents.publish(copy.id)
    assert (await api.agents.compare(copy.id, 1, 2))["identical"] is True
    assert (await api.agents.restore(copy.id, 1)).id == copy.id


async def test_a_knowledge_base_with_a_document(world: World, tmp_path: Path) -> None:
    api = client_of(world)
    file = tmp_path / 'opening "hours".txt'
    file.write_text("We are open on Monday from nine to five.")
    base = await api.knowledge_bases.create(name="Hours")
    document = await api.knowledge_bases.upload(base.id, file, title="Opening hours")
    assert (document.title, document.error) == ("Opening hours", None)
    assert [one.id async for one in api.knowledge_bases.documents(base.id)] == [document.id]
    with pytest.raises(NotFound, match="still being read"):  # a worker reads it, and none runs here
        await api.knowledge_bases.document_text(base.id, document.id)
    saved = await api.knowledge_bases.download_document(base.id, document.id, tmp_path / "again.txt")
    assert saved.read_text() == file.read_text()
    assert (await api.knowledge_bases.look_up(base.id, "open Monday"))["results"] == []
    renamed = await api.knowledge_bases.update_document(base.id, document.id, title="Hours")
    assert renamed.title == "Hours"
    assert (await api.knowledge_bases.affected_agents(base.id))["count"] == 0
    await api.knowledge_bases.delete_document(base.id, document.id)
    assert [one.name async for one in api.knowledge_bases.list(search="Hour")] == ["Hours"]
    with pytest.raises(Conflict):
        await api.knowledge_bases.create(name="Hours")
    await api.knowledge_bases.delete(base.id)


async def test_webhooks_and_their_deliveries(world: World) -> None:
    api = client_of(world)
    hook = await api.webhooks.create(url="https://hooks.example/x", events=["*"], is_active=False)
    assert hook.secret
    assert (await api.webhooks.get(hook.id)).secret is None
    assert (await api.webhooks.update(hook.id, events=["call.completed"])).events == ("call.completed",)
    assert [one.id async for one in api.webhooks.list()] == [hook.id]
    assert [one async for one in api.webhooks.deliveries(hook.id, status="failed")] == []
    assert [one async for one in api.webhooks.dead_letters()] == []
    assert (await api.webhooks.retry_all()).count == 0
    with pytest.raises(Conflict, match="switched off"):
        await api.webhooks.replay(hook.id, from_=world.clock.now(), to=world.clock.now())
    assert "call.completed" in [kind["name"] async for kind in api.webhooks.kinds()]
    assert (await api.webhooks.set_workspace_secret())["secret"]
    assert (await api.webhooks.workspace_secret())["is_set"] is True
    await api.webhooks.delete_workspace_secret()
    await api.webhooks.delete(hook.id)


async def test_events_are_followed_in_order_from_where_one_left_off(world: World) -> None:
    api = client_of(world)
    seen: list[Event] = []
    for _ in range(2):
        placed = await api.calls.create(to_number=BUSY, agent_id=world.home.agent_id)
        await api.calls.hang_up(placed.id)
        async with world.database.write() as session:
            await fanout.hand_out(session, now=world.clock.now())  # as the pump does
        async for event in api.events.follow(after=seen[-1].sequence if seen else None):
            seen.append(event)
            if event.call_id == placed.id and event.event != "call.initiated":
                break
    assert [event.sequence for event in seen] == sorted({event.sequence for event in seen})
    assert len({event.call_id for event in seen}) == 2


async def test_nobody_was_granted_anything(world: World) -> None:
    api = client_of(world)
    assert [one async for one in api.api_keys.grants()] == []
    with pytest.raises(NotFound):
        await api.api_keys.revoke_grant("grant_none")


async def test_alerts(world: World) -> None:
    api = client_of(world)
    alert = await api.alerts.create(name="Too many fail", metric="failure_rate", threshold=20, min_calls=10)
    assert (await api.alerts.update(alert.id, threshold=30)).threshold == 30
    assert (await api.alerts.get(alert.id)).state == "ok"
    assert [one.id async for one in api.alerts.list(state="ok")] == [alert.id]
    await api.alerts.delete(alert.id)


async def test_house_rules(world: World) -> None:
    api = client_of(world)
    assert (await api.telephony.set(allow_premium=False))["allow_premium"] is False
    assert (await api.telephony.get()).raw
    (country,) = (await api.telephony.countries(search="United Kingdom").page()).items
    groups = await api.telephony.network_groups(str(country["country_iso"]))
    assert (await api.telephony.set_network_group(str(groups[0]["id"]), enabled=False))["enabled"] is False
    assert await api.phone_numbers.country_rules()
    assert await api.phone_numbers.enabled_network_groups() is not None
    assert (await api.retention.set(recordings_days=90))["recordings_days"] == 90
    assert (await api.retention.get())["recordings_days"] == 90
    assert (await api.kyc.get())["state"]
    assert [entry.action async for entry in api.audit_log.list()] != []


async def test_keys_in_full(world: World) -> None:
    api = client_of(world)
    made = await api.api_keys.create(name="a", type="restricted", scopes=["calls:read"])
    assert (await api.api_keys.update(made.id, name="b")).name == (await api.api_keys.get(made.id)).name == "b"
    assert (await api.api_keys.regenerate(made.id, expire_now=True)).secret != made.secret
    assert "calls:read" in [scope["scope"] for scope in await api.api_keys.scopes()]


async def test_what_was_signalled_and_logged(world: World) -> None:
    api = client_of(world)
    placed = await api.calls.create(to_number=BUSY, agent_id=world.home.agent_id)
    (log,) = [log async for log in api.call_logs.list(status="queued", to=BUSY)]
    assert (log.call_id, (await api.call_logs.get(log.id)).id) == (placed.id, log.id)
    assert (await api.call_logs.details(placed.id)).raw["timeline"]
    with pytest.raises(NotFound):
        await api.calls.ladder(placed.id)
    assert (await api.calls.waterfall(placed.id))["turns"] == []
    assert (await api.calls.retries(placed.id))["call_id"] == placed.id
    assert (await api.calls.costs())["groups"] is not None
    prices = await api.prices.get()
    assert prices["rates"] is not None
    assert [one async for one in api.calls.refused()] == []
    await api.calls.hang_up(placed.id)
    redacted = await api.calls.redact(placed.id)
    assert (redacted.metadata, redacted.raw["sensitive_delete"]) == ({}, True)


async def test_trunks(world: World) -> None:
    api = client_of(world)
    number = await api.phone_numbers.add_sip_trunk(phone_number="+12025550100", termination_uri="198.51.100.7")
    trunk_id = str(number.raw["sip_trunk_id"])
    assert (await api.phone_numbers.update_sip_trunk(trunk_id, transport="tcp")).transport == "tcp"
    assert trunk_id in [trunk.id async for trunk in api.phone_numbers.sip_trunks()]
    further = await api.phone_numbers.add_number(trunk_id, "+12025550101")
    assert further.phone_number == "+12025550101"
    assert (await api.phone_numbers.sip_trunk(trunk_id)).termination_uri.startswith("198.51.100.7")
    await api.phone_numbers.delete_sip_trunk(trunk_id)


async def test_a_calendar_gives_no_time_twice(world: World) -> None:
    api = client_of(world)
    calendar = await api.calendars.create(name="Practice", timezone="Europe/Berlin")
    slots = (await api.calendars.slots(calendar.id))["slots"]
    assert isinstance(slots, list)
    start = str(slots[0]["starts_at"])
    booking = await api.calendars.book(calendar.id, starts_at=start, name="Alex")
    with pytest.raises(Conflict):
        await api.calendars.book(calendar.id, starts_at=booking.starts_at, name="Kim")
    assert [one.id async for one in api.calendars.bookings(calendar.id)] == [booking.id]
    assert (await api.calendars.cancel(calendar.id, booking.id)).status == "cancelled"
    assert (await api.calendars.update(calendar.id, name="Office")).name == (await api.calendars.get(calendar.id)).name
    assert [one.id async for one in api.calendars.list()] == [calendar.id]
    await api.calendars.delete(calendar.id)


async def test_a_number_is_found_and_rented(world: World) -> None:
    api = client_of(world)
    offers = (await api.phone_numbers.offers("US"))["objects"]
    assert isinstance(offers, list)
    rented = await api.phone_numbers.purchase(f"+{str(offers[0]['number']).removeprefix('+')}", country_iso="US")
    assert rented.id in [one.id async for one in api.phone_numbers.list()]
    assert await api.phone_numbers.pricing()


async def test_an_agent_begins_as_a_template(world: World) -> None:
    api = client_of(world)
    first = (await api.agents.templates().page()).items[0]
    template = await api.agents.template(str(first["id"]))
    made = await api.agents.from_template(str(template["id"]), title="Mine")
    assert (await api.agents.get(made.id)).title == "Mine"
    assert (await api.agents.integrations().page()).number == 1
