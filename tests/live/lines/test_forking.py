"""One person's phones ring together: the first answer counts, and no other phone is left ringing or off the hook."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from dialnexa.live.line import NotConnected
from dialnexa.live.lines.setup import Forking
from dialnexa.live.outcome import Ending, EndReason
from dialnexa.live.sip.endpoint import Dialog


class Picked(Dialog):
    """An answered call without a network."""

    def __init__(self) -> None:
        self.byes = 0

    def send_bye(self, headers: object = (), timeout: float = 0) -> None:
        self.byes += 1


class Phone:
    """A place that rings until the test says what becomes of it."""

    def __init__(self) -> None:
        self.end: asyncio.Future[Dialog] = asyncio.get_running_loop().create_future()
        self.stopped = False

    async def establish(self, audio: object, on_ringing: Callable[[int], None]) -> Dialog:
        on_ringing(180)
        try:
            return await self.end
        except asyncio.CancelledError:
            self.stopped = True
            raise

    def give_up(self) -> None: ...


def refusal(status: int | None, ending: Ending = Ending.FAILED) -> NotConnected:
    return NotConnected(ending, EndReason.ERROR, f"refused with {status}", status)


class Desk:
    """Three phones of one login."""

    def __init__(self) -> None:
        self.phones = [Phone() for _ in range(3)]
        self.rang: list[int] = []
        fork = Forking(cast("Any", self.phones))
        self.calling = asyncio.ensure_future(fork.establish(cast("Any", None), self.rang.append))


@pytest.fixture
async def desk() -> Desk:
    desk = Desk()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return desk


async def test_the_first_answer_has_the_call_and_the_others_stop(desk: Desk) -> None:
    call = Picked()
    desk.phones[1].end.set_result(call)
    assert await desk.calling is call
    assert [phone.stopped for phone in desk.phones] == [True, False, True]
    assert (desk.rang, call.byes) == ([180], 0)


async def test_of_two_that_answer_at_once_one_is_hung_up(desk: Desk) -> None:
    calls = [Picked(), Picked()]
    for phone, call in zip(desk.phones, calls, strict=False):
        phone.end.set_result(call)
    winner = await desk.calling
    assert [call.byes for call in calls] == [0 if call is winner else 1 for call in calls]


async def test_a_phone_that_refuses_leaves_the_others_ringing(desk: Desk) -> None:
    desk.phones[0].end.set_exception(refusal(486, Ending.BUSY))
    await asyncio.sleep(0)
    assert not desk.calling.done()
    call = Picked()
    desk.phones[2].end.set_result(call)
    assert await desk.calling is call


@pytest.mark.parametrize(
    ("statuses", "told"),
    [((480, 486, 404), 486), ((480, None, 404), 404), ((None, None, None), None), ((503, 480, 500), 480)],
)
async def test_when_all_refuse_the_one_that_tells_most_is_believed(
    desk: Desk, statuses: tuple[int | None, ...], told: int | None
) -> None:
    for phone, status in zip(desk.phones, statuses, strict=True):
        phone.end.set_exception(refusal(status, Ending.BUSY if status == 486 else Ending.FAILED))
    with pytest.raises(NotConnected) as error:
        await desk.calling
    assert error.value.sip_status == told


async def test_a_person_who_declines_declines_everywhere(desk: Desk) -> None:
    desk.phones[0].end.set_exception(refusal(480))
    desk.phones[1].end.set_exception(refusal(603))
    with pytest.raises(NotConnected) as error:
        await desk.calling
    assert error.value.sip_status == 603
    assert desk.phones[2].stopped


async def test_a_caller_who_gives_up_stops_them_all(desk: Desk) -> None:
    desk.calling.cancel()
    await asyncio.gather(desk.calling, return_exceptions=True)
    assert all(phone.stopped for phone in desk.phones)
