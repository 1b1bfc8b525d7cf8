"""What the customer says is understood word for word by the embedded recogniser, through a µ-law telephone line."""

from __future__ import annotations

import numpy as np
import pytest
from pocketsphinx import Decoder

from dialnexa.live.line import SAMPLE_RATE, Samples
from dialnexa.live.media.g711 import Codec, decode, encode
from dialnexa.live.sandbox import audio

GREETING = "hello | hi | good morning | goodbye | bye | thank you | thanks | thank you goodbye"
HELP = "can you repeat that [please] | say that again | hold on | one moment [please]"
YES_NO = "yes | yeah | yep | no | nope | sure | okay | that works | that works for me | that is right | that's right"
CHOICE = "([a | by] text [message] | [a | by] phone [call] | no reminder) [please | thanks]"

GRAMMARS = {
    "yes_no": f"[um | uh | well] ({YES_NO}) [{YES_NO}] | {GREETING} | {HELP}",
    "choice": f"[um | uh | well | i would like] {CHOICE} | {GREETING} | {HELP}",
    "backchannel": "mhm | uh-huh | okay | yeah | right | i see | really",
}


@pytest.fixture(scope="module")
def decoders() -> dict[str, Decoder]:
    return {name: decoder(expansion) for name, expansion in GRAMMARS.items()}


def decoder(expansion: str) -> Decoder:
    made = Decoder(lm=None, samprate=2 * SAMPLE_RATE, loglevel="FATAL")
    made.add_jsgf_string("answers", f"#JSGF V1.0; grammar answers; public <answer> = {expansion};")
    made.activate_search("answers")
    return made


def through_the_telephone(samples: Samples, lead_s: float, level_db: float) -> Samples:
    """Add a quiet line before and after, then encode and decode as G.711 does."""
    noise = np.random.default_rng(0)
    silence = np.zeros(round(lead_s * SAMPLE_RATE)), np.zeros(round(0.3 * SAMPLE_RATE))
    line = np.concatenate([silence[0], samples * 10 ** (level_db / 20), silence[1]])
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
    ("phrase", "grammar", "text"),
    [
        ("time_works", "yes_no", "yes that works"),
        ("by_text", "choice", "text message please"),
        ("all_right", "yes_no", "yes that is right"),
        ("thanks_goodbye", "yes_no", "thank you goodbye"),
        ("repeat", "choice", "can you repeat that please"),
        ("hello", "yes_no", "hello"),
        ("mhm", "backchannel", "mhm"),
    ],
)
def test_the_customer_is_understood(
    decoders: dict[str, Decoder], phrase: str, grammar: str, text: str, lead_s: float, level_db: float
) -> None:
    ear = decoders[grammar]
    ear.start_utt()
    ear.process_raw(folded(through_the_telephone(audio.phrase(phrase), lead_s, level_db)), full_utt=True)
    ear.end_utt()
    heard = ear.hyp()
    assert heard is not None
    assert heard.hypstr == text
