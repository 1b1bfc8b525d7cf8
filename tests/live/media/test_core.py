"""Whose fault lateness is, and how much of the core our work takes."""

from __future__ import annotations

import time

import pytest
from tests.live.media.fakes import FakeCore

from dialnexa.live.media.core import Blame, Strain, ThreadTime

BEAT_S = 0.01


def strained(*beats: tuple[float, float]) -> Strain:
    """Return the strain after beats with this much work and waiting (ms), none of them late."""
    core = FakeCore()
    strain = Strain(core, BEAT_S)
    for used, waited in beats:
        core.passes(BEAT_S, used=used / 1000, waited=waited / 1000)
        strain.note(core.now, 0.0)
    return strain


def test_lateness_while_others_had_the_core_is_not_our_own():
    """30 ms late after 25 ms of waiting for a core; the beat after it is still late by what the first left over."""
    core = FakeCore()
    blame = Blame(core, BEAT_S)
    core.passes(0.04, waited=0.025)
    assert blame.own(0.030) == pytest.approx(0.005)
    core.passes(0.001)
    assert blame.own(0.021) == pytest.approx(0.006)


def test_the_share_is_of_what_the_core_gave_us():
    assert strained(*[(3, 0)] * 100).share == pytest.approx(0.3)
    assert strained(*[(3, 5)] * 100).share == pytest.approx(0.6)


def test_only_the_last_half_second_counts():
    assert strained(*[(9, 0)] * 200, *[(1, 0)] * 51).share == pytest.approx(0.1)


def test_nothing_is_said_before_there_is_something_to_look_back_on():
    assert strained().share == 0
    assert strained(*[(10, 0)] * 5).share == 0


def test_a_thread_that_gets_next_to_nothing_of_its_core_is_not_called_busy():
    assert strained(*[(0.1, 9.9)] * 100).share == pytest.approx(0.1)


def test_our_own_lag_shows_at_once_and_fades_within_some_ticks():
    core = FakeCore()
    strain = Strain(core, BEAT_S)
    strain.note(core.now, 0.012)
    assert strain.lag_s == pytest.approx(0.012)
    for _ in range(10):
        core.passes(BEAT_S)
        strain.note(core.now, 0.0)
    assert strain.lag_s < 0.001


def test_the_thread_s_own_counters_only_grow():
    core = ThreadTime()
    used, waited = core.used_s(), core.waited_s()
    began = time.thread_time()
    while time.thread_time() < began + 0.005:
        pass
    assert core.used_s() >= used + 0.005
    assert core.waited_s() >= waited
