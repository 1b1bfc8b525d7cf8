"""Languages, models, recognisers and voices."""

from __future__ import annotations

from dialnexa_client.exchange import Core, Plan, part
from dialnexa_client.models.catalogue import Language, LanguageModel, Transcriber, Voice, VoiceModel
from dialnexa_client.operations import asking
from dialnexa_client.paging import Search


def languages(core: Core) -> Plan[tuple[Language, ...]]:
    """List the languages agents can listen and speak in."""
    return asking.items(core, "/languages", Language)


def language(core: Core, language_id: str) -> Plan[Language]:
    """Return a language by its id or its code."""
    return asking.get(core, f"/languages/{part(language_id)}", Language)


def llms(core: Core) -> Plan[tuple[LanguageModel, ...]]:
    """List the language models; the first is what agents get that name none."""
    return asking.items(core, "/llms", LanguageModel)


def fallback_llms(core: Core) -> Plan[tuple[LanguageModel, ...]]:
    """List the language models that can step in for another."""
    return asking.items(core, "/llms/fallback", LanguageModel)


def llm(core: Core, llm_id: str) -> Plan[LanguageModel]:
    """Return a language model."""
    return asking.get(core, f"/llms/{part(llm_id)}", LanguageModel)


def transcribers(core: Core) -> Plan[tuple[Transcriber, ...]]:
    """List the recognisers."""
    return asking.items(core, "/transcribers", Transcriber)


def fallback_transcribers(core: Core) -> Plan[tuple[Transcriber, ...]]:
    """List the recognisers that can step in for another."""
    return asking.items(core, "/transcribers/fallback", Transcriber)


def transcriber(core: Core, transcriber_id: str) -> Plan[Transcriber]:
    """Return a recogniser."""
    return asking.get(core, f"/transcribers/{part(transcriber_id)}", Transcriber)


def voices(
    core: Core,
    *,
    provider: str | None = None,
    accent: str | None = None,
    gender: str | None = None,
    name: str | None = None,
    language_id: str | None = None,
    llm_id: str | None = None,
    limit: int = 50,
) -> Search[Voice]:
    """List voices; filters are compared without regard to case."""
    query = {
        "provider": provider,
        "accent": accent,
        "gender": gender,
        "name": name,
        "language_id": language_id,
        "llm_id": llm_id,
    }
    return Search(core, "/voices", Voice, query, limit, key="voices")


def voice(core: Core, voice_id: str) -> Plan[Voice]:
    """Return a voice."""
    return asking.get(core, f"/voices/{part(voice_id)}", Voice)


def voice_languages(core: Core, voice_id: str) -> Plan[tuple[Language, ...]]:
    """List the languages a voice speaks, its own first."""
    return asking.items(core, f"/voices/{part(voice_id)}/languages", Language)


def voice_models(core: Core, voice_id: str) -> Search[VoiceModel]:
    """List the engines behind a voice."""
    return Search(core, f"/voices/{part(voice_id)}/voice-models", VoiceModel, {})


def accents(core: Core) -> Plan[tuple[str, ...]]:
    """List the accents there are voices with."""
    return asking.words(core, "/voices/accents")


def speech_voices(core: Core) -> Search[Voice]:
    """List the voices of speech-to-speech models."""
    return Search(core, "/voices/s2s", Voice, {}, key="voices")
