"""Kamailio with the configuration we ship, as the edge before some workers, on loopback."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dialnexa.kit.process import free_port

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "kamailio" / "kamailio.cfg"
KAMAILIO = "/usr/sbin/kamailio"
HOST = "127.0.0.2"
"""The edge's own address: that of this machine is trusted by nobody."""
_READY_S = 30
_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Edge:
    """A running edge."""

    outside: int
    """The port carriers and phones call."""
    inside: int
    """The port workers send to."""
    control: str
    log: Path
    workers: Path
    """The list of workers; ``reload`` after a change."""

    @property
    def proxy(self) -> str:
        """What a worker's settings say."""
        return f"{HOST}:{self.inside}"

    def ask(self, *command: str) -> str:
        """Ask the running edge, as an operator does."""
        asked = ["/usr/sbin/kamcmd", "-s", self.control, *command]
        done = subprocess.run(asked, capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def states(self) -> dict[int, str]:
        """Return the flags of each worker by its port: ``AP`` takes calls, ``IP`` is passed over."""
        listed = self.ask("dispatcher.list")
        found = re.findall(r"URI: sip:[^:]+:(\d+)\S*\s+FLAGS: (\w+)", listed)
        return {int(port): flags for port, flags in found}

    def until(self, states: dict[int, str], within_s: float = 30) -> None:
        """Wait until the edge has noticed how its workers are."""
        give_up = time.monotonic() + within_s
        while self.states() != states:
            assert time.monotonic() < give_up, f"{self.states()} instead of {states}\n{self.log.read_text()[-3000:]}"
            time.sleep(_POLL_S)


def free_edge_ports() -> tuple[int, int]:
    """Return a free port for the outside and one for the inside."""
    kinds = (socket.SOCK_DGRAM, socket.SOCK_STREAM)
    return free_port(HOST, *kinds), free_port(HOST, *kinds)


@contextmanager
def edge(workers: Sequence[str], ports: tuple[int, int] | None = None, **more: str) -> Generator[Edge]:
    """Start Kamailio before these workers (``host:port``) and stop it on leaving; ``more`` are further settings."""
    outside, inside = ports or free_edge_ports()
    with tempfile.TemporaryDirectory(prefix="edge") as name:
        folder = Path(name)
        listed = folder / "workers.list"
        listed.write_text("".join(f"1 sip:{worker} 0 0\n" for worker in workers))
        made = Edge(outside, inside, f"unix:{folder}/control", folder / "log", listed)
        settings = {
            "EDGE_ADDRESS": f'"{HOST}"',
            "EDGE_PORT": str(outside),
            "EDGE_INSIDE": f'"{HOST}"',
            "EDGE_INSIDE_PORT": str(inside),
            "EDGE_WORKERS": f'"{listed}"',
            "EDGE_CONTROL": f'"{made.control}"',
            "EDGE_PROBE_SECONDS": "1",
            "EDGE_PROCESSES": "2",
            **more,
        }
        given = [argument for item in settings.items() for argument in ("-A", "=".join(item))]
        command = [KAMAILIO, "-f", str(CONFIGURATION), "-DD", "-E", "-m", "64", "-M", "8", "-Y", name, *given]
        with made.log.open("wb") as log:
            # A group of its own, so that its children end with it even if it cannot tell them.
            process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        try:
            _await_control(made, process)
            yield made
        finally:
            _stop(process)


def _await_control(made: Edge, process: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + _READY_S
    path = Path(made.control.removeprefix("unix:"))
    while not path.exists() or not _answers(made):
        assert process.poll() is None and time.monotonic() < give_up, made.log.read_text()[-3000:]
        time.sleep(_POLL_S)


def _answers(made: Edge) -> bool:
    asked = ["/usr/sbin/kamcmd", "-s", made.control, "core.version"]
    return subprocess.run(asked, capture_output=True, timeout=20, check=False).returncode == 0


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
