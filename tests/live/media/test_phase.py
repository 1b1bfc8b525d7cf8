"""The legs of a phase stand up for themselves only."""

from __future__ import annotations

from dialnexa.live.media.codec import Codec
from dialnexa.live.media.leg import Leg
from dialnexa.live.media.phase import Phase


def test_a_broken_transport_costs_the_other_calls_of_its_phase_nothing() -> None:
    class Broken:
        events = False

        def poll(self) -> None:
            raise RuntimeError("a bug")

        def send(self, payload: bytes, at: int, marker: bool) -> None:
            raise RuntimeError("a bug")

        def send_event(self, digit: str, started_at: int, duration: int, end: bool, marker: bool) -> None: ...

    class Working(Broken):
        sent = 0

        def poll(self) -> None: ...

        def send(self, payload: bytes, at: int, marker: bool) -> None:
            self.sent += 1

    phase, working = Phase(None), Working()
    for transport in (Broken(), working):
        phase.add(Leg(transport, Codec.PCMU, None, phase.remove))
    for cycle in range(1, 4):
        phase.run(cycle)
    assert working.sent == 3
    assert [leg.at for leg in phase.legs] == [480, 480]
