"""One call, from dialling to outcome, over a line made by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from dialnexa.live.call import CallControl, hold_call
from dialnexa.live.line import NotConnected
from dialnexa.live.outcome import Ending, EndReason, HeardAudio, MediaQuality, SentAudio, SipLadder, SipMessageSeen
from dialnexa.live.plan import AgentPlan, CallPlan, Transcriber
from dialnexa.live.speech.ports import SpeechError
from dialnexa.live.timeline import Answered, CallEvent, Signalled, Trouble
from tests.live.fake_speech import FakeSpeech, FakeStt
from tests.live.fakes import FakeLine

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


def seen(*starts: str) -> SipLadder:
    begun = datetime(2026, 5, 23, 12, tzinfo=UTC)
    return SipLadder(
        tuple(
            SipMessageSeen(
                begun + timedelta(milliseconds=10 * number),
                "out" if start[0] == ">" else "in",
                "10.0.0.1:5060",
                "10.0.0.2:5060",
                "UDP",
                f"{start[2:]}\r\nCSeq: 1 {cseq}\r\n\r\n",
            )
            for number, (start, cseq) in enumerate((start, "BYE" if "BYE" in start else "INVITE") for start in starts)
        )
    )


async def test_the_timeline_tells_the_signalling_in_short_each_message_once() -> None:
    line = Line()
    happened: list[CallEvent] = []
    set_up = seen("> INVITE sip:b SIP/2.0", "< SIP/2.0 200 OK", "> ACK sip:b SIP/2.0")

    def note(event: CallEvent) -> None:
        happened.append(event)
        if isinstance(event.what, Answered):
            line.said = set_up

    async def far_end_hangs_up() -> None:
        line.said = seen(*("> INVITE sip:b SIP/2.0", "< SIP/2.0 200 OK", "> ACK sip:b SIP/2.0"), "< BYE sip:a SIP/2.0")

    line.hang_up = far_end_hangs_up  # type: ignore[method-assign]
    control = CallControl()
    control.hang_up("Enough.")
    speech = FakeSpeech.scripted(line.clock)
    outcome = await hold_call(PLAN, line, speech, note, clock=line.clock, control=control)
    told = [event.what for event in happened if isinstance(event.what, Signalled)]
    assert told == [
        Signalled("set_up", ("→ INVITE", "← 200 OK +10 ms", "→ ACK +20 ms")),
        Signalled("end", ("← BYE +30 ms",)),
    ]
    assert len(outcome.ladder.messages) == 4


async def test_a_call_that_never_came_up_has_its_ladder() -> None:
    line = Line(refuses=NotConnected(Ending.BUSY, EndReason.USER_BUSY, "Busy.", 486))
    line.said = seen("> INVITE sip:b SIP/2.0", "< SIP/2.0 486 Busy Here")
    happened: list[CallEvent] = []
    speech = FakeSpeech.scripted(line.clock)
    outcome = await hold_call(PLAN, line, speech, happened.append, clock=line.clock, control=CallControl())
    assert outcome.ladder == line.said
    told = [event.what for event in happened if isinstance(event.what, Signalled)]
    assert told == [Signalled("end", ("→ INVITE", "← 486 Busy Here +10 ms"))]


async def test_a_call_that_sounded_bad_says_so_on_its_timeline_and_keeps_the_figures() -> None:
    line = Line()
    line.sounded = MediaQuality(
        "PCMU",
        "",
        80.0,
        HeardAudio(900, 100, 0, 20, 35.0, 80.0, 2000, 0, mos=3.1),
        SentAudio(1000, 0, 0, 0, True, 0, 1.0, mos=4.3),
    )
    control = CallControl()
    control.hang_up("Enough.")
    happened: list[CallEvent] = []
    outcome = await hold_call(
        PLAN, line, FakeSpeech.scripted(line.clock), happened.append, clock=line.clock, control=control
    )
    assert outcome.quality is line.sounded
    (trouble,) = [event.what for event in happened if isinstance(event.what, Trouble)]
    assert trouble.part == "audio"
    assert "MOS 3.1" in trouble.message
