"""The jitter buffer under networks as they are, in virtual time: how much is lost, how late the rest is heard.

Each packet carries its number in quiet bytes; 60 frames of speech take turns with 37 of quiet. Network delays are in
seconds, and what is asserted leaves them out: it is the buffer's own delay.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from dialnexa.live.media.jitter import JitterBuffer

TICK = 0.02
Delay = Callable[[int, random.Random], float]


def is_speech(number: int) -> bool:
    return number % 97 < 60


def frame(number: int) -> bytes:
    name = bytes(0xFF - (number >> 5 * digit & 31) for digit in range(4))
    return name + (b"\x00" if is_speech(number) else b"\xff") * 156


def number_of(heard: bytes) -> int:
    return sum((0xFF - heard[digit]) << 5 * digit for digit in range(4))


@dataclass
class Heard:
    """What came out."""

    arrived: list[int]
    played: dict[int, float] = field(default_factory=dict[int, float])
    """Number → seconds from being sent to being played."""
    longest_gap: int = 0

    @property
    def speech_lost(self) -> float:
        spoken = [number for number in self.arrived if is_speech(number)]
        return sum(number not in self.played for number in spoken) / len(spoken)

    def delay(self, last: int | None = None) -> float:
        delays = list(self.played.values())[-(last or 0) :]
        return sum(delays) / len(delays)


def call(delay: Delay, *, packets: int = 8000, loss: float = 0.0, drift: float = 0.0) -> Heard:
    """Send this many packets; ``drift`` is how much slower the far clock runs than ours."""
    chance = random.Random(1)
    sent = {n: n * TICK * (1 + drift) for n in range(packets) if chance.random() >= loss}
    arrivals = sorted((at + delay(n, chance), n) for n, at in sent.items())
    heard, buffer, missing = Heard(list(sent)), JitterBuffer(0xFF), 0
    arrivals.reverse()
    for tick in range(packets + 100):
        now = tick * TICK + 0.013
        while arrivals and arrivals[-1][0] <= now:
            number = arrivals.pop()[1]
            buffer.push(frame(number), number * 160)
        out = buffer.pop()
        missing = missing + 1 if out is None else 0
        if arrivals and heard.played:
            heard.longest_gap = max(heard.longest_gap, missing)
        if out is not None:
            number = number_of(out)
            heard.played[number] = now - number * TICK * (1 + drift)
    return heard


def spread(seconds: float) -> Delay:
    return lambda number, chance: chance.uniform(0, seconds)


def netem(number: int, chance: random.Random) -> float:
    """60 ms, give or take 30, as ``tc qdisc … netem delay 60ms 30ms distribution normal``."""
    return max(0.0, chance.gauss(0.06, 0.03))


def stalls(number: int, chance: random.Random) -> float:
    """Every 20 s nothing comes for a second and a half, and then all of it at once."""
    into = number % 1000
    return max(0.0, 1.5 - into * TICK) + chance.uniform(0, 0.005)


def bad_spells(number: int, chance: random.Random) -> float:
    return chance.uniform(0, 0.1) if number // 500 % 4 == 3 else chance.uniform(0, 0.005)


def longer_way(number: int, chance: random.Random) -> float:
    return (0.14 if number > 4000 else 0.02) + chance.uniform(0, 0.004)


@pytest.mark.parametrize(
    ("delay", "network", "most_lost", "most_delay"),
    [
        (spread(0.001), {}, 0.0, 0.04),
        (spread(0.02), {}, 0.001, 0.06),
        (spread(0.06), {}, 0.002, 0.1),
        (spread(0.1), {}, 0.002, 0.14),
        (netem, {"loss": 0.05}, 0.005, 0.17),
        (lambda number, chance: 0.02 if chance.random() < 0.9 else 0.0, {}, 0.001, 0.06),
        (lambda number, chance: chance.expovariate(1 / 0.015), {"loss": 0.01}, 0.005, 0.11),
        (bad_spells, {}, 0.004, 0.1),
        (longer_way, {}, 0.002, 0.13),
        (spread(0.005), {"drift": 2e-4, "packets": 30_000}, 0.001, 0.06),
        (spread(0.005), {"drift": -2e-4, "packets": 30_000}, 0.001, 0.06),
    ],
    ids=[
        "calm",
        "20 ms",
        "60 ms",
        "100 ms",
        "netem",
        "reordered",
        "mobile",
        "bad spells",
        "longer way",
        "slow",
        "fast",
    ],
)
def test_little_is_lost_and_little_is_late(
    delay: Delay, network: dict[str, float], most_lost: float, most_delay: float
) -> None:
    heard = call(delay, **network)  # type: ignore[arg-type]
    assert heard.speech_lost <= most_lost
    assert heard.delay() <= most_delay
    assert heard.longest_gap <= 10


def test_speech_of_a_stall_is_heard_after_it_and_the_delay_comes_back_in_the_pauses() -> None:
    heard = call(stalls)
    assert heard.speech_lost < 0.02, "throwing the burst away would lose one in thirteen"
    assert heard.delay(last=200) < 0.05


def test_the_delay_of_a_bad_spell_is_given_back() -> None:
    heard = call(lambda number, chance: chance.uniform(0, 0.15 if number < 2000 else 0.002))
    assert heard.delay(last=200) < 0.05


def test_delay_is_given_back_also_where_nothing_is_known_of_loudness() -> None:
    buffer, behind = JitterBuffer(0x00), list[int]()
    on_time, stalled, burst = [[n] for n in range(50)], [list[int]()] * 60, [list(range(50, 111))]
    for newest, numbers in enumerate([*on_time, *stalled, *burst, *([n] for n in range(111, 1000))]):
        for number in numbers:
            buffer.push(frame(number), number * 160)
        if (out := buffer.pop()) is not None:
            behind.append(newest - number_of(out))
    assert max(behind) >= 60
    assert behind[-1] <= 2
