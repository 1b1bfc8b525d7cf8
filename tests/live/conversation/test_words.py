from __future__ import annotations

import pytest

from dialnexa.live.conversation.voicemail import Verdict, judge_text
from dialnexa.live.conversation.words import (
    as_sentences,
    is_backchannel,
    is_greeting,
    looks_unfinished,
    phrases,
    real_words,
)


@pytest.mark.parametrize("text", ["mhm", "Uh-huh.", "yeah", "Okay, okay.", "I see", "uh huh right", "got it"])
def test_signs_of_listening(text: str) -> None:
    assert is_backchannel(text)
    assert real_words(text) == 0


@pytest.mark.parametrize(
    ("text", "count"), [("stop", 1), ("yeah but wait", 2), ("no", 1), ("", 0), ("okay Tuesday", 1)]
)
def test_real_words_are_counted(text: str, count: int) -> None:
    assert real_words(text) == count
    assert not is_backchannel(text)


@pytest.mark.parametrize("text", ["I would like to", "On Tuesday and", "well, um", "My number is", "Tuesday,"])
def test_sentences_that_go_on(text: str) -> None:
    assert looks_unfinished(text)


@pytest.mark.parametrize("text", ["On Tuesday.", "yes", "no thank you", "call me back", ""])
def test_sentences_that_may_be_over(text: str) -> None:
    assert not looks_unfinished(text)


def test_greetings() -> None:
    assert is_greeting("Hello?")
    assert is_greeting("Hi, good morning.")
    assert not is_greeting("Who is this?")


def test_the_platform_speaks_the_callers_language_or_english() -> None:
    assert phrases("de-DE").filler.startswith("Einen")
    assert phrases("xx") is phrases("en")


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("Please leave a message after the tone.", Verdict.MACHINE),
        ("leave your name and number and I will get back to you as soon as I can", Verdict.MACHINE),
        ("You've reached the voicemail of Alex.", Verdict.MACHINE),
        ("The mailbox is full.", Verdict.MACHINE),
        ("I'm not available right now.", Verdict.MACHINE),
        ("I can't come to the phone.", Verdict.MACHINE),
        ("For sales, press 1. For support, press 2.", Verdict.IVR),
        ("Press one for the reception", Verdict.IVR),
        ("Please listen carefully as our menu options have changed.", Verdict.IVR),
        ("Please state your name and why you're calling.", Verdict.SCREENER),
        ("If you record your name and reason for calling, I'll see if this person is available.", Verdict.SCREENER),
        ("Hello?", None),
        ("Good morning, Acme Dental, this is Susan, how can I help you?", None),
        ("You've reached Acme Dental, how may I help you?", None),
        ("Yes, speaking.", None),
        ("Could you call back later?", None),
    ],
)
def test_words_give_machines_away(text: str, verdict: Verdict | None) -> None:
    judgement = judge_text(text)
    assert (judgement.verdict if judgement else None) == verdict


def test_a_person_who_says_he_is_not_available_is_no_machine_once_a_dialogue_began() -> None:
    assert judge_text("He is not available, can I take a note?", sure_only=True) is None


@pytest.mark.parametrize(
    ("heard", "written"),
    [
        ("yes that works", "Yes that works."),
        ("i'm fine and i think i'll come", "I'm fine and I think I'll come."),
        ("what time is it", "What time is it?"),
        ("is it open", "Is it open?"),
        ("Yes, that works!", "Yes, that works!"),
        ("well,", "Well."),
        ("who", "Who."),
        ("", ""),
        ("DTMF: 12", "DTMF: 12"),
        ("[inaudible]", "[inaudible]"),
    ],
)
def test_what_was_heard_is_written_as_people_would(heard: str, written: str) -> None:
    assert as_sentences(heard) == written
