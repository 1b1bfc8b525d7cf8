"""A call over a bad network: 5 % of packets lost, the rest up to 60 ms apart in delay and out of order."""

from __future__ import annotations

import asyncio
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dialnexa.kit.clock import SystemClock
from dialnexa.live.line import SAMPLE_RATE, Samples
from dialnexa.live.lines.sip import SipLine
from dialnexa.live.media.engine import MediaEngine
from dialnexa.live.media.tones import tone
from dialnexa.live.outcome import MediaQuality, RecordingResult
from dialnexa.live.plan import CallLimits, SipRoute
from dialnexa.live.rtp.ports import PortRange
from dialnexa.live.sandbox import audio
from dialnexa.live.sip.endpoint import IncomingCall, SipEndpoint
from tests.e2e.network import FAR, NEAR, Network, bad_network, inside
from tests.e2e.test_sip_line import Ear
from tests.live.sandbox.test_recognition import GRAMMARS, decoder, folded

pytestmark = pytest.mark.e2e

SAID = (("time_works", "time", "yes that works"), ("by_text", "reminder", "text message please"),
        ("thanks_goodbye", "confirmation", "thank you goodbye"))  # fmt: skip
"""What the far end says, in answer to what, and how it is to be understood."""
EVERY_S = 3.0
LASTS_S = 11.0
BEEP_AT_S, BEEP_S = 2.0, 0.5
MOST_DELAY = 0.12 * SAMPLE_RATE
"""The network's jitter of 60 ms, and three frames of ours."""
Floats = NDArray[np.float64]


@dataclass
class Story:
    """One call, as our side knows it in the end."""

    heard: Samples
    beeped_at: int
    quality: MediaQuality
    recording: RecordingResult
    network: Network


async def person(port: asyncio.Future[int]) -> None:
    """Answer one call at the far end, say three things, and stay until the caller hangs up."""
    ringing: asyncio.Queue[IncomingCall] = asyncio.Queue()
    async with (
        SipEndpoint.open(FAR, 0, on_invite=ringing.put_nowait) as endpoint,
        MediaEngine.open(clock=SystemClock(), vad=False) as media,
    ):
        port.get_loop().call_soon_threadsafe(port.set_result, endpoint.address[1])
        line = SipLine.answering(await ringing.get(), endpoint, media, PortRange(40000, 40100), CallLimits())
        async with line:
            await line.connect(lambda _: None)
            said = line.say()
            for phrase, _, _ in SAID:
                spoken = audio.phrase(phrase)
                said.push(np.zeros(SAMPLE_RATE, np.int16))
                said.push(spoken)
                said.push(np.zeros(round((EVERY_S - 1) * SAMPLE_RATE) - len(spoken), np.int16))
            said.finish()
            await line.ended()


async def agent(port: int, recording: Path) -> tuple[Samples, int, MediaQuality, RecordingResult]:
    """Call the person, listen, beep once, and hang up."""
    ear = Ear()
    async with (
        SipEndpoint.open(NEAR, 0, on_invite=lambda call: call.reject(486)) as endpoint,
        MediaEngine.open(clock=SystemClock(), vad=False) as media,
        SipLine.dialling(
            "+1", from_user="+2", route=SipRoute(FAR, port), endpoint=endpoint, media=media,
            ports=PortRange(40000, 40100), limits=CallLimits(), recording=recording,
        ) as line,
    ):  # fmt: skip
        line.listen(ear)
        await line.connect(lambda _: None)
        await ear.until(lambda: len(ear.heard) >= 50 * BEEP_AT_S)
        beep = line.say()
        beep.push(tone((1000,), BEEP_S))
        beep.finish()
        await ear.until(lambda: len(ear.heard) >= 50 * LASTS_S)
        await line.hang_up()
        beeped_at = beep.started_at
    quality, recorded = line.quality(), line.recording()
    assert quality is not None
    assert recorded is not None
    assert beeped_at is not None
    return np.concatenate(ear.heard), beeped_at, quality, recorded


async def tell(recording: Path) -> Story:
    """Let it happen."""
    async with bad_network(loss=0.05, delays_s=(0.02, 0.08)) as network:
        port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        answering = asyncio.ensure_future(inside(network.far, lambda: person(port)))
        try:
            number = await asyncio.wait_for(port, 20)
            async with asyncio.timeout(60):
                told = await inside(network.near, lambda: agent(number, recording))
                await answering
        finally:
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)
        return Story(*told, network)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    return asyncio.run(tell(tmp_path_factory.mktemp("network") / "call.wav"))


def test_every_word_is_understood(story: Story) -> None:
    understood: list[str] = []
    for number, (phrase, asked, _) in enumerate(SAID):
        start = place_of(audio.phrase(phrase), story.heard.astype(float), number)
        ear = decoder(GRAMMARS[asked]())
        ear.start_utt()
        ear.process_raw(
            folded(story.heard[max(0, start - 2400) : start + len(audio.phrase(phrase)) + 3200]), full_utt=True
        )
        ear.end_utt()
        hypothesis = ear.hyp()
        understood.append(hypothesis.hypstr if hypothesis else "")
    assert understood == [text for _, _, text in SAID]


def test_the_figures_tell_what_the_network_did(story: Story) -> None:
    heard, sent, wire = story.quality.heard, story.quality.sent, story.network.wire
    assert wire.to_near.dropped > 10
    # The wire also carried what came before we listened and after we hung up.
    assert abs(heard.lost - wire.to_near.dropped) <= 5
    assert abs(heard.packets + heard.lost - wire.to_near.media) <= 30
    assert heard.late <= heard.packets * 0.05
    assert heard.duplicates == heard.undecipherable == 0
    # Two delays between 20 and 80 ms differ by 20 ms on average.
    assert 12 <= heard.jitter_ms <= 40
    assert sent.arrived is True
    assert sent.lost is not None
    assert 0 < sent.lost <= wire.to_far.dropped
    assert heard.mos is not None
    assert 2.8 <= heard.mos <= 4.2


def test_the_recording_has_no_gap_and_both_sides_at_their_places(story: Story) -> None:
    with wave.open(str(story.recording.path)) as file:
        stereo = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2).astype(float)
    assert story.recording.lost == ""
    assert abs(story.recording.duration_ms - len(story.heard) // 8) <= 100
    assert np.array_equal(stereo[: len(story.heard), 0], story.heard)
    loud = np.flatnonzero(np.abs(stereo[:, 1]) > 1000)
    assert abs(int(loud[0]) - story.beeped_at) <= 8
    assert loud[-1] - loud[0] >= (BEEP_S - 0.01) * SAMPLE_RATE
    places = [place_of(audio.phrase(phrase), stereo[:, 0], number) for number, (phrase, _, _) in enumerate(SAID)]
    # The delay may grow and come back, by what the network's jitter needs and no more.
    assert max(abs(place - places[0] - n * EVERY_S * SAMPLE_RATE) for n, place in enumerate(places)) <= MOST_DELAY


def place_of(spoken: Samples, line: Floats, number: int) -> int:
    """Return where a phrase is heard best, near where the far end said it."""
    earliest = round((1 + number * EVERY_S) * SAMPLE_RATE) - SAMPLE_RATE // 2
    around = line[earliest : earliest + len(spoken) + SAMPLE_RATE]
    likeness = np.correlate(around, spoken.astype(float), mode="valid")
    return earliest + int(np.argmax(likeness))
