"""What arrived and what did not, told from sequence numbers and arrival times."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialnexa.live.rtp.reception import Reception


def hear(reception: Reception, sequences: list[int], ssrc: int = 1) -> Reception:
    for n in sequences:
        reception.note(n & 0xFFFF, n * 160 & 0xFFFFFFFF, ssrc, n * 0.02, True)
    return reception


def test_loss_is_what_never_came() -> None:
    reception = hear(Reception(), [n for n in range(100) if n not in (10, 11, 50)])
    assert (reception.received, reception.lost, reception.duplicates) == (97, 3, 0)


def test_reordering_is_no_loss_and_a_double_counts_once() -> None:
    reception = hear(Reception(), [1, 0, 2, 4, 3, 3, 5, 5, 9, 6, 7, 8])
    assert (reception.received, reception.lost, reception.duplicates, reception.reordered) == (10, 0, 2, 5)


def test_the_sequence_wraps_more_than_once() -> None:
    reception = hear(Reception(), [n for n in range(65001, 65001 + 140_000) if n % 100])
    assert reception.lost == 1399
    assert reception.highest >> 16 == 1 + (65001 + 140_000) // 65536


def test_a_new_stream_or_a_jump_loses_nothing() -> None:
    reception = hear(Reception(), [*range(10), 12])
    hear(reception, [*range(40_000, 40_010)])
    assert (reception.received, reception.lost) == (21, 2)
    hear(reception, [5, 6, 8], ssrc=2)
    assert (reception.received, reception.lost) == (24, 3)


def test_one_stray_sequence_number_does_not_count() -> None:
    reception = hear(Reception(), [*range(10), 30_000, *range(10, 20)])
    assert (reception.received, reception.lost) == (20, 0)


def test_the_fraction_is_that_since_the_last_report() -> None:
    reception = hear(Reception(), [n for n in range(100) if n % 4])
    assert reception.fraction_lost() == 24 * 256 // 99
    hear(reception, list(range(100, 200)))
    assert reception.fraction_lost() == 0
    assert reception.fraction_lost() == 0


def test_jitter_is_the_estimate_of_the_rfc() -> None:
    reception, estimate, last = Reception(), 0.0, None
    chance = random.Random(7)
    for n in range(2000):
        arrival = n * 0.02 + chance.uniform(0, 0.03)
        reception.note(n, n * 160, 1, arrival, True)
        if last is not None:
            estimate += (abs((arrival - last) * 8000 - 160) - estimate) / 16
        last = arrival
    assert reception.jitter == int(estimate)
    assert 7 < reception.jitter_ms < 13
    assert reception.jitter_ms < reception.worst_jitter_ms < 30


def test_a_steady_stream_has_no_jitter_whatever_its_events_and_pauses() -> None:
    reception = hear(Reception(), list(range(50)))
    for n in range(50, 60):
        reception.note(n, 50 * 160, 1, n * 0.02, False)
    reception.note(60, 500 * 160, 1, 10.0, False)
    reception.note(61, 501 * 160, 1, 10.02, True)
    assert reception.jitter_ms == pytest.approx(0, abs=1e-6)


@given(st.integers(0, 0xFFFF), st.lists(st.integers(0, 200), min_size=1, max_size=120), st.integers(0, 400))
def test_any_order_and_any_doubles_are_told_apart(start: int, offsets: list[int], before: int) -> None:
    sequences = [*range(start, start + before), *(start + before + offset for offset in offsets)]
    reception = hear(Reception(), sequences)
    unique = set(sequences)
    assert reception.received == len(unique)
    assert reception.duplicates == len(sequences) - len(unique)
    assert reception.lost == max(unique) - min(unique) + 1 - len(unique)


def test_before_anything_arrived() -> None:
    reception = Reception()
    assert (reception.received, reception.lost, reception.fraction_lost(), reception.jitter_ms) == (0, 0, 0, 0)
