"""What the flow engine asks the ears to expect can be heard: every word is in the recogniser's dictionary."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pocketsphinx
import pytest
from tests.live.speech.flow.stories import Call, demo_agent, prompt_agent

from dialnexa.live.speech.embedded.flow import match
from dialnexa.live.speech.embedded.flow.expressions import parse


@lru_cache(maxsize=1)
def dictionary() -> frozenset[str]:
    path = Path(pocketsphinx.get_model_path()) / "en-us" / "cmudict-en-us.dict"
    return frozenset(line.split()[0] for line in path.read_text().splitlines() if line)


TALK = ["", "no", "friday", "at two", "text", "no", "the time", "monday at ten", "yes"]


@pytest.mark.parametrize("agent", [demo_agent(), prompt_agent()], ids=["demo", "prompt"])
async def test_every_phrase_expected_can_be_recognised(agent: object) -> None:
    call = Call(agent)  # type: ignore[arg-type]
    for text in TALK:
        said = await call.says(text)
        expected = said.expectation.phrases if said.expectation else ()
        assert {word for phrase in expected for word in phrase.split()} <= dictionary()


@pytest.mark.parametrize(
    ("said", "phrase", "close"),
    [
        ("a question about the bill", "question about my bill", True),
        ("text massage", "text message", True),
        ("call", "please call me back tomorrow", False),
        ("a reminder", "no reminder", False),
        ("that works for me", "that doesn't work for me", False),
        ("banana", "phone call", False),
        ("I'd like to RESCHEDULE, please", "reschedule", True),
        ("oh right then", "right", False),
        ("room twelve", "/room (twelve|13)/", True),
    ],
)
def test_alike_but_not_too_alike(said: str, phrase: str, close: bool) -> None:
    assert match.matches(said, (phrase,)) is close


def test_normal_form() -> None:
    assert match.normalise("  Don't—you'll, 2:30 P.M.; the 3rd!  ") == "do not you will 2:30 pm the 3rd"
    assert match.normalise("p m") == "pm"
    assert match.normalise("I can’t") == "i can not"


@pytest.mark.parametrize(
    ("source", "holds"),
    [
        ("name", True), ("missing", False), ("not missing", True), ("name == 'ann'", True), ("name != \"Ann\"", False),
        ("count >= 3 and count < 10", True), ("count == 03", True), ("name < 'bob'", True), ("answer", False),
        ("answer == no", False), ("answer == 'no'", True), ("city contains 'york'", True), ("name in 'Bob, Ann'", True),
        ("(missing or name) && !missing", True), ("{{count}} > 2", True), ("true and not false", True),
        ("slot.day == \"\"", True), ("'and' == 'and'", True), ("missing == null", True), ("count > -1", True),
        ("answer exists", True), ("exists answer and not exists missing", True), ("missing exists or name", True),
        ("not (city exists)", False), ("missing < 9", False), ("missing >= 0", False), ("9 > missing", False),
    ],
)  # fmt: skip
def test_expressions(source: str, holds: bool) -> None:
    values = {"name": "Ann", "count": "3", "answer": "no", "city": "New York"}
    assert parse(source).holds(lambda name: values.get(name, "")) is holds


def test_expressions_never_exhaust_the_stack() -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        parse("(" * 1900)
    with pytest.raises(ValueError, match="nested too deeply"):
        parse("not " * 450 + "a")
    with pytest.raises(ValueError, match="longer than 2000 characters"):
        parse("a and " * 5000 + "a")
