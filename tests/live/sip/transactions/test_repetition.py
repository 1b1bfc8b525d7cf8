from __future__ import annotations

from tests.live.sip.transactions.test_client import made

from dialnexa.live.sip.transactions.repetition import Repetition
from dialnexa.live.sip.transactions.timers import Timers
from dialnexa.live.sip.transactions.transaction import Fail, Failure, Send


def _times(repetition: Repetition) -> list[float]:
    times: list[float] = []
    while repetition.timeout(at := repetition.next_deadline) == [Send(repetition.response)]:
        times.append(at)
    assert repetition.timeout(32.0) == [Fail(Failure.TIMEOUT)]
    return times


class TestRepetition:
    def test_of_a_success_doubles_up_to_t2_then_gives_up(self) -> None:
        times = _times(Repetition(made().reply(200), Timers(), 0.0, Timers().t2))
        assert times == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]

    def test_of_a_provisional_goes_on_doubling(self) -> None:
        assert _times(Repetition(made().reply(180), Timers(), 0.0)) == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]

    def test_nothing_is_repeated_before_its_time(self) -> None:
        assert Repetition(made().reply(200), Timers(), 0.0).timeout(0.4) == []
