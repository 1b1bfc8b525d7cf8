"""Calls over TCP and TLS between two of our endpoints on loopback, and what happens to their connections."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from dialnexa.live.sip.endpoint import CallRejected, Dialog, EndedBy, IncomingCall, SipEndpoint, TlsSettings
from dialnexa.live.sip.messages.framing import PING, PONG
from dialnexa.live.sip.messages.message import Request, parse
from dialnexa.live.sip.messages.sdp import make_answer, make_offer
from dialnexa.live.sip.registrations import keep_alive

HOST = "127.0.0.1"


def certificate(folder: Path, name: str, address: str = "") -> Path:
    """Make a self-signed certificate, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    names: list[x509.GeneralName] = [x509.DNSName(name)]
    if address:
        names.append(x509.IPAddress(ipaddress.ip_address(address)))
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


class Callee:
    """Answers every call."""

    def __init__(self) -> None:
        self.calls: list[IncomingCall] = []
        self.dialogs: asyncio.Queue[Dialog] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []

    def __call__(self, call: IncomingCall) -> None:
        self.calls.append(call)
        call.ring()
        self._tasks.append(asyncio.ensure_future(self._answer(call)))

    async def _answer(self, call: IncomingCall) -> None:
        assert call.offer
        self.dialogs.put_nowait(await call.accept(make_answer(call.offer, HOST, 5000)))


@asynccontextmanager
async def two(
    tls: TlsSettings | None = None, mine: TlsSettings | None = None, tcp: bool = True
) -> AsyncGenerator[tuple[SipEndpoint, SipEndpoint, Callee]]:
    callee = Callee()
    async with (
        SipEndpoint.open(HOST, 0, on_invite=callee, tcp=True, tls=tls) as far,
        SipEndpoint.open(HOST, 0, on_invite=lambda call: call.reject(486), tcp=tcp, tls=mine) as near,
    ):
        yield near, far, callee
        assert near.counts().faults == far.counts().faults == 0


async def call(
    near: SipEndpoint, port: int, transport: str, host: str = HOST, headers: Sequence[tuple[str, str]] = ()
) -> Dialog:
    offer = make_offer(HOST, 4000)
    calling = near.dial("+1", from_user="+2", host=host, port=port, offer=offer, headers=headers, transport=transport)
    async with asyncio.timeout(10):
        return await calling.answered(lambda _: None)


class TestKeepAlive:
    async def test_holds_the_connection_to_a_registrar_open(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(keep_alive, "STREAM_S", 0.02)
        pinged = asyncio.Event()

        async def registrar(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked = parse(await reader.readuntil(b"\r\n\r\n"))
            assert isinstance(asked, Request)
            writer.write(asked.reply(200, to_tag="r").encode())
            if await reader.readexactly(4) == PING:
                pinged.set()
            writer.write(PONG)
            await reader.read()
            writer.close()

        server = await asyncio.start_server(registrar, HOST, 0)
        async with (
            server,
            SipEndpoint.open(HOST, 0, on_invite=lambda call: call.reject(486), tcp=True) as near,
            asyncio.timeout(10),
        ):
            port = server.sockets[0].getsockname()[1]
            registration = near.register("alice", host=HOST, port=port, transport="tcp")
            await pinged.wait()
            assert registration.status.state == "registered"
            assert near.counts().malformed == 0


class TestTcp:
    async def test_a_call_either_side_may_end(self) -> None:
        async with two() as (near, far, callee):
            for who in ("near", "far"):
                ours = await call(near, far.address[1], "tcp")
                theirs = await callee.dialogs.get()
                assert callee.calls[-1].transport == "TCP"
                await (ours if who == "near" else theirs).hang_up()
                assert (await ours.ended()).by is (EndedBy.NEAR if who == "near" else EndedBy.FAR)
            assert (near.counts().connections, far.counts().connections) == (1, 1)

    async def test_many_calls_share_one_connection(self) -> None:
        async with two() as (near, far, callee):
            dialogs = await asyncio.gather(*(call(near, far.address[1], "tcp") for _ in range(20)))
            await asyncio.gather(*(dialog.hang_up() for dialog in dialogs))
            assert far.counts().connections == 1
            assert len(callee.calls) == 20

    async def test_nobody_listening_is_a_refusal_at_once(self) -> None:
        async with two() as (near, _, _callee):
            async with SipEndpoint.open(HOST, 0, on_invite=lambda call: None) as deaf:
                with pytest.raises(CallRejected, match="no TCP connection"):
                    await call(near, deaf.address[1], "tcp")
            assert near.counts().client_transactions == 0

    async def test_a_stranger_gets_a_pong_and_garbage_costs_only_its_own_connection(self) -> None:
        async with two() as (_, far, _callee):
            reader, writer = await asyncio.open_connection(*far.address)
            writer.write(b"\r\n\r\n")
            assert await reader.readexactly(2) == b"\r\n"
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                await reader.readexactly(1)
            writer.close()
            assert far.counts().malformed_by_source == {HOST: 1}

    async def test_an_answer_finds_its_way_when_the_connection_has_gone(self) -> None:
        """§18.2.2: to the port of the Via, over a new connection."""
        answers: asyncio.Queue[bytes] = asyncio.Queue()

        async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            answers.put_nowait(await reader.readuntil(b"\r\n\r\n"))
            writer.close()

        rings: asyncio.Queue[IncomingCall] = asyncio.Queue()
        async with SipEndpoint.open(HOST, 0, on_invite=rings.put_nowait, tcp=True) as far:
            server = await asyncio.start_server(listen, HOST, 0)
            port = server.sockets[0].getsockname()[1]
            _, writer = await asyncio.open_connection(*far.address)
            writer.write(
                f"INVITE sip:+1@{HOST} SIP/2.0\r\nVia: SIP/2.0/TCP {HOST}:{port};branch=z9hG4bKa;rport\r\n"
                f"Max-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:+1@{HOST}>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n"
                f"Contact: <sip:a@{HOST}:{port};transport=tcp>\r\nContent-Length: 0\r\n\r\n".encode()
            )
            incoming = await rings.get()
            writer.transport.abort()
            while far.counts().connections:
                await asyncio.sleep(0)
            incoming.reject(486)
            assert (await asyncio.wait_for(answers.get(), 5)).startswith(b"SIP/2.0 486")
            server.close()
            await server.wait_closed()


class TestLongRequests:
    LONG = (("X-Long", "x" * 1300),)

    async def test_leave_udp_for_tcp(self) -> None:
        async with two() as (near, far, callee):
            dialog = await call(near, far.address[1], "udp", headers=self.LONG)
            assert callee.calls[0].transport == "TCP"
            await dialog.hang_up()
            assert (await dialog.ended()).by is EndedBy.NEAR

    async def test_stay_on_udp_when_the_peer_takes_no_tcp(self) -> None:
        callee = Callee()
        async with two() as (near, _, _callee), SipEndpoint.open(HOST, 0, on_invite=callee) as far:
            dialogs = [await call(near, far.address[1], "udp", headers=self.LONG) for _ in range(2)]
            assert [each.transport for each in callee.calls] == ["UDP", "UDP"]
            await asyncio.gather(*(dialog.hang_up() for dialog in dialogs))


class TestTls:
    async def test_a_call_to_a_name_we_believe(self, tmp_path: Path) -> None:
        pem = certificate(tmp_path, "localhost")
        async with two(TlsSettings(pem, port=0), TlsSettings(authorities=pem)) as (near, far, callee):
            dialog = await call(near, far.tls_address[1], "tls", "localhost")
            theirs = await callee.dialogs.get()
            assert callee.calls[0].transport == "TLS"
            await theirs.hang_up()
            assert (await dialog.ended()).by is EndedBy.FAR

    async def test_a_certificate_for_another_name_is_refused(self, tmp_path: Path) -> None:
        pem = certificate(tmp_path, "elsewhere.example")
        async with two(TlsSettings(pem, port=0), TlsSettings(authorities=pem)) as (near, far, callee):
            with pytest.raises(CallRejected, match="no TLS connection"):
                await call(near, far.tls_address[1], "tls", "localhost")
            assert callee.calls == []

    async def test_a_certificate_nobody_vouches_for_is_refused(self, tmp_path: Path) -> None:
        pem = certificate(tmp_path, "localhost")
        async with two(TlsSettings(pem, port=0), TlsSettings()) as (near, far, _):
            with pytest.raises(CallRejected, match="no TLS connection"):
                await call(near, far.tls_address[1], "tls", "localhost")

    async def test_callers_may_have_to_show_one_too(self, tmp_path: Path) -> None:
        pem, own = certificate(tmp_path, "localhost"), certificate(tmp_path, "caller.example")
        both = tmp_path / "both.pem"
        both.write_bytes(pem.read_bytes() + own.read_bytes())
        strict = TlsSettings(pem, authorities=both, require_client_certificate=True, port=0)
        async with two(strict, TlsSettings(own, authorities=both, port=0)) as (near, far, _):
            await (await call(near, far.tls_address[1], "tls", "localhost")).hang_up()
        async with two(strict, TlsSettings(authorities=both)) as (near, far, _):
            with pytest.raises(CallRejected):
                await call(near, far.tls_address[1], "tls", "localhost")

    async def test_what_was_not_opened_cannot_be_dialled(self) -> None:
        async with two() as (near, _, _callee):
            with pytest.raises(ValueError, match="does not speak SIP over TLS"):
                near.dial("+1", from_user="", host=HOST, port=5061, offer=make_offer(HOST, 1), transport="tls")

    async def test_unusable_files_are_said_at_once(self, tmp_path: Path) -> None:
        (tmp_path / "bad.pem").write_text("nothing")
        with pytest.raises(ssl.SSLError):
            async with SipEndpoint.open(HOST, 0, on_invite=lambda _: None, tls=TlsSettings(tmp_path / "bad.pem")):
                pass
