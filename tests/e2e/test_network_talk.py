"""A whole talk over a bad network: the demo's agent and the sandbox's customer, 5 % of packets lost each way."""

from __future__ import annotations

import asyncio
import json
import wave
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dialnexa.kit.clock import SystemClock
from dialnexa.live.call import CallControl, hold_call
from dialnexa.live.line import SAMPLE_RATE
from dialnexa.live.lines.sip import SipLine
from dialnexa.live.media.engine import MediaEngine
from dialnexa.live.outcome import CallOutcome, Ending, EndReason
from dialnexa.live.plan import AgentPlan, CallPlan, FunctionSpec, Opening, SipRoute, TurnTaking, Voice
from dialnexa.live.rtp.ports import PortRange
from dialnexa.live.sandbox.sandbox import Sandbox
from dialnexa.live.sip.endpoint import SipEndpoint
from dialnexa.live.speech.services import SpeechServices
from dialnexa.live.timeline import CallEvent
from tests.e2e.network import FAR, NEAR, Network, bad_network, inside

pytestmark = pytest.mark.e2e

CUSTOMER = "+16505550199"
VARIABLES = {"customer_name": "Sam", "appointment_date": "Tuesday at two"}
SAID = ["yes that works", "text message please", "yes that is right"]
"""What the customer answers, as the agent is to understand it."""
PORTS = PortRange(40200, 40299)


@dataclass
class Talk:
    """The call as our side knows it in the end."""

    outcome: CallOutcome
    network: Network
    events: list[CallEvent] = field(default_factory=list[CallEvent])


def demo() -> AgentPlan:
    """Return the demo's agent, who speaks a little faster than usual: people wait here."""
    config: dict[str, Any] = json.loads((resources.files("dialnexa.platform.agents") / "demo.json").read_text())
    opening = config["welcome_message"]
    for name, value in VARIABLES.items():
        opening = opening.replace("{{" + name + "}}", value)
    return AgentPlan(
        agent_id="agent_demo",
        version_id="av_demo",
        name="Demo",
        prompt="",
        opening=Opening(text=opening),
        voice=Voice(speed=1.6),
        turns=TurnTaking(reminder_interval_s=15.0, silence_end_s=25.0),
        functions=(FunctionSpec("end_call", "end_call", "End the call."),),
        flow=config["flow"],
        variables=VARIABLES,
    )


async def customer(port: asyncio.Future[int]) -> None:
    """Answer at the far end until nobody needs it any more."""
    async with (
        MediaEngine.open(clock=SystemClock()) as media,
        Sandbox.open(media, PORTS, host=FAR) as sandbox,
    ):
        port.get_loop().call_soon_threadsafe(port.set_result, sandbox.address[1])
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()


async def agent(port: int, recording: Path, events: list[CallEvent]) -> CallOutcome:
    """Call the customer and talk to the end."""
    plan = CallPlan("call_1", "outbound", "+14155550100", CUSTOMER, demo(), recording=recording)
    async with (
        SpeechServices.open() as speech,
        SipEndpoint.open(NEAR, 0, on_invite=lambda call: call.reject(486)) as endpoint,
        MediaEngine.open(clock=SystemClock()) as media,
    ):
        line = SipLine.dialling(
            CUSTOMER, from_user=plan.from_number, route=SipRoute(FAR, port), endpoint=endpoint, media=media,
            ports=PORTS, limits=plan.limits, recording=recording,
        )  # fmt: skip
        return await hold_call(plan, line, speech, events.append, clock=SystemClock(), control=CallControl())


async def hear(recording: Path) -> Talk:
    """Let it happen."""
    events: list[CallEvent] = []
    async with bad_network(loss=0.05, delays_s=(0.02, 0.08), seed=4) as network:
        port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        answering = asyncio.ensure_future(inside(network.far, lambda: customer(port)))
        try:
            number = await asyncio.wait_for(port, 20)
            async with asyncio.timeout(90):
                outcome = await inside(network.near, lambda: agent(number, recording, events))
        finally:
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)
        return Talk(outcome, network, events)


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Talk:
    return asyncio.run(hear(tmp_path_factory.mktemp("talk") / "call.wav"))


def test_it_ends_as_on_a_clean_line(talk: Talk) -> None:
    turns = talk.outcome.turns
    assert (talk.outcome.ending, talk.outcome.reason) == (Ending.COMPLETED, EndReason.AGENT_DISCONNECTED)
    assert [turn.text for turn in turns if turn.role == "user" and turn.text != "hello"] == SAID
    assert not [turn.text for turn in turns if turn.role == "agent" and "orry" in turn.text]


def test_the_recording_has_no_gap(talk: Talk) -> None:
    outcome = talk.outcome
    assert outcome.recording is not None
    assert outcome.recording.lost == ""
    assert abs(outcome.recording.duration_ms - outcome.duration_ms) <= 300
    with wave.open(str(outcome.recording.path)) as file:
        stereo = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2).astype(float)
    for turn in outcome.turns:
        said = stereo[
            turn.start_ms * SAMPLE_RATE // 1000 : turn.end_ms * SAMPLE_RATE // 1000, int(turn.role == "agent")
        ]
        assert np.sqrt(np.mean(said**2)) > 200, f"{turn.role} is not heard where it said {turn.text}"


def test_the_figures_are_true(talk: Talk) -> None:
    quality, wire = talk.outcome.quality, talk.network.wire
    assert quality is not None
    heard, sent = quality.heard, quality.sent
    assert wire.to_near.dropped > 20
    assert abs(heard.lost - wire.to_near.dropped) <= 5
    assert abs(heard.packets + heard.lost - wire.to_near.media) <= 30
    assert sent.lost is not None
    assert 0 < sent.lost <= wire.to_far.dropped
    assert 12 <= heard.jitter_ms <= 40
    assert heard.mos is not None
    assert 2.8 <= heard.mos <= 4.2
