"""Codecs with phones that are not ours: baresip echoes, so a tone that comes back was understood both ways."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from dialnexa.live.lines.sip import SipLine
from dialnexa.live.media.codec import Codec
from dialnexa.live.plan import CallLimits, SipRoute
from tests.e2e.test_srtp import HOST, Desk, answers, desk, echo, phone

__all__ = ["desk"]

pytestmark = pytest.mark.e2e

G722, OPUS, G711 = "G722/16000/1", "opus/48000/2", "pcmu/8000/1,pcma/8000/1"


def dialled(desk: Desk, port: int, codecs: Sequence[str]) -> SipLine:
    return SipLine.dialling(
        "phone",
        from_user="+1",
        route=SipRoute(HOST, port, codecs=tuple(codecs)),
        endpoint=desk.endpoint,
        media=desk.media,
        ports=desk.ports,
        limits=CallLimits(),
    )


@pytest.mark.parametrize(
    ("spoken", "ours", "agreed"),
    [
        (f"{G722},{OPUS}", (), Codec.G722),
        (OPUS, (), Codec.OPUS),
        (f"{G711},{OPUS}", ("opus", "PCMA"), Codec.OPUS),
        (G711, ("PCMA", "PCMU"), Codec.PCMA),
    ],
)
async def test_we_call_a_phone(tmp_path: Path, desk: Desk, spoken: str, ours: tuple[str, ...], agreed: Codec) -> None:
    async with phone(tmp_path, "", desk.endpoint.address[1], codecs=spoken) as port:
        await answers(desk, port)
        async with dialled(desk, port, ours) as line:
            await line.connect(lambda _: None)
            assert line._audio.leg.codec is agreed
            assert abs(await echo(line) - 700) < 10
            assert line._audio._session.statistics.refused == 0


@pytest.mark.parametrize(
    ("spoken", "ours", "agreed"),
    [
        (f"{G722},{G711}", (), Codec.G722),
        (f"{OPUS},{G711}", (), Codec.OPUS),
        (f"{OPUS},{G711}", ("PCMA", "G722"), Codec.PCMA),
    ],
)
async def test_a_phone_calls_us(tmp_path: Path, desk: Desk, spoken: str, ours: tuple[str, ...], agreed: Codec) -> None:
    port = desk.endpoint.address[1]
    async with phone(tmp_path, "", port, f"/dial sip:+1@{HOST}:{port}", codecs=spoken):
        incoming = await asyncio.wait_for(desk.incoming.get(), 20)
        async with SipLine.answering(
            incoming, desk.endpoint, desk.media, desk.ports, CallLimits(), codecs=ours
        ) as line:
            await line.connect(lambda _: None)
            assert line._audio.leg.codec is agreed
            assert abs(await echo(line) - 700) < 10
            assert line._audio._session.statistics.refused == 0
