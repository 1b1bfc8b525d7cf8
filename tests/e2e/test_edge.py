"""The edge we ship, Kamailio, between SIP stacks: what it spreads, passes over, lets out, and keeps out."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dialnexa.kit.process import free_port
from dialnexa.live.plan import Credentials
from dialnexa.live.sip.endpoint import (
    CallCancelled,
    CallRejected,
    Dialog,
    EndedBy,
    Gate,
    IncomingCall,
    RegistrationState,
    SipEndpoint,
)
from dialnexa.live.sip.gate.policy import Treatment
from dialnexa.live.sip.messages.message import Request
from dialnexa.live.sip.messages.sdp import make_answer, make_offer
from dialnexa.live.sip.transport.edge import Edges
from dialnexa.live.sip.transport.tls import TlsSettings
from tests.e2e.kamailio import HOST, Edge, edge
from tests.e2e.stunnel import issue

pytestmark = pytest.mark.e2e

WORKER, CARRIER, STRANGER = "127.0.0.1", "127.0.0.7", "127.0.0.9"
OFFER = make_offer(CARRIER, 40000)


class House:
    """The workers behind an edge, each a whole SIP stack, and what they were asked."""

    def __init__(self, edge: Edge, workers: list[Desk]) -> None:
        self.edge = edge
        self.workers = workers

    @property
    def calls(self) -> list[IncomingCall]:
        return [call for worker in self.workers for call in worker.calls]


class Desk:
    """One endpoint that treats calls as the test wants: answers, refuses, or leaves them ringing."""

    def __init__(self) -> None:
        self.endpoint: SipEndpoint
        self.calls: list[IncomingCall] = []
        self.dialogs: list[Dialog] = []
        self.refusal = 0
        self.open = True
        self.picks_up = True
        self._answering: set[asyncio.Task[None]] = set()

    @classmethod
    @asynccontextmanager
    async def at(
        cls, host: str, port: int = 0, gate: Gate | None = None, tls: TlsSettings | None = None
    ) -> AsyncGenerator[Desk]:
        desk = cls()
        async with SipEndpoint.open(
            host,
            port,
            on_invite=desk.take,
            accepting=lambda: desk.open,
            tcp=True,
            edges=Edges.parse(HOST),
            gate=gate,
            tls=tls,
        ) as desk.endpoint:
            yield desk

    @property
    def address(self) -> str:
        return "{}:{}".format(*self.endpoint.address)

    def take(self, call: IncomingCall) -> None:
        self.calls.append(call)
        if self.refusal:
            call.reject(self.refusal)
            return
        task = asyncio.ensure_future(self._answer(call))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _answer(self, call: IncomingCall) -> None:
        call.ring()
        if not self.picks_up:
            return
        assert call.offer
        self.dialogs.append(await call.accept(make_answer(call.offer, WORKER, 40002)))

    async def answered(self, number: int = -1) -> Dialog:
        """Return an answered call, which is one once its ACK is here."""
        await until(lambda: len(self.dialogs) == len(self.calls))
        return self.dialogs[number]

    async def dial(self, house: House, *, inside: bool = False, to: str = "+14155550100", **options: object) -> Dialog:
        """Call over the edge: as a carrier does from outside, or as a worker does from inside."""
        over = {"host": HOST, "port": house.edge.outside} if not inside else {"proxy": house.edge.proxy}
        call = self.endpoint.dial(to, from_user="+12025550100", offer=OFFER, **(over | options))  # type: ignore[arg-type]
        return await asyncio.wait_for(call.answered(lambda _: None), 30)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture
async def house() -> AsyncGenerator[House]:
    """Two workers behind the edge. Made anew for each test: it takes a second, and leaves nothing to clean up."""
    async with AsyncExitStack() as stack:
        workers = [await stack.enter_async_context(Desk.at(WORKER)) for _ in range(2)]
        running = stack.enter_context(edge([worker.address for worker in workers]))
        yield House(running, workers)


@pytest.fixture
async def carrier() -> AsyncGenerator[Desk]:
    async with Desk.at(CARRIER) as desk:
        yield desk


@pytest.fixture
async def stranger() -> AsyncGenerator[Desk]:
    async with Desk.at(STRANGER) as desk:
        yield desk


class TestInward:
    async def test_calls_are_spread_and_end_cleanly_from_either_side(self, house: House, carrier: Desk) -> None:
        dialogs = await asyncio.gather(*(carrier.dial(house) for _ in range(20)))
        # Kamailio's processes take turns without a lock, so two calls at once may go to one worker.
        assert len(house.calls) == 20 and all(len(worker.calls) >= 7 for worker in house.workers)
        theirs = [await worker.answered(number) for worker in house.workers for number in range(len(worker.calls))]
        await asyncio.gather(*(dialog.hang_up() for dialog in dialogs[:10]))
        await asyncio.gather(*(dialog.hang_up() for dialog in theirs))
        ends = [(await asyncio.wait_for(dialog.ended(), 10)).by for dialog in dialogs]
        assert ends.count(EndedBy.NEAR) == ends.count(EndedBy.FAR) == 10
        for desk in (*house.workers, carrier):
            assert desk.endpoint.counts().dialogs == 0
            assert desk.endpoint.counts().faults == 0

    async def test_the_worker_hears_who_really_called(self, house: House, carrier: Desk) -> None:
        await carrier.dial(house)
        await carrier.dial(house, transport="tcp")
        assert [call.source[0] for call in house.calls] == [CARRIER, CARRIER]
        assert carrier.endpoint.address in [call.source for call in house.calls]

    async def test_a_forged_source_is_taken_off(self, house: House, stranger: Desk) -> None:
        forged = [("X-DialNexa-Source", "127.0.0.1:5060"), ("x-dialnexa-source", "10.0.0.1")]
        dialog = await stranger.dial(house, headers=forged)
        (call,) = house.calls
        assert call.source == stranger.endpoint.address
        assert len(call.headers("X-DialNexa-Source")) == 1
        await dialog.hang_up()

    async def test_a_caller_gives_up(self, house: House, carrier: Desk) -> None:
        for worker in house.workers:
            worker.picks_up = False
        dialling = asyncio.ensure_future(carrier.dial(house))
        await until(lambda: house.calls)
        dialling.cancel()
        await asyncio.wait_for(house.calls[0].cancelled(), 10)
        with pytest.raises(CallCancelled):
            await house.calls[0].accept(OFFER)

    async def test_a_login_is_answered_at_the_worker_that_asked(self) -> None:
        """Each worker has nonces of its own, so a caller that was sent to the other one would never get in."""
        login = Credentials("acme", "s3cret")
        gates = [Gate(lambda *_: Treatment.CHALLENGE, {"acme": login}.get) for _ in range(2)]
        async with AsyncExitStack() as stack:
            workers = [await stack.enter_async_context(Desk.at(WORKER, gate=gate)) for gate in gates]
            house = House(stack.enter_context(edge([worker.address for worker in workers])), workers)
            phone = await stack.enter_async_context(Desk.at(STRANGER))
            for _ in range(4):
                await phone.dial(house, credentials=login)
            assert [call.login for call in house.calls] == ["acme"] * 4
            assert all(worker.calls for worker in workers)
            with pytest.raises(CallRejected, match="401"):
                await phone.dial(house, credentials=Credentials("acme", "wrong"))


class TestFailover:
    async def test_a_full_worker_is_passed_over(self, house: House, carrier: Desk) -> None:
        full, free = house.workers
        full.refusal = 503
        await asyncio.gather(*(carrier.dial(house) for _ in range(6)))
        assert (len(free.calls), len(full.dialogs)) == (6, 0)
        assert full.calls, "it was asked, for it may have room again at any time"

    async def test_other_refusals_are_the_callers(self, house: House, carrier: Desk) -> None:
        for worker in house.workers:
            worker.refusal = 404
        with pytest.raises(CallRejected) as refusal:
            await carrier.dial(house)
        assert (refusal.value.status, len(house.calls)) == (404, 1)

    async def test_when_all_are_full_the_caller_gets_one_clean_503(self, house: House, carrier: Desk) -> None:
        for worker in house.workers:
            worker.refusal = 503
        with pytest.raises(CallRejected) as refusal:
            await carrier.dial(house)
        assert (refusal.value.status, refusal.value.retry_after) == (503, 5)
        assert [len(worker.calls) for worker in house.workers] == [1, 1]

    async def test_a_draining_worker_gets_no_calls_and_comes_back(self, house: House, carrier: Desk) -> None:
        draining, other = house.workers
        ports = [worker.endpoint.address[1] for worker in house.workers]
        draining.open = False
        await asyncio.to_thread(house.edge.until, {ports[0]: "IP", ports[1]: "AP"})
        await asyncio.gather(*(carrier.dial(house) for _ in range(6)))
        assert (len(draining.calls), len(other.calls)) == (0, 6)
        other.open = False
        await asyncio.to_thread(house.edge.until, {ports[0]: "IP", ports[1]: "IP"})
        with pytest.raises(CallRejected) as refusal:
            await carrier.dial(house)
        assert refusal.value.status == 503
        assert (await carrier.endpoint.options((HOST, house.edge.outside))).status == 503
        draining.open = True
        await asyncio.to_thread(house.edge.until, {ports[0]: "AP", ports[1]: "IP"})
        await carrier.dial(house)
        assert len(draining.calls) == 1

    async def test_a_dead_worker_costs_the_first_caller_a_moment_and_the_next_nothing(self, carrier: Desk) -> None:
        async with Desk.at(WORKER) as alive:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as dead:
                dead.bind((WORKER, 0))  # holds the port and never answers
                port = dead.getsockname()[1]
                # Probes would find out by themselves: here calls must.
                with edge([alive.address, f"{WORKER}:{port}"], EDGE_PROBE_SECONDS="600") as running:
                    house = House(running, [alive])
                    await asyncio.gather(*(carrier.dial(house) for _ in range(4)))
                    assert len(alive.calls) == 4
                    assert running.states()[port] == "IP"
                    heard = _drain(dead)
                    await asyncio.gather(*(carrier.dial(house) for _ in range(4)))
                    assert (len(alive.calls), _drain(dead)) == (8, 0), "nobody is sent to the dead any more"
                    assert heard > 0


class TestOutward:
    async def test_a_worker_calls_a_carrier_and_either_hangs_up(self, house: House, carrier: Desk) -> None:
        worker = house.workers[0]
        port = carrier.endpoint.address[1]
        for hang_up_by in (EndedBy.NEAR, EndedBy.FAR):
            dialog = await worker.dial(house, inside=True, to="+12025550177", host=CARRIER, port=port)
            call = carrier.calls[-1]
            assert call.source == (HOST, house.edge.outside), "carriers see the outside, and only that"
            assert call.to_user == "+12025550177"
            assert call.headers("X-DialNexa-Source") == []
            far = await carrier.answered()  # else the BYE might overtake the ACK in Kamailio's processes
            await (dialog if hang_up_by is EndedBy.NEAR else far).hang_up()
            assert (await asyncio.wait_for(dialog.ended(), 10)).by is hang_up_by
        assert worker.endpoint.counts().dialogs == carrier.endpoint.counts().dialogs == 0

    async def test_over_tcp_inside_and_outside(self, house: House, carrier: Desk) -> None:
        port = carrier.endpoint.address[1]
        dialog = await house.workers[0].dial(house, inside=True, host=CARRIER, port=port, transport="tcp")
        assert carrier.calls[0].transport == "TCP"
        await dialog.hang_up()

    async def test_a_carrier_that_is_down_is_said_to_be(self, house: House) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as dead:
            dead.bind((CARRIER, 0))
            with pytest.raises(CallRejected) as refusal:
                await house.workers[0].dial(house, inside=True, host=CARRIER, port=dead.getsockname()[1])
        assert (refusal.value.status, refusal.value.reason) == (503, "The Carrier Does Not Answer")

    async def test_the_edge_is_no_carrier_of_its_own(self, house: House) -> None:
        with pytest.raises(CallRejected, match="482"):
            await house.workers[0].dial(house, inside=True, host=HOST, port=house.edge.outside)

    async def test_a_worker_registers_the_edge(self, house: House, carrier: Desk) -> None:
        """The carrier must call the edge then, for it knows which workers live."""
        asked: list[Request] = []
        carrier.endpoint.on_message = lambda way, _, message: (
            asked.append(message) if way == "in" and isinstance(message, Request) else None
        )
        host, port = carrier.endpoint.address
        registration = house.workers[0].endpoint.register("acme", host=host, port=port, proxy=house.edge.proxy)
        await until(lambda: asked)
        assert asked[0].headers.all("Contact") == [f"<sip:acme@{HOST}:{house.edge.outside}>"]
        assert registration.status.state is not RegistrationState.REGISTERED, "this carrier keeps no register: 405"
        await asyncio.wait_for(registration.end(), 10)


@dataclass
class Secure:
    """An edge with a certificate, one worker behind it, and a carrier with another certificate of its own."""

    house: House
    port: int
    """Of the edge, for TLS."""
    carrier: Desk

    @property
    def over_tcp(self) -> dict[str, Any]:
        """The way a worker goes: inside the edge there is no TLS."""
        return {"proxy": f"{self.house.edge.proxy};transport=tcp"}


@pytest.fixture(params=[True], ids=["a carrier that is believed"])
async def secure(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Secure]:
    ours, theirs = (issue(_made(tmp_path / name), address) for name, address in (("edge", HOST), ("carrier", CARRIER)))
    port = free_port(HOST, socket.SOCK_STREAM)
    known = theirs if request.param else ours
    settings = {
        "WITH_TLS": "1",
        "EDGE_TLS_PORT": str(port),
        "EDGE_TLS_CERTIFICATE": f'"{ours.certificate}"',
        "EDGE_TLS_KEY": f'"{ours.key}"',
        "EDGE_TLS_AUTHORITIES": f'"{known.authorities}"',
    }
    async with AsyncExitStack() as stack:
        worker = await stack.enter_async_context(Desk.at(WORKER, tls=TlsSettings()))
        trusts_edge = TlsSettings(theirs.certificate, theirs.key, ours.authorities, port=0)
        carrier = await stack.enter_async_context(Desk.at(CARRIER, tls=trusts_edge))
        running = await asyncio.to_thread(lambda: stack.enter_context(edge([worker.address], None, **settings)))
        yield Secure(House(running, [worker]), port, carrier)


class TestTls:
    async def test_a_carrier_calls_in_and_either_hangs_up(self, secure: Secure) -> None:
        for far_hangs_up in (False, True):
            dialog = await secure.carrier.dial(secure.house, port=secure.port, transport="tls")
            call = secure.house.calls[-1]
            assert call.source[0] == CARRIER
            there = await secure.house.workers[0].answered()
            await (there if far_hangs_up else dialog).hang_up()
            await asyncio.wait_for(asyncio.gather(dialog.ended(), there.ended()), 10)

    async def test_a_worker_calls_out_and_either_hangs_up(self, secure: Secure) -> None:
        worker, port = secure.house.workers[0], secure.carrier.endpoint.tls_address[1]
        over: dict[str, Any] = {**secure.over_tcp, "host": CARRIER, "port": port, "transport": "tls"}
        for far_hangs_up in (False, True):
            dialog = await worker.dial(secure.house, inside=True, **over)
            call = secure.carrier.calls[-1]
            assert (call.source[0], call.transport) == (HOST, "TLS")
            far = await secure.carrier.answered()
            await (far if far_hangs_up else dialog).hang_up()
            await asyncio.wait_for(asyncio.gather(dialog.ended(), far.ended()), 10)

    async def test_a_worker_registers_the_edges_port_for_tls(self, secure: Secure) -> None:
        asked: list[Request] = []
        secure.carrier.endpoint.on_message = lambda way, _, message: (
            asked.append(message) if way == "in" and isinstance(message, Request) else None
        )
        host, port = secure.carrier.endpoint.tls_address
        registration = secure.house.workers[0].endpoint.register(
            "acme", host=host, port=port, transport="tls", **secure.over_tcp
        )
        await until(lambda: asked)
        (contact,) = asked[0].headers.all("Contact")
        assert f"@{HOST}:{secure.port};transport=tls" in contact
        await asyncio.wait_for(registration.end(), 10)

    @pytest.mark.parametrize("secure", [False], indirect=True, ids=["a carrier nobody vouches for"])
    async def test_a_carrier_whose_certificate_is_anybodys_is_not_called(self, secure: Secure) -> None:
        worker, port = secure.house.workers[0], secure.carrier.endpoint.tls_address[1]
        over: dict[str, Any] = {**secure.over_tcp, "host": CARRIER, "port": port, "transport": "tls"}
        with pytest.raises(CallRejected):
            await worker.dial(secure.house, inside=True, **over)
        assert secure.carrier.calls == []


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


class TestStrangers:
    @pytest.mark.parametrize("socket_of", ["outside", "inside"])
    async def test_nobody_is_relayed_onward(self, house: House, carrier: Desk, stranger: Desk, socket_of: str) -> None:
        """Neither as an outbound proxy nor with a To tag, as if it belonged to a call."""
        port = getattr(house.edge, socket_of)
        victim = "{}:{}".format(*carrier.endpoint.address)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((STRANGER, 0))
            sock.settimeout(2)
            for tag, route in (("", ""), ("", f"Route: <sip:{HOST}:{port};lr>\r\n"), (";tag=x", ""),
                               (";tag=x", f"Route: <sip:{HOST}:{port};lr>\r\n"),
                               (";tag=x", f"Route: <sip:{HOST}:{port};lr>, <sip:{victim};lr>\r\n")):  # fmt: skip
                for method in ("INVITE", "MESSAGE", "BYE", "OPTIONS"):
                    sock.sendto(_stray(method, f"sip:+1900@{victim}", tag, route, sock.getsockname()), (HOST, port))
        await asyncio.sleep(0.5)
        assert carrier.endpoint.counts().received == 0
        assert carrier.calls == []
        if socket_of == "inside":
            assert house.calls == [], "the inside hears workers only"

    async def test_scanners_hear_nothing(self, house: House) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((STRANGER, 0))
            sock.settimeout(1)
            here = sock.getsockname()
            scan = _stray("OPTIONS", f"sip:100@{HOST}", "", "User-Agent: friendly-scanner\r\n", here)
            sock.sendto(scan, (HOST, house.edge.outside))
            sock.sendto(b"\x00\x01garbage\r\n\r\n", (HOST, house.edge.outside))
            sock.sendto(_stray("OPTIONS", f"sip:100@{HOST}", "", "", here), (HOST, house.edge.outside))
            answer = await asyncio.to_thread(sock.recv, 2000)
            assert answer.startswith(b"SIP/2.0 200"), "the honest question is answered, and it alone"
            sock.setblocking(False)
            assert _drain(sock) == 0

    async def test_a_flood_is_not_heard(self, house: House, stranger: Desk, carrier: Desk) -> None:
        with edge([worker.address for worker in house.workers], EDGE_REQUESTS="10") as strict:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.bind((STRANGER, 0))
                for number in range(60):
                    ask = _stray("OPTIONS", f"sip:{number}@{HOST}", "", "", sock.getsockname(), number)
                    sock.sendto(ask, (HOST, strict.outside))
                await asyncio.sleep(0.5)
                assert 0 < _drain(sock) < 40
            await carrier.dial(House(strict, house.workers))


def _stray(method: str, uri: str, tag: str, more: str, here: tuple[str, int], number: int = 0) -> bytes:
    host, port = here
    unique = f"{method}{number}{hash((tag, more))}"
    return (
        f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{port};branch=z9hG4bK-{unique}\r\n"
        f"From: <sip:x@{host}>;tag=s\r\nTo: <{uri}>{tag}\r\nCall-ID: {unique}\r\nCSeq: 1 {method}\r\n"
        f"Contact: <sip:x@{host}:{port}>\r\nMax-Forwards: 70\r\n{more}Content-Length: 0\r\n\r\n"
    ).encode()


def _drain(sock: socket.socket) -> int:
    """Count the datagrams that wait in a socket, and throw them away."""
    sock.setblocking(False)
    return sum(1 for _ in iter(lambda: _read(sock), b""))


def _read(sock: socket.socket) -> bytes:
    try:
        return sock.recv(4000)
    except BlockingIOError:
        return b""
