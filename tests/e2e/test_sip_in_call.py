"""What happens while a call is up, with SIPp as the far end: session timers, hold, transfers, keypad digits by INFO."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dialnexa.live.sip.dialogs import session_timer
from dialnexa.live.sip.endpoint import Dialog, EndedBy, Referral, TransferProgress
from dialnexa.live.sip.messages.message import Response, SipMessage
from dialnexa.live.sip.messages.sdp import Direction
from tests.e2e.sip_stage import (
    EMPTY,
    HOST,
    HUNG_UP,
    REMEMBER,
    SAME_TAG,
    SDP,
    Desk,
    ask,
    ask_caller,
    dial,
    endpoint,
    invited,
    receive,
    reply,
    send,
    sipp,
)

pytestmark = pytest.mark.e2e

OK = send(f"SIP/2.0 200 OK\n{SAME_TAG}{EMPTY}")
UP = receive('response="100"', options='optional="true"') + receive('response="180"') + receive('response="200"')


@pytest.fixture
def brief_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 4028 wants 90 s at least; nobody waits that long here."""
    monkeypatch.setattr(session_timer, "SHORTEST_S", 2)


@pytest.mark.usefixtures("brief_sessions")
class TestSessionTimer:
    @pytest.mark.parametrize("allow", ["INVITE, ACK, BYE, UPDATE", "INVITE, ACK, BYE"])
    async def test_we_refresh_when_it_is_our_turn(self, tmp_path: Path, allow: str) -> None:
        terms = f"Allow: {allow}\nSession-Expires: 2;refresher=uac\n"
        ours = (
            '<ereg regexp="2;refresher=uac" search_in="hdr" header="Session-Expires:" check_it="true" assign_to="3"/>'
        )
        if "UPDATE" in allow:
            refreshed = receive('request="UPDATE"', ours) + send(f"SIP/2.0 200 OK\n{SAME_TAG}{terms}{EMPTY}")
        else:
            refreshed = (
                receive('request="INVITE"', ours)
                + send(f"SIP/2.0 200 OK\n{SAME_TAG}{terms}{SDP}", 'retrans="500"')
                + receive('request="ACK"')
            )
        scenario = (
            invited()
            + send(reply("200 OK", terms + SDP), 'retrans="500"')
            + receive('request="ACK"')
            + refreshed
            + '<Reference variables="1,2,3"/>'
            + HUNG_UP
        )
        async with endpoint() as near, sipp(tmp_path, scenario=scenario) as (port, finish):
            answered = asyncio.Event()

            def watch(way: str, peer: tuple[str, int], message: SipMessage) -> None:
                if way == "in" and isinstance(message, Response) and (message.status, message.cseq.number) == (200, 2):
                    answered.set()

            near.on_message = watch
            dialog = await dial(near, port)
            await answered.wait()
            await dialog.hang_up()
            await finish.well()

    async def test_a_far_end_that_owes_a_refresh_and_is_silent_is_hung_up(self, tmp_path: Path) -> None:
        scenario = (
            invited()
            + send(reply("200 OK", f"Session-Expires: 2;refresher=uas\nRequire: timer\n{SDP}"), 'retrans="500"')
            + receive('request="ACK"')
            + HUNG_UP
        )
        async with endpoint() as near, sipp(tmp_path, scenario=scenario) as (port, finish):
            dialog = await dial(near, port)
            end = await dialog.ended()
            assert (end.by, "session expired" in end.reason) == (EndedBy.LOST, True)
            await finish.well()

    async def test_a_caller_that_refreshes_stays(self, tmp_path: Path) -> None:
        desk = Desk()
        terms = "Supported: timer\nSession-Expires: 2;refresher=uac\n"
        said = (
            '<ereg regexp="2;refresher=uac" search_in="hdr" header="Session-Expires:" check_it="true" assign_to="3"/>'
        )
        refresh = (
            '<pause milliseconds="900"/>' + send(ask("UPDATE", 2, more=terms + EMPTY)) + receive('response="200"', said)
        )
        scenario = (
            send(ask("INVITE", 1, more=terms + SDP, to=""), 'retrans="500"')
            + receive('response="100"', options='optional="true"')
            + receive('response="180"')
            + receive('response="200"', said)
            + send(ask("ACK", 1))
            + refresh
            + refresh.replace("CSeq: 2 ", "CSeq: 3 ")
            + '<Reference variables="3"/>'
            + send(ask("BYE", 4), 'retrans="500"')
            + receive('response="200"')
        )
        async with endpoint(desk) as near:
            async with sipp(tmp_path, f"{HOST}:{near.address[1]}", scenario=scenario) as (_, finish):
                await finish.well()
            assert (await (await desk.answering[0]).ended()).by is EndedBy.FAR


class TestHold:
    async def test_we_hold_and_resume(self, tmp_path: Path) -> None:
        wants = '<ereg regexp="a={}" search_in="body" check_it="true" assign_to="3"/>'
        scenario = (
            invited()
            + send(reply("200 OK", SDP), 'retrans="500"')
            + receive('request="ACK"')
            + receive('request="INVITE"', wants.format("sendonly"))
            + send(f"SIP/2.0 200 OK\n{SAME_TAG}{SDP}a=recvonly\n", 'retrans="500"')
            + receive('request="ACK"')
            + receive('request="INVITE"', wants.format("sendrecv"))
            + '<Reference variables="1,2,3"/>'
            + send(f"SIP/2.0 491 Request Pending\n{SAME_TAG}{EMPTY}", 'retrans="500"')
            + receive('request="ACK"')
            + receive('request="INVITE"', wants.format("sendrecv"))
            + send(f"SIP/2.0 200 OK\n{SAME_TAG}{SDP}", 'retrans="500"')
            + receive('request="ACK"')
            + HUNG_UP
        )
        async with endpoint() as near, sipp(tmp_path, scenario=scenario) as (port, finish):
            dialog = await dial(near, port)
            held = await dialog.offer(dialog.local_sdp.revised(direction=Direction.SENDONLY))
            assert held.direction is Direction.RECVONLY
            resumed = await dialog.offer(dialog.local_sdp.revised(direction=Direction.SENDRECV))
            assert resumed.direction is Direction.SENDRECV
            await dialog.hang_up()
            await finish.well()


class TestTransfer:
    async def test_we_refer_and_hear_how_it_went(self, tmp_path: Path) -> None:
        to = '<ereg regexp="sip:desk@example.com" search_in="hdr" header="Refer-To:" check_it="true" assign_to="3"/>'

        def notify(cseq: int, state: str, line: str) -> str:
            kind = "Content-Type: message/sipfrag\nContent-Length: [len]"
            more = f"Event: refer\nSubscription-State: {state}\n{kind}\n\n{line}\n"
            return send(ask_caller("NOTIFY", cseq, more), 'retrans="500"') + receive('response="200"')

        scenario = (
            invited()
            + send(reply("200 OK", SDP), 'retrans="500"')
            + receive('request="ACK"')
            + receive('request="REFER"', to)
            + '<Reference variables="1,3"/>'
            + send(f"SIP/2.0 202 Accepted\n{SAME_TAG}{EMPTY}")
            + notify(1, "active;expires=60", "SIP/2.0 180 Ringing")
            + notify(2, "terminated;reason=noresource", "SIP/2.0 200 OK")
            + HUNG_UP
        )
        async with endpoint() as near, sipp(tmp_path, scenario=scenario) as (port, finish):
            dialog, heard = await dial(near, port), list[TransferProgress]()
            end = await dialog.transfer("sip:desk@example.com", on_progress=heard.append)
            assert (end.status, [step.status for step in heard]) == (200, [180, 200])
            await dialog.hang_up()
            await finish.well()

    async def test_we_are_referred_and_say_how_it_goes(self, tmp_path: Path) -> None:
        desk, asked = Desk(), asyncio.Queue[Referral]()
        tells = '<ereg regexp="SIP/2.0 {}" search_in="body" check_it="true" assign_to="3"/>'
        told = "".join(receive('request="NOTIFY"', tells.format(status)) + OK for status in (100, 180, 200))
        scenario = (
            send(ask("INVITE", 1, more=SDP, to=""), 'retrans="500"')
            + receive('response="100"', options='optional="true"')
            + receive('response="180"')
            + receive('response="200"', REMEMBER.format("To", 1))
            + send(ask("ACK", 1))
            + send(ask("REFER", 2, more=f"Refer-To: <sip:boss@example.com>\n{EMPTY}"), 'retrans="500"')
            + receive('response="202"')
            + told
            + '<Reference variables="3"/>'
            + send(ask("BYE", 3, to="@").replace("To: <sip:+1@[remote_ip]:[remote_port]>@", "To:[$1]"), 'retrans="500"')
            + receive('response="200"')
        )
        async with endpoint(desk) as near:
            async with sipp(tmp_path, f"{HOST}:{near.address[1]}", scenario=scenario) as (_, finish):
                dialog: Dialog = await desk.up.get()
                dialog.on_refer = asked.put_nowait
                referral = await asked.get()
                assert referral.target.uri == "sip:boss@example.com"
                referral.accept()
                # One after the other: over UDP they might overtake each other, and SIPp wants them in order.
                for status in (180, 200):
                    await asyncio.sleep(0.15)
                    referral.tell(status)
                await finish.well()
            assert (await dialog.ended()).by is EndedBy.FAR


class TestInfo:
    async def test_a_callee_sends_digits(self, tmp_path: Path) -> None:
        info = "Content-Type: application/dtmf-relay\nContent-Length: [len]\n\nSignal=7\nDuration=160\n"
        scenario = (
            invited()
            + send(reply("200 OK", SDP), 'retrans="500"')
            + receive('request="ACK"')
            + '<Reference variables="1"/>'
            + '<pause milliseconds="100"/>'
            + send(ask_caller("INFO", 1, info), 'retrans="500"')
            + receive('response="200"')
            + HUNG_UP
        )
        async with endpoint() as near, sipp(tmp_path, scenario=scenario) as (port, finish):
            heard: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
            dialog = await dial(near, port)
            dialog.on_info = lambda kind, body: heard.put_nowait((kind, body))
            kind, body = await heard.get()
            assert (kind, b"Signal=7" in body) == ("application/dtmf-relay", True)
            await dialog.hang_up()
            await finish.well()
