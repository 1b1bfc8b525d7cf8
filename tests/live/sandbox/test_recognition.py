"""The demo agent understands its customer word for word: real grammars, real recogniser, a µ-law telephone line."""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib import resources
from typing import Any

import numpy as np
import pytest
from pocketsphinx import Decoder

from dialnexa.live.line import SAMPLE_RATE, Samples
from dialnexa.live.media.codec import Codec, decode, encode
from dialnexa.live.sandbox import audio
from dialnexa.live.speech.embedded.vocabulary import ROOTS, RULES

BACKCHANNELS = "mhm | uh-huh | okay | yeah | right | i see | really"


def question(node: str) -> dict[str, Any]:
    """Return what a question of the demo agent expects."""
    demo = json.loads((resources.files("dialnexa.platform.agents") / "demo.json").read_text())
    return next(entry["config"]["expect"] for entry in demo["flow"]["nodes"] if entry["id"] == node)


def answers(node: str) -> str:
    """Write the grammar of everything that may be said after that question."""
    expected = question(node)
    options = [phrase for option in expected.get("options", ()) for phrase in option["phrases"]]
    phrases: Iterable[str] = [*expected.get("phrases", ()), *options]
    rules = {**RULES, "person": "<first_name>", "phrase": " | ".join(phrases)}
    written = "".join(f"<{name}> = {expansion};\n" for name, expansion in rules.items())
    return f"{written}public <answer> = {ROOTS[expected['kind']]} | <phrase> | <generic>;"


GRAMMARS = {
    "time": lambda: answers("start"),
    "reminder": lambda: answers("ask_reminder"),
    "confirmation": lambda: answers("confirm"),
    "backchannel": lambda: f"public <answer> = {BACKCHANNELS};",
}


def decoder(rules: str) -> Decoder:
    """Make a recogniser that has heard nothing yet: what it heard before shifts its idea of loudness."""
    made = Decoder(lm=None, samprate=2 * SAMPLE_RATE, loglevel="FATAL")
    made.add_jsgf_string("answers", f"#JSGF V1.0; grammar answers; {rules}")
    made.activate_search("answers")
    return made


def through_the_telephone(samples: Samples, lead_s: float, level_db: float) -> Samples:
    """Add a quiet line before and after, then encode and decode as G.711 does."""
    noise = np.random.default_rng(0)
    before, after = np.zeros(round(lead_s * SAMPLE_RATE)), np.zeros(round(0.3 * SAMPLE_RATE))
    line = np.concatenate([before, samples * 10 ** (level_db / 20), after])
    line = line + noise.normal(0, 4, len(line))
    return decode(Codec.PCMU, encode(Codec.PCMU, np.round(line).astype(np.int16)))


def folded(samples: Samples) -> bytes:
    """Double the rate and keep the mirror image above 4 kHz, which the recogniser's wideband model likes best."""
    wide = np.zeros(2 * len(samples))
    wide[::2] = 2.0 * samples
    return np.clip(wide, -32768, 32767).astype(np.int16).tobytes()


@pytest.mark.parametrize("level_db", [0, -12])
@pytest.mark.parametrize("lead_s", [0.1, 0.3])
@pytest.mark.parametrize(
    ("phrase", "asked", "text"),
    [
        ("time_works", "time", "yes that works"),
        ("by_text", "reminder", "text message please"),
        ("all_right", "confirmation", "yes that is right"),
        ("thanks_goodbye", "confirmation", "thank you goodbye"),
        ("repeat", "reminder", "can you repeat that please"),
        ("mhm", "backchannel", "mhm"),
    ],
)
def test_the_customer_is_understood(phrase: str, asked: str, text: str, lead_s: float, level_db: float) -> None:
    ear = decoder(GRAMMARS[asked]())
    ear.start_utt()
    ear.process_raw(folded(through_the_telephone(audio.phrase(phrase), lead_s, level_db)), full_utt=True)
    ear.end_utt()
    heard = ear.hyp()
    assert heard is not None
    assert heard.hypstr == text
