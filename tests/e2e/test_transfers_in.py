"""The far end hands our side on by REFER: over real SIP and RTP on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from dialnexa.kit.clock import SystemClock
from dialnexa.live.line import EndedBy
from dialnexa.live.lines.sip import SipLine
from dialnexa.live.media.engine import MediaEngine
from dialnexa.live.media.tones import tone
from dialnexa.live.plan import CallLimits, Encryption, SipRoute
from dialnexa.live.rtp.ports import PortRange
from dialnexa.live.sip.endpoint import Dialog, IncomingCall, SipEndpoint
from dialnexa.live.sip.errors import CallRejected
from dialnexa.live.timeline import Happening, TransferMoved
from tests.e2e.sip_stage import SDP, ask, endpoint, receive, send, sipp
from tests.e2e.test_sip_line import Ear, Stage

pytestmark = pytest.mark.e2e
HOST = "127.0.0.1"


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    ringing: asyncio.Queue[IncomingCall] = asyncio.Queue()
    async with (
        SipEndpoint.open(HOST, 0, on_invite=lambda call: call.reject(486)) as near,
        SipEndpoint.open(HOST, 0, on_invite=ringing.put_nowait) as far,
        MediaEngine.open(clock=SystemClock()) as media,
    ):
        yield Stage(near, far, media, PortRange(45000, 45999), ringing)
        assert media.legs == 0
        assert (near.counts().dialogs, far.counts().dialogs) == (0, 0)


@asynccontextmanager
async def talking(
    stage: Stage, told: list[Happening], *, allowed: bool = True, encryption: Encryption = Encryption.NEVER
) -> AsyncGenerator[tuple[SipLine, Dialog]]:
    """A call of ours that is up, and the far end's handle on it."""
    caller = SipLine.dialling(
        "+16505550199",
        from_user="+14155550100",
        route=SipRoute(*stage.far.address, encryption=encryption, accept_transfers=allowed),
        endpoint=stage.near,
        media=stage.media,
        ports=stage.ports,
        limits=CallLimits(),
        tell=told.append,
    )
    async with caller:
        connecting = asyncio.create_task(caller.connect(lambda _: None))
        async with answering(stage, await stage.ringing_in.get(), encryption) as callee:
            await callee.connect(lambda _: None)
            await connecting
            assert callee._dialog
            yield caller, callee._dialog


def answering(stage: Stage, incoming: IncomingCall, encryption: Encryption = Encryption.NEVER) -> SipLine:
    return SipLine.answering(incoming, stage.far, stage.media, stage.ports, CallLimits(), encryption=encryption)


def states(told: list[Happening]) -> list[str]:
    return [str(one.status) for one in told if isinstance(one, TransferMoved)]


@pytest.mark.parametrize("encryption", [Encryption.NEVER, Encryption.REQUIRED])
async def test_the_call_goes_on_with_whom_it_was_handed_to(stage: Stage, encryption: Encryption) -> None:
    told: list[Happening] = []
    steps: list[int] = []
    async with talking(stage, told, encryption=encryption) as (caller, old):
        target = f"sip:+19005550123@{HOST}:{stage.far.address[1]}"
        asked = asyncio.create_task(old.transfer(target, on_progress=lambda step: steps.append(step.status)))
        incoming = await stage.ringing_in.get()
        assert incoming.to_user == "+19005550123"
        async with answering(stage, incoming, encryption) as third:
            await third.connect(lambda _: None)
            assert (await asked).status == 200
            assert steps == [100, 180, 200]
            await asyncio.wait_for(old.ended(), 5)
            near, far = Ear(), Ear()
            caller.listen(near)
            third.listen(far)
            for line, hertz in ((caller, 500), (third, 1200)):
                said = line.say()
                said.push(tone((hertz,), 1.0))
                said.finish()
            await near.until(lambda: len(near.heard) > 55 and len(far.heard) > 55)
            assert abs(far.loudest_hz() - 500) < 15
            assert abs(near.loudest_hz() - 1200) < 15
            assert not caller._end.done()
            await third.hang_up()
            assert (await asyncio.wait_for(caller.ended(), 5)).by is EndedBy.FAR
    assert states(told) == ["initiated", "completed"]


async def test_a_target_that_refuses_leaves_the_call_as_it_was(stage: Stage) -> None:
    told: list[Happening] = []
    async with talking(stage, told) as (caller, old):
        asked = asyncio.create_task(old.transfer(f"sip:+19005550123@{HOST}:{stage.far.address[1]}"))
        (await stage.ringing_in.get()).reject(486)
        assert (await asked).status == 486
        assert not old.is_over
        assert caller._dialog and not caller._end.done()
    assert states(told) == ["initiated", "failed"]


async def test_who_hands_on_and_leaves_at_once_does_not_end_the_call(stage: Stage) -> None:
    told: list[Happening] = []
    async with talking(stage, told) as (caller, old):
        asked = asyncio.create_task(old.transfer(f"sip:+19005550123@{HOST}:{stage.far.address[1]}"))
        incoming = await stage.ringing_in.get()
        await old.hang_up()
        await asyncio.gather(asked, return_exceptions=True)
        async with answering(stage, incoming) as third:
            await third.connect(lambda _: None)
            ear = Ear()
            third.listen(ear)
            await ear.until(lambda: "completed" in states(told))
            assert not caller._end.done()


@pytest.mark.parametrize(
    ("allowed", "target"), [(False, f"sip:+19005550123@{HOST}"), (True, "sip:+19005550123@elsewhere.example")]
)
async def test_nobody_is_called_who_may_not_be(stage: Stage, allowed: bool, target: str) -> None:
    told: list[Happening] = []
    async with talking(stage, told, allowed=allowed) as (_, old):
        with pytest.raises(CallRejected) as refusal:
            await old.transfer(target)
        assert refusal.value.status == 603
        assert stage.ringing_in.empty()
    assert told == []


async def test_an_attended_transfer_takes_the_place_of_the_other_call(stage: Stage) -> None:
    async with talking(stage, []) as (caller, old), talking(stage, []) as (other, replaced):
        target = f"sip:+19005550123@{HOST}:{stage.far.address[1]}"
        asked = asyncio.create_task(old.transfer(target, replaces=other._dialog))
        async with asyncio.timeout(5):
            incoming = await stage.ringing_in.get()
        assert incoming.replaces is replaced
        async with answering(stage, incoming) as third:
            await third.connect(lambda _: None)
            assert (await asked).status == 200
            assert (await asyncio.wait_for(other.ended(), 5)).by is EndedBy.FAR
            assert not caller._end.done()


OURS = "tag=([^;]*)"


def other(method: str, cseq: int, more: str) -> str:
    """What the third party says: a call of its own, by SIPp's count still the same story."""
    text = ask(method, cseq, more=more, to="" if method == "INVITE" else ";tag=[$3]")
    return text.replace("Call-ID: ", "Call-ID: third///").replace(";tag=near", ";tag=third")


THREE_PARTIES = (
    # The first calls the agent …
    send(ask("INVITE", 1, more=SDP, to=""), 'retrans="500"')
    + receive('response="100"', options='optional="true"')
    + receive('response="180"')
    + receive('response="200"', f'<ereg regexp="{OURS}" search_in="hdr" header="To:" assign_to="1,2"/>')
    + send(ask("ACK", 1, to=";tag=[$2]"))
    + '<pause milliseconds="300"/>'
    # … and has the third take its place, as a REFER with Replaces between these two would have it.
    + send(other("INVITE", 1, f"Replaces: [call_id];to-tag=[$2];from-tag=near[call_number]\n{SDP}"), 'retrans="500"')
    + receive('response="100"', options='optional="true"')
    + receive('response="200"', f'<ereg regexp="{OURS}" search_in="hdr" header="To:" assign_to="4,3"/>')
    + '<Reference variables="1,4"/>'
    + send(other("ACK", 1, "Content-Length: 0\n\n"))
    + receive('request="BYE"', '<ereg regexp="near" search_in="hdr" header="To:" check_it="true" assign_to="5"/>')
    + '<Reference variables="5"/>'
    + send(
        "SIP/2.0 200 OK\n[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\nContent-Length: 0\n\n"
    )
    + '<pause milliseconds="300"/>'
    + send(other("BYE", 2, "Content-Length: 0\n\n"), 'retrans="500"')
    + receive('response="200"')
)


async def test_who_comes_to_replace_the_far_end_goes_on_in_its_place(tmp_path: Path) -> None:
    told: list[Happening] = []
    coming: asyncio.Queue[IncomingCall] = asyncio.Queue()
    trunk = SipRoute(HOST, 5060, trunk_id="trunk_1", accept_transfers=True)

    def on_invite(incoming: IncomingCall) -> None:
        if incoming.replaces is None:
            coming.put_nowait(incoming)
        elif incoming.replaces.on_replace is None or not incoming.replaces.on_replace(incoming, {"trunk_1"}):
            incoming.reject(603)

    async with (
        endpoint(on_invite) as ours,
        MediaEngine.open(clock=SystemClock(), vad=False) as media,
        sipp(tmp_path, f"{HOST}:{ours.address[1]}", scenario=THREE_PARTIES) as (_, finish),
    ):
        line = SipLine.answering(
            await coming.get(),
            ours,
            media,
            PortRange(46100, 46199),
            CallLimits(),
            tmp_path / "call.wav",
            onward=trunk,
            tell=told.append,
        )
        async with line:
            await line.connect(lambda _: None)
            end = await line.ended()
        await finish.well()
    assert end.by is EndedBy.FAR
    assert states(told) == ["initiated", "completed"]
    recording = line.recording()
    assert recording and recording.duration_ms >= 500
    invites = [each for each in line.ladder().messages if each.text.startswith("INVITE")]
    assert len(invites) == 2
