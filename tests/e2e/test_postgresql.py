"""The same installation on PostgreSQL: one setting, nothing else changes."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.e2e.installation import running
from tests.platform.postgres import cluster

pytestmark = pytest.mark.e2e


def test_calls_run_and_survive_their_worker_on_postgresql(tmp_path: Path) -> None:
    with cluster() as server:
        url = {"DIALNEXA_DATABASE_URL": server.url(server.create())}
        with running(tmp_path / "data", environment=url) as home:
            assert home.finished(home.place("+16505550110").json()["call_id"])["status"] == "busy"

            talking = home.place("+16505550180").json()["call_id"]
            home.until(talking, {"in_progress"})
            victim = home.worker_pid()
            os.kill(victim, signal.SIGKILL)
            lost = home.finished(talking)
            assert (lost["status"], lost["end_reason"]) == ("failed", "worker_lost")
            assert home.active_calls() == 0

            again = home.place("+16505550170").json()["call_id"]
            assert home.finished(again)["status"] == "completed"
            assert home.call(again)["transcript"]
        assert not (tmp_path / "data" / "dialnexa.db").exists()
