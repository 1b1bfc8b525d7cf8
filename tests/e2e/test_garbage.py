"""A call leaves no circles: what only a full collection finds would one day stop the clock of all other calls."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from dialnexa.kit.clock import SystemClock
from dialnexa.live.call import CallControl, hold_call
from dialnexa.live.lines.sip import SipLine
from dialnexa.live.media.engine import MediaEngine
from dialnexa.live.outcome import EndReason
from dialnexa.live.plan import AgentPlan, CallLimits, CallPlan, Opening, SipRoute, VoicemailHandling
from dialnexa.live.rtp.ports import PortRange
from dialnexa.live.sip.endpoint import IncomingCall, SipEndpoint
from dialnexa.live.speech.instant import InstantSpeech
from dialnexa.live.timeline import CallEvent, TurnSpoken

pytestmark = pytest.mark.e2e

_AGENT = AgentPlan(
    agent_id="agent_1",
    version_id="av_1",
    name="Tidy",
    prompt="Talk.",
    opening=Opening(text="Hello."),
    voicemail=VoicemailHandling(detect=False),
)


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Leave all garbage to the test; what it finds is kept in ``gc.garbage``."""
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    yield
    gc.set_debug(0)
    gc.garbage.clear()
    gc.enable()


def _circles() -> Counter[str]:
    """Collect, and return how many objects of our classes could not have gone by themselves."""
    gc.garbage.clear()
    gc.collect()
    ours = (type(thing) for thing in gc.garbage if type(thing).__module__.startswith("dialnexa."))
    return Counter(f"{kind.__module__.removeprefix('dialnexa.')}.{kind.__qualname__}" for kind in ours)


class _Phone:
    """Answers each call with an agent that greets, hears the caller out, and is hung up on."""

    def __init__(self, near: SipEndpoint, far: SipEndpoint, media: MediaEngine, folder: Path) -> None:
        self.near, self.far, self.media = near, far, media
        self.speech, self.clock = InstantSpeech(), SystemClock()
        self.ports = PortRange(46000, 46999)
        self.folder = folder
        self.ringing = asyncio.Queue[IncomingCall]()

    async def one_call(self) -> EndReason:
        """Hold one call from INVITE to BYE; the caller hangs up once it was greeted."""
        async with asyncio.timeout(20):
            host, port = self.far.address
            caller = SipLine.dialling(
                "+16505550199",
                from_user="+14155550100",
                route=SipRoute(host, port),
                endpoint=self.near,
                media=self.media,
                ports=self.ports,
                limits=CallLimits(),
            )
            greeted = asyncio.Event()

            def note(event: CallEvent) -> None:
                if isinstance(event.what, TurnSpoken):
                    greeted.set()

            async def hold() -> EndReason:
                incoming = await self.ringing.get()
                plan = CallPlan("call_1", "inbound", "+14155550100", "+16505550199", _AGENT)
                recording = self.folder / "call.wav"
                line = SipLine.answering(incoming, self.far, self.media, self.ports, plan.limits, recording)
                outcome = await hold_call(plan, line, self.speech, note, clock=self.clock, control=CallControl())
                return outcome.reason

            holding = asyncio.ensure_future(hold())
            async with caller:
                await caller.connect(lambda _: None)
                await greeted.wait()
                await caller.hang_up()
            return await holding

    async def refused_call(self, status: int | None) -> EndReason:
        """Place one call that is refused, or (``None``) only rings."""
        host, port = self.far.address
        plan = CallPlan(
            "call_2", "outbound", "+14155550100", "+16505550199", _AGENT, CallLimits(ring_s=0.2), SipRoute(host, port)
        )
        line = SipLine.dialling(
            plan.to_number,
            from_user=plan.from_number,
            route=SipRoute(host, port),
            endpoint=self.near,
            media=self.media,
            ports=self.ports,
            limits=plan.limits,
        )
        outcome = asyncio.ensure_future(
            hold_call(plan, line, self.speech, lambda _: None, clock=self.clock, control=CallControl())
        )
        async with asyncio.timeout(20):
            incoming = await self.ringing.get()
            if status:
                incoming.reject(status)
            else:
                incoming.ring()
            return (await outcome).reason


@asynccontextmanager
async def _phone(folder: Path) -> AsyncGenerator[_Phone]:
    async with (
        SipEndpoint.open("127.0.0.1", 0, on_invite=lambda call: call.reject(486)) as near,
        SipEndpoint.open("127.0.0.1", 0, on_invite=lambda call: phone.ringing.put_nowait(call)) as far,
        MediaEngine.open(clock=SystemClock()) as media,
    ):
        phone = _Phone(near, far, media, folder)
        await phone.one_call()  # what is made once per process, or goes when the next call comes
        _circles()
        yield phone


async def test_calls_that_are_over_are_gone_without_the_collector(tmp_path: Path, no_collector: None) -> None:
    async with _phone(tmp_path) as phone:
        for _ in range(3):
            assert await phone.one_call() is EndReason.USER_DISCONNECTED
        await asyncio.sleep(0)
        assert _circles() == {}


@pytest.mark.parametrize(
    ("status", "reason"), [(486, EndReason.USER_BUSY), (None, EndReason.USER_DID_NOT_PICK_UP)], ids=["busy", "rings"]
)
async def test_and_so_are_those_that_never_came_up(
    tmp_path: Path, no_collector: None, status: int | None, reason: EndReason
) -> None:
    async with _phone(tmp_path) as phone:
        for _ in range(2):
            assert await phone.refused_call(status) is reason
        await asyncio.sleep(0)
        assert _circles() == {}
