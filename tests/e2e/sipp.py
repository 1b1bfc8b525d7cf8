"""SIPp as a peer: an independent SIP implementation that calls in, or is called."""

from __future__ import annotations

import socket
import subprocess
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dialnexa.kit.process import free_port

SIPP = "/usr/bin/sipp"
_SCENARIOS = Path(__file__).parent / "scenarios"


def scenario(name: str) -> list[str]:
    return ["-sf", str(_SCENARIOS / f"{name}.xml")]


def call_in(
    sip_port: int,
    number: str,
    *,
    calls: int = 1,
    talk_ms: int = 3000,
    host: str = "127.0.0.1",
    more: Sequence[str] = (),
) -> subprocess.CompletedProcess[str]:
    """Place calls to our SIP port all at once, echo our audio back, hang up after ``talk_ms``."""
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(
            [SIPP, f"127.0.0.1:{sip_port}", "-s", number, "-i", host, "-p", str(_port(host)),
             "-mp", str(_media_port(host)), "-m", str(calls), "-l", str(calls), "-r", str(calls),
             "-d", str(talk_ms), "-rtp_echo", "-nostdin", "-timeout", "60", "-timeout_error",
             "-trace_err", *(more or ("-sn", "uac"))],
            cwd=folder, capture_output=True, text=True, timeout=90, check=False,
        )  # fmt: skip


@contextmanager
def answering(*more: str, calls: int = 1, echo: bool = True) -> Generator[tuple[int, subprocess.Popen[bytes]]]:
    """Run SIPp as the called party and yield its SIP port; it echoes what it hears, or plays what its scenario says."""
    port = _port("127.0.0.1")
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [SIPP, "-i", "127.0.0.1", "-p", str(port), "-mp", str(_media_port("127.0.0.1")), "-nostdin",
             *(("-rtp_echo",) if echo else ()), "-m", str(calls), "-timeout", "90", *(more or ("-sn", "uas"))],
            cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            yield port, process
        finally:
            process.kill()
            process.wait()


def listens_on_tcp(port: int) -> bool:
    """Whether somebody listens on this port; asking the kernel, for a connection would be a caller to SIPp."""
    sockets = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(f":{port:04X} " in line.split()[1] + " " and line.split()[3] == "0A" for line in sockets)


def _port(host: str) -> int:
    return free_port(host, socket.SOCK_DGRAM)


def _media_port(host: str) -> int:
    """An even port whose next neighbours are probably free too: SIPp takes several."""
    return _port(host) // 8 * 8
