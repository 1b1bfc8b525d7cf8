"""An installation that carriers reach at a public address still talks to its built-in people, indoors."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.installation import running

pytestmark = pytest.mark.e2e


def test_the_sandbox_works_behind_nat(tmp_path: Path) -> None:
    nat = {"DIALNEXA_SIP_HOST": "0.0.0.0", "DIALNEXA_SIP_PUBLIC_HOST": "203.0.113.7"}
    with running(tmp_path / "data", environment=nat) as home:
        assert home.facts["sip_uri"].startswith("sip:203.0.113.7:")
        record = home.finished(home.place("+16505550170").json()["call_id"])
        assert (record["status"], record["end_reason"]) == ("completed", "user_disconnected")
        assert any(turn["role"] == "user" for turn in record["transcript_turns"]), record["transcript"]
