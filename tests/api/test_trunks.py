"""SIP trunks over HTTP: a carrier's habits set, changed and refused (contract B.9)."""

from __future__ import annotations

from typing import Any

import pytest

from dialnexa.platform.calls import nodes
from dialnexa.platform.calls.records import NodeLease
from dialnexa.platform.numbers import registrations, service
from dialnexa.platform.numbers.registrations import RegistrationReport
from dialnexa.platform.numbers.trunk_settings import TrunkSettings
from tests.api.test_numbers import TRUNK
from tests.api.world import VAULT, World

PATH = "/v1/organization-phone-numbers/sip-trunks"
HABITS = {
    "transport": "tls",
    "outboundProxy": "edge.carrier.example",
    "registrationExpirySeconds": 300,
    "fromUser": "acme-account",
    "fromDomain": "carrier.example",
    "numberFormat": {"plus": False, "strip": "+44", "add": "0"},
    "headers": {"X-Account": "42", "X-Tech-Prefix": "a b"},
    "codecs": ["g711a", "G.722", "PCMA"],
    "encryption": "offered",
    "acceptTransfers": True,
    "dtmf": "info",
    "privacy": "id",
    "identity": "preferred",
    "sources": ["203.0.113.7"],
}


async def brought(world: World, **fields: Any) -> dict[str, Any]:
    """Bring a number along, and return its trunk."""
    answer = await world.http.post(PATH, json={**TRUNK, **fields})
    assert answer.status_code == 201, answer.text
    return (await world.http.get(f"{PATH}/{answer.json()['sip_trunk_id']}")).json()


async def test_every_habit_is_kept_shown_and_used(world: World) -> None:
    trunk = await brought(world, terminationUri="carrier.example", **HABITS)
    assert {
        name: trunk[name] for name in ("transport", "outbound_proxy", "from_user", "from_domain", "encryption")
    } == {
        "transport": "tls",
        "outbound_proxy": "edge.carrier.example",
        "from_user": "acme-account",
        "from_domain": "carrier.example",
        "encryption": "offered",
    }
    assert (trunk["termination_uri"], trunk["codecs"]) == ("carrier.example", ["PCMA", "G722"])
    assert trunk["headers"] == {"X-Account": "42", "X-Tech-Prefix": "a b"}
    assert trunk["number_format"] == {"plus": False, "strip": "44", "add": "0"}
    assert trunk["accept_transfers"] is True
    assert (trunk["dtmf"], trunk["privacy"], trunk["identity"]) == ("info", "id", "preferred")
    assert (trunk["sources"], trunk["registration_expiry_seconds"]) == (["203.0.113.7/32"], 300)
    assert [number["phone_number"] for number in trunk["phone_numbers"]] == ["+12025550134"]
    async with world.database.read() as session:
        route = await service.route_for(session, VAULT, world.home.workspace_id, trunk["id"])
    assert route is not None
    assert (route.host, route.port) == ("carrier.example", 0)
    assert route.settings == TrunkSettings(
        transport="tls",
        outbound_proxy="edge.carrier.example",
        registration_expiry_s=300,
        from_user="acme-account",
        from_domain="carrier.example",
        plus=False,
        strip_prefix="44",
        add_prefix="0",
        headers=("X-Account: 42", "X-Tech-Prefix: a b"),
        codecs=("PCMA", "G722"),
        encryption="offered",
        accept_transfers=True,
        dtmf="info",
        privacy="id",
        identity="preferred",
    )


async def test_both_spellings_mean_the_same(world: World) -> None:
    snake = {
        "phone_number": "+12025550199",
        "termination_uri": "carrier.example",
        "auth_mode": "ip",
        "outbound_proxy": "edge.carrier.example:5070",
        "from_user": "acme",
        "number_format": {"plus": False},
    }
    answer = await world.http.post(PATH, json=snake)
    assert answer.status_code == 201, answer.text
    assert "x-dialnexa-ignored-fields" not in answer.headers
    trunk = (await world.http.get(f"{PATH}/{answer.json()['sip_trunk_id']}")).json()
    assert (trunk["auth_mode"], trunk["outbound_proxy"], trunk["from_user"]) == (
        "ip",
        "edge.carrier.example:5070",
        "acme",
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"dtmf": "sound"}, "dtmf must be one of: auto, rfc4733, info, inband"),
        ({"privacy": "full"}, "privacy must be one of: none, id"),
        ({"headers": {"Privacy": "id"}}, "headers cannot set Privacy"),
        ({"transport": "sctp"}, "transport must be one of: udp, tcp, tls"),
        ({"outboundProxy": "sip:edge.example"}, 'outboundProxy must be host[:port] without "sip:"'),
        ({"outboundProxy": "edge.example:0"}, "outboundProxy has a port that is none"),
        ({"outboundProxy": "edge.example:"}, "outboundProxy has a port that is none"),
        ({"registration": "always"}, "registration must be one of: none, outbound"),
        ({"registrationExpirySeconds": 10}, "registrationExpirySeconds must be at least 60"),
        ({"fromUser": "me@here"}, "fromUser must be the part before the @"),
        ({"fromDomain": "a b"}, "fromDomain must be a host name"),
        ({"numberFormat": {"strip": "abc"}}, "numberFormat.strip must match"),
        ({"headers": {"X-A": "1\r\nVia: x"}}, "headers has a line break or control character in X-A"),
        ({"headers": {"X-A": "  "}}, "headers has no usable value for X-A"),
        ({"headers": {"Bad Name": "1"}}, 'headers has the name "Bad Name"'),
        ({"headers": {"X-A: 1\nVia": "1"}}, "which is no header name"),
        ({"headers": {"VIA": "1"}}, "headers cannot set VIA"),
        ({"headers": {"f": "1"}}, "headers cannot set f"),
        ({"headers": {f"X-{n}": "1" for n in range(17)}}, "headers must name 16 headers or fewer"),
        ({"codecs": ["G.729"]}, 'codecs has no codec "G.729": use PCMU, PCMA, G722, opus'),
        ({"encryption": "maybe"}, "encryption must be one of: never, offered, required"),
        (
            {"authMode": "ip", "sipTrunkUserName": None, "sipTrunkPassword": None, "registration": "outbound"},
            "registration needs a login",
        ),
    ],
)
async def test_what_cannot_be_set_gets_a_sentence(world: World, fields: dict[str, Any], message: str) -> None:
    body = {name: value for name, value in {**TRUNK, **fields}.items() if value is not None}
    answer = await world.http.post(PATH, json=body)
    assert answer.status_code == 400, answer.text
    said = answer.json()["message"]
    assert message in (said if isinstance(said, str) else " | ".join(said))
    trunk = await brought(world)
    changed = {name: value for name, value in fields.items() if value is not None}
    assert (await world.http.patch(f"{PATH}/{trunk['id']}", json=changed)).status_code == 400


async def test_a_change_touches_only_what_it_names(world: World) -> None:
    trunk = await brought(world, **HABITS)
    world.clock.later(minutes=1)
    path = f"{PATH}/{trunk['id']}"
    changed = (await world.http.patch(path, json={"transport": "tcp", "codecs": None, "nickname": "Second"})).json()
    different = {name for name in trunk if trunk[name] != changed[name]}
    assert different == {"transport", "codecs", "name", "updated_at"}
    assert (changed["transport"], changed["codecs"], changed["name"]) == ("tcp", [], "Second")
    moved = (await world.http.patch(path, json={"terminationUri": "[2001:db8::1]:5070"})).json()
    assert moved["termination_uri"] == "[2001:db8::1]:5070"
    assert (await world.http.patch(path, json={"terminationUri": "sip:x"})).status_code == 400


async def test_a_login_can_be_changed_taken_away_and_given_back(world: World) -> None:
    trunk = await brought(world)
    path = f"{PATH}/{trunk['id']}"
    answer = await world.http.patch(path, json={"sipTrunkPassword": "n3w-s3cret"})
    assert "n3w-s3cret" not in answer.text
    assert await _login(world, trunk["id"]) == ("acme", "n3w-s3cret")
    assert (await world.http.patch(path, json={"authMode": "ip", "sipTrunkPassword": "x"})).status_code == 400
    assert await _login(world, trunk["id"]) == ("acme", "n3w-s3cret"), "a refused change changes nothing"
    assert (await world.http.patch(path, json={"authMode": "ip"})).json()["username"] is None
    assert await _login(world, trunk["id"]) == (None, None)
    half = await world.http.patch(path, json={"authMode": "userpass", "sipTrunkUserName": "acme"})
    assert (half.status_code, "both required" in half.json()["message"]) == (400, True)
    whole = {"authMode": "userpass", "sipTrunkUserName": "acme", "sipTrunkPassword": "again"}
    assert (await world.http.patch(path, json=whole)).status_code == 200
    assert await _login(world, trunk["id"]) == ("acme", "again")


async def test_further_numbers_share_a_trunk_and_go_with_it(world: World) -> None:
    trunk = await brought(world)
    path = f"{PATH}/{trunk['id']}"
    further = await world.http.post(f"{path}/phone-numbers", json={"phoneNumber": "+1 202 555 0135"})
    assert (further.status_code, further.json()["sip_trunk_id"]) == (201, trunk["id"])
    again = await world.http.post(f"{path}/phone-numbers", json={"phone_number": "+12025550135"})
    assert (again.status_code, again.json()["message"]) == (409, "Phone number already registered")

    await world.http.delete(f"/v1/phone-numbers/{further.json()['id']}")
    assert len((await world.http.get(path)).json()["phone_numbers"]) == 1, "the trunk stays for the other number"

    assert (await world.http.delete(path)).json()["message"] == "SIP trunk deleted."
    assert (await world.http.get(path)).status_code == 404
    listed = (await world.http.get("/v1/organization-phone-numbers")).json()["data"]
    assert [number["phone_number"] for number in listed] == ["+14155550100"]


async def test_a_trunk_with_the_default_number_cannot_go(world: World) -> None:
    trunk = await brought(world)
    number = trunk["phone_numbers"][0]["id"]
    assert (await world.http.patch(f"/v1/phone-numbers/{number}", json={"is_default": True})).status_code == 200
    assert (await world.http.delete(f"{PATH}/{trunk['id']}")).status_code == 409


async def test_trunks_are_listed_and_the_sandbox_s_is_left_alone(world: World) -> None:
    mine = await brought(world)
    listed = (await world.http.get(PATH, params={"limit": 1})).json()
    assert ([one["id"] for one in listed["data"]], listed["meta"]["total"]) == ([mine["id"]], 2)
    sandbox = (await world.http.get(PATH)).json()["data"][-1]
    assert sandbox["is_sandbox"] is True
    for answer in (
        await world.http.patch(f"{PATH}/{sandbox['id']}", json={"transport": "tcp"}),
        await world.http.delete(f"{PATH}/{sandbox['id']}"),
    ):
        assert (answer.status_code, "built in" in answer.json()["message"]) == (409, True)


async def test_a_test_key_changes_no_trunk_of_live_numbers(world: World) -> None:
    trunk = await brought(world)
    async with world.as_(world.home.keys.test_secret_key) as tester:
        for answer in (
            await tester.patch(f"{PATH}/{trunk['id']}", json={"transport": "tcp"}),
            await tester.delete(f"{PATH}/{trunk['id']}"),
        ):
            assert answer.status_code == 403


async def _login(world: World, trunk_id: str) -> tuple[str | None, str | None]:
    async with world.database.read() as session:
        route = await service.route_for(session, VAULT, world.home.workspace_id, trunk_id)
    assert route is not None
    return route.username, route.password


class TestRegistration:
    """`registration: outbound` waits for the carrier's first word, which a worker writes into the trunk's row."""

    async def test_without_a_worker_nobody_waits(self, world: World) -> None:
        before = world.clock.now()
        number = (await world.http.post(PATH, json={**TRUNK, "registration": "outbound"})).json()
        assert number["sip_trunk_registration"]["state"] == "waiting"
        assert world.clock.now() == before
        trunk = (await world.http.get(f"{PATH}/{number['sip_trunk_id']}")).json()
        assert trunk["registration_status"] == number["sip_trunk_registration"]

    async def test_success_is_told(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        await _worker_reports(world, monkeypatch, "registered", "")
        answer = await world.http.post(PATH, json={**TRUNK, "registration": "outbound"})
        assert answer.status_code == 201, answer.text
        assert answer.json()["sip_trunk_registration"]["state"] == "registered"
        shown = (await world.http.get(f"/v1/phone-numbers/{answer.json()['id']}")).json()
        assert shown["sip_trunk_registration"]["node_id"] == "node_a"

    async def test_a_carrier_that_says_nothing_is_not_waited_for_long(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await _worker_reports(world, monkeypatch, "trying", "")
        before = world.clock.now()
        answer = await world.http.post(PATH, json={**TRUNK, "registration": "outbound"})
        assert (answer.status_code, answer.json()["sip_trunk_registration"]["state"]) == (201, "trying")
        assert 6 <= (world.clock.now() - before).total_seconds() < 7

    async def test_a_refusal_is_a_502_and_leaves_nothing_behind(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await _worker_reports(world, monkeypatch, "failed", "403 Forbidden")
        body, key = {**TRUNK, "registration": "outbound"}, {"Idempotency-Key": "once"}
        for _ in range(2):  # the same key may be used again, and the number is free again
            answer = await world.http.post(PATH, json=body, headers=key)
            assert answer.status_code == 502, answer.text
            assert answer.json()["message"] == "SIP trunk registration failed"
            assert answer.json()["detail"] == "403 Forbidden"
        assert len((await world.http.get("/v1/phone-numbers")).json()["data"]) == 1
        assert len((await world.http.get(PATH)).json()["data"]) == 1


async def _worker_reports(world: World, monkeypatch: pytest.MonkeyPatch, state: Any, detail: str) -> None:
    """Let a worker live that takes up new trunks while the route waits."""
    async with world.database.write() as session:
        await nodes.register(session, NodeLease("node_a", 10, ""), now=world.clock.now())

    async def sleep(seconds: float) -> None:
        async with world.database.write() as session:
            now = world.clock.now()
            kept = await registrations.keep(session, VAULT, "node_a", now=now, may_take=True)
            reports = [RegistrationReport(one.trunk_id, state, detail) for one in kept or ()]
            await registrations.report(session, "node_a", reports, now=now)
        world.clock.later(seconds=seconds)

    monkeypatch.setattr(world.clock, "sleep", sleep)


PHONES = {"registration": "inbound", "sipTrunkUserName": "desk", "sipTrunkPassword": "s3cret"}


async def test_a_trunk_for_phones_needs_no_address_and_shows_who_is_registered(world: World) -> None:
    answer = await world.http.post(PATH, json={"phoneNumber": "+14155550177", **PHONES})
    assert answer.status_code == 201, answer.text
    trunk = (await world.http.get(f"{PATH}/{answer.json()['sip_trunk_id']}")).json()
    assert (trunk["registration"], trunk["registration_status"], trunk["phones"]) == ("inbound", None, [])


async def test_phones_of_two_trunks_cannot_go_by_one_name(world: World) -> None:
    assert (await world.http.post(PATH, json={"phoneNumber": "+14155550177", **PHONES})).status_code == 201
    again = await world.http.post(PATH, json={"phoneNumber": "+14155550178", **PHONES})
    assert again.status_code == 409
    assert "Choose another sipTrunkUserName" in again.json()["message"]
    other = await brought(world, sipTrunkUserName="desk", sipTrunkPassword="other")
    changed = await world.http.patch(f"{PATH}/{other['id']}", json={"registration": "inbound"})
    assert changed.status_code == 409


async def test_phones_need_a_login(world: World) -> None:
    body = {"phoneNumber": "+14155550177", "registration": "inbound", "authMode": "ip"}
    answer = await world.http.post(PATH, json=body)
    assert answer.status_code == 400
    assert "registration needs a login" in str(answer.json()["message"])
