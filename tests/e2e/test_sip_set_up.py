"""How calls come up, or do not, with SIPp as the far end: CANCEL races, redirections, logins, PRACK, UPDATE, forks."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dialnexa.live.plan import Credentials
from dialnexa.live.sip.endpoint import CallRejected, EndedBy, IncomingCall, Progress, SipEndpoint
from dialnexa.live.sip.messages.sdp import make_answer, make_offer
from dialnexa.live.sip.transactions.timers import Timers
from dialnexa.live.sip.transport.names import SystemNames
from tests.e2e.sip_stage import (
    CONTACT,
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
)  # fmt: skip
from tests.live.sip.name_server import name_server

pytestmark = pytest.mark.e2e

NAMED = '<ereg regexp="tag={}" search_in="hdr" header="To:" check_it="true" assign_to="3"/>'
"""The fork a request is for."""
RANG = receive('response="100"', options='optional="true"') + receive('response="180"')


class TestCancel:
    async def test_that_crosses_the_answer_becomes_ack_and_bye(self, tmp_path: Path) -> None:
        scenario = (
            invited()
            + send(reply("180 Ringing"))
            + receive('request="CANCEL"')
            + send(reply("200 OK", SDP), 'retrans="500"')
            + receive('request="ACK"')
            + HUNG_UP
        )
        async with endpoint() as ours, sipp(tmp_path, scenario=scenario) as (port, finish):
            await _dial_until_it_rings_then_cancel(ours, port)
            await finish.well()

    async def test_waits_for_the_first_word_of_the_far_end(self, tmp_path: Path) -> None:
        scenario = (
            invited()
            + '<pause milliseconds="300"/>'
            + send(reply("100 Trying"))
            + receive('request="CANCEL"')
            + send(f"SIP/2.0 200 OK\n{SAME_TAG}{EMPTY}")
            + send(reply("487 Request Terminated"), 'retrans="500"')
            + receive('request="ACK"')
        )
        async with endpoint() as ours, sipp(tmp_path, scenario=scenario) as (port, finish):
            dialling = dial(ours, port)
            await asyncio.sleep(0.1)
            dialling.cancel()
            await finish.well()

    async def test_reaches_every_fork(self, tmp_path: Path) -> None:
        """Two phones ring, one of them answers just as we give up."""
        scenario = (
            invited()
            + send(reply("180 Ringing", tag="one"))
            + send(reply("180 Ringing", tag="two"))
            + receive('request="CANCEL"')
            + send(reply("200 OK", SDP, tag="two"), 'retrans="500"')
            + receive('request="ACK"', NAMED.format("two"))
            + '<Reference variables="3"/>'
            + HUNG_UP
        )
        async with endpoint() as ours, sipp(tmp_path, scenario=scenario) as (port, finish):
            await _dial_until_it_rings_then_cancel(ours, port, phones=2)
            await finish.well()

    async def test_of_a_caller_comes_too_late_for_our_answer(self, tmp_path: Path) -> None:
        desk = Desk()
        scenario = (
            send(ask("INVITE", 1, more=SDP, to="", branch="z9hG4bK-[call_id]"), 'retrans="500"')
            + RANG
            + receive('response="200"', REMEMBER.format("To", 1))
            + send(ask("CANCEL", 1, to="", branch="z9hG4bK-[call_id]"), 'retrans="500"')
            + receive('response="200"')
            + send(ask("ACK", 1, to=";nothing").replace("To: <sip:+1@[remote_ip]:[remote_port]>;nothing", "To:[$1]"))
            + send(ask("BYE", 2, to=";nothing").replace("To: <sip:+1@[remote_ip]:[remote_port]>;nothing", "To:[$1]"))
            + receive('response="200"')
        )
        async with endpoint(desk) as ours:
            async with sipp(tmp_path, f"{HOST}:{ours.address[1]}", scenario=scenario) as (_, finish):
                await finish.well()
            assert (await (await desk.answering[0]).ended()).by is EndedBy.FAR


async def _dial_until_it_rings_then_cancel(ours: SipEndpoint, port: int, phones: int = 1) -> None:
    ringing: asyncio.Queue[Progress] = asyncio.Queue()
    call = ours.dial("+16505550199", from_user="+1", host=HOST, port=port, offer=make_offer(HOST, 40000))
    dialling = asyncio.ensure_future(call.answered(ringing.put_nowait))
    for _ in range(phones):
        await ringing.get()
    dialling.cancel()


class TestRedirection:
    async def test_is_followed_in_the_order_of_preference(self, tmp_path: Path) -> None:
        elsewhere = (
            "Contact: <sip:third@[local_ip]:[local_port]>;q=0.1, <sip:second@[local_ip]:[local_port]>;q=0.8\n" + EMPTY
        )
        reached = '<ereg regexp="INVITE sip:{}@" search_in="msg" check_it="true" assign_to="3"/>'
        scenario = (
            invited()
            + send(reply("302 Moved", elsewhere).replace(CONTACT, ""), 'retrans="500"')
            + receive('request="ACK"')
            + invited(reached.format("second"))
            + send(reply("486 Busy Here", cseq=2), 'retrans="500"')
            + receive('request="ACK"')
            + invited(reached.format("third"))
            + '<Reference variables="3"/>'
            + send(reply("200 OK", SDP, cseq=3), 'retrans="500"')
            + receive('request="ACK"')
            + HUNG_UP
        )
        async with endpoint() as ours, sipp(tmp_path, scenario=scenario) as (port, finish):
            await (await dial(ours, port)).hang_up()
            await finish.well()


class TestLogin:
    async def test_at_a_proxy_and_at_the_far_end_in_one_call(self, tmp_path: Path) -> None:
        asked = 'Digest realm="{}", nonce="abc,123", qop="auth-int,auth", algorithm={}'
        proxy = f"Proxy-Authenticate: {asked.format('the proxy', 'MD5')}\n{EMPTY}"
        far = (
            f"WWW-Authenticate: {asked.format('the far end', 'SHA-256')}\n"
            f"WWW-Authenticate: {asked.format('the far end', 'MD5')}\n{EMPTY}"
        )
        said = '<ereg regexp="{}" search_in="hdr" header="{}:" check_it="true" assign_to="{}"/>'
        scenario = (
            invited()
            + send(reply("407 Who", proxy), 'retrans="500"')
            + receive('request="ACK"')
            + invited(said.format("realm=.the proxy.", "Proxy-Authorization", 3))
            + send(reply("401 And Who", far, cseq=2), 'retrans="500"')
            + receive('request="ACK"')
            + invited(
                said.format("realm=.the proxy.*nc=00000002", "Proxy-Authorization", 3)
                + '<ereg regexp="[[:space:]]Authorization: Digest.*realm=.the far end.*algorithm=SHA-256"'
                ' search_in="msg" check_it="true" assign_to="4"/>'
            )
            + '<Reference variables="3,4"/>'
            + send(reply("200 OK", SDP, cseq=3), 'retrans="500"')
            + receive('request="ACK"')
            + HUNG_UP
        )
        async with endpoint() as ours, sipp(tmp_path, scenario=scenario) as (port, finish):
            await (await dial(ours, port, Credentials("alice", "s3cret"))).hang_up()
            await finish.well()

    async def test_that_nobody_here_speaks_is_refused_in_words(self, tmp_path: Path) -> None:
        only = f'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth-int"\n{EMPTY}'
        scenario = invited() + send(reply("401 Who", only), 'retrans="500"') + receive('request="ACK"')
        async with endpoint() as ours, sipp(tmp_path, scenario=scenario) as (port, finish):
            with pytest.raises(CallRejected, match="quality of protection auth-int is not spoken here"):
                await dial(ours, port, Credentials("alice", "s3cret"))
            await finish.well()


class TestReliableProvisionals:
    async def test_of_the_far_end_are_acknowledged_and_updated(self, tmp_path: Path) -> None:
        reliable = "Require: 100rel\nRSeq: {}\n"
        prack = '<ereg regexp="{} 1 INVITE" search_in="hdr" header="RAck:" check_it="true" assign_to="3"/>'
        offers = '<ereg regexp="100rel" search_in="hdr" header="Supported:" check_it="true" assign_to="4"/>'
        scenario = (
            invited(offers)
            + send(reply("183 Session Progress", reliable.format(41) + SDP))
            + receive('request="PRACK"', prack.format(41))
            + send(f"SIP/2.0 200 OK\n{SAME_TAG}{EMPTY}")
            + send(reply("183 Session Progress", reliable.format(41) + SDP))
            + send(reply("180 Ringing", reliable.format(42) + EMPTY))
            + receive('request="PRACK"', prack.format(42))
            + send(f"SIP/2.0 200 OK\n{SAME_TAG}{EMPTY}")
            + send(ask_caller("UPDATE", 1, SDP.replace("[media_port]", "6002")), 'retrans="500"')
            + receive('response="200"', '<ereg regexp="m=audio 40000" search_in="body" check_it="true" assign_to="3"/>')
            + '<Reference variables="3,4"/>'
            + send(reply("200 OK"), 'retrans="500"')
            + receive('request="ACK"')
            + HUNG_UP
        )
        heard: list[Progress] = []
        async with endpoint() as ours, sipp(tmp_path, scenario=scenario) as (port, finish):
            dialog = await dial(ours, port, progress=heard)
            assert dialog.remote_sdp.port == 6002
            assert [step.status for step in heard] == [183, 180, 183]
            await dialog.hang_up()
            await finish.well()

    async def test_of_ours_are_repeated_until_the_caller_acknowledges(self, tmp_path: Path) -> None:
        calls: asyncio.Queue[IncomingCall] = asyncio.Queue()
        acknowledge = f"RAck: [$2] 1 INVITE\n{EMPTY}"
        scenario = (
            send(ask("INVITE", 1, more=f"Require: 100rel\n{SDP}", to=""), 'retrans="500"')
            + receive('response="100"', options='optional="true"')
            + receive('response="180"', '<ereg regexp="[0-9]+" search_in="hdr" header="RSeq:" assign_to="2"/>')
            + '<pause milliseconds="700"/>'
            + send(ask("PRACK", 2, more="RAck: 1 7 INVITE\n" + EMPTY), 'retrans="500"')
            + receive('response="481"')
            + send(ask("PRACK", 3, more=acknowledge), 'retrans="500"')
            + receive('response="200"')
            + send(ask("UPDATE", 4), 'retrans="500"')
            + receive('response="200"')
            + receive('response="200"')
            + send(ask("ACK", 1))
            + send(ask("BYE", 5), 'retrans="500"')
            + receive('response="200"')
        )
        async with endpoint(calls.put_nowait) as ours:
            said: list[str] = []
            ours.on_message = lambda way, peer, message: said.append(f"{way} {message.start_line}")
            async with sipp(tmp_path, f"{HOST}:{ours.address[1]}", scenario=scenario) as (_, finish):
                call = await calls.get()
                call.ring()
                while not any(line.startswith("in UPDATE") for line in said):
                    await asyncio.sleep(0.02)
                assert call.offer
                dialog = await call.accept(make_answer(call.offer, HOST, 40000))
                await finish.well()
            await dialog.ended()
            assert said.count("out SIP/2.0 180 Ringing") == 2


class TestForks:
    async def test_that_answer_too_are_hung_up(self, tmp_path: Path) -> None:
        scenario = (
            invited()
            + send(reply("183 Session Progress", SDP, tag="one"))
            + send(reply("183 Session Progress", SDP.replace("[media_port]", "6004"), tag="two"))
            + send(reply("200 OK", EMPTY, tag="two"))
            + receive('request="ACK"', NAMED.format("two"))
            + send(reply("200 OK", SDP, tag="one"))
            + receive('request="ACK"', NAMED.format("one"))
            + receive('request="BYE"', NAMED.format("one"))
            + send(f"SIP/2.0 200 OK\n{SAME_TAG}{EMPTY}")
            + receive('request="BYE"', NAMED.format("two"))
            + '<Reference variables="3"/>'
            + send(f"SIP/2.0 200 OK\n{SAME_TAG}{EMPTY}")
        )
        heard, said = list[Progress](), list[str]()
        async with endpoint() as ours, sipp(tmp_path, scenario=scenario) as (port, finish):
            ours.on_message = lambda way, peer, message: said.append(f"{way} {message.start_line}")
            dialog = await dial(ours, port, progress=heard)
            assert dialog.remote_sdp.port == 6004, "the early media of the fork that answered"
            assert [step.tag for step in heard] == ["one", "two"]
            while said.count("in SIP/2.0 200 OK") < 3:  # two answers, and the end of the second fork
                await asyncio.sleep(0.02)
            await dialog.hang_up()
            await finish.well()


class TestSeveralAddresses:
    async def test_a_dead_one_is_passed_over(self, tmp_path: Path) -> None:
        async with sipp(tmp_path, "-sn", "uas") as (port, finish):
            async with (
                name_server(
                    f"_sip._udp.trunk.example. 60 SRV 1 1 {port} a.trunk.example.",
                    f"_sip._udp.trunk.example. 60 SRV 2 1 {port} b.trunk.example.",
                    "a.trunk.example. 60 A 127.0.0.2",
                    f"b.trunk.example. 60 A {HOST}",
                ) as resolver,
                endpoint(names=SystemNames(resolver), timers=Timers(t1=0.05)) as ours,
            ):
                said: list[str] = []
                ours.on_message = lambda way, peer, message: said.append(f"{way} {peer[0]} {message.start_line}")
                call = ours.dial("+1", from_user="+2", host="trunk.example", port=0, offer=make_offer(HOST, 40000))
                dialog = await call.answered(lambda _: None)
                await dialog.hang_up()
                assert said[0] == "out 127.0.0.2 INVITE sip:+1@trunk.example SIP/2.0"
            await finish.well()


class TestIpv6:
    async def test_a_call_each_way(self, tmp_path: Path) -> None:
        desk = Desk("::1")
        async with endpoint(desk, host="::1") as ours:
            async with sipp(tmp_path, "-sn", "uas", host="::1") as (port, finish):
                call = ours.dial("+1", from_user="+2", host="::1", port=port, offer=make_offer("::1", 40000))
                dialog = await call.answered(lambda _: None)
                assert dialog.remote_sdp.address == "::1"
                await dialog.hang_up()
                await finish.well()
            async with sipp(tmp_path, f"[::1]:{ours.address[1]}", "-sn", "uac", "-d", "50", host="::1") as (_, finish):
                await finish.well()
            assert (await (await desk.answering[0]).ended()).by is EndedBy.FAR
            assert desk.calls[0].source[0] == "::1"
