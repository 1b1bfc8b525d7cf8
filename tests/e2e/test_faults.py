"""What must hold when things die: no call without an end, no slot kept, nothing dialled twice."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e import sipp
from tests.e2e.installation import FINAL, Installation, gather_finished, running

pytestmark = pytest.mark.e2e

SILENT = "+16505550180"
FRIENDLY = "+16505550199"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with running(tmp_path_factory.mktemp("faults") / "data") as installation:
        yield installation


@pytest.fixture
def own(house: Installation) -> Iterator[Installation]:
    """The installation, which has the limit of a new one again afterwards."""
    limit = house.get("/v1/workspace/limits")["concurrency_limit"]
    yield house
    assert house.http.patch("/v1/workspace/limits", json={"concurrency_limit": limit}).status_code == 200


def test_at_the_limit_409_leaves_no_row(own: Installation) -> None:
    before = own.get("/v1/calls")["meta"]["total"]
    assert own.http.patch("/v1/workspace/limits", json={"concurrency_limit": 3}).status_code == 200
    answers = [own.place(SILENT) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [201, 201, 201, 409, 409]
    assert answers[-1].json().keys() >= {"statusCode", "message", "error"}
    assert "3" in answers[-1].json()["message"], "the sentence names the limit"
    assert own.get("/v1/calls")["meta"]["total"] == before + 3
    for answer in answers[:3]:
        own.until(answer.json()["call_id"], {"in_progress", "queued", "ringing"})
        assert own.http.post(f"/v1/calls/{answer.json()['call_id']}/hangup").status_code == 200
    own.eventually(lambda: own.active_calls() == 0)
    assert own.finished(own.place("+16505550110").json()["call_id"])["status"] == "busy"


async def test_a_killed_worker_loses_no_call_and_dials_none_twice(own: Installation) -> None:
    """kill -9 while calls are queued, ringing and talking; the supervisor starts another worker."""
    with sipp.answering("-sn", "uas", calls=100) as (port, _):
        number = "+12025550300"
        trunk = {"phoneNumber": number, "terminationUri": f"127.0.0.1:{port}", "authMode": "ip"}
        assert own.http.post("/v1/organization-phone-numbers/sip-trunks", json=trunk).status_code == 201
        placed = [own.place(FRIENDLY).json()["call_id"] for _ in range(4)]
        placed += [own.place("+12025550177", from_number=number).json()["call_id"] for _ in range(4)]
        own.until(placed[0], {"in_progress"})
        placed += [own.place(SILENT).json()["call_id"] for _ in range(3)]
        victim = own.worker_pid()
        os.kill(victim, signal.SIGKILL)
        records = await gather_finished(own, placed)
        own.eventually(lambda: own.worker_pid() != victim)

    for record in records:
        events = own.timeline(record["id"])
        assert sum(event["event"] == "call_started" for event in events) <= 1, "a phone call is at most once"
        assert sum(event["event"] == "call_ended" for event in events) == 1
        if record["end_reason"] == "worker_lost":
            assert record["status"] == "failed"
    assert any(record["end_reason"] == "worker_lost" for record in records)
    own.eventually(lambda: own.active_calls() == 0)
    after = own.place("+16505550110").json()["call_id"]
    assert own.finished(after)["status"] == "busy", "the new worker works"


def test_sigterm_drains(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--drain-seconds", "6") as own:
        talking = own.place(FRIENDLY).json()["call_id"]
        silent = own.place(SILENT).json()["call_id"]
        own.until(talking, {"in_progress"})
        own.until(silent, {"in_progress"})
        key, url = own.facts["secret_key"], own.facts["api_url"]
        own.process.send_signal(signal.SIGTERM)
        refused = _place_until_refused(own)
        assert refused in {503, None}, "new calls are refused, with 503 while the API still answers"
        assert own.process.wait(30) == 0

    with running(tmp_path / "data") as again:
        assert again.facts["secret_key"] == key, f"a second start keeps the data ({url})"
        for call_id in (talking, silent):
            record = again.call(call_id)
            assert record["status"] in FINAL, record
        assert again.active_calls() == 0


def test_admission_holds_under_random_callers_and_hang_ups(own: Installation) -> None:
    """Eight threads place and hang up at random; the limit is never exceeded and every slot comes back."""
    assert own.http.patch("/v1/workspace/limits", json={"concurrency_limit": 5}).status_code == 200
    dice = random.Random(2)
    stop = time.monotonic() + 12
    seen: list[int] = []

    def caller(seed: int) -> None:
        mine = random.Random(seed)
        with own.client(own.facts["secret_key"]) as http:
            while time.monotonic() < stop:
                answer = own.place(mine.choice([SILENT, "+16505550110", "+16505550120", FRIENDLY]))
                assert answer.status_code in {201, 409, 429}, answer.text
                if answer.status_code == 201:
                    time.sleep(mine.random())
                    hang_up = f"/v1/calls/{answer.json()['call_id']}/hangup"
                    while http.post(hang_up).status_code == 429:
                        time.sleep(0.5)
                else:
                    time.sleep(0.2)
                limits = http.get("/v1/workspace/limits")
                if limits.status_code == 200:
                    seen.append(limits.json()["active_calls"])

    threads = [threading.Thread(target=caller, args=(dice.random(),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(seen) <= 5
    own.eventually(lambda: own.active_calls() == 0)
    own.eventually(lambda: {call["status"] for call in own.get("/v1/calls?limit=200")["data"]} <= FINAL)


def _place_until_refused(own: Installation) -> int | None:
    give_up = time.monotonic() + 5
    while time.monotonic() < give_up:
        try:
            answer = own.place("+16505550110")
        except httpx.TransportError:
            return None
        if answer.status_code != 201:
            return answer.status_code
        time.sleep(0.05)
    raise AssertionError("new calls were taken while draining")
