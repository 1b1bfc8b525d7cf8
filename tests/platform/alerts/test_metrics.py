from __future__ import annotations

import pytest

from dialnexa.platform.alerts.metrics import State, judge


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        ("ok", 9.9, "ok"),
        ("ok", 10.0, "triggered"),
        ("triggered", 9.5, "triggered"),
        ("triggered", 8.9, "ok"),
        ("triggered", None, "triggered"),
        ("ok", None, "ok"),
    ],
)
def test_an_alert_ends_a_tenth_below_where_it_began(before: State, value: float | None, after: State) -> None:
    assert judge(before, value, 10, None) == after


def test_it_may_end_where_one_says() -> None:
    assert judge("triggered", 5.0, 10, 5) == "triggered"
    assert judge("triggered", 4.9, 10, 5) == "ok"
