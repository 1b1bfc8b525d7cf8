"""Group commit: who waits while others are served is served together, and never pays for a neighbour."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest

from dialnexa.kit.together import Together


class Counter:
    """Serves numbers by doubling them, a group for each pass; 13 is refused, and a group with 99 in it breaks."""

    def __init__(self, *, passes: int = 0) -> None:
        self.groups = list[list[int]]()
        self.passes = asyncio.Semaphore(passes)

    async def serve(self, numbers: Sequence[int]) -> Sequence[int | Exception]:
        self.groups.append(list(numbers))
        await self.passes.acquire()
        if 99 in numbers:
            raise RuntimeError("broken")
        return [ValueError("thirteen") if number == 13 else 2 * number for number in numbers]

    def let_pass(self, groups: int) -> None:
        for _ in range(groups):
            self.passes.release()


async def _ask(together: Together[int, int], *numbers: int) -> list[asyncio.Task[int]]:
    """Ask for several, one after the other, without waiting for answers."""
    tasks = list[asyncio.Task[int]]()
    for number in numbers:
        tasks.append(asyncio.create_task(together.ask(number)))
        await asyncio.sleep(0)
    return tasks


async def test_alone_nobody_waits_for_company() -> None:
    counter = Counter(passes=1)
    assert await Together(counter.serve).ask(4) == 8
    assert counter.groups == [[4]]


async def test_who_waits_meanwhile_is_served_together_and_in_order() -> None:
    counter = Counter()
    asked = await _ask(Together(counter.serve), 1, 2, 3, 4)
    counter.let_pass(5)
    assert await asyncio.gather(*asked) == [2, 4, 6, 8]
    assert counter.groups == [[1], [2, 3, 4]]


async def test_a_group_has_its_bounds() -> None:
    counter = Counter()
    asked = await _ask(Together(counter.serve, most=2), 1, 2, 3, 4)
    counter.let_pass(5)
    await asyncio.gather(*asked)
    assert counter.groups == [[1], [2, 3], [4]]


async def test_what_is_wrong_with_one_is_told_to_that_one() -> None:
    counter = Counter()
    asked = await _ask(Together(counter.serve), 1, 13, 3)
    counter.let_pass(5)
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert (answers[0], str(answers[1]), answers[2]) == (2, "thirteen", 6)
    assert counter.groups == [[1], [13, 3]]


async def test_a_group_that_breaks_is_served_one_by_one() -> None:
    counter = Counter()
    asked = await _ask(Together(counter.serve), 1, 2, 99, 3)
    counter.let_pass(5)
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [answers[0], answers[1], answers[3]] == [2, 4, 6]
    assert isinstance(answers[2], RuntimeError)
    assert counter.groups == [[1], [2, 99, 3], [2], [99], [3]]


async def test_who_gives_up_waiting_is_not_served() -> None:
    counter = Counter()
    first, second, third = await _ask(Together(counter.serve), 1, 2, 3)
    second.cancel()
    await asyncio.sleep(0)
    counter.let_pass(2)
    assert (await first, await third) == (2, 6)
    assert counter.groups == [[1], [3]]
    assert second.cancelled()


async def test_who_gives_up_while_serving_serves_to_the_end_and_once() -> None:
    """A transaction that is cut off at its commit may have happened; served again, calls would be placed twice."""
    counter = Counter()
    first, second, third, fourth = await _ask(Together(counter.serve), 1, 2, 3, 4)
    counter.let_pass(1)
    assert await first == 2
    await _until(lambda: len(counter.groups) == 2)
    second.cancel()  # it serves 2, 3 and 4
    await asyncio.sleep(0)
    second.cancel()  # and is asked twice
    counter.let_pass(1)
    assert (await third, await fourth) == (6, 8)
    with pytest.raises(asyncio.CancelledError):
        await second
    assert counter.groups == [[1], [2, 3, 4]]


async def test_after_who_gave_up_others_are_served() -> None:
    counter = Counter(passes=9)
    together = Together(counter.serve)
    (gone,) = await _ask(together, 1)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    assert await together.ask(2) == 4


async def _until(true: Callable[[], bool]) -> None:
    for _ in range(100):
        if true():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to that")
