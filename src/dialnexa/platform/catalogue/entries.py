"""What DialNexa brings along: the entries of the catalogue as typed values. Nothing is listed that cannot run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

BUILTIN = "builtin"
"""The provider of everything that runs inside the installation."""
Gender = Literal["male", "female", "non-binary"]


@dataclass(frozen=True, slots=True)
class Language:
    """A language an agent can listen and speak in."""

    id: str
    name: str
    code: str


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """A mind for agents."""

    id: str
    name: str
    provider: str
    supports_structured_output: bool
    description: str


@dataclass(frozen=True, slots=True)
class TranscriberEntry:
    """Ears for agents."""

    id: str
    name: str
    provider: str
    model_id: str
    description: str
    supported_language_codes: tuple[str, ...]
    supports_fallback: bool = False


@dataclass(frozen=True, slots=True)
class VoiceModel:
    """An engine behind a voice."""

    id: str
    name: str
    description: str
    latency: int
    """Milliseconds to the audio of a sentence of three seconds, as measured on one slow core."""


@dataclass(frozen=True, slots=True)
class VoiceEntry:
    """A mouth for agents."""

    id: str
    name: str
    gender: Gender
    language_code: str
    accent: str
    model_id: str
    description: str
    provider: str = BUILTIN
    same_as: str = ""
    """The voice that really speaks, where this one only stands for another."""


LANGUAGES = (
    Language("lang_en", "English", "en"),
    Language("lang_en_us", "English (United States)", "en-US"),
    Language("lang_en_gb", "English (United Kingdom)", "en-GB"),
    Language("lang_en_in", "English (India)", "en-IN"),
    Language("lang_en_au", "English (Australia)", "en-AU"),
    Language("lang_en_ca", "English (Canada)", "en-CA"),
)
"""English only: the embedded recogniser understands nothing else."""

FLOW_MODEL = LanguageModel(
    "builtin/flow",
    "Guided flow",
    BUILTIN,
    supports_structured_output=False,
    description="Follows a conversation graph, offline and without a key. It does not understand free prompts.",
)

TRANSCRIBERS = (
    TranscriberEntry(
        "builtin/pocketsphinx",
        "PocketSphinx",
        BUILTIN,
        "pocketsphinx-en-us",
        "Recognises expected answers offline and without a key: demo and IVR grade.",
        tuple(language.code for language in LANGUAGES),
    ),
)

FLITE = VoiceModel("flite", "flite", "Offline, natural timbre.", 40)
ESPEAK = VoiceModel("espeak-ng", "eSpeak NG", "Offline, robotic, in every installation.", 5)
AUTO = VoiceModel("auto", "Automatic", "flite where the machine has it, else eSpeak NG.", 40)
VOICE_MODELS = (AUTO, FLITE, ESPEAK)


def _voice(name: str, title: str, gender: Gender, code: str, accent: str, description: str) -> VoiceEntry:
    engine, _, _ = name.partition("/")
    models = {"flite": FLITE.id, "espeak": ESPEAK.id, "auto": AUTO.id}
    return VoiceEntry(f"builtin/{name}", title, gender, code, accent, models[engine], description)


_AUTO = _voice("auto", "Automatic", "female", "en-US", "American", "The best voice this installation has.")
AUTO_WITH_FLITE = replace(_AUTO, same_as="builtin/flite/slt")
AUTO_WITHOUT_FLITE = replace(_AUTO, same_as="builtin/espeak/en-us", gender="male")
VOICES = (
    AUTO_WITH_FLITE,
    _voice("flite/slt", "Sally", "female", "en-US", "American", "Calm and clear; the usual voice."),
    _voice("flite/rms", "Ross", "male", "en-US", "American", "Deep and clear."),
    _voice("flite/awb", "Alan", "male", "en-GB", "Scottish", "Warm, with a Scottish accent."),
    _voice("flite/kal16", "Kal", "male", "en-US", "American", "Machine-like; speaks early and briskly."),
    _voice("flite/kal", "Kal (telephone)", "male", "en-US", "American", "Machine-like, at telephone bandwidth."),
    _voice("espeak/en-us", "Echo", "male", "en-US", "American", "Robotic and fast."),
    _voice("espeak/en-us+f3", "Ella", "female", "en-US", "American", "Robotic and fast."),
    _voice("espeak/en-us-nyc", "Nick", "male", "en-US", "New York", "Robotic and fast."),
    _voice("espeak/en", "Edward", "male", "en-GB", "British", "Robotic and fast."),
    _voice("espeak/en+f3", "Emma", "female", "en-GB", "British", "Robotic and fast."),
    _voice("espeak/en-gb-x-rp", "Ernest", "male", "en-GB", "Received Pronunciation", "Robotic and fast."),
    _voice("espeak/en-gb-scotland", "Ewan", "male", "en-GB", "Scottish", "Robotic and fast."),
)
"""The first one is the default. flite's are there only where the machine has libflite."""
