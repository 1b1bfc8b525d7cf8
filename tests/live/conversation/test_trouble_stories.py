"""What goes wrong and what the caller then hears, in virtual time. Keypad and functions as well."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from tests.live.conversation.stories import END_CALL, Story, plan, story
from tests.live.fake_speech import Stall
from tests.live.fakes import VirtualClock

from dialnexa.live.conversation.functions import FunctionError
from dialnexa.live.plan import FunctionSpec, TurnTaking
from dialnexa.live.speech.ports import SpeechError, TextDelta, ToolCall
from dialnexa.live.timeline import DigitsPressed, Interrupted, ToolCalled, Trouble

FILLER = "One moment, please."
WAITING = "I am still on it. Thank you for your patience."
APOLOGY = "I am sorry, I am having a technical problem. Please try again later. Goodbye."
LOOK_UP = FunctionSpec(
    "look_up", "custom", "Look up an order.", {"type": "object", "properties": {"id": {}}, "required": ["id"]}
)


# --- the model -------------------------------------------------------------------------------------------------------


async def test_a_model_that_says_nothing_is_bridged_then_asked_again_then_excused() -> None:
    async with story(replies=[Stall(), Stall()]) as call:
        await call.agent_is_done()
        await call.says("Are you there?")
        asked = call.line.now
        await call.line.run_until(lambda: call.speech.mouth.said[-1] == FILLER)
        assert 3.0 <= call.line.now - asked <= 3.6
        await call.line.run_until(lambda: len(call.speech.mind.requests) == 2)
        await call.line.run_until(lambda: call.over)
        assert call.transcript[-2:] == [("agent", FILLER), ("agent", APOLOGY)]
        assert (call.result.ending, call.result.reason) == ("failed", "error")
        assert call.line.utterances[-1].played == call.line.utterances[-1].pushed


async def test_a_slow_model_is_bridged_and_then_heard() -> None:
    async with story(replies=[[Stall(4.0), TextDelta("Here I am.")]]) as call:
        await call.agent_is_done()
        await call.says("Are you there?")
        await call.line.run(10)
        assert call.transcript[-1] == ("agent", f"{FILLER} Here I am.")


async def test_a_model_that_fails_once_is_asked_again() -> None:
    async with story(replies=[SpeechError("503 from the model"), "It works now."]) as call:
        await call.agent_is_done()
        await call.says("Hello?")
        await call.agent_is_done()
        assert call.transcript[-1] == ("agent", f"{FILLER} It works now.")
        assert Trouble("llm", "503 from the model") in call.happenings


async def test_half_an_answer_is_left_at_that() -> None:
    async with story(replies=[[TextDelta("The first half. "), TextDelta("x"), SpeechError("cut off")]]) as call:
        await call.agent_is_done()
        await call.says("Tell me.")
        await call.agent_is_done()
        await call.line.run(1)
        assert call.transcript[-1] == ("agent", "The first half.")
        assert not call.over


async def test_a_model_that_stops_in_the_middle_does_not_hang_the_call() -> None:
    async with story(replies=[[TextDelta("Let me see. "), TextDelta("It"), Stall()], "Yes."]) as call:
        await call.agent_is_done()
        await call.says("Well?")
        await call.line.run(12)
        await call.says("Hello?")
        await call.agent_is_done()
        assert call.transcript[-1] == ("agent", "Yes.")
        assert any(isinstance(what, Trouble) and what.part == "llm" for what in call.happenings)


# --- ears and mouth --------------------------------------------------------------------------------------------------


async def test_a_recogniser_that_dies_is_connected_again() -> None:
    async with story(replies=["Good."]) as call:
        await call.agent_is_done()
        call.speech.ears.die()
        await call.line.run(0.1)
        await call.says("Fine, thanks.")
        await call.agent_is_done()
        assert call.transcript[-2:] == [("user", "Fine, thanks."), ("agent", "Good.")]
        assert [what.part for what in call.happenings if isinstance(what, Trouble)] == ["ears"]


async def test_without_any_recogniser_the_call_goes_on_by_keypad() -> None:
    async with story(replies=["Thank you."]) as call:
        await call.agent_is_done()
        call.speech.ears.refuses = SpeechError("401 from the recogniser")
        call.speech.ears.die()
        await call.line.run(0.1)
        call.line.caller_presses("1")
        await call.agent_is_done()
        assert call.transcript[-2:] == [("user", "DTMF: 1"), ("agent", "Thank you.")]
        assert not call.over


async def test_a_transcript_that_never_comes_is_reported_and_asked_about() -> None:
    async with story(heard=[None], replies=["Sorry, could you repeat that?"]) as call:
        await call.agent_is_done()
        call.line.caller_speaks(1.0)
        await call.line.run(1.0)
        silent = call.line.now
        await call.line.run_until(lambda: call.line.agent_speaks)
        assert 2.4 <= call.line.now - silent <= 2.7
        assert call.asked()[-1].content == "[inaudible]"
        assert any(isinstance(what, Trouble) and what.part == "ears" for what in call.happenings)


async def test_a_cough_is_not_answered() -> None:
    async with story() as call:
        await call.agent_is_done()
        await call.says("", seconds=0.25)
        await call.line.run(3)
        assert call.speech.mind.requests == []


async def test_a_voice_that_fails_speaks_on_after_reconnecting() -> None:
    async with story(replies=["You will hear this anyway."]) as call:
        await call.agent_is_done()
        call.speech.mouth.failures.append(SpeechError("voice lost"))
        await call.says("Say something.")
        await call.agent_is_done()
        assert call.transcript[-1] == ("agent", "You will hear this anyway.")
        assert Trouble("voice", "voice lost") in call.happenings


async def test_speaking_without_audio_on_the_wire_is_an_error() -> None:
    async with story() as call:
        await call.agent_is_done()
        call.speech.mouth.mute = True
        await call.says("Say something.")
        await call.line.run_until(lambda: call.over)
        assert (call.result.ending, call.result.reason) == ("failed", "error")
        assert [what.part for what in call.happenings if isinstance(what, Trouble)] == ["voice", "voice"]


async def test_a_bug_in_an_adapter_ends_this_call_with_an_error() -> None:
    async with story(replies=[[TextDelta("Well. "), _bug()]]) as call:
        await call.agent_is_done()
        await call.says("Hello?")
        await call.line.run_until(lambda: call.over)
        assert (call.result.ending, call.result.reason) == ("failed", "error")


def _bug() -> TextDelta:
    return TextDelta(None)  # type: ignore[arg-type]


# --- the far end -----------------------------------------------------------------------------------------------------


async def test_a_caller_who_hangs_up_leaves_a_ledger_of_what_was_heard() -> None:
    async with story() as call:
        await call.line.run_until(lambda: call.line.agent_speaks)
        await call.line.run(0.5)
        assert call.task
        assert call.conversation
        call.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call.task
        result = call.conversation.result()
        assert [turn.text for turn in result.turns] == ["Hello,"]
        assert result.turns[0].intended == "Hello, this is Mia."
        assert result.reason == "user_disconnected"


async def test_words_before_the_caller_hung_up_are_kept() -> None:
    async with story() as call:
        await call.agent_is_done()
        call.line.caller_speaks(3.0)
        await call.line.run(1.0)
        call.speech.ears.partial("I have to go")
        await call.line.run(0.1)
        assert call.task
        call.task.cancel()
        await asyncio.gather(call.task, return_exceptions=True)
        assert call.transcript[-1] == ("user", "I have to go")


async def test_speaking_on_before_the_answer_joins_both_parts() -> None:
    async with story(replies=[[Stall(1.5), TextDelta("Never heard.")], "Table for two, noted."]) as call:
        await call.agent_is_done()
        await call.says("I want a table.")
        await call.line.run(0.7)
        await call.says("For two people.")
        await call.agent_is_done()
        assert call.asked()[-1].content == "I want a table. For two people."
        assert call.transcript[-1] == ("agent", "Table for two, noted.")
        assert call.happened(Interrupted) == []


async def test_a_cough_before_the_answer_only_holds_it() -> None:
    async with story(replies=[[Stall(0.5), TextDelta("Here is the answer.")]]) as call:
        await call.agent_is_done()
        await call.says("A question?")
        await call.line.run(0.5)
        await call.says("", seconds=0.25)
        await call.agent_is_done()
        assert call.transcript[-1] == ("agent", "Here is the answer.")
        assert len(call.speech.mind.requests) == 1


# --- keypad ----------------------------------------------------------------------------------------------------------


async def test_keys_interrupt_and_are_one_turn() -> None:
    async with story(plan(turns=TurnTaking(keypad_digits=4)), replies=["Thank you."]) as call:
        await call.line.run_until(lambda: call.line.agent_speaks)
        await call.line.run(0.3)
        call.line.caller_presses("123#")
        await call.line.run(1)
        await call.agent_is_done()
        assert DigitsPressed("user", "123") in call.happenings
        assert call.asked()[-1].content == "DTMF: 123"
        assert call.turns[0].interrupted


async def test_keys_are_taken_after_the_timeout_or_at_the_limit() -> None:
    async with story(plan(turns=TurnTaking(keypad_digits=3, keypad_timeout_s=2.0)), replies=["A.", "B."]) as call:
        await call.agent_is_done()
        call.line.caller_presses("12")
        await call.line.run_until(lambda: len(call.speech.mind.requests) == 1)
        await call.agent_is_done()
        call.line.caller_presses("345")
        await call.agent_is_done()
        keyed = [what.digits for what in call.happenings if isinstance(what, DigitsPressed)]
        assert keyed == ["12", "345"]


# --- functions -------------------------------------------------------------------------------------------------------


class Shop:
    """A ``FunctionRunner`` that takes its time."""

    def __init__(self, clock: VirtualClock | None = None, seconds: float = 0.0, error: str = "") -> None:
        self.clock, self.seconds, self.error = clock, seconds, error
        self.calls: list[Mapping[str, object]] = []

    async def run(self, spec: FunctionSpec, arguments: Mapping[str, object]) -> str:
        self.calls.append(arguments)
        if self.clock is not None:
            await self.clock.sleep(self.seconds)
        if self.error:
            raise FunctionError(self.error)
        return '{"status": "shipped"}'

    def know(self, variables: Mapping[str, str]) -> None:
        raise AssertionError(f"an agent without a graph learns nothing: {variables}")


async def test_a_function_is_called_and_its_result_told() -> None:
    shop = Shop()
    replies = [[TextDelta("Let me look. "), ToolCall("c1", "look_up", '{"id": "7"}')], "It has shipped."]
    async with story(plan(functions=(LOOK_UP,)), replies=replies, functions=shop) as call:
        await call.agent_is_done()
        await call.says("Where is order seven?")
        await call.agent_is_done()
        assert shop.calls == [{"id": "7"}]
        assert call.transcript[-1] == ("agent", "Let me look. It has shipped.")
        assert [(m.role, m.content) for m in call.asked()][-2:] == [
            ("assistant", "Let me look."),
            ("tool", '{"status": "shipped"}'),
        ]
        assert ToolCalled("look_up", '{"id": "7"}', '{"status": "shipped"}', True, 0) in call.happenings


async def test_a_slow_function_is_bridged() -> None:
    shop = Shop(seconds=2.0)
    replies = [[ToolCall("c1", "look_up", '{"id": "7"}')], "It has shipped."]
    async with story(plan(functions=(LOOK_UP,)), replies=replies, functions=shop) as call:
        shop.clock = call.line.clock
        await call.agent_is_done()
        await call.says("Where is order seven?")
        await call.line.run_until(lambda: shop.calls != [])
        began = call.line.now
        await call.line.run_until(lambda: call.line.agent_speaks)
        assert 0.68 <= call.line.now - began <= 0.8
        await call.line.run(5)
        assert call.transcript[-1] == ("agent", f"{FILLER} It has shipped.")


async def test_a_function_that_never_answers_is_given_up() -> None:
    shop = Shop(seconds=3600)
    replies = [[ToolCall("c1", "look_up", '{"id": "7"}')], "I cannot reach the shop."]
    async with story(plan(functions=(LOOK_UP,)), replies=replies, functions=shop) as call:
        shop.clock = call.line.clock
        await call.agent_is_done()
        await call.says("Where is order seven?")
        await call.line.run(16)
        assert call.transcript[-1] == ("agent", f"{FILLER} I cannot reach the shop.")
        assert "did not answer within 10 s" in call.asked()[-1].content


@pytest.mark.parametrize(
    ("kind", "arguments", "told"),
    [
        ("custom", "{}", "needs id"),
        ("custom", "nonsense", "not valid JSON"),
        ("custom", '{"id": 1}', "The shop is closed."),
        ("unheard_of", '{"id": 1}', "not available"),
    ],
)
async def test_what_goes_wrong_with_a_function_is_told_to_the_model(kind: str, arguments: str, told: str) -> None:
    spec = FunctionSpec("look_up", kind, "", LOOK_UP.parameters)
    replies = [[ToolCall("c1", "look_up", arguments)], "Sorry."]
    async with story(plan(functions=(spec,)), replies=replies, functions=Shop(error="The shop is closed.")) as call:
        await call.agent_is_done()
        await call.says("Where is order seven?")
        await call.agent_is_done()
        assert told in call.asked()[-1].content
        reported = any(isinstance(what, Trouble) and what.part == "functions" for what in call.happenings)
        assert reported == (kind == "unheard_of")


async def test_what_the_caller_says_while_a_function_runs_is_answered_after_it() -> None:
    shop = Shop(seconds=3.0)
    replies = [[ToolCall("c1", "look_up", '{"id": "7"}')], "Never heard.", "Both have shipped."]
    async with story(plan(functions=(LOOK_UP,)), replies=replies, functions=shop) as call:
        shop.clock = call.line.clock
        await call.agent_is_done()
        await call.says("Where is order seven?")
        await call.line.run_until(lambda: shop.calls != [])
        await call.says("And order eight?")
        await call.line.run(6)
        said = [("user", "And order eight?"), ("agent", FILLER), ("agent", "Both have shipped.")]
        assert call.transcript[-3:] == said
        assert [m.role for m in call.asked()][-4:] == ["user", "assistant", "tool", "user"]


async def test_ending_the_call_without_a_word_hangs_up() -> None:
    async with story(plan(functions=(END_CALL,)), replies=[[ToolCall("c1", "end_call", "")]]) as call:
        await call.agent_is_done()
        await call.says("Bye.")
        await call.line.run_until(lambda: call.over)
        assert call.result.reason == "agent_disconnected"


async def test_the_goodbye_cannot_be_interrupted_any_more() -> None:
    replies = [[TextDelta("Goodbye and have a wonderful day."), ToolCall("c1", "end_call", "")]]
    async with story(plan(functions=(END_CALL,)), replies=replies) as call:
        await call.agent_is_done()
        await call.says("That is all.")
        await call.line.run_until(lambda: call.line.agent_speaks)
        await call.says("Thank you, goodbye to you too.", seconds=1.5)
        await call.line.run_until(lambda: call.over)
        assert ("agent", "Goodbye and have a wonderful day.") in call.transcript
        assert call.result.reason == "agent_disconnected"


async def test_a_recogniser_that_dies_with_a_final_owed_leaves_no_turn_waiting() -> None:
    async with story(heard=[None, "Tuesday please."], replies=["Sorry?", "Tuesday it is."]) as call:
        await call.agent_is_done()
        call.line.caller_speaks(1.0)
        await call.line.run(1.3)
        call.speech.ears.die()
        silent = call.line.now
        await call.line.run_until(lambda: call.line.agent_speaks)
        assert call.line.now - silent < 0.5, "what will never be understood is asked for again, at once"
        await call.line.run_until(lambda: not call.line.agent_speaks)
        call.line.caller_speaks(1.0)
        await call.agent_is_done()
        assert call.transcript[-2:] == [("user", "Tuesday please."), ("agent", "Tuesday it is.")]


async def test_a_recogniser_that_fails_now_and_then_is_never_given_up() -> None:
    async with story(heard=["One."] * 5, replies=["Yes?"] * 5) as call:
        await call.agent_is_done()
        for _ in range(4):
            call.speech.ears.die()
            await call.line.run(0.1)
            call.line.caller_speaks(1.0)
            await call.agent_is_done()
        assert [text for role, text in call.transcript if role == "user"] == ["One."] * 4


async def test_the_caller_of_a_very_slow_function_is_asked_for_patience_now_and_then() -> None:
    shop = Shop(seconds=28.0)
    slow = FunctionSpec(
        "look_up", "custom", "", LOOK_UP.parameters, {"timeout_ms": 60_000, "holding_message": "Let me see."}
    )
    replies = [[TextDelta("Sure, I will look. "), ToolCall("c1", "look_up", '{"id": "7"}')], "It has shipped."]
    async with story(plan(functions=(slow,)), replies=replies, functions=shop) as call:
        shop.clock = call.line.clock
        await call.agent_is_done()
        await call.says("Where is order seven?")
        await call.line.run_until(lambda: shop.calls != [])
        longest = await _longest_silence(call, 28)
        await call.agent_is_done()
        said = call.speech.mouth.said
        assert said[1:4] == ["Sure, I will look.", "Let me see.", WAITING]
        assert said.count(WAITING) == 2
        assert longest < 10.1
        assert call.transcript[-1][1].endswith("It has shipped.")


async def test_a_filler_stops_at_the_next_word_when_the_answer_comes() -> None:
    shop = Shop(seconds=1.0)
    patient = FunctionSpec(
        "look_up",
        "custom",
        "",
        LOOK_UP.parameters,
        {"holding_message": "Let me look that up in all of our many shops."},
    )
    replies = [[ToolCall("c1", "look_up", '{"id": "7"}')], "It has shipped."]
    async with story(plan(functions=(patient,)), replies=replies, functions=shop) as call:
        shop.clock = call.line.clock
        await call.agent_is_done()
        await call.says("Where is order seven?")
        await call.agent_is_done()
        assert call.transcript[-1] == ("agent", "Let me It has shipped.")
        assert [m.content for m in call.asked()][-1] == '{"status": "shipped"}'


async def test_a_function_that_shall_be_silent_is() -> None:
    shop = Shop(seconds=5.0)
    quiet = FunctionSpec("note", "custom", "", config={"speak_during_execution": False, "speak_after_execution": False})
    replies = [[TextDelta("I have noted that."), ToolCall("c1", "note", "{}")], "What else?"]
    async with story(plan(functions=(quiet,)), replies=replies, functions=shop) as call:
        shop.clock = call.line.clock
        await call.agent_is_done()
        await call.says("Please note that.")
        await call.line.run(9)
        assert call.transcript[-1] == ("agent", "I have noted that.")
        await call.says("Thank you.")
        await call.agent_is_done()
        assert call.transcript[-1] == ("agent", "What else?")
        assert [m.role for m in call.asked()][-3:] == ["assistant", "tool", "user"]


async def _longest_silence(call: Story, seconds: float) -> float:
    """Run for a while and return the longest time in which the agent said nothing."""
    longest = silent = 0.0
    for _ in range(round(seconds / 0.02)):
        await call.line.run(0.02)
        silent = 0.0 if call.line.agent_speaks else silent + 0.02
        longest = max(longest, silent)
    return longest
