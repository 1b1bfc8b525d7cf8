"""The metronome, in time moved by hand."""

from __future__ import annotations

import asyncio

import pytest
from tests.live.media.fakes import HandClock

from dialnexa.live.media.clock import Lateness, Ticker


async def beats(clock: HandClock, count: int) -> tuple[list[tuple[int, int, float]], Ticker]:
    """Run the ticker for that many phases; return (phase, cycle, ms since the start) of each."""
    seen: list[tuple[int, int, float]] = []
    start = clock.monotonic()

    def on_phase(phase: int, cycle: int) -> None:
        seen.append((phase, cycle, round((clock.monotonic() - start) * 1000, 3)))
        if len(seen) == count:
            raise asyncio.CancelledError

    ticker = Ticker(clock, on_phase)
    with pytest.raises(asyncio.CancelledError):
        await ticker.run()
    return seen, ticker


async def test_two_phases_of_ten_milliseconds_make_a_tick():
    seen, ticker = await beats(HandClock(), 6)
    assert seen == [(1, 0, 10), (0, 1, 20), (1, 1, 30), (0, 2, 40), (1, 2, 50), (0, 3, 60)]
    assert ticker.lateness.report().max_ms == 0


async def test_a_late_beat_does_not_move_the_ones_after_it():
    clock = HandClock()
    clock.delays[2] = 0.012
    seen, _ = await beats(clock, 6)
    assert [at for _, _, at in seen] == [10, 20, 42, 42, 50, 60]
    assert [(phase, cycle) for phase, cycle, _ in seen] == [(1, 0), (0, 1), (1, 1), (0, 2), (1, 2), (0, 3)]


async def test_a_stall_skips_whole_cycles_instead_of_firing_them_in_a_burst():
    clock = HandClock()
    clock.delays[1] = 0.101
    seen, ticker = await beats(clock, 6)
    assert seen[:2] == [(1, 0, 10), (0, 6, 121)]
    assert [(phase, cycle) for phase, cycle, _ in seen[2:]] == [(1, 6), (0, 7), (1, 7), (0, 8)]
    assert ticker.lateness.skipped == 5


def test_lateness_reports_percentiles_and_load_of_the_last_five_seconds():
    lateness = Lateness()
    for beat in range(2000):
        lateness.add(0.050 if beat < 1000 else 0.001 if beat < 1980 else 0.012, 0.005)
    report = lateness.report()
    assert (report.p50_ms, report.p99_ms, report.max_ms) == pytest.approx((1, 12, 12), abs=0.01)
    assert report.busy == pytest.approx(0.5)


def test_lateness_before_the_first_beat_is_nothing():
    assert Lateness().report().p99_ms == 0
