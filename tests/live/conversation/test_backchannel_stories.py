"""The agent shows that it listens: a "mhm" where a long-winded caller paused and goes on, and nowhere else."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from tests.live.conversation.stories import Story, plan, story

from dialnexa.live.conversation.actions import Action, SayBackchannel
from dialnexa.live.conversation.events import Began, Event, FinalHeard, TickReached, VoiceStarted, VoiceStopped
from dialnexa.live.conversation.listening import Listener, ListenerSettings
from dialnexa.live.conversation.machine import TurnMachine
from dialnexa.live.conversation.replay import replay
from dialnexa.live.conversation.settings import TurnSettings
from dialnexa.live.plan import CallPlan, TurnTaking
from dialnexa.live.speech.ports import SpeechError
from dialnexa.live.timeline import Interrupted, Trouble

ALWAYS = TurnTaking(backchannel_frequency=1.0, backchannels=("mhm", "right"))
LISTENS = plan(turns=ALWAYS)
STORY = "I ordered the blue one but then a red one came and it was broken"
WORDS = ListenerSettings(("mhm", "right"), chance=1.0)


async def tells_at_length(call: Story, text: str, stretches: int = 3) -> None:
    """The caller says this in stretches of 3 s, with a breath after each."""
    call.speech.ears.script.append(text)
    for _ in range(stretches):
        call.line.caller_speaks(3.0)
        await call.line.run(3.16)


def audible(call: Story, since: float) -> float:
    """Seconds of agent audio since then."""
    return np.count_nonzero(call.line.agent_audio[round(since * 8000) :]) / 8000


async def test_a_caller_who_speaks_at_length_hears_that_somebody_listens() -> None:
    async with story(LISTENS, replies=["I am sorry to hear that."]) as call:
        await call.agent_is_done()
        began = call.line.now
        await tells_at_length(call, STORY)
        assert audible(call, began) == pytest.approx(0.06 * len("mhm"), abs=0.15), "once: two would be within 5 s"
        await call.line.run_until(lambda: len(call.speech.mind.requests) == 1)
        await call.agent_is_done()
        assert call.transcript == [
            ("agent", "Hello, this is Mia."),
            ("user", STORY),
            ("agent", "I am sorry to hear that."),
        ]
        assert [(m.role, m.content) for m in call.asked()][-1][0] == "user"
        assert len(call.speech.mind.requests) == 1, "the caller's turn stayed one turn"
        assert call.happened(Interrupted) == []


async def test_the_words_are_spoken_once_and_lower_than_a_reply() -> None:
    async with story(LISTENS) as call:
        await call.agent_is_done()
        loudest = np.abs(call.line.agent_audio).max()
        began = call.line.now
        await tells_at_length(call, STORY, 6)
        assert audible(call, began) > 0.4, "more than once"
        assert sorted(call.speech.mouth.said[1:]) == ["mhm", "right"]
        quiet = call.line.agent_audio[round(began * 8000) :]
        assert 0 < np.abs(quiet).max() < 0.65 * loudest
        assert call.conversation is not None
        assert call.conversation.result().used.tts_characters >= len("mhm" + "right")


async def test_without_the_setting_nobody_says_mhm() -> None:
    async with story() as call:
        await call.agent_is_done()
        began = call.line.now
        await tells_at_length(call, STORY)
        assert audible(call, began) == 0
        assert call.speech.mouth.said == ["Hello, this is Mia."]


async def test_short_turns_are_answered_and_not_murmured_at() -> None:
    async with story(LISTENS, replies=["Fine."]) as call:
        await call.agent_is_done()
        began = call.line.now
        await call.says("Well,", seconds=1.0)
        await call.line.run(0.3)
        await call.says("good.", seconds=1.0)
        await call.line.run(0.2)
        assert audible(call, began) == 0
        await call.agent_is_done()
        assert call.transcript[-1] == ("agent", "Fine.")


async def test_a_voice_that_cannot_say_it_costs_the_call_nothing_else() -> None:
    async with story(LISTENS, replies=["Fine."]) as call:
        await call.agent_is_done()
        call.speech.mouth.refuses = SpeechError("no")
        await tells_at_length(call, STORY)
        [trouble] = call.happened(Trouble)
        assert isinstance(trouble, Trouble)
        assert trouble.message == "The agent cannot show that it listens: no"
        await call.agent_is_done()
        assert call.transcript[-1] == ("agent", "Fine.")


# --- the decision -----------------------------------------------------------------------------------------------------


def listening(settings: ListenerSettings = WORDS) -> TurnMachine:
    machine = TurnMachine(TurnSettings(opening_mode="user", listener=settings))
    machine.handle(Began(0))
    return machine


def said(actions: tuple[Action, ...]) -> list[str]:
    return [action.text for action in actions if isinstance(action, SayBackchannel)]


def goes_on(machine: TurnMachine, text: str = "I told him", at: int = 6000) -> list[str]:
    """The caller spoke since 1000, paused for 400 ms, and speaks on from ``at``; return what the agent says to it."""
    machine.handle(VoiceStarted(1200, 1000))
    machine.handle(VoiceStopped(at - 200, at - 400))
    machine.handle(FinalHeard(at - 150, text))
    return said(machine.handle(VoiceStarted(at + 200, at)))


def test_whoever_goes_on_after_a_pause_is_not_about_to_yield() -> None:
    assert goes_on(listening()) in (["mhm"], ["right"])
    assert goes_on(listening(), at=4000) == [], "they have not been speaking for long"


def test_an_unfinished_sentence_is_acknowledged_in_the_pause_itself() -> None:
    machine = listening()
    machine.handle(VoiceStarted(1200, 1000))
    machine.handle(VoiceStopped(6200, 6000))
    assert said(machine.handle(FinalHeard(6250, "and then I told him, because"))) == []
    assert machine.deadline == 6350
    assert len(said(machine.handle(TickReached(6360)))) == 1
    assert said(machine.handle(VoiceStarted(7000, 6800))) == [], "never twice within a few seconds"


def test_a_sentence_that_may_be_the_last_is_met_with_an_answer_not_with_mhm() -> None:
    machine = listening()
    machine.handle(VoiceStarted(1200, 1000))
    machine.handle(VoiceStopped(6200, 6000))
    machine.handle(FinalHeard(6250, "and then I told him."))
    assert machine.deadline == 6375, "the end of the turn, and nothing before it"
    assert said(machine.handle(TickReached(6375))) == []


def test_nothing_is_said_over_the_agent() -> None:
    machine = listening()
    goes_on(machine)
    machine.handle(VoiceStopped(7000, 6800))
    machine.handle(FinalHeard(7100, "that."))
    machine.handle(TickReached(7200))
    assert said(machine.handle(VoiceStarted(13_000, 12_800))) == []


def test_frequency_decides_how_many_occasions_are_taken() -> None:
    def taken(chance: float) -> int:
        listener = Listener(replace(WORDS, chance=chance, seed=7))
        return sum(bool(listener.word(now, 0)) for now in range(10_000, 1_010_000, 10_000))

    assert (taken(0.0), taken(1.0)) == (0, 100)
    assert 35 <= taken(0.5) <= 65


def test_no_word_is_said_twice_in_a_row_unless_it_is_the_only_one() -> None:
    both, one = Listener(WORDS), Listener(replace(WORDS, words=("mhm",)))
    several = [both.word(now, 0) for now in range(10_000, 60_000, 10_000)]
    assert all(first != second for first, second in itertools.pairwise(several))
    assert [one.word(now, 0) for now in (10_000, 20_000)] == ["mhm", "mhm"]


def test_a_log_replays_to_the_same_words() -> None:
    half = ListenerSettings(("mhm", "right", "I see"), chance=0.5, seed=3)
    settings = TurnSettings(opening_mode="user", listener=half)
    log: list[Event] = [Began(0), VoiceStarted(1200, 1000)]
    for at in range(6000, 60_000, 6000):
        log += [VoiceStopped(at, at - 200), FinalHeard(at + 50, "and"), VoiceStarted(at + 900, at + 700)]
    first = [said(actions) for actions in replay(settings, log)]
    assert first == [said(actions) for actions in replay(settings, log)]
    assert any(first)


def test_the_usual_words_are_those_of_the_language() -> None:
    def words(call: CallPlan, language: str) -> tuple[str, ...]:
        ears = replace(call.agent.transcriber, language=language)
        return TurnSettings.of(replace(call, agent=replace(call.agent, transcriber=ears))).listener.words

    usual = plan(turns=TurnTaking(backchannel_frequency=0.5))
    assert words(usual, "en-US")[0] == "Mhm."
    assert "Genau." in words(usual, "de")
    assert words(LISTENS, "de") == ("mhm", "right")
    assert words(plan(), "en") == ()
