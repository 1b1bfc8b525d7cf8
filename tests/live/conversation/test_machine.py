"""The turn machine under any order of events: replayable, never raising, never stuck."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.live.conversation.stories import plan

from dialnexa.live.conversation.actions import (
    CommitTurn,
    CutAgent,
    FinalizeStt,
    HangUp,
    Say,
    SayBackchannel,
    StartReply,
)
from dialnexa.live.conversation.events import (
    BeepHeard,
    Began,
    BreathTaken,
    DigitPressed,
    EarsLost,
    EndRequested,
    Event,
    FinalHeard,
    LineEnded,
    MouthFailed,
    PartialHeard,
    PlayoutFinished,
    PlayoutResumed,
    PlayoutStalled,
    PlayoutStarted,
    ReplyFailed,
    ReplyFinished,
    ReplyStarted,
    ReplyText,
    TickReached,
    ToolFinished,
    ToolStarted,
    VoiceLasted,
    VoiceStarted,
    VoiceStopped,
    from_record,
    to_records,
)
from dialnexa.live.conversation.listening import ListenerSettings
from dialnexa.live.conversation.machine import TurnMachine
from dialnexa.live.conversation.replay import replay
from dialnexa.live.conversation.settings import TurnSettings
from dialnexa.live.conversation.states import State
from dialnexa.live.outcome import EndReason
from dialnexa.live.plan import TurnTaking

TEXTS = st.sampled_from(["", "mhm", "yes", "stop that", "leave a message", "press one", "hello", "and"])
REPLIES = st.integers(1, 4)
STEPS = st.one_of(
    st.builds(lambda gap: ("tick", gap), st.integers(1, 6000)),
    st.builds(lambda gap: ("voice", gap), st.integers(20, 3000)),
    st.builds(lambda text: ("partial", text), TEXTS),
    st.builds(lambda text, matched: ("final", text, matched), TEXTS, st.booleans()),
    st.builds(lambda digit: ("digit", digit), st.sampled_from("12#")),
    st.sampled_from(
        [
            ("beep",),
            ("breath",),
            ("ears",),
            ("mouth",),
            ("started",),
            ("text",),
            ("finished",),
            ("failed",),
            ("tool",),
            ("answer",),
        ]
    ),
    st.sampled_from([("breath",), ("end",), ("playing",), ("stalled",), ("resumed",), ("played",), ("stale",)]),
)


def events(steps: list[tuple[object, ...]], machine: TurnMachine) -> None:
    """Drive a machine through the steps, in time, telling it the time whenever it asked for it."""
    at = 0
    machine.handle(Began(0))
    speaking = False
    reply = 0
    for step in steps:
        kind = step[0]
        if kind == "tick":
            at = elapse(machine, at, int(str(step[1])))
            continue
        at += 20
        made: list[Event]
        if kind == "voice":
            made = [VoiceStarted(at, max(0, at - 192))] if not speaking else [VoiceStopped(at, at - 192)]
            speaking = not speaking
            for event in made:
                reply = newest(machine.handle(event), reply)
            at = elapse(machine, at, int(str(step[1])))
            if speaking and int(str(step[1])) > 425:
                machine.handle(VoiceLasted(at, at - 425))
            continue
        simple: dict[object, Event] = {
            "beep": BeepHeard(at),
            "breath": BreathTaken(at),
            "ears": EarsLost(at, "lost"),
            "mouth": MouthFailed(at, "lost"),
            "started": ReplyStarted(at, reply),
            "text": ReplyText(at, reply, "Well."),
            "finished": ReplyFinished(at, reply),
            "failed": ReplyFailed(at, reply, "503"),
            "tool": ToolStarted(at, reply, "look_up", 10_000),
            "answer": ToolFinished(at, reply, "look_up"),
            "end": EndRequested(at, reply),
            "playing": PlayoutStarted(at, reply),
            "stalled": PlayoutStalled(at, reply),
            "resumed": PlayoutResumed(at, reply),
            "played": PlayoutFinished(at, reply),
            "stale": PlayoutFinished(at, reply - 1),
        }
        if kind == "partial":
            event: Event = PartialHeard(at, str(step[1]))
        elif kind == "final":
            event = FinalHeard(at, str(step[1]), 0.9, "test", bool(step[2]))
        elif kind == "digit":
            event = DigitPressed(at, str(step[1]))
        else:
            event = simple[kind]
        reply = newest(machine.handle(event), reply)
    if speaking:
        machine.handle(VoiceStopped(at + 20, at))


def elapse(machine: TurnMachine, at: int, gap: int) -> int:
    end = at + gap
    while machine.deadline is not None and machine.deadline <= end:
        at = max(at, machine.deadline)
        before = machine.deadline
        machine.handle(TickReached(at))
        if machine.deadline == before:
            break
    return end


def newest(actions: tuple[object, ...], reply: int) -> int:
    for action in actions:
        if isinstance(action, StartReply | Say):
            reply = action.reply
    return reply


SETTINGS = st.builds(
    TurnSettings,
    opening_mode=st.sampled_from(["agent_defined", "agent_dynamic", "user"]),
    opening_text=st.sampled_from(["", "Hello."]),
    opening_pause_ms=st.sampled_from([0, 2000]),
    allow_interruptions=st.booleans(),
    screen=st.booleans(),
    voicemail_hang_up=st.booleans(),
    voicemail_message=st.sampled_from(["", "Call me back."]),
    keypad_digits=st.sampled_from([1, 3]),
    reminder_count=st.sampled_from([0, 1, 2]),
    listener=st.sampled_from([ListenerSettings(), ListenerSettings(("mhm",), chance=1.0, after_ms=200, gap_ms=400)]),
)


@settings(max_examples=300, deadline=None)
@given(how=SETTINGS, steps=st.lists(STEPS, max_size=40))
def test_a_stored_log_replays_to_the_same_actions(how: TurnSettings, steps: list[tuple[object, ...]]) -> None:
    machine = Recording(how)
    events(steps, machine)
    stored = json.loads(json.dumps(to_records(machine.log)))
    assert replay(how, [from_record(record) for record in stored]) == machine.done


@settings(max_examples=300, deadline=None)
@given(how=SETTINGS, steps=st.lists(STEPS, max_size=40))
def test_no_call_is_ever_stuck(how: TurnSettings, steps: list[tuple[object, ...]]) -> None:
    """Whatever happened: if nothing happens any more, the machine hangs up by itself, once."""
    machine = Recording(how)
    events(steps, machine)
    at = machine.log[-1].at
    for _ in range(200):
        if machine.state is State.ENDED:
            break
        if machine.deadline is None:
            # Only audio that flows may leave the machine without a timer; its end is always reported.
            assert machine.state in {State.SPEAKING, State.DECIDING}, machine.state
            machine.handle(PlayoutFinished(at, playing(machine)))
            continue
        at = max(at, machine.deadline)
        machine.handle(TickReached(at))
    assert machine.state is State.ENDED
    hang_ups = [action for actions in machine.done for action in actions if isinstance(action, HangUp)]
    assert len(hang_ups) == 1
    assert machine.handle(LineEnded(at)) == ()


@settings(max_examples=300, deadline=None)
@given(how=SETTINGS, steps=st.lists(STEPS, max_size=40))
def test_the_agent_says_mhm_only_while_it_has_nothing_to_say(
    how: TurnSettings, steps: list[tuple[object, ...]]
) -> None:
    class Watched(TurnMachine):
        def handle(self, event: Event):  # type: ignore[no-untyped-def]
            actions = super().handle(event)
            if any(isinstance(action, SayBackchannel) for action in actions):
                assert self._reply is None
                assert self.state in {State.CALLER_SPEAKING, State.ENDPOINTING}
                assert how.listener.words and not self.undecided
            return actions

    events(steps, Watched(how))


def playing(machine: TurnMachine) -> int:
    return max(newest(actions, 0) for actions in machine.done) if isinstance(machine, Recording) else 0


class Recording(TurnMachine):
    """A machine that keeps what it did."""

    def __init__(self, how: TurnSettings) -> None:
        super().__init__(how)
        self.done: list[tuple[object, ...]] = []

    def handle(self, event: Event):  # type: ignore[no-untyped-def]
        actions = super().handle(event)
        self.done.append(actions)
        return actions


def listening(how: TurnSettings | None = None) -> TurnMachine:
    machine = TurnMachine(how or TurnSettings(opening_mode="user"))
    machine.handle(Began(0))
    return machine


def test_the_end_of_the_turn_waits_for_the_final_and_then_for_nothing() -> None:
    machine = listening()
    machine.handle(VoiceStarted(1200, 1000))
    assert machine.handle(VoiceStopped(2200, 2000)) == (FinalizeStt(),)
    actions = machine.handle(FinalHeard(2500, "Tuesday."))
    assert actions == (CommitTurn("Tuesday.", 1000, 2000), StartReply(1, 2000, 2500))


@pytest.mark.parametrize(
    ("text", "matched", "after"),
    [("Tuesday.", True, 200), ("Tuesday.", False, 375), ("Tuesday and", False, 1200), ("Tuesday and", True, 200)],
)
def test_patience_depends_on_the_words(text: str, matched: bool, after: int) -> None:
    machine = listening()
    machine.handle(VoiceStarted(1200, 1000))
    machine.handle(VoiceStopped(2192, 2000))
    machine.handle(FinalHeard(2195, text, matched=matched))
    assert machine.deadline == 2000 + after


def test_words_that_follow_the_final_reopen_the_turn() -> None:
    machine = listening()
    machine.handle(VoiceStarted(1200, 1000))
    machine.handle(VoiceStopped(2200, 2000))
    machine.handle(FinalHeard(2210, "Tuesday."))
    machine.handle(PartialHeard(2300, "or"))
    assert machine.deadline == 2000 + 1200


def test_words_without_voice_are_a_turn_too() -> None:
    machine = listening()
    machine.handle(FinalHeard(2000, "Hello."))
    actions = machine.handle(TickReached(2375))
    assert actions == (CommitTurn("Hello.", 2000, 2000), StartReply(1, 2000, 2000))


def test_responsiveness_and_sensitivity_set_the_times() -> None:
    calm = TurnSettings.of(plan(turns=TurnTaking(responsiveness=0.0, interruption_sensitivity=0.0)))
    assert (calm.commit_ms, calm.commit_matched_ms, calm.interrupt_ms, calm.interrupt_words) == (500, 325, 500, 2)
    eager = TurnSettings.of(plan(turns=TurnTaking(responsiveness=1.0, interruption_sensitivity=1.0)))
    assert (eager.commit_ms, eager.commit_matched_ms, eager.interrupt_ms, eager.interrupt_words) == (250, 200, 350, 1)


def test_less_eagerness_and_more_care_leave_the_caller_more_time() -> None:
    usual = TurnSettings.of(plan(turns=TurnTaking()))
    patient = TurnSettings.of(plan(turns=TurnTaking(eagerness=0.5)))
    careful = TurnSettings.of(plan(turns=TurnTaking(careful=True)))
    assert (usual.commit_ms, patient.commit_ms, careful.commit_ms) == (375, 675, 525)
    assert (patient.commit_matched_ms, careful.commit_matched_ms) == (500, 350)


def test_two_words_interrupt_before_the_voice_has_lasted() -> None:
    machine = TurnMachine(TurnSettings(opening_text="Hello, this is Mia."))
    machine.handle(Began(0))
    machine.handle(PlayoutStarted(100, 1))
    machine.handle(VoiceStarted(700, 500))
    assert machine.handle(PartialHeard(750, "yeah")) == ()
    assert machine.handle(PartialHeard(800, "yeah but wait")) == (CutAgent(1),)


def test_a_late_final_of_a_closed_turn_starts_nothing() -> None:
    machine = listening()
    machine.handle(VoiceStarted(1200, 1000))
    machine.handle(VoiceStopped(2200, 2000))
    machine.handle(PartialHeard(2250, "Tuesday"))
    machine.handle(TickReached(3200))
    assert machine.state is State.THINKING
    assert machine.handle(FinalHeard(3400, "Tuesday.")) == ()
    assert machine.state is State.THINKING


def test_the_line_going_down_while_closing_leaves_the_agents_own_end() -> None:
    machine = listening()
    machine.handle(FinalHeard(2000, "Bye."))
    machine.handle(TickReached(2400))
    machine.handle(EndRequested(2500, 1))
    machine.handle(ReplyFinished(2500, 1))
    machine.handle(PlayoutFinished(2500, 1))
    ended = machine.handle(LineEnded(2600))
    assert [action.reason for action in ended if isinstance(action, HangUp)] == [EndReason.AGENT_DISCONNECTED]
