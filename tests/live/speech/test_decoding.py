"""The real recogniser on recorded speech, through a telephone line."""

from __future__ import annotations

import pytest

from dialnexa.live.line import FRAME_SAMPLES
from dialnexa.live.speech.embedded.decoding import Decoders, Heard, Question, Stretch
from dialnexa.live.speech.embedded.folding import fold
from dialnexa.live.speech.embedded.grammar import grammar_for
from dialnexa.live.speech.ports import Expectation
from tests.live.speech.recordings import recording

MENU = Expectation("choice", phrases=("I want to book an appointment", "Cancel my appointment", "Opening hours"))


@pytest.fixture(scope="module")
def decoders() -> Decoders:
    return Decoders()


def listen(decoders: Decoders, expectation: Expectation, name: str) -> Heard:
    """Play a recording to the recogniser frame by frame, as a call does."""
    grammar = grammar_for(expectation)
    question = Question(grammar.key, grammar.jsgf, grammar.words) if grammar else Question()
    stretch = Stretch(decoders, question, "")
    audio = recording(name)
    for start in range(0, audio.size, FRAME_SAMPLES):
        stretch.feed(fold(audio[start : start + FRAME_SAMPLES]))
    heard = stretch.finish()
    if heard is None:
        *_, heard = stretch.dictate()
    assert heard is not None
    return heard


@pytest.mark.parametrize(
    ("expectation", "name", "text"),
    [
        (Expectation("yes_no"), "yes_please", "yes please"),
        (Expectation("yes_no"), "no_thank_you", "no thank you"),
        (Expectation("datetime"), "tuesday_at_two", "tuesday at two"),
        (Expectation("datetime"), "friday_the_twelfth", "friday the twelfth at ten thirty"),
        (Expectation("digits"), "four_one_five", "four one five"),
        (Expectation("name", words=("Maria Garcia",)), "maria_garcia", "my name is maria garcia"),
        (MENU, "book_an_appointment", "i want to book an appointment"),
    ],
)
def test_an_answer_to_the_question_is_understood(
    decoders: Decoders, expectation: Expectation, name: str, text: str
) -> None:
    heard = listen(decoders, expectation, name)
    assert heard.text == text
    assert heard.accepted
    assert heard.confidence > 0.5
    assert heard.engine == "pocketsphinx/grammar"


def test_what_answers_nothing_is_heard_as_free_text(decoders: Decoders) -> None:
    heard = listen(decoders, Expectation("date"), "my_dog")
    assert not heard.accepted
    assert heard.engine == "pocketsphinx/dictation"
    assert heard.confidence < 0.5
    assert "remote control" in heard.text


def test_open_questions_are_dictated_while_the_caller_speaks(decoders: Decoders) -> None:
    assert "remote control" in listen(decoders, Expectation("free_text"), "my_dog").text
