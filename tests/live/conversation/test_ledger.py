from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialnexa.live.conversation.ledger import AgentTurn, Ledger
from dialnexa.live.speech.ports import Message, ToolCall
from dialnexa.live.timeline import TurnSpoken


def spoken(turn: AgentTurn, text: str, *, start: int = 0, per_character: int = 100, marks: bool = True) -> None:
    """Say a clause whose every character takes that many samples."""
    stretch = turn.add(text)
    stretch.start = start
    stretch.samples = len(text) * per_character
    stretch.complete = True
    position = 0
    for word in text.split(" "):
        if marks:
            stretch.marks.append((position, position + len(word), position * per_character))
        position += len(word) + 1


@pytest.mark.parametrize(
    ("played", "heard"),
    [
        (0, ""),
        (100, ""),  # less than half of "Hello, "
        (350, "Hello,"),
        (799, "Hello,"),
        (949, "Hello,"),
        (960, "Hello, this"),  # more than half of "this "
        (1900, "Hello, this is Mia."),
        (9999, "Hello, this is Mia."),
    ],
)
def test_word_marks_say_to_the_word_what_was_heard(played: int, heard: str) -> None:
    turn = AgentTurn(0)
    spoken(turn, "Hello, this is Mia.")
    assert turn.heard(played) == heard


def test_without_marks_the_share_of_the_audio_decides_and_no_word_is_cut() -> None:
    turn = AgentTurn(0)
    spoken(turn, "one two three four", marks=False)
    assert turn.heard(900) == "one two"
    assert turn.heard(1800) == "one two three four"


def test_a_turn_cut_in_its_second_clause_keeps_the_first() -> None:
    turn = AgentTurn(0)
    spoken(turn, "Good morning.")
    spoken(turn, "How are you today?", start=1300)
    assert turn.heard(1300 + 350) == "Good morning. How"
    told = turn.close(1650, 1000, 1206, interrupted=True)
    assert told == TurnSpoken(
        "agent", "Good morning. How", 1000, 1206, intended="Good morning. How are you today?", interrupted=True
    )


@given(st.lists(st.from_regex(r"[a-z]{1,8}( [a-z]{1,8}){0,6}\.", fullmatch=True), min_size=1, max_size=4), st.data())
def test_what_was_heard_is_a_prefix_that_only_grows(clauses: list[str], data: st.DataObject) -> None:
    turn = AgentTurn(0)
    marks = data.draw(st.booleans())
    start = 0
    for clause in clauses:
        spoken(turn, clause, start=start, marks=marks)
        start += len(clause) * 100
    first, second = sorted(data.draw(st.tuples(st.integers(0, start), st.integers(0, start))))
    assert turn.intended.startswith(turn.heard(first))
    assert turn.heard(second).startswith(turn.heard(first))
    assert turn.heard(start) == turn.intended


def test_audio_that_broke_off_leaves_the_words_it_still_owes() -> None:
    turn = AgentTurn(0)
    stretch = turn.add("one two three four")
    stretch.start, stretch.samples = 0, 4500
    rest = turn.split(stretch)
    assert rest is not None
    assert stretch.text + " " + rest.text == "one two three four"
    assert turn.intended[rest.offset :] == rest.text


def test_the_model_remembers_functions_where_they_were_used_and_no_fillers() -> None:
    ledger = Ledger()
    turn = ledger.agent(1000)
    call = ToolCall("c1", "look_up", "{}")
    spoken(turn, "Let me see.")
    turn.tool_started(call)
    filler = turn.add("One moment, please.", filler=True)
    filler.start, filler.samples, filler.complete = 1100, 1900, True
    turn.tool_finished(call, "shipped")
    spoken(turn, "It has shipped.", start=3000)
    turn.close(9999, 1000, 2000, interrupted=False)
    assert ledger.messages() == [
        Message("assistant", "Let me see.", tool_calls=(call,)),
        Message("tool", "shipped", tool_call_id="c1"),
        Message("assistant", "It has shipped."),
    ]


def test_every_function_call_has_an_answer_even_when_it_was_cut_short() -> None:
    ledger = Ledger()
    turn = ledger.agent(1000)
    turn.tool_started(ToolCall("c1", "look_up", "{}"))
    turn.close(0, 0, 0, interrupted=True)
    assert [message.role for message in ledger.messages()] == ["assistant", "tool"]


def caller(text: str, start: int, end: int, engine: str = "") -> TurnSpoken:
    return TurnSpoken("user", text, start, end, engine=engine)


def test_turns_without_an_answer_in_between_are_one_to_the_model_keys_apart() -> None:
    ledger = Ledger()
    ledger.caller(caller("A table.", 0, 500))
    ledger.agent(900).close(0, 0, 0, interrupted=True)
    ledger.caller(caller("For two.", 1000, 1500))
    ledger.caller(caller("DTMF: 2", 2000, 2000, engine="keypad"))
    ledger.inaudible(3000)
    assert [message.content for message in ledger.messages()] == ["A table. For two.", "DTMF: 2", "[inaudible]"]
    assert [turn.text for turn in ledger.turns()] == ["A table.", "For two.", "DTMF: 2"]


def test_words_that_became_known_late_precede_the_reply() -> None:
    ledger = Ledger()
    spoken(turn := ledger.agent(1000), "Hello.")
    turn.close(9999, 1000, 1500, interrupted=False)
    ledger.caller(caller("Hello?", 300, 700))
    assert [message.content for message in ledger.messages()] == ["Hello?", "Hello."]
