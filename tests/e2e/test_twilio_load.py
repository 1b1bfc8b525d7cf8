"""The load client for Twilio Media Streams drives a real WebSocket server that behaves, and ones that do not."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from dialnexa.cli.benchmark.twilio import streams
from tests.e2e.installation import COMMAND
from tests.e2e.stream_engine import Engine, listening

pytestmark = pytest.mark.e2e


async def figures(engine: Engine, seconds: float, sockets: int = 3) -> dict[str, Any]:
    async with listening(engine) as url:
        return (await streams.run(url, sockets, seconds, ramp_s=0.1)).facts()


async def test_an_engine_is_measured_turn_by_turn() -> None:
    engine = Engine()
    facts = await figures(engine, seconds=13)
    assert (facts["sockets"], facts["refused"], facts["broke_off"], facts["malformed"]) == (3, 0, 0, {})
    assert facts["turns_of_the_caller"] >= 6
    assert facts["reply_ms"]["p50"] >= 200, "the engine waits for 15 quiet frames"
    assert facts["clear_ms"], "the caller spoke into the engine's talk, and it cleared"
    assert facts["silent_after_ms"]["p50"] <= facts["clear_ms"]["p50"] + 1
    assert facts["message_ms"] == 20
    assert facts["silent_sockets"] == 0
    assert sorted(set(engine.events)) == ["connected", "mark", "start", "stop"]
    assert set(engine.marks) == {"one second"}
    assert facts["marks_returned"] == len(engine.marks)
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in engine.sequences), "no number is left out"


async def test_an_engine_that_says_nothing_shows_as_silent() -> None:
    facts = await figures(Engine(replies=False), seconds=4)
    assert facts["silent_sockets"] == 3
    assert facts["reply_ms"] == {}


async def test_garbage_is_counted_and_disturbs_nothing() -> None:
    facts = await figures(Engine(garbage=True, replies=False), seconds=1)
    assert facts["malformed"] == {"not JSON": 3}
    assert facts["broke_off"] == 0


async def test_a_socket_that_breaks_off_is_told_apart_from_one_refused() -> None:
    facts = await figures(Engine(hang_up_after=20), seconds=3)
    assert (facts["refused"], facts["broke_off"]) == (0, 3)
    assert facts["troubles"]
    refused = (await streams.run("ws://127.0.0.1:9/media", 2, 1, ramp_s=0.1)).facts()
    assert (refused["refused"], refused["broke_off"]) == (2, 0)


def test_the_command_wants_a_websocket_address() -> None:
    ran = subprocess.run(
        [COMMAND, "bench", "twilio", "--url", "http://127.0.0.1:9"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 2
    assert "begins with ws:// or wss://" in " ".join(ran.stderr.replace("│", " ").split())


async def test_the_command_prints_what_it_measured() -> None:
    ran = subprocess.run(
        [COMMAND, "bench", "twilio", "--url", "ws://127.0.0.1:9", "--sockets", "1", "--seconds", "1", "--json"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["runs"][0]["refused"] == 1
