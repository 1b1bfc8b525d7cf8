"""The same installation on PostgreSQL, with two workers: one setting, nothing else changes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tests.e2e import sipp
from tests.e2e.installation import Installation, running
from tests.platform.postgres import cluster

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    data = tmp_path_factory.mktemp("postgresql") / "data"
    with cluster() as server:
        url = {"DIALNEXA_DATABASE_URL": server.url(server.create())}
        with running(data, "--workers", "2", environment=url) as home:
            yield home
            assert not (data / "dialnexa.db").exists()


def test_two_workers_share_what_comes_in_and_what_goes_out(home: Installation) -> None:
    placed = [home.place("+16505550180").json()["call_id"] for _ in range(6)]
    for port in home.workers():
        done = sipp.call_in(port, home.facts["from_number"], talk_ms=1000)
        assert done.returncode == 0, done.stdout[-1000:]
    for call_id in placed:
        home.until(call_id, {"in_progress"})
        assert home.http.post(f"/v1/calls/{call_id}/hangup").status_code == 200
    assert {home.finished(call_id)["status"] for call_id in placed} == {"completed"}
    home.eventually(lambda: home.active_calls() == 0)
    inbound = home.get("/v1/calls?call_direction=inbound")["data"]
    assert [call["status"] for call in inbound] == ["completed", "completed"]
    nodes = {_node(home, call["id"]) for call in inbound}
    assert len(nodes) == 2, "each worker answered its own caller"
    assert {_node(home, call_id) for call_id in placed} <= nodes


def test_calls_run_and_survive_their_workers(home: Installation) -> None:
    assert home.finished(home.place("+16505550110").json()["call_id"])["status"] == "busy"

    talking = home.place("+16505550180").json()["call_id"]
    home.until(talking, {"in_progress"})
    for victim in home.workers().values():
        os.kill(victim, signal.SIGKILL)
    lost = home.finished(talking)
    assert (lost["status"], lost["end_reason"]) == ("failed", "worker_lost")
    assert home.active_calls() == 0

    again = home.place("+16505550170").json()["call_id"]
    assert home.finished(again)["status"] == "completed"
    assert home.call(again)["transcript"]


def _node(home: Installation, call_id: str) -> str:
    """The worker that held a call."""
    return next(line["detail"]["node"] for line in home.timeline(call_id) if line["event"] == "call_started")
