"""The arithmetic of the bench: figures from arrivals made by hand."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter

import pytest

from dialnexa.cli.benchmark.callers import Caller
from dialnexa.cli.benchmark.dialler import Dialler, stamped_socket
from dialnexa.cli.benchmark.figures import GOALS, Measurement, Run
from dialnexa.cli.benchmark.hearing import Heard
from dialnexa.cli.benchmark.overload import OverloadRun
from dialnexa.cli.benchmark.placing import GOALS as PLACING_GOALS
from dialnexa.cli.benchmark.placing import PlacingRun
from dialnexa.cli.benchmark.rate import RateRun
from dialnexa.cli.benchmark.soak import SoakRun
from dialnexa.cli.benchmark.stories import Story
from dialnexa.live.rtp.packet import header
from dialnexa.live.sip.messages.message import Request, parse


def call(frames: int, *, first_stamp: int = 0, voiced: range = range(0), late: dict[int, float] | None = None) -> Heard:
    """Return what a caller heard of a stream that began at second 100, packet by packet."""
    heard = Heard()
    for number in range(frames):
        arrived = 100 + number * 0.02 + (late or {}).get(number, 0.0)
        heard.note(arrived, (first_stamp + number * 160) % 2**32, number in voiced)
    return heard


def test_a_steady_stream_is_on_its_grid_even_when_the_timestamps_wrap():
    assert call(100, first_stamp=2**32 - 320).pacing().max() == pytest.approx(0, abs=1e-6)


def test_one_late_packet_is_off_the_grid_and_moves_no_other():
    pacing = call(100, late={50: 0.007}).pacing()
    assert pacing[50] == pytest.approx(0.007, abs=1e-6)
    assert sum(pacing > 0.001) == 1


def test_frames_that_a_stall_skipped_are_counted_and_are_no_deviation():
    heard = Heard()
    for number in [*range(10), *range(15, 30)]:
        heard.note(100 + number * 0.02, number * 160, voiced=False)
    assert heard.missing() == 5
    assert heard.pacing().max() == pytest.approx(0, abs=1e-6)


def test_a_reply_is_timed_from_the_last_word_to_the_first_voiced_packet():
    heard = call(200, voiced=range(60, 100))
    heard.stopped.append(100.5)
    assert heard.replies() == [pytest.approx(0.7)]


def test_an_agent_that_still_talks_when_the_caller_stops_has_not_replied():
    heard = call(200, voiced=range(20, 100))
    heard.stopped.append(100.5)
    assert heard.replies() == []


def test_stepping_back_is_timed_from_the_callers_first_word_to_the_first_silent_packet():
    heard = call(200, voiced=range(20, 100))
    heard.started.append(101.5)
    assert heard.holds() == [pytest.approx(0.5)]


def test_what_begins_in_one_turn_of_the_caller_is_not_looked_for_in_the_next():
    heard = call(200, voiced=range(150, 200))
    heard.stopped.extend((100.5, 101.5))
    assert heard.replies() == [pytest.approx(1.5)]


def measured(**changes: object) -> Measurement:
    """Return a quiet subject."""
    quiet: dict[str, object] = {
        "cpu_s": 0.0, "clock_thread_s": 0.0, "waited_s": 0.0, "rss_kb": 100_000,
        "legs": 0, "dialogs": 0, "transactions": 0, "ports": 0, "tasks": 3, "files": 20,
        "late": [], "own_late": [], "turns": 0, "waterfalls": [], "profile": [],
    }  # fmt: skip
    return {**quiet, **changes}  # type: ignore[typeddict-item]


def run_of(end: Measurement, after: Measurement) -> Run:
    return Run(100, 0, 10.0, measured(), measured(), end, after, [0.002], [call(100)], [0.0], 1.0)


def test_cpu_memory_and_lateness_are_shared_out():
    end = measured(
        cpu_s=3.0, clock_thread_s=2.7, waited_s=1.0, rss_kb=151_200, late=[0.0] * 99 + [0.02], own_late=[0.0]
    )
    facts = run_of(end, measured()).facts()
    assert facts["cpu_percent_per_call"] == 0.3
    assert facts["calls_per_core"] == 333
    assert facts["cpu_beside_the_clock_percent"] == 10
    assert facts["core_taken_by_others_percent"] == 10
    assert facts["memory_mb_per_call"] == 0.5
    assert facts["late_ticks_percent"] == 1
    assert facts["late_ticks_of_our_own_percent"] == 0


def test_what_is_left_after_hang_up_misses_a_goal():
    facts = run_of(measured(cpu_s=1.0), measured(legs=1, files=22)).facts()
    assert facts["left_over"] == {"legs": 1, "dialogs": 0, "ports": 0, "tasks": 0, "files": 2}
    missed = [goal.name for goal in GOALS if goal.met(facts) is False]
    assert missed == ["legs left after hang-up", "files left after hang-up"]


def test_a_figure_that_was_not_measured_is_neither_met_nor_missed():
    facts = run_of(measured(), measured()).facts()
    assert {goal.met(facts) for goal in GOALS if goal.figure == "reply_ms"} == {None}


def story(status: int, *, retry_after: bool = False, after_s: float = 0.01) -> Story:
    return Story(status, {status: after_s} if status else {}, retry_after, repeats=0)


def test_a_call_rate_counts_whom_it_reached_and_how_soon():
    stories = [story(200, after_s=0.002), story(200, after_s=0.004), story(503), story(0)]
    facts = RateRun(
        75, 1.0, 10.0, stories, 0.3, measured(), measured(), measured(cpu_s=4.0), measured(), [0.0], 1.0
    ).facts()
    assert facts["answers"] == {"200": 2, "503": 1, "none": 1}
    assert facts["not_answered"] == 2
    assert facts["setup_ms"] == {"p50": 3.0, "p95": 3.9, "p99": 3.98, "max": 4.0}
    assert facts["setup_cpu_ms_per_call"] == 3
    assert facts["cpu_percent_of_a_core"] == 40


def test_overload_wants_503_with_a_time_to_come_again():
    stories = [story(200), story(503, retry_after=True), story(503), story(486), story(0)]
    calm, pressed = [call(100)], [call(100, late={50: 0.02})]
    found = OverloadRun(1, 100, stories, calm, pressed, 0, 2, measured(), measured(), measured(), [0.0], 1.0)
    facts = found.facts()
    assert (facts["refused_otherwise"], facts["without_retry_after"], facts["unanswered"]) == (1, 1, 1)
    assert facts["pacing_before_ms"] == pytest.approx({"p50": 0, "p95": 0, "p99": 0, "max": 0}, abs=0.01)
    assert isinstance(pacing := facts["pacing_during_ms"], dict)
    assert pacing["max"] == pytest.approx(20, abs=0.01)


def test_a_soak_judges_memory_by_its_second_half():
    grows_at_first = [120_000 if each < 20 else 150_000 + 1024 * (each - 20) for each in range(40)]
    samples = [(each * 100, measured(rss_kb=held)) for each, held in enumerate(grows_at_first)]
    facts = SoakRun(30, 2.0, [story(200)] * 4000, samples, measured(), measured(transactions=2), 1.0).facts()
    assert facts["growth_mb_per_1000_calls"] == pytest.approx(10)
    assert facts["transactions_left"] == 2


def test_rtcp_on_the_audio_port_is_not_heard_as_audio():
    with stamped_socket() as ours, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as theirs:
        caller = Caller(ours, 0)
        theirs.sendto(bytes((0x80, 200, 0, 6)) + bytes(24), ours.getsockname())
        theirs.sendto(header(0, 1, 160, 7, marker=False) + bytes(160), ours.getsockname())
        caller.read()
    assert caller.heard.stamps.tolist() == [160]


async def test_a_goodbye_that_was_lost_is_said_again():
    loop = asyncio.get_running_loop()
    with stamped_socket() as far:
        async with Dialler.open(far.getsockname()[1]) as dialler:
            attempt = dialler.invite(9)
            await loop.sock_recv(far, 4096)
            attempt.heard[200] = 0.0
            attempt.uri = "sip:agent@127.0.0.1"
            attempt.dialog = (
                f"From: <sip:a@127.0.0.1>;tag=1\r\nTo: <sip:b@127.0.0.1>;tag=2\r\nCall-ID: {attempt.call_id}\r\n"
            )
            leaving = asyncio.create_task(dialler.hang_up(attempt))
            lost, (again, source) = await loop.sock_recv(far, 4096), await loop.sock_recvfrom(far, 4096)
            assert again == lost
            bye = parse(again)
            assert isinstance(bye, Request)
            far.sendto(bye.reply(200).encode(), source)
            await leaving


def test_what_placing_costs_is_told_per_call_and_per_core_and_a_refusal_is_no_acceptance():
    run = PlacingRun("sqlite", 4, 2.0, [0.010] * 99 + [0.200], Counter({201: 99, 409: 1}), 0.25, 0.5)
    facts = run.facts()
    rates = (facts["calls_per_second"], facts["cpu_ms_per_call"], facts["calls_per_second_of_one_core"])
    assert rates == (50, 2.5, 400)
    assert (facts["not_accepted"], facts["answers"]) == (1, {"201": 99, "409": 1})
    assert [goal.name for goal in PLACING_GOALS if goal.met(facts) is False][:2] == [
        "calls not accepted",
        "CPU of the api process per call, ms (500 a second)",
    ]
