from __future__ import annotations

from dialnexa.live.sip.transactions.agenda import Agenda


class Clock:
    now = 0.0


class TestAgenda:
    def test_keeps_appointments_in_order_and_only_when_due(self) -> None:
        done: list[str] = []
        agenda = Agenda(lambda: Clock.now)
        agenda.call_at(2.0, lambda: done.append("second"))
        agenda.call_at(1.0, lambda: done.append("first"))
        agenda.call_at(9.0, lambda: done.append("late"))
        Clock.now = 2.0
        agenda.run_due()
        assert done == ["first", "second"]
        assert agenda.next_deadline == 9.0

    def test_cancelled_ones_leave_nothing_behind(self) -> None:
        agenda = Agenda(lambda: Clock.now)
        appointments = [agenda.call_at(100.0 + i, lambda: None) for i in range(1000)]
        for appointment in appointments[1:]:
            appointment.cancel()
            appointment.cancel()
        assert len(agenda) == 1
        assert len(agenda._heap) < 200
        assert agenda.next_deadline == 100.0

    def test_says_when_the_next_deadline_comes_nearer(self) -> None:
        heard: list[float | None] = []
        agenda = Agenda(lambda: Clock.now)
        agenda.on_earlier = lambda: heard.append(agenda.next_deadline)
        for at in (5.0, 7.0, 3.0):
            agenda.call_at(at, lambda: None)
        assert heard == [5.0, 3.0]
