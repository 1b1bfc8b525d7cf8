"""``dialnexa workspace``: what the operator decides, and where it is written down."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dialnexa.cli.main import app
from tests.api.world import Furnished, furnish, open_world

DETAILS = {
    "legal_name": "Acme Dental Ltd",
    "country": "gb",
    "contact_name": "Ada",
    "contact_email": "ada@acme.example",
    "address": "1 High Street, London",
}


def _run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.output


@pytest.fixture
async def installed(tmp_path: Path) -> Furnished:
    return await furnish(tmp_path / "furnished.db")


async def test_an_operator_looks_at_a_case_and_decides_it(installed: Furnished, tmp_path: Path) -> None:
    async with open_world(installed, tmp_path) as world:
        data = ("--data", str(tmp_path))
        assert "not_started" in (await asyncio.to_thread(_run, "workspace", "kyc", *data))[1]
        assert (await world.http.post("/v1/kyc", json=DETAILS)).json()["state"] == "pending"
        assert "Acme Dental Ltd" in (await asyncio.to_thread(_run, "workspace", "kyc", *data))[1]
        decision = ("--reject", "--reason", "Which register?")
        assert (await asyncio.to_thread(_run, "workspace", "kyc", *decision, *data))[0] == 0
        case = (await world.http.get("/v1/kyc")).json()
        assert (case["state"], case["reason"]) == ("rejected", "Which register?")
        entry = (await world.http.get("/v1/audit-log")).json()["data"][0]
        assert (entry["actor"]["type"], entry["action"]) == ("operator", "dialnexa workspace kyc")
        (change,) = entry["changes"]
        assert (change["before"]["state"], change["after"]["state"]) == ("pending", "rejected")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--approve", "--reject"), "Give either --approve or --reject."),
        (("--workspace", "ws_none"), "There is no workspace ws_none."),
    ],
)
def test_mistakes_are_told(
    tmp_path: Path, arguments: tuple[str, ...], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(furnish(tmp_path / "dialnexa.db"))
    code, output = _run("workspace", "kyc", *arguments, "--data", str(tmp_path))
    assert (code, complaint in output + capsys.readouterr().err) == (1, True)


async def test_an_operator_fills_a_wallet(installed: Furnished, tmp_path: Path) -> None:
    async with open_world(installed, tmp_path) as world:
        command = ("workspace", "credit", "12.5", "--note", "March", "--data", str(tmp_path))
        assert await asyncio.to_thread(_run, *command) == (0, "balance $12.50\n")
        wallet = (await world.http.get("/v1/workspace/wallet")).json()
        assert (wallet["balance_usd"], wallet["entries"]["data"][0]["note"]) == (12.5, "March")
        assert (await world.http.get("/v1/audit-log")).json()["data"][0]["action"] == "dialnexa workspace credit"
