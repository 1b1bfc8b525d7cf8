"""A key pressed once is one key, by whichever ways the far end tells of it."""

from __future__ import annotations

import pytest

from dialnexa.live.media.key_account import KeyAccount


def counted(*reports: tuple[str, str, float]) -> str:
    """Report keys (way, digit, seconds); return what is counted in the end."""
    account, digits = KeyAccount(), ""
    for way, digit, seconds in reports:
        at = round(seconds * 8000)
        digits += "".join(account.due(at))
        getattr(account, way)(digit, at)
    digits += "".join(account.due(80_000_000))
    assert not account.busy
    return digits


@pytest.mark.parametrize(
    "reports",
    [
        [("event", "5", 0.0), ("info", "5", 0.2)],
        [("info", "5", 0.0), ("event", "5", 0.3)],
        [("sound", "5", 0.05), ("event", "5", 0.1)],
        [("sound", "5", 0.05), ("event", "5", 0.4)],
        [("sound", "5", 0.05), ("event", "5", 0.1), ("info", "5", 0.2)],
        [("sound", "5", 0.05), ("info", "5", 1.2)],
        [("event", "5", 0.0), ("sound", "5", 0.1), ("info", "5", 0.2)],
    ],
)
def test_one_press_told_in_several_ways_is_one_key(reports: list[tuple[str, str, float]]):
    assert counted(*reports) == "5"


def test_the_same_key_again_is_a_second_one_by_each_way():
    for way in ("event", "info", "sound"):
        assert counted((way, "5", 0.0), (way, "5", 0.4)) == "55"
    twice = [(way, "5", at) for at in (0.0, 0.5) for way in ("event", "info")]
    assert counted(*twice) == "55"
    assert counted(("event", "5", 0.0), ("event", "5", 0.3), ("info", "5", 0.4), ("info", "5", 0.5)) == "55"


def test_keys_keep_their_order():
    assert counted(("event", "1", 0.0), ("event", "2", 0.3), ("info", "1", 0.4), ("info", "2", 0.6)) == "12"


def test_a_second_way_much_later_is_another_press():
    assert counted(("event", "5", 0.0), ("info", "5", 3.0)) == "55"


def test_who_tells_keys_is_not_listened_to_for_them():
    assert counted(("event", "1", 0.0), ("sound", "9", 20.0)) == "1"


def test_a_sound_counts_after_a_moment():
    account = KeyAccount()
    account.sound("7", 800)
    assert account.due(1440) == []
    assert account.busy
    assert account.due(1600) == ["7"]


def test_a_flood_of_keys_is_counted_and_not_hoarded():
    account = KeyAccount()
    for number in range(5000):
        account.event("0123456789"[number % 10], number)
    assert len(account.due(5000)) == 5000
    assert len(account._recent) < 50
