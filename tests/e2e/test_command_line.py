"""The command line as people meet it: what each command prints, and how it ends, also when they mistype."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dialnexa.cli.main import app
from tests.e2e.installation import COMMAND, READY_S, Installation, running

pytestmark = pytest.mark.e2e

FRIENDLY, BUSY, SILENT = "+16505550199", "+16505550110", "+16505550180"
PLAIN = {**{name: value for name, value in os.environ.items() if not name.startswith("DIALNEXA_")}, "COLUMNS": "100"}
READY = {
    "api_url", "sip_uri", "secret_key", "test_secret_key", "publishable_key", "agent_id", "agent_version_id",
    "from_number", "test_numbers", "pid",
}  # fmt: skip


class Ran:
    """A command that has ended: its exit code, what it printed, and what it complained about on standard error."""

    def __init__(self, code: int, out: str, complaint: str) -> None:
        self.code, self.out, self.complaint = code, out, complaint
        assert "Traceback" not in out + complaint, out + complaint


def installed(*arguments: str) -> Ran:
    """Run the installed command to its end."""
    done = subprocess.run([COMMAND, *arguments], capture_output=True, text=True, timeout=120, check=False, env=PLAIN)
    return Ran(done.returncode, done.stdout, done.stderr)


def dialnexa(*arguments: str, **environment: str) -> Ran:
    """Run the command in this process: the same code, without a second of imports each time."""
    cleared = {name: None for name in os.environ if name.startswith("DIALNEXA_")}
    done = CliRunner().invoke(app, arguments, env={**cleared, "COLUMNS": "100", **environment})
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Ran(done.exit_code, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with running(tmp_path_factory.mktemp("cli") / "data") as installation:
        yield installation


def _call(own: Installation, *arguments: str) -> Ran:
    return dialnexa("call", "--data", str(own.data), *arguments)


# --- calls -----------------------------------------------------------------------------------------------------------


def test_a_call_is_printed_as_it_is_spoken(own: Installation) -> None:
    ran = installed(
        "call",
        "--data",
        str(own.data),
        FRIENDLY,
        "--var",
        "customer_name=Maria",
        "--var",
        "appointment_date=Friday at noon",
    )
    assert ran.code == 0, ran.out
    lines = ran.out.splitlines()
    assert lines[0].startswith("call_")
    said = [line for line in lines if re.match(r"\s+\d+\.\d s\s+(Agent|User)\s", line)]
    assert "Hello Maria" in said[0] + said[1]
    assert "Friday at noon" in said[0] + said[1]
    assert sum("  User   " in line for line in said) >= 3
    assert re.fullmatch(r"completed \(agent_disconnected\), \d+ s", lines[-2])
    assert lines[-1].startswith(f"recording: {own.facts['api_url']}/v1/calls/call_"), "one line, so it can be clicked"


def test_a_call_that_does_not_complete_exits_2(own: Installation) -> None:
    ran = _call(own, BUSY)
    lines = ran.out.splitlines()
    end = lines.index("busy (user_busy), 0 s")
    assert (ran.code, lines[end + 1]) == (2, "The far end answered 486 Busy Here.")
    assert any("INVITE with offer" in line for line in lines[end:]), "why it did not connect"
    assert lines[-1].startswith("The far end refused the call: 486 Busy Here")


def test_a_number_nobody_has(own: Installation) -> None:
    ran = _call(own, "+16505550111")
    assert ran.code == 2
    assert "failed (invalid_phone_number), 0 s" in ran.out


def test_ctrl_c_hangs_up(own: Installation) -> None:
    process = subprocess.Popen(
        [COMMAND, "call", SILENT, "--data", str(own.data)],
        stdout=subprocess.PIPE,
        text=True,
        env={**PLAIN, "PYTHONUNBUFFERED": "1"},
        # As in a person's shell: tests that were started in the background would hand on an ignored Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout
    with process.stdout as screen:
        call_id = screen.readline().strip()
        own.until(call_id, {"in_progress"})
        process.send_signal(signal.SIGINT)
        assert "hanging up" in screen.read()
    assert process.wait(30) == 130
    assert own.finished(call_id)["status"] == "completed"


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (["16505550199"], "16505550199 is not a phone number. Did you mean +16505550199?"),
        (["0016505550199"], "Did you mean +16505550199?"),
        (["6505550199"], "6505550199 is not a phone number. Did you mean +16505550199?"),
        (["bob"], "bob is not a phone number. Write it with + and country code, such as +16505550199."),
        ([BUSY, "--from", "555"], "555 is not a phone number."),
        ([BUSY, "--from", "+15550001111"], "GET /v1/organization-phone-numbers"),
        ([BUSY, "--var", "name"], "--var name: write it as name=value, such as --var customer_name=Alex"),
        ([BUSY, "--var", "=Alex"], "write it as name=value"),
        ([BUSY, "--agent-version", "av_nope"], "Agent version av_nope not found."),
        ([BUSY, "--api-key", "sk_nope"], "`dialnexa keys` prints those of the installation."),
        ([BUSY, "--api-url", "localhost:8080"], "localhost:8080 is no address of an API"),
        ([BUSY, "--api-url", "http://127.0.0.1:1"], "Nothing answers at http://127.0.0.1:1. Start DialNexa"),
    ],
)
def test_a_slip_of_the_hand(own: Installation, arguments: list[str], advice: str) -> None:
    ran = _call(own, *arguments)
    assert (ran.code, ran.out) == (1, ""), "nothing was placed, and complaints go to standard error"
    assert advice in ran.complaint


# --- other commands on a running installation ------------------------------------------------------------------------


def test_the_ready_file_says_all_one_needs(own: Installation) -> None:
    assert own.facts.keys() >= READY
    assert len(own.facts["test_numbers"]) == 10
    assert own.facts["pid"] == own.process.pid


def test_keys_prints_what_the_ready_file_says(own: Installation) -> None:
    ran = dialnexa("keys", "--data", str(own.data))
    printed = dict(line.split() for line in ran.out.splitlines())
    assert ran.code == 0
    assert printed == {name: own.facts[name] for name in printed}
    assert printed.keys() >= {"secret_key", "test_secret_key", "publishable_key", "agent_version_id", "from_number"}


def test_a_second_up_on_the_same_folder_says_so(own: Installation) -> None:
    ran = dialnexa("up", "--data", str(own.data), "--http-port", "0", "--sip-port", "0")
    assert ran.code == 1
    assert f"DialNexa already runs on {own.data} (pid {own.process.pid})" in ran.complaint
    assert "--data" in ran.complaint
    assert own.http.get("/readyz").status_code == 200, "the first is not disturbed"


def test_doctor_sees_what_runs_and_which_trunk_is_dead(own: Installation) -> None:
    healthy = dialnexa("doctor", "--data", str(own.data))
    assert healthy.code == 0, healthy.out
    assert f"the API runs and answers at {own.facts['api_url']}" in healthy.out
    assert f"a worker runs at {own.facts['sip_uri']}" in healthy.out
    trunk = {"phoneNumber": "+12025550177", "terminationUri": "127.0.0.1:9", "authMode": "ip"}
    number = own.http.post("/v1/organization-phone-numbers/sip-trunks", json=trunk).json()
    sick = dialnexa("doctor", "--data", str(own.data))
    assert own.http.delete(f"/v1/organization-phone-numbers/{number['id']}").status_code == 200
    assert sick.code == 1
    bad = [line for line in sick.out.splitlines() if line.strip().startswith("bad")]
    assert len(bad) == 1, sick.out
    assert "127.0.0.1:9 over UDP: no answer within 3 s; check address, port and firewall" in bad[0]


def test_the_logs_hold_what_happened_and_no_chatter(own: Installation) -> None:
    log = (own.data / "logs" / "api.log").read_text() + (own.data / "logs" / "worker.log").read_text()
    assert "api is up" in log
    assert "worker is up" in log
    assert own.facts["secret_key"] not in log
    assert not re.search(r"Traceback|Uvicorn|DBOS|\[(warning|error|critical)", log), log


# --- before anything runs, and starting again ------------------------------------------------------------------------


def test_a_fresh_folder(tmp_path: Path) -> None:
    folder = str(tmp_path / "new")
    for command in (["keys"], ["call", BUSY]):
        ran = dialnexa(*command, "--data", folder)
        assert ran.code == 1
        assert f"No installation in {folder}. Run `dialnexa up` first" in ran.complaint
    ran = dialnexa("doctor", "--data", folder)
    assert ran.code == 0, ran.out
    assert "good  speech" in ran.out
    assert len(ran.out.splitlines()) == 11, "in a pipe, a line per finding"
    assert not (tmp_path / "new").exists(), "looking changes nothing"
    for _ in range(2):
        assert dialnexa("migrate", "--data", folder).out == "The database is up to date.\n"


def test_settings_that_cannot_be(tmp_path: Path) -> None:
    def complaint(data: str | None = None, **environment: str) -> str:
        ran = dialnexa("up", "--data", data or str(tmp_path / "data"), **environment)
        assert ran.code == 1
        return ran.complaint

    assert complaint(DIALNEXA_HTTP_PORT="web").startswith("DIALNEXA_HTTP_PORT=web: must be a whole number")
    assert "20000-29999" in complaint(DIALNEXA_RTP_PORTS="1")
    assert "must begin with one of s3://" in complaint(DIALNEXA_RECORDINGS_URL="https://example.com")
    assert "names no bucket" in complaint(DIALNEXA_RECORDINGS_URL="s3://")
    assert "Check DIALNEXA_HTTP_HOST" in complaint(DIALNEXA_HTTP_HOST="192.0.2.1")
    assert "Leave it out to use SQLite" in complaint(DIALNEXA_DATABASE_URL="nonsense")
    (tmp_path / "file").touch()
    assert "Name a folder you may write to" in complaint(str(tmp_path / "file"))


def test_busy_ports_are_replaced_and_a_second_start_keeps_everything(tmp_path: Path) -> None:
    data, ready = tmp_path / "data", tmp_path / "ready.json"
    with _held(socket.SOCK_STREAM) as http_port, _held(socket.SOCK_DGRAM) as sip_port:
        first, screen = _up(data, ready, http_port, sip_port)
    assert f"HTTP port {http_port} is busy, using {first['api_url'].rpartition(':')[2]}." in screen
    assert f"SIP port {sip_port} is busy, using {first['sip_uri'].rpartition(':')[2]}." in screen
    assert not ready.exists(), "what does not run any more is not ready"
    stopped = dialnexa("call", BUSY, "--data", str(data), "--api-url", str(first["api_url"]))
    assert (stopped.code, "Start DialNexa with `dialnexa up`" in stopped.complaint) == (1, True)

    second, screen = _up(data, ready, 0, 0)
    same = {"secret_key", "test_secret_key", "publishable_key", "agent_id", "agent_version_id", "from_number"}
    assert {name: second[name] for name in same} == {name: first[name] for name in same}
    assert "is busy" not in screen


def _up(data: Path, ready: Path, http_port: int, sip_port: int) -> tuple[dict[str, str], str]:
    """Start until ready, stop; return the ready file and the screen."""
    process = subprocess.Popen(
        [COMMAND, "up", "--data", str(data), "--ready-file", str(ready), "--no-demo",
         "--http-port", str(http_port), "--sip-port", str(sip_port)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=PLAIN,
    )  # fmt: skip
    try:
        give_up = time.monotonic() + READY_S
        while not ready.exists():
            assert process.poll() is None and time.monotonic() < give_up, "did not come up"
            time.sleep(0.05)
        facts = json.loads(ready.read_text())
    finally:
        process.send_signal(signal.SIGTERM)
        screen, _ = process.communicate(timeout=60)
    assert process.returncode == 0, screen
    return facts, screen


@contextlib.contextmanager
def _held(kind: socket.SocketKind) -> Generator[int]:
    """Hold a port as another program would."""
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_STREAM:
            other.listen()
        yield other.getsockname()[1]
