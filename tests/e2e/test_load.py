"""Two hundred calls at twenty a second each way, at the same time, over UDP, TCP and TLS, with SIPp as both far ends.

SIPp presses keys (RFC 4733) and echoes what it hears; so each call knows that its audio and its own keys went out and
came back. Debian's SIPp speaks no TLS: stunnel stands before it, and both sides of each connection check certificates.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from dialnexa.kit.process import free_port
from dialnexa.live.line import EndedBy
from dialnexa.live.sip.endpoint import TlsSettings
from dialnexa.live.sip.transactions.timers import Timers
from tests.e2e import sipp
from tests.e2e.station import Station, complaint
from tests.e2e.stunnel import Certificate, issue, unwrapping, wrapping

pytestmark = [pytest.mark.e2e, pytest.mark.alone, pytest.mark.asyncio(loop_scope="module")]

CALLS = 200
PER_SECOND = 20
_STRAY_REPEATS = CALLS // 5
"""Retransmissions that a machine which is busy with other things may cause; a storm is one per message and more."""


@dataclass
class Floor:
    """What the runs share."""

    station: Station
    certificate: Certificate
    folder: Path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def floor(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Floor]:
    """Open the station; at the end, once the last SIP timer has run out, nothing may be left of any call."""
    folder = tmp_path_factory.mktemp("load")
    certificate = issue(folder)
    tls = TlsSettings(certificate.certificate, certificate.key, certificate.authorities, True, port=0)
    async with Station.open(folder, tls) as station:
        ports, tasks = station.ports.free, len(asyncio.all_tasks())
        yield Floor(station, certificate, folder)
        await _forgotten(station)
        counts = station.endpoint.counts()
        assert (counts.dialogs, counts.pending_calls, counts.malformed, counts.faults) == (0, 0, 0, 0)
        assert (counts.client_transactions, counts.server_transactions, counts.deadlines) == (0, 0, 0)
        assert station.media.legs == 0
        assert station.ports.free == ports
        assert len(asyncio.all_tasks()) == tasks


async def test_over_udp(floor: Floor) -> None:
    port = _free_port()
    async with _sipp_answers(port, "u1", floor.folder) as done:
        await _both_ways(floor, to_us=floor.station.endpoint.address[1], to_sipp=port, transport="udp", mode="u1")
        await done()
    repeats = sum(
        floor.station.messages[each] - expected
        for each, expected in (("in INVITE", CALLS), ("out INVITE", CALLS), ("in BYE", CALLS), ("out BYE", CALLS))
    )
    assert 0 <= repeats <= _STRAY_REPEATS, floor.station.messages


async def test_over_tcp(floor: Floor) -> None:
    port = _free_port()
    async with _sipp_answers(port, "t1", floor.folder) as done:
        await _both_ways(floor, to_us=floor.station.endpoint.address[1], to_sipp=port, transport="tcp", mode="t1")
        await done()
    _nothing_repeated(floor.station)


async def test_over_tls(floor: Floor) -> None:
    port = _free_port()
    async with AsyncExitStack() as stack:
        done = await stack.enter_async_context(_sipp_answers(port, "t1", floor.folder))
        secure = await stack.enter_async_context(unwrapping(floor.folder, floor.certificate, port))
        plain = await stack.enter_async_context(
            wrapping(floor.folder, floor.certificate, floor.station.endpoint.tls_address[1])
        )
        await _both_ways(floor, to_us=plain, to_sipp=secure, transport="tls", mode="t1")
        await done()
    _nothing_repeated(floor.station)


# --- what the runs are made of


async def _both_ways(floor: Floor, *, to_us: int, to_sipp: int, transport: str, mode: str) -> None:
    """Let SIPp call us while we call SIPp; every call of both must go as it should."""
    station = floor.station
    station.begin()
    async with asyncio.TaskGroup() as group:
        group.create_task(_sipp_calls(to_us, mode, floor.folder))
        group.create_task(station.place(to_sipp, transport, calls=CALLS, per_second=PER_SECOND))
    await station.idle()
    assert (len(station.answered), len(station.placed)) == (CALLS, CALLS)
    complaints = [
        *filter(None, (complaint(account, EndedBy.FAR) for account in station.answered)),
        *filter(None, (complaint(account, EndedBy.NEAR) for account in station.placed)),
    ]
    assert complaints == []


def _nothing_repeated(station: Station) -> None:
    """Over a connection nothing is sent twice."""
    seen = station.messages
    for each in ("in INVITE", "out INVITE", "in BYE", "out BYE", "in 200 INVITE", "out 200 INVITE"):
        assert seen[each] == CALLS, seen


async def _sipp_calls(port: int, mode: str, folder: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sipp.SIPP, f"127.0.0.1:{port}", *sipp.scenario("load_in"), *_common(mode, _free_port()),
        "-s", "+14155550100", "-r", str(PER_SECOND), "-l", str(CALLS),
        cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    words, _ = await process.communicate()
    assert process.returncode == 0, words.decode(errors="replace")[-3000:]


@asynccontextmanager
async def _sipp_answers(port: int, mode: str, folder: Path) -> AsyncGenerator[Callable[[], Coroutine[Any, Any, None]]]:
    process = await asyncio.create_subprocess_exec(
        sipp.SIPP, *sipp.scenario("load_out"), *_common(mode, port),
        cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    talking = asyncio.create_task(process.communicate())

    async def done() -> None:
        words, _ = await talking
        assert process.returncode == 0, words.decode(errors="replace")[-3000:]

    try:
        if mode == "t1":  # over UDP the first INVITE is repeated until SIPp is up; a connection would be refused
            await _listening(port)
        yield done
    finally:
        if process.returncode is None:
            process.kill()
        await talking


def _common(mode: str, port: int) -> list[str]:
    return [
        "-i", "127.0.0.1", "-p", str(port), "-mp", str(_free_port() // 8 * 8), "-t", mode, "-m", str(CALLS),
        "-rtp_echo", "-nostdin", "-timeout", "120", "-timeout_error", "-trace_err",
    ]  # fmt: skip


async def _listening(port: int) -> None:
    """Wait until SIPp takes connections."""
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            return


async def _forgotten(station: Station) -> None:
    """Let the time pass in which repetitions are absorbed (64*T1), for SIP alone, and connections end."""
    agenda = station.endpoint._stack.agenda
    now = agenda.now
    agenda.now = lambda: now() + 2 * Timers().give_up
    station.endpoint.advance()
    async with asyncio.timeout(10):
        while station.endpoint.counts().connections:
            await asyncio.sleep(0.05)


def _free_port() -> int:
    return free_port("127.0.0.1", socket.SOCK_DGRAM)
