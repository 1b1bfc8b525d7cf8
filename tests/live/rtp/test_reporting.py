"""Two reporters tell each other what they hear, in time of their own."""

from __future__ import annotations

import pytest

from dialnexa.live.rtp.reception import Reception
from dialnexa.live.rtp.reporting import INTERVAL_TICKS, Reporter
from dialnexa.live.rtp.rtcp import Goodbye, Report, parse

EMPTY = Reception()


def heard(ssrc: int, sequences: list[int]) -> Reception:
    reception = Reception()
    for n in sequences:
        reception.note(n, n * 160, ssrc, n * 0.02, True)
    return reception


def write(reporter: Reporter, now: float, reception: Reception = EMPTY, packets: int = 100) -> bytes:
    return reporter.write(now, timestamp=160 * packets, packets=packets, octets=160 * packets, reception=reception)


def test_reports_come_every_five_seconds_or_so_and_the_first_sooner() -> None:
    waits: list[int] = []
    for _ in range(40):
        reporter = Reporter(1)
        first = next(n for n in range(1, 1000) if reporter.tick())
        assert INTERVAL_TICKS / 4 - 1 <= first <= INTERVAL_TICKS * 3 / 4 + 1
        write(reporter, 0.0)
        waits.append(next(n for n in range(1, 1000) if reporter.tick()))
    assert INTERVAL_TICKS / 2 - 1 <= min(waits) < max(waits) <= INTERVAL_TICKS * 3 / 2 + 1


def test_who_sends_reports_as_a_sender_and_who_only_hears_as_a_receiver() -> None:
    (sender,) = parse(write(Reporter(1), 1000.5))
    (receiver,) = parse(write(Reporter(1), 1000.5, heard(2, [0, 1, 3]), packets=0))
    assert isinstance(sender, Report)
    assert isinstance(receiver, Report)
    assert sender.sender is not None
    assert (sender.sender.packets, sender.sender.octets, sender.sender.timestamp) == (100, 16000, 16000)
    assert receiver.sender is None
    (block,) = receiver.blocks
    assert (block.ssrc, block.lost, block.fraction_lost, block.highest_sequence) == (2, 1, 64, 3)


def test_the_round_trip_leaves_out_the_time_the_far_end_took() -> None:
    near, far = Reporter(1), Reporter(2)
    far.take(write(near, 1000.0), 1000.040, 1)
    near.take(write(far, 1002.5, heard(1, list(range(100)))), 1002.560, 2)
    assert near.view.round_trip_ms == pytest.approx(100, abs=0.1)
    assert (near.view.heard, near.view.lost, near.view.reports) == (True, 0, 1)
    far.take(write(near, 1005.0, heard(2, list(range(100)))), 1005.040, 1)
    assert far.view.round_trip_ms == pytest.approx(100, abs=0.1)


def test_a_far_end_that_hears_nothing_is_noticed_whichever_way_it_says_so() -> None:
    silent, all_lost = Reporter(1), Reporter(1)
    for reporter in (silent, all_lost):
        write(reporter, 0.0)
    silent.take(write(Reporter(2), 1.0), 1.0, 2)
    assert (silent.view.heard, silent.view.silent_reports) == (False, 1)
    deaf = heard(1, [0])
    deaf.fraction_lost()
    deaf.highest += 300
    all_lost.take(write(Reporter(2), 1.0, deaf), 1.0, 2)
    assert (all_lost.view.heard, all_lost.view.reports) == (False, 1)


def test_reports_about_others_and_garbage_say_nothing() -> None:
    reporter = Reporter(1)
    reporter.take(b"garbage", 1.0, 2)
    reporter.take(write(Reporter(2), 1.0, heard(77, [1])), 1.0, 2)
    assert reporter.view.reports == reporter.view.silent_reports == 0
    assert reporter.view.round_trip_ms is None


def test_a_goodbye_ends_the_stream_it_names() -> None:
    reporter = Reporter(1)
    reporter.take(Reporter(9).goodbye(), 1.0, 2)
    assert not reporter.ended
    reporter.take(Reporter(2).goodbye(), 1.0, 2)
    assert reporter.ended
    assert parse(Reporter(2).goodbye())[-1] == Goodbye((2,))


def test_a_far_clock_that_jumped_gives_no_round_trip() -> None:
    near, far = Reporter(1), Reporter(2)
    far.take(write(near, 1000.0), 1000.0, 1)
    near.take(write(far, 1000.0, heard(1, [0, 1])), 900.0, 2)
    assert near.view.round_trip_ms is None
