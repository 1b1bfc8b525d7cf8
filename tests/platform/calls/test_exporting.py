"""Exports: the table a spreadsheet opens, and what it must never carry out."""

from __future__ import annotations

import csv
import io

import pytest
from sqlalchemy import update

from dialnexa.platform.calls import exporting
from dialnexa.platform.calls.models import Call
from dialnexa.platform.calls.states import CallState
from tests.platform.calls.house import CUSTOMER, House, said
from tests.platform.calls.serving import Api


async def ended(house: House, says: str = "Hi.", **columns: object) -> str:
    """Hold a call; return its id."""
    await house.node(f"node_{house.now.timestamp()}")
    call = await house.place()
    node = f"node_{house.now.timestamp()}"
    await house.claim(call.id, node)
    await house.answered(call.id, node)
    house.later(seconds=5)
    await house.finish(call.id, CallState.COMPLETED, turns=[said("user", says, 0)], duration_ms=5000, node_id=node)
    if columns:
        async with house.database.write() as session:
            await session.execute(update(Call).where(Call.id == call.id).values(**columns))
    return call.id


async def table(api: Api, **params: object) -> list[dict[str, str]]:
    headers = {"Authorization": "Bearer sk_live_a", "Accept": "text/csv"}
    answer = await api.http.get("/v1/calls", params={"export": "true", **params}, headers=headers)  # pyright: ignore[reportArgumentType]
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "calls.csv" in answer.headers["content-disposition"]
    return list(csv.DictReader(io.StringIO(answer.text)))


async def test_a_spreadsheet_gets_every_column_and_the_custom_fields(api: Api, house: House) -> None:
    call_id = await ended(house, analysis={"reason": "billing", "urgent": True}, summary="They asked.")
    row = (await table(api))[0]
    assert (row["id"], row["status"], row["to_number"]) == (call_id, "completed", CUSTOMER)
    assert row["transcript"] == "User: Hi."
    assert row["summary"] == "They asked."
    assert (row["analysis.reason"], row["analysis.urgent"]) == ("billing", "true")
    assert row["cost"] == "0.0"


async def test_the_kind_of_table_may_be_in_the_address(api: Api, house: House) -> None:
    await ended(house)
    for path in ("/v1/calls", "/v1/call-logs"):
        told = await api.get(path, export="csv")
        assert told.headers["content-type"] == "text/csv; charset=utf-8"
        assert (await api.get(path, export="JSON")).json()["meta"]["rows"] == 1
        assert "meta" in (await api.get(path, export="false")).json()
    wrong = await api.get("/v1/calls", export="xlsx")
    assert (wrong.status_code, wrong.json()["message"]) == (
        400,
        ["export must be one of: true, false, csv, json, 1, 0"],
    )


async def test_named_columns_come_in_their_order_and_other_names_are_fields(api: Api, house: House) -> None:
    await ended(house, analysis={"reason": "billing"})
    rows = await table(api, columns="reason, status,metadata.crm_contact_id,variables")
    assert rows == [
        {
            "analysis.reason": "billing",
            "status": "completed",
            "metadata.crm_contact_id": "cont_99123",
            "variables": '{"customer_name": "Alex Rivera"}',
        }
    ]


@pytest.mark.parametrize(
    ("said_by_caller", "written"),
    [
        ('=HYPERLINK("http://evil")', '\'=HYPERLINK("http://evil")'),
        ("+1+1", "'+1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("-2", "-2"),
        ("+14155550100", "+14155550100"),
        ("\tx", "'\tx"),
        ('a,b\n"c"', 'a,b\n"c"'),
    ],
)
async def test_no_cell_is_a_formula(api: Api, house: House, said_by_caller: str, written: str) -> None:
    await ended(house, summary=said_by_caller)
    assert (await table(api, columns="summary"))[0]["summary"] == written


async def test_json_says_whether_it_is_whole(api: Api, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "CAP", 2)
    monkeypatch.setattr(exporting, "CAP_WITHOUT_TEXTS", 3)
    monkeypatch.setattr(exporting, "_AT_ONCE", 1)
    ids = [await ended(house) for _ in range(3)]
    cut = await api.get("/v1/calls", export="true")
    assert [row["id"] for row in cut.json()["data"]] == ids[:0:-1]
    assert cut.json()["meta"]["truncated"] is True
    assert (cut.headers["x-dialnexa-export-truncated"], cut.headers["x-dialnexa-export-limit"]) == ("true", "2")
    whole = await api.get("/call-logs", export="true", columns="id,status")
    assert whole.json()["data"] == [{"id": one, "status": "completed"} for one in reversed(ids)]
    assert whole.headers["x-dialnexa-export-truncated"] == "false"


async def test_an_export_keeps_to_its_filters_and_mode(api: Api, house: House) -> None:
    await ended(house)
    assert (await api.get("/calls", export="true", status="busy")).json()["data"] == []
    assert (await api.get("/calls", "sk_test_a", export="true")).json()["data"] == []


@pytest.mark.parametrize("columns", ["", " , ", "id,no such column", "a" * 101])
async def test_a_column_that_cannot_be_is_refused(api: Api, columns: str) -> None:
    answer = await api.get("/v1/calls", export="true", columns=columns)
    assert answer.status_code == 400
    assert "columns" in str(answer.json()["message"])


async def test_an_unknown_parameter_is_named(api: Api) -> None:
    answer = await api.get("/v1/calls", limit=5, crm_id="7", envelope="openapi")
    assert answer.headers["x-dialnexa-ignored-fields"] == "crm_id"
    slip = await api.get("/v1/calls", campain_id="cmp_1")
    assert slip.json()["message"] == ["campain_id is not a parameter of this request; did you mean campaign_id?"]
    assert "x-dialnexa-ignored-fields" not in (await api.get("/v1/calls", campaign_id="cmp_1")).headers
