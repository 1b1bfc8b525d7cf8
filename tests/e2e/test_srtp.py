"""Encrypted calls with a phone that is not ours: baresip echoes, so a tone that comes back went both ways."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from dialnexa.kit.clock import SystemClock
from dialnexa.kit.process import free_port
from dialnexa.live.line import NotConnected
from dialnexa.live.lines.encryption import KeyAgreement
from dialnexa.live.lines.sip import SipLine
from dialnexa.live.media.engine import MediaEngine
from dialnexa.live.media.tones import tone
from dialnexa.live.plan import CallLimits, Encryption, SipRoute
from dialnexa.live.rtp.ports import PortRange
from dialnexa.live.sip.endpoint import IncomingCall, SipEndpoint
from tests.e2e.test_sip_line import Ear

pytestmark = pytest.mark.e2e

HOST = "127.0.0.1"


@dataclass
class Desk:
    """Our side: an endpoint, a media engine, and the calls that come in."""

    endpoint: SipEndpoint
    media: MediaEngine
    ports: PortRange
    incoming: asyncio.Queue[IncomingCall]

    def dial(self, port: int, encryption: Encryption) -> SipLine:
        return SipLine.dialling(
            "phone",
            from_user="+1",
            route=SipRoute(HOST, port, encryption=encryption),
            endpoint=self.endpoint,
            media=self.media,
            ports=self.ports,
            limits=CallLimits(),
        )

    def answer(self, incoming: IncomingCall, encryption: Encryption) -> SipLine:
        return SipLine.answering(incoming, self.endpoint, self.media, self.ports, CallLimits(), encryption=encryption)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    incoming: asyncio.Queue[IncomingCall] = asyncio.Queue()
    async with (
        SipEndpoint.open(HOST, 0, on_invite=incoming.put_nowait) as endpoint,
        MediaEngine.open(clock=SystemClock(), vad=False) as media,
    ):
        yield Desk(endpoint, media, PortRange(47000, 47999), incoming)
        assert media.legs == 0


@asynccontextmanager
async def phone(
    folder: Path, mediaenc: str, ours: int, commands: str = "", codecs: str = "pcmu/8000/1"
) -> AsyncGenerator[int]:
    """Run baresip, which plays back what it hears; ``commands`` are typed once it is up."""
    port = free_port(HOST, socket.SOCK_DGRAM)
    (folder / "config").write_text(
        f"sip_listen {HOST}:{port}\nmodule_path /usr/lib/baresip/modules\nmodule g711.so\nmodule g722.so\n"
        "module opus.so\nmodule srtp.so\n"
        "module aubridge.so\nmodule_app account.so\nmodule_app menu.so\n"
        "audio_source aubridge,x\naudio_player aubridge,x\nringback_disabled yes\n"
    )
    encryption = f"mediaenc={mediaenc};" if mediaenc else ""
    (folder / "accounts").write_text(
        f"<sip:phone@{HOST}:{ours};transport=udp>;regint=0;answermode=auto;{encryption}audio_codecs={codecs}\n"
    )
    (folder / "contacts").write_text("")
    process = await asyncio.create_subprocess_exec(
        "baresip", "-f", str(folder), "-4", "-n", HOST, *(("-e", commands) if commands else ()),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield port
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def answers(desk: Desk, port: int) -> None:
    """Wait until the phone takes SIP."""
    async with asyncio.timeout(20):
        while True:
            try:
                await asyncio.wait_for(desk.endpoint.options((HOST, port)), 0.5)
            except (TimeoutError, ConnectionError):
                continue
            return


async def echo(line: SipLine) -> float:
    """Say a tone of 700 Hz and return the loudest frequency of what comes back."""
    ear = Ear()
    line.listen(ear)
    said = line.say()
    said.push(tone((700,), 1.2))
    said.finish()
    await ear.until(lambda: said.done)
    await ear.until(lambda: len(ear.heard) > 75)
    return ear.loudest_hz()


@pytest.mark.parametrize(
    ("mediaenc", "encryption", "sealed"),
    [
        ("srtp", Encryption.OFFERED, True),
        ("srtp-mand", Encryption.REQUIRED, True),
        ("", Encryption.OFFERED, False),
    ],
)
async def test_we_call_a_phone(tmp_path: Path, desk: Desk, mediaenc: str, encryption: Encryption, sealed: bool) -> None:
    async with phone(tmp_path, mediaenc, desk.endpoint.address[1]) as port:
        await answers(desk, port)
        async with desk.dial(port, encryption) as line:
            await line.connect(lambda _: None)
            assert abs(await echo(line) - 700) < 10
            session = line._audio._session
            assert bool(session.suite) is sealed
            assert session.statistics.undecipherable == 0


@pytest.mark.parametrize("mediaenc", ["srtp", "srtp-mand"])
async def test_a_phone_calls_us(tmp_path: Path, desk: Desk, mediaenc: str) -> None:
    ours = desk.endpoint.address[1]
    async with phone(tmp_path, mediaenc, ours, f"/dial sip:+1@{HOST}:{ours}"):
        incoming = await asyncio.wait_for(desk.incoming.get(), 20)
        async with desk.answer(incoming, Encryption.REQUIRED) as line:
            await line.connect(lambda _: None)
            assert abs(await echo(line) - 700) < 10
            assert line._audio._session.suite == "AES_CM_128_HMAC_SHA1_80"


async def test_a_phone_in_clear_is_refused_where_encryption_is_required(tmp_path: Path, desk: Desk) -> None:
    ours = desk.endpoint.address[1]
    async with phone(tmp_path, "", ours, f"/dial sip:+1@{HOST}:{ours}") as port:
        incoming = await asyncio.wait_for(desk.incoming.get(), 20)
        async with desk.answer(incoming, Encryption.REQUIRED) as line:
            with pytest.raises(NotConnected, match="'required'") as refusal:
                await line.connect(lambda _: None)
        assert refusal.value.sip_status == 488
        async with desk.dial(port, Encryption.REQUIRED) as line:
            with pytest.raises(NotConnected, match="encrypt"):
                await line.connect(lambda _: None)


@asynccontextmanager
async def between_us(desk: Desk, encryption: Encryption) -> AsyncGenerator[tuple[SipLine, SipLine]]:
    """Both ends of a call of ours to ourselves."""
    async with desk.dial(desk.endpoint.address[1], encryption) as caller:
        connecting = asyncio.ensure_future(caller.connect(lambda _: None))
        async with desk.answer(await desk.incoming.get(), encryption) as callee:
            await callee.connect(lambda _: None)
            await connecting
            yield caller, callee


async def hears(line: SipLine, other: SipLine, hertz: int) -> bool:
    """Say a tone at one end and tell whether it comes out at the other."""
    ear = Ear()
    other.listen(ear)
    said = line.say()
    said.push(tone((hertz,), 0.6))
    said.finish()
    await ear.until(lambda: said.done and len(ear.heard) > 35)
    return abs(ear.loudest_hz() - hertz) < 15


async def test_new_keys_are_followed_whoever_offers_them(desk: Desk) -> None:
    async with between_us(desk, Encryption.REQUIRED) as (caller, callee):
        assert await hears(caller, callee, 600)
        dialog, audio = caller._dialog, caller._audio
        assert dialog is not None
        audio._keys = KeyAgreement(Encryption.REQUIRED)
        fresh_keys = audio.offer()
        before = audio._session._srtp
        await dialog.offer(dialog.local_sdp.revised(cryptos=fresh_keys.cryptos))
        assert audio._session._srtp is before
        assert await hears(caller, callee, 800)
        assert await hears(callee, caller, 900)
        for line in (caller, callee):
            assert line._audio._session.statistics.undecipherable <= 5


async def test_an_answer_to_our_own_offer_moves_the_audio(desk: Desk) -> None:
    async with between_us(desk, Encryption.OFFERED) as (caller, callee):
        answering, dialog = callee._dialog, caller._dialog
        assert answering is not None
        assert dialog is not None
        answering.on_offer = lambda offer: replace(
            callee._audio.renegotiate(offer, answering.local_sdp), address="127.0.0.9", port=40000
        )
        await dialog.offer(dialog.local_sdp.revised())
        assert caller._audio._session.remote == ("127.0.0.9", 40000)
