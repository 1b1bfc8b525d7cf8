"""What waits for a database that is away, and what goes on after a bug."""

from __future__ import annotations

from collections.abc import Callable, Coroutine

import pytest
from sqlalchemy.exc import IntegrityError, OperationalError

from dialnexa.worker.patience import one_round, patiently
from tests.live.fakes import VirtualClock

AWAY = OperationalError("SELECT 1", None, Exception("the server is gone"))
REFUSED = IntegrityError("INSERT", None, Exception("no such call"))


class Clock(VirtualClock):
    """Time that passes only while something waits."""

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)


def failing(*failures: Exception) -> Callable[[], Coroutine[None, None, str]]:
    """Work that fails like this, time after time, and then succeeds."""
    left = list(failures)

    async def work() -> str:
        if left:
            raise left.pop(0)
        return "written"

    return work


async def test_a_database_that_is_away_is_waited_for() -> None:
    clock = Clock()
    assert await patiently(failing(AWAY, AWAY), clock, every_s=2.0, waiting="not_yet") == "written"
    assert clock.monotonic() == pytest.approx(4.0)


async def test_what_the_database_refuses_for_good_is_not_tried_again() -> None:
    with pytest.raises(IntegrityError):
        await patiently(failing(AWAY, REFUSED), Clock(), every_s=2.0, waiting="not_yet")


@pytest.mark.parametrize("trouble", [AWAY, REFUSED, KeyError("a bug")])
def test_after_a_round_that_failed_comes_the_next(trouble: Exception) -> None:
    with one_round("tests"):
        raise trouble


def test_a_round_can_be_ended_from_outside() -> None:
    with pytest.raises(KeyboardInterrupt), one_round("tests"):
        raise KeyboardInterrupt
