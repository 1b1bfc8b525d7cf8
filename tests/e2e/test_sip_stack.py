"""The SIP stack alone against other people's: SIPp and baresip, on loopback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from dialnexa.kit.process import free_port
from dialnexa.live.plan import Credentials
from dialnexa.live.sip.endpoint import CallCancelled, CallRejected, Dialog, EndedBy, IncomingCall
from dialnexa.live.sip.messages.sdp import Direction, make_answer, make_offer
from tests.e2e.sip_stage import (
    CONTACT,
    COPIED,
    EMPTY,
    HOST,
    SDP,
    Desk,
    ask,
    dial,
    endpoint,
    listening,
    receive,
    send,
    sipp,
    up,
)

pytestmark = pytest.mark.e2e


class TestSippCallsUs:
    async def test_twenty_calls(self, tmp_path: Path) -> None:
        desk = Desk()
        async with endpoint(desk) as ours:
            target = f"{HOST}:{ours.address[1]}"
            async with sipp(tmp_path, target, "-sn", "uac", "-r", "20", "-d", "200", calls=20) as (_, finish):
                await finish.well()
            dialogs = await asyncio.gather(*desk.answering)
            assert {(await dialog.ended()).by for dialog in dialogs} == {EndedBy.FAR}
            assert len(dialogs) == 20

    async def test_twenty_calls_over_one_tcp_connection(self, tmp_path: Path) -> None:
        desk = Desk()
        async with endpoint(desk) as ours:
            target = f"{HOST}:{ours.address[1]}"
            async with sipp(tmp_path, target, "-sn", "uac", "-t", "t1", "-r", "20", "-d", "200", calls=20) as (_, end):
                await end.well()
            dialogs = await asyncio.gather(*desk.answering)
            assert {(await dialog.ended()).by for dialog in dialogs} == {EndedBy.FAR}
            assert {call.transport for call in desk.calls} == {"TCP"}

    async def test_we_hang_up_over_the_connection_of_the_caller(self, tmp_path: Path) -> None:
        desk = Desk()
        scenario = (
            send(ask("INVITE", 1, more=SDP, to=""))
            + receive('response="100"', options='optional="true"')
            + receive('response="180"')
            + receive('response="200"')
            + send(ask("ACK", 1))
            + receive('request="BYE"')
            + send(f"SIP/2.0 200 OK\n[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\n{EMPTY}")
        )
        async with endpoint(desk) as ours:
            target = f"{HOST}:{ours.address[1]}"
            async with sipp(tmp_path, target, "-t", "t1", scenario=scenario) as (_, end):
                dialog = await desk.up.get()
                await dialog.hang_up()
                await end.well()
            assert (await dialog.ended()).by is EndedBy.NEAR

    async def test_a_call_given_up_while_it_rings(self, tmp_path: Path) -> None:
        calls: list[IncomingCall] = []

        def ring(call: IncomingCall) -> None:
            calls.append(call)
            call.ring()

        scenario = (
            send(ask("INVITE", 1, more=SDP, to="", branch="z9hG4bK-[call_id]"), 'retrans="500"')
            + receive('response="100"', options='optional="true"')
            + receive('response="180"')
            + send(ask("CANCEL", 1, to="", branch="z9hG4bK-[call_id]"), 'retrans="500"')
            + receive('response="200"')
            + receive('response="487"')
            + send(ask("ACK", 1, branch="z9hG4bK-[call_id]"))
        )
        async with (
            endpoint(ring) as ours,
            sipp(tmp_path, f"{HOST}:{ours.address[1]}", scenario=scenario) as (_, finish),
        ):
            await finish.well()
            await calls[0].cancelled()
            assert calls[0].offer
            with pytest.raises(CallCancelled):
                await calls[0].accept(make_answer(calls[0].offer, HOST, 40000))

    async def test_hold_resume_and_digits(self, tmp_path: Path) -> None:
        desk, heard = Desk(), list[bytes]()
        held = SDP + "a=sendonly\n"
        info = "Content-Type: application/dtmf-relay\nContent-Length: [len]\n\nSignal=5\nDuration=160\n"
        scenario = (
            send(ask("INVITE", 1, more=SDP, to=""), 'retrans="500"')
            + receive('response="100"', options='optional="true"')
            + receive('response="180"', options='optional="true"')
            + receive('response="200"')
            + send(ask("ACK", 1))
            + send(ask("INVITE", 2, more=held), 'retrans="500"')
            + receive('response="100"', options='optional="true"')
            + receive('response="200"', '<ereg regexp="a=recvonly" search_in="body" check_it="true" assign_to="1"/>')
            + send(ask("ACK", 2))
            + '<Reference variables="1"/>'
            + send(ask("INFO", 3, more=info), 'retrans="500"')
            + receive('response="200"')
            + send(ask("BYE", 4), 'retrans="500"')
            + receive('response="200"')
        )
        async with endpoint(desk) as ours:
            ours.on_message = lambda way, peer, message: heard.append(message.body) if way == "in" else None
            async with sipp(tmp_path, f"{HOST}:{ours.address[1]}", scenario=scenario) as (_, finish):
                await finish.well()
            dialog = await desk.answering[0]
            assert dialog.remote_sdp.direction is Direction.SENDONLY
            assert any(b"Signal=5" in body for body in heard)


class TestWeCallSipp:
    async def test_answers_and_is_hung_up(self, tmp_path: Path) -> None:
        async with endpoint() as ours, sipp(tmp_path, "-sn", "uas", calls=5) as (port, finish):
            dialogs = await asyncio.gather(*(dial(ours, port) for _ in range(5)))
            assert all(dialog.remote_sdp.audio for dialog in dialogs)
            await asyncio.gather(*(dialog.hang_up() for dialog in dialogs))
            assert {(await dialog.ended()).by for dialog in dialogs} == {EndedBy.NEAR}
            await finish.well()

    async def test_answers_over_tcp(self, tmp_path: Path) -> None:
        async with endpoint() as ours, sipp(tmp_path, "-sn", "uas", "-t", "t1", calls=5) as (port, finish):
            await listening(port)
            calls = [
                ours.dial("+1", from_user="+2", host=HOST, port=port, offer=make_offer(HOST, 40000), transport="tcp")
                for _ in range(5)
            ]
            dialogs = await asyncio.gather(*(call.answered(lambda _: None) for call in calls))
            await asyncio.gather(*(dialog.hang_up() for dialog in dialogs))
            assert {(await dialog.ended()).by for dialog in dialogs} == {EndedBy.NEAR}
            await finish.well()

    @pytest.mark.parametrize("kind", ["401", "407"])
    async def test_wants_a_login(self, tmp_path: Path, kind: str) -> None:
        """SIPp 3.6.1 can only judge an Authorization header, so after 407 it merely looks whether one is there."""
        name = "WWW-Authenticate" if kind == "401" else "Proxy-Authenticate"
        challenge = f'{name}: Digest realm="a realm, with comma", nonce="abc,123", qop="auth,auth-int", algorithm=MD5\n'
        judge = (
            '<verifyauth assign_to="1" username="alice" password="s3cret"/>'
            if kind == "401"
            else '<ereg regexp="Digest username=.alice." search_in="hdr" header="Proxy-Authorization:"'
            ' check_it="true" assign_to="1"/>'
        )
        scenario = (
            receive('request="INVITE"')
            + send(f"SIP/2.0 {kind} Who\n{COPIED}{challenge}{EMPTY}")
            + receive('request="ACK"')
            + receive('request="INVITE"', judge)
            + '<nop test="1" next="1"/>'
            + send(f"SIP/2.0 403 Forbidden\n{COPIED}{EMPTY}", 'next="2"')
            + '<label id="1"/>'
            + send(f"SIP/2.0 200 OK\n{COPIED}{CONTACT}{SDP}", 'retrans="500"')
            + receive('request="ACK"')
            + receive('request="BYE"')
            + send(f"SIP/2.0 200 OK\n[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\n{EMPTY}")
            + '<label id="2"/>'
        )
        async with endpoint() as ours, sipp(tmp_path, scenario=scenario) as (port, finish):
            dialog = await dial(ours, port, Credentials("alice", "s3cret"))
            await dialog.hang_up()
            await finish.well()

    async def test_knows_a_wrong_password(self, tmp_path: Path) -> None:
        scenario = (
            receive('request="INVITE"')
            + send(f'SIP/2.0 401 Who\n{COPIED}WWW-Authenticate: Digest realm="r", nonce="n", algorithm=MD5\n{EMPTY}')
            + receive('request="ACK"')
            + receive('request="INVITE"', '<verifyauth assign_to="1" username="alice" password="s3cret"/>')
            + '<nop test="1" next="1"/>'
            + send(f"SIP/2.0 403 Forbidden\n{COPIED}{EMPTY}", 'retrans="500"')
            + receive('request="ACK"')
            + '<label id="1"/>'
        )
        async with endpoint() as ours, sipp(tmp_path, scenario=scenario) as (port, finish):
            with pytest.raises(CallRejected, match="403"):
                await dial(ours, port, Credentials("alice", "guess"))
            await finish.well()

    async def test_is_told_that_we_gave_up(self, tmp_path: Path) -> None:
        scenario = (
            receive('request="INVITE"', '<ereg regexp=".*" search_in="hdr" header="Via:" assign_to="1"/>')
            + send(f"SIP/2.0 180 Ringing\n{COPIED}{CONTACT}{EMPTY}")
            + receive('request="CANCEL"')
            + send(f"SIP/2.0 200 OK\n{COPIED}{EMPTY}")
            + send(
                "SIP/2.0 487 Request Terminated\nVia:[$1]\n[last_From:]\n[last_To:];tag=far[call_number]\n"
                f"[last_Call-ID:]\nCSeq: 1 INVITE\n{EMPTY}",
                'retrans="500"',
            )
            + receive('request="ACK"')
        )
        async with endpoint() as ours, sipp(tmp_path, scenario=scenario) as (port, finish):
            rang = asyncio.Event()
            call = ours.dial("+1", from_user="+2", host=HOST, port=port, offer=make_offer(HOST, 40000))
            dialling = asyncio.ensure_future(call.answered(lambda _: rang.set()))
            await rang.wait()
            dialling.cancel()
            await finish.well()

    async def test_refuses(self, tmp_path: Path) -> None:
        scenario = (
            receive('request="INVITE"')
            + send(f"SIP/2.0 603 Decline\n{COPIED}Reason: Q.850;cause=21\n{EMPTY}", 'retrans="500"')
            + receive('request="ACK"')
        )
        async with endpoint() as ours, sipp(tmp_path, scenario=scenario) as (port, finish):
            with pytest.raises(CallRejected) as refused:
                await dial(ours, port)
            assert (refused.value.status, refused.value.detail) == (603, "Q.850;cause=21")
            await finish.well()


class TestBaresip:
    @asynccontextmanager
    async def phone(self, folder: Path, commands: str, ours: int, answer: str = "auto") -> AsyncGenerator[int]:
        """Run baresip with one account that needs no registrar; ``commands`` are typed once it is up."""
        port = free_port(HOST, socket.SOCK_DGRAM)
        (folder / "config").write_text(
            f"sip_listen {HOST}:{port}\nmodule_path /usr/lib/baresip/modules\nmodule g711.so\n"
            "module_app account.so\nmodule_app menu.so\naudio_source aubridge,x\naudio_player aubridge,x\n"
            "module aubridge.so\n"
        )
        (folder / "accounts").write_text(
            f"<sip:phone@{HOST}:{ours};transport=udp>;regint=0;answermode={answer};audio_codecs=pcma/8000/1\n"
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

    async def test_calls_us_and_is_hung_up(self, tmp_path: Path) -> None:
        dialogs: asyncio.Queue[Dialog] = asyncio.Queue()
        tasks: list[asyncio.Task[None]] = []

        async def answer(call: IncomingCall) -> None:
            assert call.offer
            dialogs.put_nowait(await call.accept(make_answer(call.offer, HOST, 40000)))

        async with endpoint(lambda call: tasks.append(asyncio.ensure_future(answer(call)))) as ours:
            port = ours.address[1]
            async with self.phone(tmp_path, f"/dial sip:+1@{HOST}:{port}", port):
                dialog = await asyncio.wait_for(dialogs.get(), 20)
                assert dialog.remote_sdp.audio
                assert dialog.remote_sdp.audio.name == "PCMA"
                await dialog.hang_up()
                assert (await dialog.ended()).by is EndedBy.NEAR

    async def test_is_called_held_and_hung_up(self, tmp_path: Path) -> None:
        async with endpoint() as ours, self.phone(tmp_path, "", ours.address[1]) as port:
            await up(port)
            call = ours.dial("phone", from_user="+1", host=HOST, port=port, offer=make_offer(HOST, 40000))
            dialog = await call.answered(lambda _: None)
            held = await dialog.offer(dialog.local_sdp.revised(direction=Direction.SENDONLY))
            assert held.direction in (Direction.RECVONLY, Direction.INACTIVE)
            resumed = await dialog.offer(dialog.local_sdp.revised(direction=Direction.SENDRECV))
            assert resumed.direction is Direction.SENDRECV
            await dialog.hang_up()
            assert (await dialog.ended()).by is EndedBy.NEAR
