"""Ears over real decoder processes: what they hear, and what happens when a process dies."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator

import orjson
import pytest

from dialnexa.live.line import FRAME_SAMPLES
from dialnexa.live.plan import Transcriber
from dialnexa.live.speech.embedded.decoders import DecoderPool
from dialnexa.live.speech.embedded.recogniser import Ears, PocketsphinxStt
from dialnexa.live.speech.embedded.wire import Kind
from dialnexa.live.speech.ports import Expectation, Final, Partial, SpeechError
from tests.live.speech.recordings import recording

SILENT = (
    sys.executable,
    "-c",
    "import sys; sys.stdout.buffer.write(bytes([0,0,0,0,6,0,0,0,0])); sys.stdout.flush(); sys.stdin.read()",
)
"""A process that says it is ready and never answers anything else."""
BROKEN = (sys.executable, "-c", "raise SystemExit(3)")


def say(ears: Ears, name: str) -> None:
    """Speak a recording to the end, frame by frame."""
    audio = recording(name)
    for start in range(0, audio.size, FRAME_SAMPLES):
        ears.send(audio[start : start + FRAME_SAMPLES])
    ears.finalize()


async def final(events: AsyncIterator[Partial | Final]) -> Final:
    """Return the next final, passing over partials."""
    while not isinstance(event := await anext(events), Final):
        pass
    return event


async def test_each_question_is_listened_to_with_its_own_grammar() -> None:
    async with PocketsphinxStt.start(size=1) as stt, stt.open(Transcriber()) as ears:
        events = ears.events()
        ears.expect(Expectation("datetime"))
        say(ears, "tuesday_at_two")
        ears.expect(Expectation("yes_no"))
        say(ears, "yes_please")
        heard: list[Partial | Final] = [await anext(events)]
        while sum(isinstance(event, Final) for event in heard) < 2:
            heard.append(await anext(events))
    finals = [event for event in heard if isinstance(event, Final)]
    assert [(event.text, event.matched) for event in finals] == [("tuesday at two", True), ("yes please", True)]
    assert all(event.engine == "pocketsphinx/grammar" for event in finals)
    assert Partial("tuesday at two") in heard


async def test_silence_has_an_empty_final() -> None:
    async with PocketsphinxStt.start(size=1) as stt, stt.open(Transcriber()) as ears:
        ears.finalize()
        ears.finalize()
        assert [(await final(ears.events())).text for _ in range(2)] == ["", ""]


async def test_calls_share_a_process_without_hearing_each_other() -> None:
    async with (
        PocketsphinxStt.start(size=1) as stt,
        stt.open(Transcriber()) as one,
        stt.open(Transcriber(keyterms=("Maria Garcia",))) as other,
    ):
        one.expect(Expectation("digits"))
        other.expect(Expectation("name"))
        digits, name = recording("four_one_five"), recording("maria_garcia")
        for start in range(0, max(digits.size, name.size), FRAME_SAMPLES):
            one.send(digits[start : start + FRAME_SAMPLES])
            other.send(name[start : start + FRAME_SAMPLES])
        one.finalize()
        other.finalize()
        assert (await final(one.events())).text == "four one five"
        assert (await final(other.events())).text == "my name is maria garcia"


async def test_a_killed_process_owes_nothing_and_is_replaced() -> None:
    async with DecoderPool.start(size=1) as pool, PocketsphinxStt(pool).open(Transcriber()) as ears:
        ears.expect(Expectation("yes_no"))
        say(ears, "yes_please")
        [first] = pool.pids
        os.kill(first, signal.SIGKILL)
        lost = await final(ears.events())
        assert (lost.text, lost.matched) == ("", False)
        say(ears, "yes_please")
        assert (await final(ears.events())).text == "yes please"
        assert pool.pids != (first,)


async def test_a_process_that_hangs_is_replaced() -> None:
    async with (
        DecoderPool.start(size=1, command=SILENT) as pool,
        PocketsphinxStt(pool, patience_s=0).open(Transcriber()) as ears,
    ):
        ears.finalize()
        assert (await final(ears.events())).engine == "pocketsphinx/crashed"


async def test_a_grammar_that_cannot_be_used_is_replaced_by_dictation() -> None:
    async with DecoderPool.start(size=1) as pool, PocketsphinxStt(pool).open(Transcriber()) as ears:
        pids = pool.pids
        async with pool.lend() as process:
            process.send(Kind.EXPECT, 1, orjson.dumps({"key": "odd", "jsgf": "no grammar", "words": ["yes"]}))
        say(ears, "my_dog")
        assert "remote control" in (await final(ears.events())).text
        assert pool.pids == pids


async def test_a_recogniser_that_cannot_run_says_so() -> None:
    async with DecoderPool.start(size=1, command=BROKEN) as pool:
        with pytest.raises(SpeechError, match="cannot run"):
            async with PocketsphinxStt(pool).open(Transcriber()):
                pass


async def test_no_process_outlives_the_pool() -> None:
    async with DecoderPool.start(size=2) as pool:
        stt = PocketsphinxStt(pool)
        ears = [stt.open(Transcriber()) for _ in range(6)]
        for ear in ears:
            await ear.__aenter__()
        pids = pool.pids
        assert len(pids) == 2
    assert not any(_is_running(pid) for pid in pids)


PARENT = """
import asyncio
from dialnexa.live.speech.embedded.decoders import DecoderPool
async def main():
    async with DecoderPool.start(size=1) as pool:
        async with pool.lend() as process:
            await process.ready()
        print(*pool.pids, flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


async def test_processes_die_with_a_worker_that_is_killed() -> None:
    worker = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, stdout=subprocess.PIPE)
    assert worker.stdout is not None
    child = int(await worker.stdout.readline())
    worker.kill()
    await worker.wait()
    async with asyncio.timeout(10):
        while _is_running(child):
            await asyncio.sleep(0.01)


def _is_running(pid: int) -> bool:
    """Tell a live process from none and from one that only waits to be reaped."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.startswith("Z")
