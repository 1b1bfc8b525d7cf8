from __future__ import annotations

import os
import re

import pytest

from dialnexa.live.speech.embedded import vocabulary
from dialnexa.live.speech.embedded.espeak import phonemes
from dialnexa.live.speech.embedded.grammar import grammar_for, is_complete, plain
from dialnexa.live.speech.embedded.pronounce import Pronunciations, arpabet
from dialnexa.live.speech.embedded.sphinx import new_decoder
from dialnexa.live.speech.ports import Expectation, ExpectationKind

KINDS: list[ExpectationKind] = ["yes_no", "digits", "number", "date", "time", "datetime", "name", "choice", "phone"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_question_has_a_grammar_that_the_recogniser_takes(kind: ExpectationKind) -> None:
    grammar = grammar_for(Expectation(kind, phrases=("Book an appointment",), words=("Priyanka",)))
    assert grammar is not None
    decoder = new_decoder(os.devnull)
    for word in grammar.words:
        decoder.add_word(word, "AH", False)
    decoder.add_jsgf_string("answer", grammar.jsgf)
    decoder.activate_search("answer")
    assert "can you repeat that" in grammar.jsgf
    assert "book an appointment" in grammar.jsgf


def test_any_text_has_none() -> None:
    assert grammar_for(Expectation("free_text")) is None


def test_a_choice_without_phrases_still_hears_what_is_said_to_everybody() -> None:
    grammar = grammar_for(Expectation("choice"))
    assert grammar is not None
    assert "leave a message" in grammar.jsgf


def test_equal_questions_share_a_key() -> None:
    one, other = grammar_for(Expectation("date")), grammar_for(Expectation("date"))
    different = grammar_for(Expectation("date", words=("Acme",)))
    assert one is not None
    assert other is not None
    assert different is not None
    assert one.key == other.key != different.key


@pytest.mark.parametrize(
    ("phrase", "heard"),
    [("2 PM", "two p m"), ("Acme Corp.", "acme corp"), ("I’d like #2", "i'd like two"), ("!?", "")],
)
def test_phrases_are_written_as_they_are_heard(phrase: str, heard: str) -> None:
    assert plain(phrase) == heard


def test_only_an_answer_that_cannot_go_on_is_complete() -> None:
    assert is_complete("date", "tuesday")
    assert not is_complete("digits", "four one five")
    assert not is_complete("phone", "four one five")
    assert is_complete("phone", "four one five five double five oh one double zero")
    assert is_complete("digits", "hold on")


def test_rules_refer_to_rules_that_exist() -> None:
    known = {*vocabulary.RULES, "person", "phrase", "keyterm"}
    for rule in (*vocabulary.RULES.values(), *vocabulary.ROOTS.values()):
        assert set(re.findall(r"<([a-z_]+)>", rule)) <= known


def test_unknown_words_get_a_pronunciation() -> None:
    pronunciations = Pronunciations(b"a AH\na(2) EY\nab AE B\n", phonemes)
    assert pronunciations.of("a") == ("AH", "EY")
    assert pronunciations.of("priya") == ("P R IH Y AH",)
    assert pronunciations.of("") == ()


def test_sounds_without_a_phone_are_left_out() -> None:
    assert arpabet("tʃˈɛnˌ") == "CH EH N"
