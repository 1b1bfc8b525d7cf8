"""A far end that does no REFER: our line dials the person itself and joins both legs, over real SIP and RTP."""

from __future__ import annotations

import asyncio

import pytest

from dialnexa.live.conversation.transfer import CallTransfer
from dialnexa.live.media.tones import tone
from dialnexa.live.timeline import Happening, TransferMoved
from tests.e2e import test_sip_line
from tests.e2e.test_sip_line import Ear, Stage, talking

pytestmark = pytest.mark.e2e

stage = test_sip_line.stage
"""Two endpoints that share a media engine; nothing is left of them afterwards."""


async def test_both_people_hear_each_other_and_the_end_of_one_ends_it(stage: Stage) -> None:
    told: list[Happening] = []

    async def said() -> None: ...

    async with talking(stage) as (ours, callee):
        agent, caller_ear, person_ear = Ear(), Ear(), Ear()
        ours.listen(agent)
        callee.listen(caller_ear)
        transfer = CallTransfer(ours, emit=told.append, said=said, give_way=lambda: None, back=agent)
        running = asyncio.create_task(transfer.run({"destinations": ["+16505550111"]}))
        incoming = await asyncio.wait_for(stage.ringing_in.get(), 15)
        assert incoming.to_user == "+16505550111"
        async with stage.answer(incoming) as person:
            await person.connect(lambda _status: None)
            person.listen(person_ear)
            for line, hertz in ((callee, 500), (person, 1200)):
                speech = line.say()
                speech.push(tone((hertz,), 2.0))
                speech.finish()
            await person_ear.until(lambda: speech.done and len(person_ear.heard) > 110)
            callee.press("5")
            await person_ear.until(lambda: person_ear.digits == "5")
        assert await asyncio.wait_for(running, 15) == "The caller was transferred."
    assert abs(person_ear.loudest_hz() - 500) < 10
    assert abs(caller_ear.loudest_hz() - 1200) < 10
    steps = [(step.status.value, step.method) for step in told if isinstance(step, TransferMoved)]
    assert steps == [
        ("initiated", ""),
        ("hunting", "refer"),
        ("hunting", "bridge"),
        ("connected", "bridge"),
        ("completed", "bridge"),
    ]
