"""What ``doctor`` finds on the line: our address, our media ports, our certificate, our carriers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from dialnexa.cli import line_checks
from dialnexa.cli.finding import Finding
from dialnexa.cli.installation import KnownTrunk
from dialnexa.kit.clock import SystemClock
from dialnexa.live.sip.endpoint import SipEndpoint
from dialnexa.live.sip.transport.stun import MAGIC
from dialnexa.platform.calls import rejections
from dialnexa.platform.calls.rejections import NOBODY_KNOWS, TurnedAway
from dialnexa.settings import Settings
from tests.platform.numbers.carriers import open_carriers

HOST = "127.0.0.1"


class Stun(asyncio.DatagramProtocol):
    """A STUN server that sees every caller at an address and a port of the test's choice."""

    def __init__(self, seen: str, shift: int) -> None:
        self.seen, self.shift = seen, shift

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        port = ((addr[1] + self.shift) ^ (MAGIC >> 16)).to_bytes(2)
        address = (int.from_bytes(socket.inet_aton(self.seen)) ^ MAGIC).to_bytes(4)
        value = b"\x00\x01" + port + address
        self.transport.sendto(b"\x01\x01\x00\x0c" + data[4:20] + b"\x00\x20\x00\x08" + value, addr)


@asynccontextmanager
async def stun(seen: str, shift: int = 0) -> AsyncGenerator[str]:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Stun(seen, shift), local_addr=(HOST, 0)
    )
    try:
        yield f"{HOST}:{transport.get_extra_info('sockname')[1]}"
    finally:
        transport.close()


async def seen(**settings: Any) -> Finding:
    return (await line_checks.nat(Settings(sip_host=HOST, **settings)))[1]


async def test_nobody_is_asked_how_we_look_unless_the_operator_says_whom() -> None:
    assert (await seen()).grade == "note"


async def test_the_public_address_is_compared_with_what_carriers_are_told() -> None:
    async with stun("203.0.113.7") as server:
        right = await seen(stun_server=server, sip_public_host="203.0.113.7")
        wrong = await seen(stun_server=server, sip_public_host="203.0.113.8")
    assert (right.grade, "keeps ports" in right.words) == ("good", True)
    assert (wrong.grade, "DIALNEXA_SIP_PUBLIC_HOST=203.0.113.7" in wrong.words) == ("bad", True)


async def test_a_nat_that_changes_ports_is_told() -> None:
    async with stun("203.0.113.7", shift=5) as server:
        found = await seen(stun_server=server, sip_public_host="203.0.113.7")
    assert (found.grade, "changes ports" in found.words) == ("note", True)


@pytest.mark.parametrize("server", ["127.0.0.1:9", "127.0.0.1:many", "no-such-host.invalid"])
async def test_a_server_that_tells_nothing(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_checks, "_STUN_WAIT_S", 0.01)
    found = await seen(stun_server=server)
    assert (found.grade, server in found.words) == ("bad", True)


async def test_packets_pass_between_media_ports() -> None:
    (good,) = await line_checks.audio(Settings(sip_host=HOST))
    assert good.grade == "good"
    (bad,) = await line_checks.audio(Settings(sip_host="203.0.113.7"))
    assert (bad.grade, "203.0.113.7" in bad.words) == ("bad", True)


def certificate(path: Path, name: str, days: int) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=400))
        .not_valid_after(now + timedelta(days=days, hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.mark.parametrize(
    ("name", "days", "grade", "words"),
    [
        ("sip.acme.example", 90, "good", "is good until"),
        ("sip.acme.example", 5, "note", "renew it in these 5 days"),
        ("sip.acme.example", -2, "bad", "ended on"),
        ("other.example", 90, "note", "carriers are told sip.acme.example"),
    ],
)
async def test_a_certificate_s_names_and_last_day(tmp_path: Path, name: str, days: int, grade: str, words: str) -> None:
    path = certificate(tmp_path / "cert.pem", name, days)
    (found,) = await line_checks.certificate(Settings(sip_tls_certificate=path, sip_public_host="sip.acme.example"))
    assert (found.grade, words in found.words) == (grade, True), found.words


async def test_a_certificate_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("nothing")
    for path in (tmp_path / "cert.pem", tmp_path / "missing.pem"):
        (found,) = await line_checks.certificate(Settings(sip_tls_certificate=path))
        assert (found.grade, "cannot be read" in found.words) == ("bad", True)


async def test_trunks_are_asked_over_their_own_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    until = datetime(2026, 5, 23, 12, tzinfo=UTC)
    async with SipEndpoint.open(HOST, 0, on_invite=lambda call: call.reject(480), tcp=True) as carrier:
        port = carrier.address[1]
        every = [
            KnownTrunk("over TCP", "c", HOST, port, "tcp", "", True, "registered", "", until),
            KnownTrunk("over a proxy", "d", "carrier.invalid", 0, "udp", f"{HOST}:{port}", True, "failed", "403 No"),
            KnownTrunk("over TLS", "e", HOST, port, "tls", "", True),
        ]

        async def known(_: Settings) -> list[KnownTrunk]:
            return every

        async def none(_: Settings) -> tuple[int, str]:
            return 0, ""

        monkeypatch.setattr(line_checks, "trunks", known)
        monkeypatch.setattr(line_checks, "strangers", none)
        found = await line_checks.carriers(Settings(sip_host=HOST))
    assert [one.grade for one in found] == ["good", "good", "good", "bad", "bad", "note", "good"]
    assert "over TCP answers 200 OK" in found[0].words
    assert "until 12:00:00 UTC" in found[1].words
    assert "403 No" in found[3].words
    assert "no worker keeps it" in found[5].words


@pytest.mark.parametrize(("phones", "grade"), [(2, "good"), (0, "note")])
async def test_a_trunk_of_phones_is_not_probed_but_counted(
    phones: int, grade: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def known(_: Settings) -> list[KnownTrunk]:
        return [KnownTrunk("Office", "phones.invalid", "phones.invalid", 0, "udp", "", False, phones=phones)]

    async def none(_: Settings) -> tuple[int, str]:
        return 0, ""

    monkeypatch.setattr(line_checks, "trunks", known)
    monkeypatch.setattr(line_checks, "strangers", none)
    found = (await line_checks.carriers(Settings(sip_host=HOST)))[0]
    assert (found.grade, found.about) == (grade, "phones")


async def test_strangers_are_counted(tmp_path: Path) -> None:
    async with open_carriers(f"sqlite:///{tmp_path / 'dialnexa.db'}") as carriers:
        await carriers.trunk(HOST, transport="tls")
        now = SystemClock().now()
        line = TurnedAway("198.51.100.9", 40, f"The request came from an address {NOBODY_KNOWS}.", 401)
        few = replace(line, source="198.51.100.1", attempts=2)
        old = replace(line, source="198.51.100.2", attempts=999)
        async with carriers.database.write() as session:
            await rejections.write_turned_away(session, [line, few], now=now)
            await rejections.write_turned_away(session, [line], now=now)
            await rejections.write_turned_away(session, [old], now=now - timedelta(days=2))
        found = (await line_checks.carriers(Settings(data=tmp_path, sip_host=HOST)))[-1]
    assert found.grade == "note"
    assert found.words.startswith("82 requests") and "most of them from 198.51.100.9" in found.words
