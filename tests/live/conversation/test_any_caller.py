"""Any caller at all: the whole runtime under random speech, keys, words and provider failures, in virtual time."""

from __future__ import annotations

import asyncio
import itertools
import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.live.conversation.stories import END_CALL, Story, plan, story
from tests.live.fake_speech import Scripted, Stall

from dialnexa.live.conversation.events import from_record, to_records
from dialnexa.live.conversation.replay import replay
from dialnexa.live.conversation.settings import TurnSettings
from dialnexa.live.plan import FunctionSpec, TurnTaking, VoicemailHandling
from dialnexa.live.speech.ports import SpeechError, TextDelta, ToolCall

LOOK_UP = FunctionSpec("look_up", "custom", "Look up.")
DEEDS = st.one_of(
    st.tuples(st.just("speak"), st.floats(0.1, 3.0), st.floats(0.0, 3.0)),
    st.tuples(st.just("press"), st.sampled_from(["1", "12#", "*"]), st.floats(0.0, 1.0)),
    st.tuples(st.just("wait"), st.floats(0.1, 8.0), st.just(0.0)),
    st.tuples(st.sampled_from(["ears", "mouth"]), st.just(0.0), st.just(0.0)),
)
HEARD = st.lists(st.sampled_from(["", "mhm", "stop", "what is that and", "leave a message", None]), max_size=8)
REPLIES: st.SearchStrategy[Scripted] = st.sampled_from(
    [
        "Yes.",
        "One two three. Four five six, seven eight nine ten. Eleven.",
        SpeechError("503"),
        Stall(5.0),
        [TextDelta("Half. "), TextDelta("And"), SpeechError("cut")],
        [TextDelta("Look. "), ToolCall("c", "look_up", "{}")],
        [ToolCall("c", "unknown", "{")],
    ]
)


async def live(call: Story, deeds: list[tuple[str, float | str, float]]) -> None:
    for kind, what, then in deeds:
        if call.over:
            return
        if kind == "speak":
            call.line.caller_speaks(float(what))
        elif kind == "press":
            call.line.caller_presses(str(what))
        elif kind == "ears":
            call.speech.ears.die()
        elif kind == "mouth":
            call.speech.mouth.failures.append(SpeechError("voice lost"))
        await call.line.run((float(what) if kind == "wait" else 0.0) + then)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    deeds=st.lists(DEEDS, max_size=8),
    heard=HEARD,
    replies=st.lists(REPLIES, max_size=5),
    outbound=st.booleans(),
    interruptions=st.booleans(),
)
def test_any_call_ends_with_a_true_record(
    deeds: list[tuple[str, float | str, float]],
    heard: list[str | None],
    replies: list[Scripted],
    outbound: bool,
    interruptions: bool,
) -> None:
    call_plan = plan(
        outbound=outbound,
        turns=TurnTaking(allow_interruptions=interruptions),
        voicemail=VoicemailHandling(message="Call me back."),
        functions=(END_CALL, LOOK_UP),
    )

    async def one_call() -> None:
        async with story(call_plan, heard=heard, replies=replies) as call:
            await live(call, deeds)
            await call.line.run_until(lambda: call.over, at_most=180)
            assert "Internal error" not in call.result.detail
            for turn in call.turns:
                assert turn.start_ms <= turn.end_ms <= call.line.now * 1000
                assert turn.role == "user" or (turn.intended or turn.text).startswith(turn.text)
            said = [turn for turn in call.turns if turn.role == "agent"]
            assert all(a.end_ms <= b.start_ms for a, b in itertools.pairwise(said))
            assert call.conversation
            log = call.conversation.log
            stored = [from_record(record) for record in json.loads(json.dumps(to_records(log)))]
            how = TurnSettings.of(call_plan)
            assert replay(how, stored) == replay(how, log)

    asyncio.run(one_call())
