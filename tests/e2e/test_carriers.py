"""Carriers as operators meet them, played by SIPp: they want a registration, a login, their own way of numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e import sipp
from tests.e2e.installation import Installation, running
from tests.platform.numbers.telnyx_server import CONNECTION, KEY, OFFERED, telnyx

pytestmark = pytest.mark.e2e

PATH = "/v1/organization-phone-numbers/sip-trunks"
LOGIN = {"sipTrunkUserName": "acme", "sipTrunkPassword": "s3cret"}


def test_a_carrier_we_register_at(home: Installation) -> None:
    with sipp.answering(*sipp.scenario("registrar")) as (port, process):
        number = _bring(home, "+12025550601", port, registration="outbound", registrationExpirySeconds=300)
        assert number["sip_trunk_registration"]["state"] == "registered"
        assert number["sip_trunk_registration"]["registered_until"]
        trunk = home.get(f"{PATH}/{number['sip_trunk_id']}")
        assert trunk["registration_status"]["state"] == "registered"
        assert home.http.delete(f"{PATH}/{trunk['id']}").status_code == 200
        assert process.wait(20) == 0, "the login was right, and the registration was taken back"


def test_a_carrier_that_refuses_us_is_not_kept(home: Installation) -> None:
    with sipp.answering(*sipp.scenario("registrar")) as (port, _):
        body = {**LOGIN, "sipTrunkPassword": "wrong", "registration": "outbound", "registrationExpirySeconds": 300}
        answer = home.http.post(
            PATH, json={"phoneNumber": "+12025550602", "terminationUri": f"127.0.0.1:{port}", **body}
        )
    assert answer.status_code == 502, answer.text
    assert answer.json()["message"] == "SIP trunk registration failed"
    assert "403" in answer.json()["detail"]
    assert not [one for one in home.get(PATH)["data"] if one["termination_uri"] == f"127.0.0.1:{port}"]


def test_a_carrier_with_habits(home: Installation) -> None:
    with sipp.answering("-t", "t1", *sipp.scenario("particular_carrier")) as (port, process):
        _bring(
            home,
            "+12025550603",
            port,
            transport="tcp",
            fromUser="acct-7",
            fromDomain="carrier.example",
            numberFormat={"plus": False, "strip": "1", "add": "0"},
            headers={"X-Account": "forty-two"},
        )
        home.eventually(lambda: sipp.listens_on_tcp(port))
        placed = home.place("+16505550177", from_number="+12025550603")
        record = home.finished(placed.json()["call_id"])
        assert (record["status"], record["end_reason"]) == ("busy", "user_busy"), record["detail"]
        assert process.wait(20) == 0


def test_a_number_rented_from_a_carrier_calls_and_rings_over_its_trunk(tmp_path: Path) -> None:
    with telnyx() as account, sipp.answering(*sipp.scenario("busy_everywhere")) as (port, process):
        environment = {
            "DIALNEXA_TELNYX_API_KEY": KEY,
            "DIALNEXA_TELNYX_CONNECTION_ID": CONNECTION,
            "DIALNEXA_TELNYX_API_URL": f"{account.url}/v2",
            "DIALNEXA_TELNYX_SIP_HOST": f"127.0.0.1:{port}",
            "DIALNEXA_OUTGOING_ALLOW": "127.0.0.0/8",
        }
        with running(tmp_path / "data", environment=environment) as home:
            rented = home.http.post(
                "/v1/phone-numbers/purchase", json={"phone_number": OFFERED[0], "agent_id": home.facts["agent_id"]}
            ).json()
            assert (rented["status"], rented["provider"]) == ("active", "telnyx"), rented
            placed = home.place("+12125550177", from_number=OFFERED[0])
            record = home.finished(placed.json()["call_id"])
            assert (record["status"], record["end_reason"]) == ("busy", "user_busy"), record["detail"]
            assert process.wait(20) == 0, "the carrier was called, and nobody else"
            assert sipp.call_in(home.sip_port, OFFERED[0], talk_ms=500).returncode == 0
            answered = home.get("/v1/calls?call_direction=inbound")["data"]
            assert [(call["to_number"], call["from_number"] != "") for call in answered] == [(OFFERED[0], True)]


def _bring(home: Installation, e164: str, port: int, **habits: Any) -> dict[str, Any]:
    body = {"phoneNumber": e164, "terminationUri": f"127.0.0.1:{port}", **LOGIN, **habits}
    answer = home.http.post(PATH, json=body)
    assert answer.status_code == 201, answer.text + home.logs()
    return answer.json()
