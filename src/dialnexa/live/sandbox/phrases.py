"""Every sentence the sandbox can say, and in whose voice. Each ships as ``audio/<name>.wav``.

The customer's sentences answer the demo agent's questions, in words and in a voice (``rms``) that the embedded
recogniser understands word for word through a telephone line; ``tests/live/sandbox/test_recognition.py`` proves that.
After changing one, run ``tools/render_sandbox_audio.py`` on a machine with flite.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phrase:
    """One sentence and how it was rendered."""

    text: str
    voice: str = "slt"
    """Name of the flite voice."""
    phones: str = ""
    """What to pronounce, in flite's phone set, where spelling misleads the voice."""


PHRASES: Mapping[str, Phrase] = {
    "hello": Phrase("Hello?", voice="rms"),
    "time_works": Phrase("Yes, that works.", voice="rms"),
    "by_text": Phrase("Text message, please.", voice="rms"),
    "all_right": Phrase("Yes, that is right.", voice="rms"),
    "thanks_goodbye": Phrase("Thank you, goodbye.", voice="rms"),
    "mhm": Phrase("mhm", voice="rms", phones="pau ah m hh ah m pau"),
    "repeat": Phrase("Can you repeat that, please?", voice="rms"),
    "voicemail_greeting": Phrase(
        "Hi, you have reached the voicemail of Sam Parker. I am not available right now. "
        "Please leave a message after the tone.",
    ),
    "menu": Phrase(
        "Welcome to Riverside Dental. For opening hours, press one. For the reception, press two.", voice="awb"
    ),
    "menu_opening_hours": Phrase("We are open from Monday to Friday, nine to five. Goodbye.", voice="awb"),
    "menu_reception": Phrase("The reception is closed at the moment. Please call again tomorrow.", voice="awb"),
    "menu_wrong_key": Phrase("Sorry, that is not one of the options.", voice="awb"),
    "menu_goodbye": Phrase("We did not receive your choice. Goodbye.", voice="awb"),
    "screening_question": Phrase(
        "Hello. The person you are calling is using a call assistant. Please say your name and why you are calling.",
        voice="kal16",
    ),
    "screening_again": Phrase("Sorry, who is calling, please?", voice="kal16"),
    "screening_thanks": Phrase("Thanks, connecting you.", voice="kal16"),
    "cut_off": Phrase("Yes, hello, I wanted to ask you about the appointment you offered me last week."),
}
