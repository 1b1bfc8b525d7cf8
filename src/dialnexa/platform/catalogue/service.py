"""What this installation offers, and whether the ids an agent names are among it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar, cast

from dialnexa.kit.errors import NotFound
from dialnexa.platform.catalogue.backgrounds import BACKGROUNDS, find_background
from dialnexa.platform.catalogue.entries import (
    AUTO_WITH_FLITE,
    AUTO_WITHOUT_FLITE,
    FLITE,
    FLOW_MODEL,
    LANGUAGES,
    TRANSCRIBERS,
    VOICE_MODELS,
    VOICES,
    Language,
    LanguageModel,
    TranscriberEntry,
    VoiceEntry,
    VoiceModel,
)

_SHOWN = 9
"""How many valid ids a sentence lists before it points to the catalogue."""
_LISTED = {
    "language_id": "languages",
    "voice_id": "voices",
    "transcriber_id": "transcribers",
    "stt_fallback_transcriber_id": "transcribers",
}
"""Where the valid ids of a field are listed; all others are language models."""


class _Entry(Protocol):
    @property
    def id(self) -> str: ...


E = TypeVar("E", bound=_Entry)


@dataclass(frozen=True, slots=True)
class VoiceFilter:
    """Which voices are wanted; empty fields do not narrow. All words are compared without regard to case."""

    provider: str = ""
    accent: str = ""
    gender: str = ""
    name: str = ""
    """Part of the name."""
    language_id: str = ""
    llm_id: str = ""
    """Voices go with every language model here, so a known one does not narrow and an unknown one leaves none."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The languages, minds, ears and mouths agents may name."""

    llms: tuple[LanguageModel, ...] = (FLOW_MODEL,)
    any_llm: bool = False
    """Whether the endpoint takes model names that nobody listed."""
    voices: tuple[VoiceEntry, ...] = VOICES
    languages: tuple[Language, ...] = LANGUAGES
    transcribers: tuple[TranscriberEntry, ...] = TRANSCRIBERS
    fallback_llms: tuple[LanguageModel, ...] = ()
    fallback_transcribers: tuple[TranscriberEntry, ...] = ()
    """Empty where there is one transcriber: none can stand in for itself."""

    @classmethod
    def of_installation(
        cls,
        *,
        llm_model: str,
        llm_base_url: str,
        flite_voices: Collection[str],
        stt_model: str = "",
        stt_base_url: str = "",
    ) -> Catalogue:
        """Describe an installation by its endpoints for language models and recognisers, and its machine's voices."""
        llms, endpoint = (FLOW_MODEL,), bool(llm_base_url)
        if llm_base_url and llm_model not in {"", FLOW_MODEL.id}:
            configured = LanguageModel(
                llm_model,
                llm_model,
                "openai-compatible",
                supports_structured_output=True,
                description="The language model this installation is set up with.",
            )
            llms = (configured, FLOW_MODEL)
        return cls(
            llms=llms,
            any_llm=endpoint and not llm_model,
            voices=_voices(flite_voices),
            fallback_llms=llms if endpoint else (),
            transcribers=(transcribers := _transcribers(stt_model if stt_base_url else "")),
            fallback_transcribers=transcribers if len(transcribers) > 1 else (),
        )

    # --- looking ------------------------------------------------------------------------------------------------------

    def language(self, wanted: str) -> Language:
        """Return a language by its id (``lang_en_us``) or its code (``en-US``); raises ``NotFound``."""
        return _only(find_language(wanted), "Language", wanted)

    def llm(self, wanted: str) -> LanguageModel:
        """Return a language model by its id; raises ``NotFound``."""
        return _only(_find(self.llms, wanted), "Language model", wanted)

    def transcriber(self, wanted: str) -> TranscriberEntry:
        """Return a transcriber by its id; raises ``NotFound``."""
        return _only(_find(self.transcribers, wanted), "Transcriber", wanted)

    def voice(self, wanted: str) -> VoiceEntry:
        """Return a voice by its id; raises ``NotFound``."""
        return _only(_find(self.voices, wanted), "Voice", wanted)

    def models_of(self, voice: VoiceEntry) -> tuple[VoiceModel, ...]:
        """Return the engines that can speak with a voice."""
        return tuple(model for model in VOICE_MODELS if model.id == voice.model_id)

    def languages_of(self, voice: VoiceEntry) -> tuple[Language, ...]:
        """Return the languages a voice speaks: English of any kind, its own first."""
        return tuple(sorted(self.languages, key=lambda language: language.code != voice.language_code))

    def accents(self) -> list[str]:
        """Return the accents there are, in alphabetical order."""
        return sorted({voice.accent for voice in self.voices})

    def find_voices(self, wanted: VoiceFilter) -> list[VoiceEntry]:
        """Return the voices that pass a filter, in the order of the catalogue."""
        if wanted.language_id and find_language(wanted.language_id) is None:
            return []
        if wanted.llm_id and not self._knows_llm(wanted.llm_id):
            return []
        language = find_language(wanted.language_id) if wanted.language_id else None
        return [voice for voice in self.voices if _passes(voice, wanted, language)]

    def is_embedded(self, llm_id: str | None) -> bool:
        """Tell whether an agent that names this model, or none, is run by the embedded engine."""
        return (llm_id or self.llms[0].id) == FLOW_MODEL.id

    # --- judging ------------------------------------------------------------------------------------------------------

    def mistakes(self, fields: Mapping[str, object], spelling: Mapping[str, str] | None = None) -> list[str]:
        """Return a sentence for each id among an agent's flat fields that this installation does not have.

        ``spelling`` translates flat names into the caller's, where the two differ.
        """
        spell = spelling or {}
        found = list[str]()
        for name, (known, valid) in self._judges().items():
            wanted = fields.get(name)
            if isinstance(wanted, str) and wanted and not known(wanted):
                found.append(_unknown(spell.get(name, name), wanted, valid, _LISTED.get(name, "llms")))
        voices = spell.get("fallback_voices", "fallback_voices")
        found += self._wrong_fallback_voices(voices, fields.get("fallback_voices"))
        model, voice = fields.get("voice_model_id"), fields.get("voice_id")
        if isinstance(model, str) and model and isinstance(voice, str) and (entry := _find(self.voices, voice)):
            offered = [one.id for one in self.models_of(entry)]
            if model not in offered:
                found.append(_unknown(spell.get("voice_model_id", "voice_model_id"), model, offered, "voices"))
        return found

    def _judges(self) -> dict[str, tuple[Callable[[str], object], list[str]]]:
        """Return for each field who knows its ids, and which are valid."""
        llms = (self._knows_llm, _ids(self.llms))
        transcribers = (self._knows_transcriber, _ids(self.transcribers))
        return {
            "language_id": (find_language, _ids(self.languages)),
            "voice_id": (lambda wanted: _find(self.voices, wanted), _ids(self.voices)),
            "llm_id": llms,
            "llm_fallback_model": llms,
            "post_call_analysis_llm_id": llms,
            "transcriber_id": transcribers,
            "stt_fallback_transcriber_id": transcribers,
            "background_sound": (lambda wanted: find_background(wanted) is not None, [*BACKGROUNDS, "none"]),
        }

    def _knows_transcriber(self, wanted: str) -> bool:
        return _find(self.transcribers, wanted) is not None

    def _knows_llm(self, wanted: str) -> bool:
        return self.any_llm or _find(self.llms, wanted) is not None

    def _wrong_fallback_voices(self, field: str, listed: object) -> list[str]:
        voices = cast("list[object]", listed) if isinstance(listed, list) else []
        found = list[str]()
        for index, one in enumerate(voices):
            wanted = cast("dict[str, object]", one).get("voice_id") if isinstance(one, dict) else None
            if isinstance(wanted, str) and _find(self.voices, wanted) is None:
                found.append(_unknown(f"{field}[{index}].voice_id", wanted, _ids(self.voices), "voices"))
        return found


def _transcribers(configured: str) -> tuple[TranscriberEntry, ...]:
    """Return the transcribers of an installation; where there are two, each can step in for the other."""
    if not configured or configured in {entry.id for entry in TRANSCRIBERS}:
        return TRANSCRIBERS
    other = replace(
        TRANSCRIBERS[0],
        id=configured,
        name=configured,
        provider="openai-compatible",
        model_id=configured,
        description="The recogniser this installation is set up with.",
    )
    return tuple(replace(entry, supports_fallback=True) for entry in (*TRANSCRIBERS, other))


def _voices(flite_voices: Collection[str]) -> tuple[VoiceEntry, ...]:
    """Return the voices a machine has; the automatic one is what the worker would take there."""
    there = {f"builtin/flite/{name}" for name in flite_voices}
    installed = tuple(voice for voice in VOICES if voice.model_id != FLITE.id or voice.id in there)
    if AUTO_WITH_FLITE.same_as in there:
        return installed
    return tuple(AUTO_WITHOUT_FLITE if voice == AUTO_WITH_FLITE else voice for voice in installed)


def find_language(wanted: str) -> Language | None:
    """Return a language by its id or its code, however it is written: ``lang_en_us``, ``en-US``, ``EN_us``."""
    code = wanted.strip().lower().removeprefix("lang_").replace("_", "-")
    return next((language for language in LANGUAGES if language.code.lower() == code), None)


def language_code(language_id: str) -> str:
    """Return the code a recogniser understands (``en-US``) for an agent's ``language_id``; unknown ids as they are."""
    language = find_language(language_id)
    return language.code if language else language_id


def _passes(voice: VoiceEntry, wanted: VoiceFilter, language: Language | None) -> bool:
    """Tell whether a voice passes. ``lang_en`` means English of any kind."""
    same = (
        not expected or expected.casefold() in {str(value).casefold() for value in given}
        for expected, given in (
            (wanted.provider, (voice.provider, voice.model_id)),
            (wanted.accent, (voice.accent,)),
            (wanted.gender, (voice.gender,)),
        )
    )
    speaks = language is None or "-" not in language.code or language.code == voice.language_code
    return all(same) and speaks and wanted.name.casefold() in voice.name.casefold()


def _find(entries: Iterable[E], wanted: str) -> E | None:
    return next((entry for entry in entries if entry.id == wanted), None)


def _only(found: E | None, kind: str, wanted: str) -> E:
    if found is None:
        raise NotFound(f"{kind} {wanted} not found.")
    return found


def _ids(entries: Iterable[_Entry]) -> list[str]:
    return [entry.id for entry in entries]


def _unknown(field: str, wanted: str, valid: list[str], catalogue: str) -> str:
    more = f", … (GET /v1/{catalogue} lists all)" if len(valid) > _SHOWN else ""
    return f'{field} "{wanted}" is not available here; use one of: {", ".join(valid[:_SHOWN])}{more}'
