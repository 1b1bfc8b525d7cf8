"""An agent with a prompt and no model takes a message, and claims no more."""

from __future__ import annotations

import pytest
from tests.live.speech.flow.stories import Call, prompt_agent

NAME = "May I have your name?"
NUMBER = "And which phone number can we reach you on?"
OFFER = "Would you like to leave a message?"

STORIES: dict[str, list[tuple[str, str]]] = {
    "a message at once": [
        ("i want to ask about my bill", f"Thank you, I will pass that on. {NAME}"),
        ("alex rivera", NUMBER),
        (
            "four one five five five five oh one hundred",
            "So that is a message from Alex Rivera, on 4 1 5, 5 5 5, 0 1 0 0. Is that right?",
        ),
        ("yes", "Thank you. Your message is noted. Goodbye."),
    ],
    "step by step, with a correction": [
        ("hello", "Hello! How can I help?"),
        ("yes", OFFER),
        ("yes please", "Please tell me in one sentence what it is about."),
        ("my bill", f"Thank you. {NAME}"),
        ("it's a l e x", NUMBER),
        ("DTMF: 4155550100", "So that is a message from Alex, on 4 1 5, 5 5 5, 0 1 0 0. Is that right?"),
        ("no", f"Sorry about that. Let us do it again. {NAME}"),
        ("sam", NUMBER),
    ],
    "no name, no number": [
        ("something about the invoice please", f"Thank you, I will pass that on. {NAME}"),
        ("i would rather not say that", "Sorry, what is your name?"),
        ("no i would not", "Please tell me only your name."),
        ("no really i will not", NUMBER),
        ("no", "Please say your phone number digit by digit, or press the keys."),
        ("no", f"I am sorry, I still did not understand. {NUMBER}"),
        ("no", "So that is a message from a caller, on this number. Is that right?"),
    ],
    "no message": [("no thank you", "Thank you for your time. Goodbye.")],
    "a person": [
        ("operator", "I am sorry, I cannot connect you, but I can pass on a message. How can I help?"),
    ],
    "nothing understood": [("", OFFER), ("", f"Sorry, I did not get that. {OFFER}")],
    "goodbye": [("goodbye", "Thank you for your time. Goodbye.")],
    "do not call": [("do not call me again", "I understand. We will not call you again. Goodbye.")],
}


@pytest.mark.parametrize("name", STORIES)
async def test_takes_a_message(name: str) -> None:
    call = Call(prompt_agent())
    said = await call.ask()
    for heard, expected in STORIES[name]:
        said = await call.says(heard)
        assert said.text == expected, heard
    assert said.ends is said.text.endswith("Goodbye.")
