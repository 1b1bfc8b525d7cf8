"""Three workers on PostgreSQL, and everything dies: no event is lost, no call without an end, no slot stuck.

One installation goes through all of it, because each of these waits out a lease of twelve seconds.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections import Counter
from pathlib import Path

import httpx
import psycopg
import pytest

from dialnexa.kit.process import alive
from tests.e2e.inbox import Inbox, api_pid, inbox, subscribe
from tests.e2e.installation import COMMAND, Installation, running
from tests.platform.postgres import BINARIES, Cluster, cluster

pytestmark = pytest.mark.e2e

SILENT = "+16505550180"
BUSY = "+16505550110"
CALLS = 9


def workers(home: Installation) -> dict[str, int]:
    """Return the pid of each worker that runs, by its node."""
    facts = [json.loads(file.read_text()) for file in (home.data / "logs").glob("worker*.ready.json")]
    return {each["node"]: int(each["pid"]) for each in facts}


def holder(home: Installation, call_id: str) -> str:
    """Return the node that dialled a call."""
    started = [line for line in home.timeline(call_id) if line["event"] == "call_started"]
    assert len(started) == 1, "a phone call is at most once"
    return started[0]["detail"]["node"]


def ends(box: Inbox, call_id: str) -> list[str]:
    """Return which ends of a call its subscriber heard of, repetitions left out."""
    final = {"call.completed", "call.failed", "call.no_answer"}
    return [event for call, event in box.events if call == call_id and event in final]


if BINARIES:

    def test_workers_api_and_database_die_and_nothing_is_lost(tmp_path: Path) -> None:
        with cluster() as server, inbox() as box:
            url = server.url(server.create())
            environment = {"DIALNEXA_DATABASE_URL": url, "DIALNEXA_OUTGOING_ALLOW": "127.0.0.0/8"}
            with running(tmp_path / "data", "--workers", "3", environment=environment) as home:
                subscribe(home, box)
                _everything_dies(home, server, box)
                _back_up(home, url, tmp_path / "backup.tar")
            assert not (tmp_path / "data" / "dialnexa.db").exists()
            _restored(server, tmp_path)


def _everything_dies(home: Installation, server: Cluster, box: Inbox) -> None:
    calls = [home.place(SILENT).json()["call_id"] for _ in range(CALLS)]
    for call_id in calls:
        home.until(call_id, {"in_progress"})
    held = {call_id: holder(home, call_id) for call_id in calls}
    shares = Counter(held.values())
    assert len(shares) > 1, f"the queue spreads calls: {shares}"
    killed, frozen = [node for node, _ in shares.most_common()][:2]
    pids = workers(home)

    box.closed = True  # from here on, state changes wait for their delivery
    os.kill(pids[frozen], signal.SIGSTOP)
    os.kill(pids[killed], signal.SIGKILL)
    server.restart()
    os.kill(api_pid(home), signal.SIGKILL)
    home.eventually(lambda: _answers(home), within_s=120)
    box.closed = False

    lost = [call_id for call_id, node in held.items() if node in {killed, frozen}]
    for call_id in calls:
        record = home.finished(call_id)
        if call_id in lost:
            assert (record["status"], record["end_reason"]) == ("failed", "worker_lost"), record
        else:
            assert record["end_reason"] != "worker_lost", "a database restart costs no call"
    os.kill(pids[frozen], signal.SIGCONT)
    home.eventually(
        lambda: not alive(pids[frozen]), within_s=120
    )  # the zombie rule: it learns that it is dead, and goes
    home.eventually(lambda: home.active_calls() == 0, within_s=120)
    after = home.place(BUSY).json()["call_id"]
    assert home.finished(after)["status"] == "busy", "whoever came in their place works"

    for call_id in [*calls, after]:
        home.eventually(lambda call_id=call_id: len(ends(box, call_id)) == 1, within_s=120)
        assert sum(line["event"] == "call_ended" for line in home.timeline(call_id)) == 1
        heard = [event for call, event in box.events if call == call_id]
        assert heard[0] == "call.initiated", "in their order"


def _back_up(home: Installation, url: str, file: Path) -> None:
    """Back up while everything runs."""
    _command("backup", str(file), "--data", str(home.data), environment={"DIALNEXA_DATABASE_URL": url})


def _restored(server: Cluster, folder: Path) -> None:
    elsewhere = {"DIALNEXA_DATABASE_URL": server.url(server.create())}
    _command("restore", str(folder / "backup.tar"), "--data", str(folder / "restored"), environment=elsewhere)
    with psycopg.connect(elsewhere["DIALNEXA_DATABASE_URL"]) as connection:
        (calls,) = connection.execute("SELECT count(*) FROM calls WHERE ended_at IS NOT NULL").fetchone() or (0,)
    assert calls == CALLS + 1


def _command(*arguments: str, environment: dict[str, str]) -> None:
    done = subprocess.run(
        [COMMAND, *arguments], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _answers(home: Installation) -> bool:
    try:
        return home.http.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False
