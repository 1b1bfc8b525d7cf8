"""A running DialNexa for end-to-end tests: the installed command, its own folder, free ports, public HTTP only."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

COMMAND = str(Path(sys.executable).with_name("dialnexa"))
FINAL = {"completed", "failed", "no_answer", "busy", "voicemail", "cancelled"}
READY_S = 150
POLL_S = 0.4


class Installation:
    """What a test may do with a running DialNexa."""

    def __init__(self, process: subprocess.Popen[bytes], facts: dict[str, Any], data: Path) -> None:
        self.process = process
        self.facts = facts
        self.data = data
        self.http = self.client(facts["secret_key"])

    def client(self, key: str) -> httpx.Client:
        return httpx.Client(
            base_url=self.facts["api_url"], headers={"Authorization": f"Bearer {key}"}, timeout=30, trust_env=False
        )

    @property
    def sip_port(self) -> int:
        return int(self.facts["sip_uri"].rsplit(":", 1)[1])

    def worker_pid(self) -> int:
        """The worker that runs now: after a crash another than in the ready file."""
        children = Path(f"/proc/{self.facts['pid']}/task/{self.facts['pid']}/children").read_text().split()
        for pid in children:
            if b"worker" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                return int(pid)
        raise AssertionError("no worker runs")

    def workers(self) -> dict[int, int]:
        """The pid of each worker that runs now, by its SIP port."""
        facts = [json.loads(file.read_text()) for file in (self.data / "logs").glob("worker*.ready.json")]
        return {int(each["sip_uri"].rsplit(":", 1)[1]): int(each["pid"]) for each in facts}

    def place(self, to: str, *, key: str | None = None, **more: Any) -> httpx.Response:
        body = {
            "from_number": self.facts["from_number"],
            "to_number": to,
            "agent_version_id": self.facts["agent_version_id"],
            **more,
        }
        http = self.client(key) if key else self.http
        answer = http.post("/v1/calls", json=body)
        if key:
            http.close()
        return answer

    def call(self, call_id: str) -> dict[str, Any]:
        return self.get(f"/v1/calls/{call_id}")

    def timeline(self, call_id: str) -> list[dict[str, Any]]:
        return self.get(f"/v1/calls/{call_id}/timeline")["data"]

    def get(self, path: str) -> dict[str, Any]:
        """Read a resource as a well-behaved client does: when told to wait, wait."""
        while (answer := self.http.get(path)).status_code == 429:
            time.sleep(float(answer.headers["retry-after"]))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def until(self, call_id: str, statuses: set[str], within_s: float = 90) -> dict[str, Any]:
        """Poll a call until it reaches one of these statuses; fails with the record when it never does."""
        give_up = time.monotonic() + within_s
        record = self.call(call_id)
        while record["status"] not in statuses:
            assert time.monotonic() < give_up, f"never reached {statuses}: {record}\n{self.logs()}"
            time.sleep(POLL_S)
            record = self.call(call_id)
        return record

    def finished(self, call_id: str, within_s: float = 90) -> dict[str, Any]:
        return self.until(call_id, FINAL, within_s)

    def active_calls(self) -> int:
        return int(self.get("/v1/workspace/limits")["active_calls"])

    def eventually(self, what: Any, within_s: float = 30) -> None:
        give_up = time.monotonic() + within_s
        while not what():
            assert time.monotonic() < give_up, f"never became true\n{self.logs()}"
            time.sleep(POLL_S)

    def logs(self) -> str:
        return "\n".join(
            f"--- {file.name}\n{file.read_text(errors='replace')[-3000:]}"
            for file in sorted((self.data / "logs").glob("*.log"))
        )


@contextmanager
def running(data: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> Generator[Installation]:
    """Start ``dialnexa up`` on free ports and stop it with SIGTERM on leaving."""
    ready = data.parent / f"{data.name}.ready.json"
    process = subprocess.Popen(
        [COMMAND, "up", "--data", str(data), "--http-port", "0", "--sip-port", "0", "--ready-file", str(ready),
         "--no-demo", "--drain-seconds", "3", *arguments],
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        give_up = time.monotonic() + READY_S
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > give_up:
                process.kill()
                logs = "\n".join(f.read_text(errors="replace")[-3000:] for f in (data / "logs").glob("*.log"))
                raise AssertionError(f"did not come up:\n{process.stdout and process.stdout.read().decode()}\n{logs}")
            time.sleep(0.05)
        installation = Installation(process, json.loads(ready.read_text()), data)
        with installation.http:
            yield installation
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        if process.stdout:
            process.stdout.close()


async def gather_finished(home: Installation, call_ids: list[str]) -> list[dict[str, Any]]:
    return await asyncio.gather(*(asyncio.to_thread(home.finished, call_id) for call_id in call_ids))
