"""A carrier that never answers but says in tones why: SIPp plays them as early media."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from dialnexa.live.line import NotConnected, Samples
from dialnexa.live.media.codec import Codec, encode
from dialnexa.live.media.tones import tone
from dialnexa.live.outcome import Ending, EndReason
from tests.e2e import sipp
from tests.e2e.test_codecs import dialled
from tests.e2e.test_srtp import Desk, desk

__all__ = ["desk"]

pytestmark = pytest.mark.e2e

_QUIET = np.zeros(3000, np.int16)


def playing(sound: Samples, folder: Path) -> Path:
    """Write the scenario that plays this sound over and over, and return it."""
    audio, script = folder / "tone.alaw", folder / "early_tone.xml"
    audio.write_bytes(encode(Codec.PCMA, sound))
    script.write_text(Path(sipp.scenario("early_tone")[1]).read_text().replace("AUDIO,", f"{audio},"))
    return script


@pytest.mark.parametrize(
    ("sound", "ending", "reason"),
    [
        (np.concatenate([tone((400,), 0.375), _QUIET]), Ending.BUSY, EndReason.USER_BUSY),
        (
            np.concatenate([tone((hz,), 0.33) for hz in (950, 1400, 1800)] + [_QUIET]),
            Ending.FAILED,
            EndReason.INVALID_PHONE_NUMBER,
        ),
    ],
)
async def test_a_tone_before_the_answer_says_how_the_call_ends(
    tmp_path: Path, desk: Desk, sound: Samples, ending: Ending, reason: EndReason
) -> None:
    script = playing(sound, tmp_path)
    rang: list[int] = []
    with sipp.answering("-sf", str(script), echo=False) as (port, process):
        async with dialled(desk, port, ()) as line:
            with pytest.raises(NotConnected) as refusal:
                await line.connect(rang.append)
        assert await asyncio.to_thread(process.wait, 10) == 0, "it got its CANCEL and its ACK"
    assert (refusal.value.ending, refusal.value.reason) == (ending, reason)
    assert rang == [183]
