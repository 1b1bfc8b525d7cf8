"""Cheap judgements on what was said: is it a backchannel, is it unfinished? Also the platform's own few phrases."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")

_BACKCHANNELS = frozenset(
    {"mhm", "mhmm", "mm", "mmm", "hmm", "hm", "uh-huh", "uhhuh", "huh", "aha", "ah", "oh", "uh", "um", "er", "wow"}
    | {"yeah", "yep", "yes", "yup", "ok", "okay", "right", "sure", "alright", "exactly", "true", "indeed"}
    | {"good", "great", "nice", "cool"}
)
"""What a listener says while the other one talks, and means "go on"."""

_BACKCHANNEL_PHRASES = ("uh huh", "i see", "got it", "all right", "of course", "mm hmm", "go on", "sounds good")

_UNFINISHED = frozenset(
    {"and", "but", "or", "so", "because", "if", "when", "which", "than", "until", "maybe"}
    | {"um", "uh", "er", "hmm", "well"}
    | {"the", "a", "an", "my", "your", "our", "his", "their", "to", "of", "at", "for", "with", "from", "between"}
    | {"is", "are", "was", "i'm", "it's", "around"}
)
"""Words a finished sentence hardly ends with."""


def words(text: str) -> list[str]:
    """Return the words of a text in lower case, without punctuation."""
    return [word.replace("’", "'") for word in _WORD.findall(text.lower())]


def real_words(text: str) -> int:
    """Count the words that are more than a sign of listening."""
    plain = " ".join(words(text))
    for phrase in _BACKCHANNEL_PHRASES:
        plain = re.sub(rf"\b{phrase}\b", " ", plain)
    return sum(word not in _BACKCHANNELS for word in plain.split())


def is_backchannel(text: str) -> bool:
    """Tell whether somebody said something, but nothing beyond "mhm", "yeah", "okay"."""
    return bool(words(text)) and real_words(text) == 0


def looks_unfinished(text: str) -> bool:
    """Tell whether more words are surely coming: the text ends in a conjunction, an article, a hesitation, a comma."""
    if text.rstrip().endswith((",", "…", "-", "–")):
        return True
    spoken = words(text)
    return bool(spoken) and spoken[-1] in _UNFINISHED


_FIRST_PERSON = re.compile(r"\bi(?=\b|['’](?:m|ve|ll|d)\b)")
_QUESTION = re.compile(
    r"(?:who|what|when|where|why|how|which|whose|is|are|am|was|were|do|does|did|can|could|will|would|should|may|have|has)"
    r"\s+\S",
    re.IGNORECASE,
)


def as_sentences(text: str) -> str:
    """Return what a recogniser without punctuation understood as people would write it; sentences stay as they are."""
    plain = " ".join(text.split())
    if not plain or plain.startswith(("DTMF:", "[")):
        return text
    if plain == plain.lower():
        plain = _FIRST_PERSON.sub("I", plain)
    plain = plain[0].upper() + plain[1:]
    if plain[-1] in ".!?…":
        return plain
    return f"{plain.rstrip(',;:')}{'?' if _QUESTION.match(plain) else '.'}"


_GREETING = frozenset(
    {"hello", "hi", "hey", "good", "morning", "afternoon", "evening", "this", "is", "speaking", "yes", "there"}
    | {"how", "can", "may", "i", "help", "you"}
)


def is_greeting(text: str) -> bool:
    """Tell whether a few words are only what people say when they pick up the phone."""
    spoken = words(text)
    return len(spoken) <= 8 and bool(spoken) and all(word in _GREETING or word in _BACKCHANNELS for word in spoken)


@dataclass(frozen=True, slots=True)
class Phrases:
    """What the platform itself says when the model cannot."""

    reminders: tuple[str, ...]
    filler: str
    still_waiting: str
    apology: str
    backchannels: tuple[str, ...]


_ENGLISH = Phrases(
    ("Are you still there?", "Hello? Can you hear me?"),
    "One moment, please.",
    "I am still on it. Thank you for your patience.",
    "I am sorry, I am having a technical problem. Please try again later. Goodbye.",
    ("Mhm.", "Right.", "Uh-huh.", "I see."),
)

_PHRASES: Mapping[str, Phrases] = {
    "de": Phrases(
        ("Sind Sie noch da?", "Hallo? Können Sie mich hören?"),
        "Einen Moment, bitte.",
        "Ich bin noch dabei. Danke für Ihre Geduld.",
        "Es tut mir leid, ich habe gerade ein technisches Problem. Bitte versuchen Sie es später noch einmal.",
        ("Mhm.", "Ja.", "Genau."),
    ),
    "en": _ENGLISH,
    "es": Phrases(
        ("¿Sigue ahí?", "¿Hola? ¿Me escucha?"),
        "Un momento, por favor.",
        "Sigo en ello. Gracias por su paciencia.",
        "Lo siento, tengo un problema técnico. Por favor, inténtelo más tarde. Adiós.",
        ("Ajá.", "Sí.", "Claro."),
    ),
    "fr": Phrases(
        ("Vous êtes toujours là ?", "Allô ? Vous m'entendez ?"),
        "Un instant, s'il vous plaît.",
        "Je m'en occupe toujours. Merci de votre patience.",
        "Je suis désolé, je rencontre un problème technique. Veuillez réessayer plus tard. Au revoir.",
        ("Mm.", "Oui.", "D'accord."),
    ),
}


def phrases(language: str) -> Phrases:
    """Return the platform's phrases in a language such as ``en`` or ``de-DE``; English when it has none of its own."""
    return _PHRASES.get(language.lower().replace("_", "-").split("-")[0], _ENGLISH)
