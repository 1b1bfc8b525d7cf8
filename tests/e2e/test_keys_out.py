"""Keys that a line presses, as SIPp hears them: by INFO, and with the audio from where INFO is refused."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dialnexa.kit.clock import SystemClock
from dialnexa.live.lines.sip import SipLine
from dialnexa.live.media.engine import MediaEngine
from dialnexa.live.plan import CallLimits, Dtmf, SipRoute
from dialnexa.live.rtp.ports import PortRange
from dialnexa.live.timeline import Happening, Trouble
from tests.e2e.sip_stage import EMPTY, HOST, HUNG_UP, SAME_TAG, SDP, endpoint, invited, receive, reply, send, sipp

pytestmark = pytest.mark.e2e

NO_EVENTS = SDP.replace(" 101\na=rtpmap:101 telephone-event/8000", "")


def answered(sdp: str) -> str:
    return (
        invited()
        + send(reply("200 OK", f"Allow: INVITE, ACK, BYE, INFO\n{sdp}"), 'retrans="500"')
        + receive('request="ACK"')
    )


def pressed(key: str, status: str = "200 OK") -> str:
    says = f'<ereg regexp="Signal={key}.{{1,2}}Duration=160" search_in="body" check_it="true" assign_to="3"/>'
    return receive('request="INFO"', says) + send(f"SIP/2.0 {status}\n{SAME_TAG}{EMPTY}")


def answers(line: SipLine) -> int:
    return sum(message.way == "in" and "INFO\r\n" in message.text for message in line.ladder().messages)


@pytest.mark.parametrize(
    ("wish", "sdp", "story", "troubles"),
    [
        (Dtmf.INFO, SDP, pressed("4") + pressed("2") + pressed("#"), 0),
        (Dtmf.AUTO, NO_EVENTS, pressed("4") + pressed("2", "415 No"), 1),
    ],
    ids=["as the trunk wants it", "where nothing better was agreed on, until it is refused"],
)
async def test_keys_arrive_in_order(tmp_path: Path, wish: Dtmf, sdp: str, story: str, troubles: int) -> None:
    told: list[Happening] = []
    async with (
        endpoint() as near,
        MediaEngine.open(clock=SystemClock(), vad=False) as media,
        sipp(tmp_path, scenario=answered(sdp) + story + '<Reference variables="1,2,3"/>' + HUNG_UP) as (port, finish),
    ):
        line = SipLine.dialling(
            "+16505550199",
            from_user="+14155550100",
            route=SipRoute(HOST, port, dtmf=wish),
            endpoint=near,
            media=media,
            ports=PortRange(46000, 46099),
            limits=CallLimits(),
            tell=told.append,
        )
        async with line:
            await line.connect(lambda _: None)
            line.press("42#")
            async with asyncio.timeout(10):
                while answers(line) < story.count("<recv"):
                    await asyncio.sleep(0.02)
        await finish.well()
    assert len([one for one in told if isinstance(one, Trouble)]) == troubles
