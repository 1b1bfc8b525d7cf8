"""The state machine of a call: what may follow what, and the words of the wire."""

from __future__ import annotations

from itertools import product

import pytest

from dialnexa.platform.calls.states import FINAL, NEXT, SHOWN, CallState, before, settle, states_named


def test_final_states_are_final() -> None:
    assert {str(state) for state in FINAL} == {"completed", "failed", "no_answer", "busy", "voicemail", "cancelled"}
    assert not any(NEXT[state] for state in FINAL)


def test_every_state_can_be_reached_and_left() -> None:
    assert all(before(state) for state in CallState if state is not CallState.QUEUED)
    assert all(NEXT[state] & (FINAL | NEXT[state]) for state in CallState if state not in FINAL)


@pytest.mark.parametrize(("current", "wanted"), list(product(CallState, sorted(FINAL))))
def test_whatever_a_worker_reports_a_call_ends_legally(current: CallState, wanted: CallState) -> None:
    end = settle(current, wanted)
    assert end in FINAL
    assert end is current or end in NEXT[current]


def test_stopping_a_conversation_completes_it() -> None:
    assert settle(CallState.IN_PROGRESS, CallState.CANCELLED) is CallState.COMPLETED
    assert settle(CallState.RINGING, CallState.CANCELLED) is CallState.CANCELLED


def test_dialling_is_queued_to_the_outside() -> None:
    assert SHOWN[CallState.DIALING] == "queued"


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("queued", {"queued", "dialing"}),
        ("initiated", {"queued", "dialing", "ringing"}),
        ("in-progress", {"in_progress"}),
        ("IN_PROGRESS, busy", {"in_progress", "busy"}),
        ("did_not_pick", {"no_answer"}),
        ("no-answer", {"no_answer"}),
        ("received", {"in_progress"}),
        ("retry_expired", set[str]()),
    ],
)
def test_filters_know_every_vocabulary(words: str, meant: set[str]) -> None:
    states = states_named(words)
    assert states is not None
    assert {str(state) for state in states} == meant


def test_an_unknown_word_is_no_state() -> None:
    assert states_named("completed,nonsense") is None
