"""The opinion of a call, and the sentences for a bad one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dialnexa.live.media.quality import complaints, estimate, mos
from dialnexa.live.outcome import HeardAudio, MediaQuality, SentAudio

GOOD = MediaQuality(
    codec="PCMU",
    encryption="",
    round_trip_ms=40.0,
    heard=HeardAudio(1000, 0, 0, 0, 1.0, 2.0, 0, 0, 4.4),
    sent=SentAudio(1000, 0, 0, 0, True, 0, 1.0, 4.4),
)


@pytest.mark.parametrize(
    ("loss", "delay_ms", "low", "high"),
    [(0.0, 60, 4.3, 4.45), (0.01, 100, 4.2, 4.3), (0.05, 100, 3.7, 3.9), (0.1, 100, 3.1, 3.4), (0.0, 400, 2.9, 3.2),
     (1.0, 5000, 1.0, 1.0), (-1.0, 0, 4.3, 4.45)],
)  # fmt: skip
def test_the_estimate_is_where_the_e_model_has_it(loss: float, delay_ms: float, low: float, high: float) -> None:
    assert low <= mos(loss, delay_ms) <= high


def test_more_loss_or_more_delay_never_sounds_better() -> None:
    by_loss = [mos(share / 100, 100) for share in range(101)]
    by_delay = [mos(0.02, delay) for delay in range(0, 1000, 10)]
    assert by_loss == sorted(by_loss, reverse=True)
    assert by_delay == sorted(by_delay, reverse=True)


def test_two_seconds_are_needed_for_an_opinion() -> None:
    assert estimate(99, 0, None) is None
    assert estimate(100, 0, None) == mos(0, 60)
    assert estimate(100, 10, 200.0) == mos(0.1, 160)


def test_a_good_call_is_not_complained_about() -> None:
    assert complaints(GOOD) == ()


@pytest.mark.parametrize(
    ("heard", "sent", "words"),
    [
        ({"packets": 0, "mos": None}, {}, ["Nothing of the far end", "DIALNEXA_SIP_PUBLIC_HOST"]),
        ({"packets": 0, "mos": None, "undecipherable": 500}, {}, ["500 packets did not open", "SRTP"]),
        ({"lost": 100, "mos": 3.1}, {}, ["heard badly (MOS 3.1)", "9.1 %", "round trip 40 ms"]),
        ({}, {"arrived": False}, ["nothing of our audio arrived"]),
        ({}, {"lost": 80, "mos": 3.2, "jitter_ms": None}, ["heard us badly (MOS 3.2)", "8.0 %"]),
        ({}, {"gaps": 3, "longest_gap_ms": 580}, ["stalled", "580 ms", "DIALNEXA_CAPACITY"]),
    ],
)
def test_what_was_bad_is_said_with_its_fix(heard: dict[str, object], sent: dict[str, object], words: list[str]) -> None:
    quality = replace(GOOD, heard=replace(GOOD.heard, **heard), sent=replace(GOOD.sent, **sent))
    (sentence,) = complaints(quality)
    assert [word for word in words if word not in sentence] == []


def test_a_call_of_a_moment_is_not_judged() -> None:
    brief = replace(GOOD, heard=replace(GOOD.heard, packets=0, mos=None), sent=replace(GOOD.sent, packets=20))
    assert complaints(brief) == ()
