"""One call, from dialling to outcome, over a line made by hand."""

from __future__ import annotations

from collections.abc import Callable

from dialnexa.live.call import CallControl, hold_call
from dialnexa.live.plan import AgentPlan, Answered, CallEvent, CallPlan, Ending, EndReason, Transcriber
from dialnexa.live.speech.ports import SpeechError
from tests.live.fakes import FakeLine, FakeSpeech, FakeStt

PLAN = CallPlan("call_1", "outbound", "+14155550100", "+16505550199", AgentPlan("agt_1", "av_1", "Mia", "You are Mia."))


class Line(FakeLine):
    dialled = False

    async def connect(self, on_ringing: Callable[[int], None]) -> None:
        self.dialled = True
        await super().connect(on_ringing)


class Deaf(FakeSpeech):
    """Providers that have no such recogniser."""

    def stt(self, settings: Transcriber) -> FakeStt:
        raise SpeechError("There is no recogniser 'acme/ears'.")


async def test_an_agent_without_ears_calls_nobody() -> None:
    line = Line()
    happened: list[CallEvent] = []
    speech = Deaf.scripted(line.clock)
    outcome = await hold_call(PLAN, line, speech, happened.append, clock=line.clock, control=CallControl())
    assert not line.dialled
    assert (outcome.ending, outcome.reason) == (Ending.FAILED, EndReason.ERROR)
    assert "acme/ears" in outcome.detail
    assert [event for event in happened if isinstance(event.what, Answered)] == []


async def test_a_hang_up_wished_for_before_the_dialling_is_a_cancelled_call() -> None:
    line = Line()
    control = CallControl()
    control.hang_up("Ended by an API request.")

    async def never(on_ringing: Callable[[int], None]) -> None:
        await line.ended()

    line.connect = never  # type: ignore[method-assign]
    outcome = await hold_call(
        PLAN, line, FakeSpeech.scripted(line.clock), lambda event: None, clock=line.clock, control=control
    )
    assert (outcome.ending, outcome.detail) == (Ending.CANCELLED, "Ended by an API request.")
    assert line.hung_up
