"""The whole product behind the edge: two workers of one installation, Kamailio before them, SIPp around them."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dialnexa.kit.process import free_port
from tests.e2e import sipp
from tests.e2e.installation import Installation, running
from tests.e2e.kamailio import HOST, Edge, edge, free_edge_ports

pytestmark = pytest.mark.e2e

CALLER, CARRIER, STRANGER = "127.0.0.1", "127.0.0.7", "127.0.0.9"
"""The sandbox number takes calls from this machine's own address, and from there alone."""


class House:
    """An installation with its edge."""

    def __init__(self, home: Installation, edge: Edge) -> None:
        self.home = home
        self.edge = edge
        self.number: str = home.facts["from_number"]
        self.ports = [int(uri.rsplit(":", 1)[1]) for uri in home.facts["sip_uris"]]

    def pid(self, port: int) -> int:
        """The worker that stands at a port now."""
        return self.home.workers()[port]

    def all_well(self) -> None:
        """Wait until both workers take calls, after whatever the test before did to them."""
        self.edge.until(dict.fromkeys(self.ports, "AP"), within_s=60)

    def live(self) -> list[dict[str, Any]]:
        return self.home.get("/v1/calls?status=in_progress&limit=100")["data"]

    def hang_up(self) -> None:
        """End every call from our side."""
        for call in self.live():
            assert self.home.http.post(f"/v1/calls/{call['id']}/hangup").status_code == 200


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    ports = free_edge_ports()
    environment = {"DIALNEXA_SIP_EDGE": f"{HOST}:{ports[1]}"}
    data = tmp_path_factory.mktemp("edge") / "data"
    with running(data, "--workers", "2", "--drain-seconds", "6", environment=environment) as home:
        workers = [uri.removeprefix("sip:") for uri in home.facts["sip_uris"]]
        with edge(workers, ports) as running_edge:
            yield House(home, running_edge)


class Callers:
    """SIPp, calling in through the edge."""

    def __init__(self, process: subprocess.Popen[bytes], messages: Path) -> None:
        self._process = process
        self._messages = messages

    def finish(self) -> None:
        code = self._process.wait(60)
        refusals = re.findall(r"SIP/2.0 [4-6]\d\d [^\r\n]*", self._log())
        assert code == 0, f"SIPp ended with {code}; refusals: {refusals}\n{self._log()[-1500:]}"

    def workers(self) -> Counter[int]:
        """How many calls each worker answered, by its port: its Contact says which it was."""
        answered = {
            re.search(r"^Call-ID: (\S+)", answer, re.MULTILINE | re.IGNORECASE): re.search(r"Contact: .*:(\d+)", answer)
            for answer in re.split(r"\n-{20,}", self._log())
            if "SIP/2.0 200 " in answer and re.search(r"CSeq: 1 INVITE", answer)
        }
        return Counter({call.group(1): int(port.group(1)) for call, port in answered.items() if call and port}.values())

    def _log(self) -> str:
        return self._messages.read_text(errors="replace") if self._messages.exists() else ""


@contextmanager
def calling(house: House, calls: int, folder: Path, *, scenario: str = "caller_by_route", talk_ms: int = 2000,
            host: str = CALLER) -> Generator[Callers]:  # fmt: skip
    """Run SIPp as callers; it is killed on leaving if it has not come to its end."""
    messages = folder / f"{scenario}-{time.monotonic_ns()}.log"
    process = subprocess.Popen(
        [sipp.SIPP, f"{HOST}:{house.edge.outside}", "-s", house.number, "-i", host, "-p", str(_port(host)),
         "-mp", str(_port(host) // 8 * 8), "-m", str(calls), "-l", str(calls), "-r", "3", "-d", str(talk_ms),
         "-rtp_echo", "-nostdin", "-timeout", "60", "-timeout_error", "-trace_msg", "-message_file", str(messages),
         *sipp.scenario(scenario)],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield Callers(process, messages)
    finally:
        process.kill()
        process.wait()


def test_twenty_calls_are_spread_over_both_workers(house: House, tmp_path: Path) -> None:
    house.all_well()
    with calling(house, 20, tmp_path) as callers:
        callers.finish()
    shares = callers.workers()
    # Kamailio's processes take turns without a lock, so two calls at once may go to one worker.
    assert sum(shares.values()) == 20 and all(shares[port] >= 7 for port in house.ports), shares
    house.home.eventually(lambda: house.home.active_calls() == 0)
    records = house.home.get("/v1/calls?call_direction=inbound&limit=100")["data"]
    assert {(record["status"], record["end_reason"]) for record in records} == {("completed", "user_disconnected")}


def test_a_stranger_is_seen_through_the_edge_whatever_it_says(house: House, tmp_path: Path) -> None:
    source = Path(sipp.scenario("expects_refusal")[1]).read_text().replace("REFUSAL", "401")
    forged = "Max-Forwards: 70\nX-DialNexa-Source: 127.0.0.1:5060;transport=udp"
    assert "Max-Forwards: 70" in source
    file = tmp_path / "forged.xml"
    file.write_text(source.replace("Max-Forwards: 70", forged))
    refused = subprocess.run(
        [sipp.SIPP, f"{HOST}:{house.edge.outside}", "-s", house.number, "-i", STRANGER, "-p", str(_port(STRANGER)),
         "-m", "1", "-nostdin", "-timeout", "30", "-timeout_error", "-sf", str(file)],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert refused.returncode == 0, refused.stdout[-1500:]
    house.home.eventually(lambda: _refused(house) == [STRANGER])


def _refused(house: House) -> list[str]:
    return [row["source"] for row in house.home.get("/v1/refused-calls")["data"] if row["sip_status"] == 401]


def test_a_call_goes_out_through_the_edge_and_its_goodbye_too(house: House, tmp_path: Path) -> None:
    home, port, number = house.home, _port(CARRIER), "+12025550101"
    trunk = {"phoneNumber": number, "terminationUri": f"{CARRIER}:{port}", "authMode": "ip"}
    assert home.http.post("/v1/organization-phone-numbers/sip-trunks", json=trunk).status_code == 201
    log = tmp_path / "carrier.log"
    carrier = subprocess.Popen(
        [sipp.SIPP, "-i", CARRIER, "-p", str(port), "-mp", str(_port(CARRIER) // 8 * 8), "-rtp_echo", "-nostdin", "-m",
         "1", "-timeout", "60", "-timeout_error", "-trace_msg", "-message_file", str(log),
         *sipp.scenario("carrier_by_route")],
        cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        call_id = home.place("+12025550177", from_number=number).json()["call_id"]
        home.until(call_id, {"in_progress"})
        assert home.http.post(f"/v1/calls/{call_id}/hangup").status_code == 200
        record = home.finished(call_id)
        assert (record["status"], record["end_reason"]) == ("completed", "agent_disconnected")
        assert carrier.wait(20) == 0, "ACK and BYE came"
    finally:
        carrier.kill()
        carrier.wait()
    heard = log.read_text()
    assert f"Record-Route: <sip:{HOST}:{house.edge.outside};" in heard
    received = r"UDP message received \[\d+\] bytes :\s+(?:INVITE|ACK|BYE) [^\r\n]+\r?\nVia: (\S+ [^;]+)"
    assert set(re.findall(received, heard)) == {f"SIP/2.0/UDP {HOST}:{house.edge.outside}"}


def test_a_draining_worker_finishes_its_calls_while_new_ones_go_to_the_other(house: House, tmp_path: Path) -> None:
    house.all_well()
    draining, other = house.ports
    with calling(house, 2, tmp_path, scenario="caller_hung_up_on") as talking:
        house.home.eventually(lambda: len(house.live()) == 2)
        shares = talking.workers()
        assert set(shares) == {draining, other}
        before = house.pid(draining), house.pid(other)
        os.kill(house.pid(draining), signal.SIGTERM)
        with calling(house, 3, tmp_path, talk_ms=500) as callers:
            callers.finish()
        assert callers.workers() == {other: 3}, "not even the first is sent to the one that drains"
        house.home.eventually(lambda: len(house.live()) == shares[other])
        house.hang_up()
        talking.finish()
    house.all_well()
    assert house.pid(draining) != before[0], "it drained, and was started again"
    assert house.pid(other) == before[1], "the other never noticed"


def test_a_killed_worker_takes_only_its_own_calls_with_it(house: House, tmp_path: Path) -> None:
    house.all_well()
    killed, other = house.ports
    with calling(house, 2, tmp_path, scenario="caller_hung_up_on") as talking:
        house.home.eventually(lambda: len(house.live()) == 2)
        shares = talking.workers()
        assert set(shares) == {killed, other}
        mine = [call["id"] for call in house.live()]
        os.kill(house.pid(killed), signal.SIGKILL)
        with calling(house, 3, tmp_path, talk_ms=500) as callers:
            callers.finish()
        assert sum(callers.workers().values()) == 3, "every one of them was answered"
        house.home.eventually(lambda: len(house.live()) == shares[other], within_s=60)
        house.hang_up()
        records = [house.home.finished(call_id) for call_id in mine]
    reasons = Counter((record["status"], record["end_reason"]) for record in records)
    assert reasons == {
        ("failed", "worker_lost"): shares[killed],
        ("completed", "agent_disconnected"): shares[other],
    }
    house.home.eventually(lambda: house.home.active_calls() == 0)
    house.all_well()


def _port(host: str) -> int:
    return free_port(host, socket.SOCK_DGRAM)
