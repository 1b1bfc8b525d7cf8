"""The modes of ``dialnexa bench`` run and tell what they found; small loads, and no figure of time is judged."""

from __future__ import annotations

import json
import subprocess

import pytest

from dialnexa.cli.benchmark import overload, placing, rate, soak, webhooks
from tests.e2e.installation import COMMAND

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

NOTHING = {"legs": 0, "dialogs": 0, "ports": 0, "tasks": 0, "files": 0}


def test_the_command_gives_every_figure() -> None:
    ran = subprocess.run(
        [COMMAND, "bench", "capacity", "--calls", "5", "--seconds", "2", "--json"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    report = json.loads(ran.stdout)
    assert report["machine"].keys() >= {"cores", "processor", "python", "dialnexa", "date"}
    (figures,) = report["runs"]
    assert figures["calls"] == 5
    assert figures["cpu_percent_per_call"] > 0
    assert figures["calls_per_core"] > 0
    assert isinstance(figures["memory_mb_per_call"], float)
    for name in ("tick_lateness_ms", "pacing_ms", "setup_ms"):
        assert figures[name].keys() >= {"p50", "p99", "max"}, figures
    assert figures["left_over"] == NOTHING


async def test_three_hundred_short_calls_leave_nothing_behind() -> None:
    """The soak in small; a short T1 spares the half minute in which SIP absorbs repetitions."""
    facts = (await soak.run(300, 30, 1.0, t1_s=0.1)).facts()
    assert facts["calls"] == 300
    assert facts["answers"] == {"200": 300}
    assert facts["not_parted"] == 0
    assert facts["left_over"] == NOTHING
    assert facts["transactions_left"] == 0


async def test_a_call_rate_is_told_with_the_time_of_each_answer() -> None:
    facts = (await rate.run(10, 2, 0.5)).facts()
    assert facts["answers"] == {"200": 20}
    for name in ("trying_ms", "ringing_ms", "setup_ms"):
        assert isinstance(spread := facts[name], dict)
        assert spread["p50"] > 0
    assert facts["left_over"] == NOTHING


async def test_running_calls_are_watched_while_others_come() -> None:
    facts = (await overload.run(3, 5, 2, calm_s=1, hold_s=1)).facts()
    assert (facts["running_calls"], facts["running_lost"], facts["offered"]) == (3, 0, 10)
    assert facts["pacing_before_ms"]
    assert facts["pacing_during_ms"]
    assert facts["left_over"] == NOTHING


async def test_every_call_that_is_placed_is_accepted_and_its_cost_told() -> None:
    facts = (await placing.run("", 4, 1.0)).facts()
    assert facts["answers"] == {"201": facts["calls"]}
    assert isinstance(cost := facts["cpu_ms_per_call"], float)
    assert cost > 0


async def test_events_reach_a_receiver_that_fails_often() -> None:
    facts = (await webhooks.run("", 40, 0.5)).facts()
    assert (facts["events"], facts["lost"], facts["repeated"]) == (40, 0, 0)
    assert int(str(facts["attempts"])) > 40
    assert facts.keys() >= {"cpu_ms_per_event", "events_per_second", "events_per_second_of_one_core"}
