"""Calls over HTTP: what a developer sends and reads."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from dialnexa.platform.calls import links, rejections, service
from dialnexa.platform.calls.records import TimelineEntry
from dialnexa.platform.calls.states import CallState
from dialnexa.platform.numbers.service import NotRouted
from tests.platform.calls.house import CUSTOMER, NODE, NOON, OUR_NUMBER, House, build, corrupt
from tests.platform.calls.serving import Api, add_key, finished


class TestPlacing:
    @pytest.mark.parametrize("path", ["/v1/calls", "/calls"])
    @pytest.mark.parametrize("shape", ["S1", "S2", "S3"])
    async def test_every_shape_on_both_bases(self, api: Api, house: House, path: str, shape: str) -> None:
        body: dict[str, Any] = {
            "S1": house.body(),
            "S2": {"to_phone_number": CUSTOMER, "agent_id": house.agent_id, "metadata": {"customer_name": "Bo"}},
            "S3": {"phone_number": CUSTOMER, "agent_id": house.agent_id, "agent_version_number": 1, "metadata": {}},
        }[shape]
        answer = await api.post(path, body)
        assert answer.status_code == 201
        call = answer.json()
        assert call["call_id"] == call["id"]
        assert call["call_id"].startswith("call_")
        assert call["status"] == "queued"
        assert call["from_number"] == call["from_phone_number"] == OUR_NUMBER
        assert call["to_number"] == call["to_phone_number"] == CUSTOMER
        assert (call["agent_id"], call["agent_version_id"]) == (house.agent_id, house.version_id)
        assert call["agent_version_number"] == 1
        assert call["created_at"] == call["createdAt"] == "2026-05-23T12:00:00.000Z"

    async def test_mistakes_have_the_standard_shape(self, api: Api) -> None:
        answer = await api.post("/v1/calls", {})
        assert answer.status_code == 400
        assert answer.json() == {
            "statusCode": 400,
            "message": ["to_phone_number must be in E.164 format", "agent_id should not be empty"],
            "error": "Bad Request",
        }

    async def test_the_retry_policy_is_checked(self, api: Api, house: House) -> None:
        answer = await api.post("/v1/calls", house.body(retry={"max_retries": -1}))
        assert answer.status_code == 400
        assert answer.json()["message"] == ["retry.max_retries must be at least 0"]

    async def test_at_the_limit_there_is_no_row(self, api: Api, house: House) -> None:
        await house.limit("ws:ws_1", 1)
        assert (await api.post("/v1/calls", house.body())).status_code == 201
        refused = await api.post("/v1/calls", house.body())
        assert refused.status_code == 409
        assert refused.json()["message"].startswith("Workspace concurrency limit reached")
        assert (await api.get("/v1/calls")).json()["meta"]["total"] == 1

    async def test_ignored_fields_are_named(self, api: Api, house: House) -> None:
        answer = await api.post("/v1/calls", house.body(colour="blue"))
        assert answer.headers["x-dialnexa-ignored-fields"] == "colour"

    async def test_the_same_key_twice_is_one_call(self, api: Api, house: House) -> None:
        first = await api.post("/v1/calls", house.body(), **{"Idempotency-Key": "k1"})
        again = await api.post("/v1/calls", house.body(), **{"Idempotency-Key": "k1"})
        other = await api.post("/v1/calls", house.body(metadata={}), **{"Idempotency-Key": "k1"})
        assert first.json() == again.json()
        assert other.status_code == 409
        assert len(await house.calls()) == 1

    async def test_a_publishable_key_places_no_phone_call(self, api: Api, house: House) -> None:
        assert (await api.post("/v1/calls", house.body(), key="pk_live_a")).status_code == 403
        assert (await api.get("/v1/calls", key="pk_live_a")).status_code == 403


class TestReading:
    async def test_a_finished_call_tells_all(self, api: Api, house: House) -> None:
        call_id = await finished(house, api.store)
        call = (await api.get(f"/v1/calls/{call_id}")).json()
        assert (call["status"], call["end_reason"], call["duration"]) == ("completed", "user_disconnected", 5.4)
        assert call["duration_seconds"] == 5
        assert call["transcript"] == "Agent: Hello!\nUser: Hi."
        assert call["transcript_turns"][0]["latency"] == {"first_packet": 420}
        assert (call["transcript_turns"][1]["start"], call["transcript_turns"][1]["end"]) == (0.9, 1.7)
        assert call["latency"] == 420
        assert call["type"] == "phone"
        assert call["channel"] == call["call_direction"] == "outbound"
        assert call["variables"] == {"customer_name": "Alex Rivera"}
        assert call["metadata"] == {"crm_contact_id": "cont_99123"}
        assert call["answered_at"] == call["answeredAt"]
        assert call["recording_url"].startswith(f"http://api.test/v1/calls/{call_id}/recording?token=")

    async def test_a_live_call_shows_what_was_said_so_far(self, api: Api, house: House) -> None:
        await house.node()
        call = await house.talking()
        line = {"role": "agent", "text": "Hello!", "start_ms": 0, "end_ms": 700}
        async with house.database.write() as session:
            await service.append_events(session, call.id, [TimelineEntry(NOON, "turn", line)])
        shown = (await api.get(f"/v1/calls/{call.id}")).json()
        assert (shown["status"], shown["transcript"]) == ("in_progress", "Agent: Hello!")
        assert shown["ended_at"] is None

    async def test_a_dialling_call_reads_as_queued(self, api: Api, house: House) -> None:
        await house.node()
        call = await house.place()
        await house.claim(call.id)
        assert (await api.get(f"/v1/calls/{call.id}")).json()["status"] == "queued"

    async def test_what_is_no_id(self, api: Api) -> None:
        answer = await api.get("/v1/calls/42")
        assert (answer.status_code, answer.json()["message"]) == (400, "Invalid call ID format")

    async def test_other_tenants_and_the_other_mode_see_nothing(self, api: Api, house: House) -> None:
        call_id = await finished(house, api.store)
        other = await build(house.database, suffix="2", number="+14155550122")
        await add_key(other, "sk_live_b")
        for key in ("sk_live_b", "sk_test_a"):
            for path in ("", "/timeline", "/recording"):
                assert (await api.get(f"/v1/calls/{call_id}{path}", key=key)).status_code == 404
            assert (await api.post(f"/v1/calls/{call_id}/hangup", key=key)).status_code == 404
            assert (await api.get(f"/v1/call-logs/{call_id}/details", key=key)).status_code == 404
            assert (await api.get("/v1/calls", key=key)).json()["data"] == []

    async def test_a_web_call_has_no_numbers(self, api: Api, house: House) -> None:
        call = await house.place()
        await corrupt(house.database, "UPDATE calls SET channel = 'web', from_number = NULL, to_number = NULL")
        shown = (await api.get(f"/v1/calls/{call.id}")).json()
        assert (shown["type"], shown["channel"]) == ("web", "web")
        assert not {"from_number", "from_phone_number", "to_number", "to_phone_number"} & set(shown)

    async def test_the_reference_describes_every_field(self, api: Api, house: House) -> None:
        call = await house.place()
        shown = (await api.get(f"/v1/calls/{call.id}")).json()
        schema = (await api.http.get("/api-reference/openapi.json")).json()["components"]["schemas"]["CallOut"]
        assert set(schema["properties"]) == set(shown)
        assert "from_number" not in schema["required"]


class TestListing:
    async def names(self, api: Api, **params: str) -> list[str]:
        answer = await api.get("/v1/calls", **params)
        assert answer.status_code == 200, answer.text
        return [call["metadata"]["name"] for call in answer.json()["data"]]

    async def furnish(self, house: House) -> None:
        """Three calls: ``long`` yesterday, ``busy`` today, ``waiting`` just now."""
        await house.limit("ws:ws_1", 10)
        await house.node()
        for name, to in (("long", CUSTOMER), ("busy", "+16505550110"), ("waiting", CUSTOMER)):
            call = await house.place(house.body(to_number=to, metadata={"name": name}))
            if name != "waiting":
                await house.claim(call.id)
                await house.ringing(call.id)
                if name == "long":
                    await house.answered(call.id)
                    await house.finish(call.id, duration_ms=60_000)
                else:
                    await house.finish(call.id, CallState.BUSY, "user_busy")
            house.later(days=1)

    @pytest.mark.parametrize(
        ("params", "found"),
        [
            ({}, ["waiting", "busy", "long"]),
            ({"created_at": "asc"}, ["long", "busy", "waiting"]),
            ({"status": "completed,busy"}, ["busy", "long"]),
            ({"status": "initiated"}, ["waiting"]),
            ({"to": "+16505550110"}, ["busy"]),
            ({"to": "16505550110"}, ["busy"]),
            ({"from": OUR_NUMBER}, ["waiting", "busy", "long"]),
            ({"from": "2026-05-24T00:00:00Z"}, ["waiting", "busy"]),
            ({"from": "2026-05-24", "to": "2026-05-24"}, ["busy"]),
            ({"start_date": "2026-05-25"}, ["waiting"]),
            ({"end_date": "2026-05-23"}, ["long"]),
            ({"end_reason": "user_busy,user_disconnected"}, ["busy", "long"]),
            ({"duration_min": "1000"}, ["long"]),
            ({"duration": "desc"}, ["long", "waiting", "busy"]),
            ({"call_direction": "inbound"}, []),
            ({"type": "phone", "call_direction": "outbound,inbound"}, ["waiting", "busy", "long"]),
            ({"type": "web"}, []),
            ({"agent_version_name": "VERSION"}, ["waiting", "busy", "long"]),
            ({"sentiment": "unknown"}, ["waiting", "busy", "long"]),
            ({"limit": "1", "page": "2"}, ["busy"]),
        ],
    )
    async def test_filters(self, api: Api, house: House, params: dict[str, str], found: list[str]) -> None:
        await self.furnish(house)
        if "agent_version_name" in params:
            await corrupt(house.database, "UPDATE agent_versions SET title = 'My Version 1'")
        assert await self.names(api, **params) == found

    @pytest.mark.parametrize(
        ("name", "value"),
        [("status", "great"), ("from", "yesterday"), ("type", "fax"), ("start_date", "2026-13-01"), ("page", "0")],
    )
    async def test_nonsense_is_refused_with_a_sentence(self, api: Api, name: str, value: str) -> None:
        answer = await api.get("/v1/calls", **{name: value})
        assert answer.status_code == 400
        message = answer.json()["message"]
        assert (message if isinstance(message, str) else message[0]).startswith(f"{name} must be")

    async def test_both_envelopes(self, api: Api, house: House) -> None:
        await house.place()
        ours = (await api.get("/v1/calls")).json()
        theirs = (await api.get("/v1/calls", envelope="openapi")).json()
        assert ours["meta"]["total"] == 1
        assert [call["id"] for call in ours["data"]] == [call["id"] for call in theirs]


class TestFollowing:
    async def test_the_timeline_reads_on(self, api: Api, house: House) -> None:
        await house.node()
        call = await house.talking()
        first = (await api.get(f"/v1/calls/{call.id}/timeline")).json()
        assert [line["event"] for line in first["data"]] == ["call_queued", "call_started", "ringing", "call_answered"]
        assert first["status"] == "in_progress"
        assert (await api.get(f"/v1/calls/{call.id}/timeline", after=first["data"][-1]["seq"])).json()["data"] == []

    async def test_it_waits_for_news(self, api: Api, house: House) -> None:
        await house.node()
        call = await house.talking()
        last = (await api.get(f"/v1/calls/{call.id}/timeline")).json()["data"][-1]["seq"]

        async def speak() -> None:
            async with house.database.write() as session:
                await service.append_events(session, call.id, [TimelineEntry(house.now, "turn", {"text": "Hi"})])

        api.clock.meanwhile = speak
        news = (await api.get(f"/v1/calls/{call.id}/timeline", after=last, wait=20)).json()["data"]
        assert [line["detail"] for line in news] == [{"text": "Hi"}]

    async def test_it_does_not_wait_for_ever_nor_for_the_dead(self, api: Api, house: House) -> None:
        await house.node()
        call = await house.talking()
        began = house.now
        assert (await api.get(f"/v1/calls/{call.id}/timeline", after=99, wait=2)).json()["data"] == []
        assert timedelta(seconds=2) <= house.now - began < timedelta(seconds=3)
        await house.finish(call.id)
        began = house.now
        assert (await api.get(f"/v1/calls/{call.id}/timeline", after=99, wait=20)).json()["status"] == "completed"
        assert house.now == began


class TestHangingUp:
    async def test_queued_live_and_ended(self, api: Api, house: House) -> None:
        await house.node()
        waiting, live = await house.place(), await house.talking()
        assert (await api.post(f"/v1/calls/{waiting.id}/hangup")).json()["status"] == "cancelled"
        answer = await api.post(f"/calls/{live.id}/terminate")
        assert (answer.status_code, answer.json()["status"]) == (200, "in_progress")
        async with house.database.read() as session:
            assert await service.hang_ups(session, NODE) == [live.id]
        again = await api.post(f"/v1/calls/{waiting.id}/hangup")
        assert (again.status_code, again.json()["code"]) == (409, "call_ended")


class TestRecording:
    async def test_with_a_key_or_by_its_link(self, api: Api, house: House) -> None:
        call_id = await finished(house, api.store)
        by_key = await api.get(f"/v1/calls/{call_id}/recording")
        link = (await api.get(f"/v1/calls/{call_id}")).json()["recording_url"]
        by_link = await api.http.get(link)
        assert by_key.content == by_link.content == (api.store / f"{call_id}.wav").read_bytes()
        assert by_link.headers["content-type"] == "audio/wav"
        assert f'filename="{call_id}.wav"' in by_link.headers["content-disposition"]

    async def test_in_parts(self, api: Api, house: House) -> None:
        call_id = await finished(house, api.store)
        link = (await api.get(f"/v1/calls/{call_id}")).json()["recording_url"]
        part = await api.http.get(link, headers={"Range": "bytes=44-51"})
        assert part.status_code == 206
        assert part.content == b"\x01\x02\x03\x04" * 2
        assert part.headers["content-range"].startswith("bytes 44-51/")
        assert (await api.http.get(link, headers={"Range": "bytes=9999999-"})).status_code == 416

    async def test_links_expire_and_fit_one_call(self, api: Api, house: House) -> None:
        call_id = await finished(house, api.store)
        expired = links.link("http://api.test", api.vault, call_id, house.now - timedelta(days=8))
        foreign = links.link("http://api.test", api.vault, "call_other", house.now).replace("call_other", call_id)
        forged = f"http://api.test/v1/calls/{call_id}/recording?token=abc"
        for link in (expired, foreign, forged):
            refused = await api.http.get(link)
            assert refused.status_code == 403
            assert "fresh recording_url" in refused.json()["message"]
        assert (await api.http.get(f"http://api.test/v1/calls/{call_id}/recording")).status_code == 401

    async def test_players_may_ask_for_the_size_first(self, api: Api, house: House) -> None:
        call_id = await finished(house, api.store)
        link = (await api.get(f"/v1/calls/{call_id}")).json()["recording_url"]
        head = await api.http.head(link)
        assert head.status_code == 200
        assert int(head.headers["content-length"]) == (api.store / f"{call_id}.wav").stat().st_size

    async def test_there_is_none(self, api: Api, house: House) -> None:
        call = await house.place()
        answer = await api.get(f"/v1/calls/{call.id}/recording")
        assert answer.status_code == 404
        assert "no recording" in answer.json()["message"]

    @pytest.mark.parametrize("blob_key", ["../dialnexa.db", "/etc/hostname", "gone.wav"])
    async def test_never_a_file_outside_the_store(self, api: Api, house: House, blob_key: str) -> None:
        call_id = await finished(house, api.store)
        await corrupt(house.database, f"UPDATE recordings SET blob_key = '{blob_key}'")
        assert (await api.get(f"/v1/calls/{call_id}/recording")).status_code == 404


class TestCallHistory:
    async def test_both_ids_resolve(self, api: Api, house: House) -> None:
        call_id = await finished(house, api.store)
        log_id = call_id.replace("call_", "log_")
        by_log = (await api.get(f"/v1/call-logs/{log_id}/details")).json()
        by_call = (await api.get(f"/call-logs/{call_id}/details")).json()
        assert by_log["id"] == by_call["id"] == log_id
        assert by_log["transcript"] == "Agent: Hello!\nUser: Hi."
        assert {"call_started", "call_answered", "call_ended"} <= {line["event"] for line in by_log["timeline"]}
        assert (await api.get(f"/v1/call-logs/{log_id}")).json()["call_id"] == call_id

    async def test_unchanged_lists_are_not_sent_again(self, api: Api, house: House) -> None:
        await finished(house, api.store)
        first = await api.get("/v1/call-logs")
        assert first.json()["data"][0]["provider_status"] == "completed"
        headers = {"Authorization": "Bearer sk_live_a", "If-None-Match": first.headers["etag"]}
        assert (await api.http.get("/v1/call-logs", headers=headers)).status_code == 304
        await house.place()
        assert (await api.http.get("/v1/call-logs", headers=headers)).status_code == 200

    async def test_durations_are_seconds_here(self, api: Api, house: House) -> None:
        await finished(house, api.store)
        assert (await api.get("/v1/call-logs", duration_min=5)).json()["meta"]["total"] == 1
        assert (await api.get("/v1/call-logs", duration_min=6)).json()["meta"]["total"] == 0


async def test_the_operator_sees_who_was_turned_away(api: Api, house: House) -> None:
    async with house.database.write() as session:
        for to_number in (OUR_NUMBER, "+14155550199"):
            await rejections.write(
                session,
                rejections.no_route(NotRouted.UNKNOWN_SOURCE),
                from_number=CUSTOMER,
                to_number=to_number,
                source="198.51.100.7",
                now=house.now,
            )
    nobodys, ours = (await api.get("/v1/refused-calls")).json()["data"]
    assert (ours["to_number"], ours["source"], ours["sip_status"]) == (OUR_NUMBER, "198.51.100.7", 403)
    assert "trunk" in ours["reason"]
    assert nobodys["to_number"] == "+14155550199", "the only workspace's operator sees calls to unknown numbers too"
