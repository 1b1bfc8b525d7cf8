"""Wire shapes of the catalogue (contract B.13); the envelopes are those of the published OpenAPI file (H.5)."""

from __future__ import annotations

from pydantic import BaseModel

from dialnexa.platform.catalogue.entries import Language, LanguageModel, TranscriberEntry, VoiceEntry, VoiceModel


class LanguageOut(BaseModel):
    """A language an agent can listen and speak in. Agents take its id or its code as `language_id`."""

    id: str
    name: str
    code: str

    @classmethod
    def of(cls, entry: Language) -> LanguageOut:
        """Describe a language."""
        return cls(id=entry.id, name=entry.name, code=entry.code)


class LlmOut(BaseModel):
    """A language model agents may name as `llm_id`."""

    id: str
    name: str
    provider: str
    supports_structured_output: bool
    description: str

    @classmethod
    def of(cls, entry: LanguageModel) -> LlmOut:
        """Describe a language model."""
        return cls(
            id=entry.id,
            name=entry.name,
            provider=entry.provider,
            supports_structured_output=entry.supports_structured_output,
            description=entry.description,
        )


class TranscriberOut(BaseModel):
    """A recogniser agents may name as `transcriber_id`."""

    id: str
    name: str
    provider: str
    model_id: str
    description: str
    supports_fallback: bool
    supported_language_codes: list[str] | None
    """`null` means every language."""

    @classmethod
    def of(cls, entry: TranscriberEntry) -> TranscriberOut:
        """Describe a transcriber."""
        return cls(
            id=entry.id,
            name=entry.name,
            provider=entry.provider,
            model_id=entry.model_id,
            description=entry.description,
            supports_fallback=entry.supports_fallback,
            supported_language_codes=list(entry.supported_language_codes),
        )


class VoiceOut(BaseModel):
    """A voice agents may name as `voice_id`. `preview_url` plays without a key."""

    id: str
    name: str
    gender: str
    language_code: str
    provider: str
    provider_name: str
    model_id: str
    accent: str
    description: str
    preview_url: str

    @classmethod
    def of(cls, entry: VoiceEntry, preview_url: str) -> VoiceOut:
        """Describe a voice."""
        return cls(
            id=entry.id,
            name=entry.name,
            gender=entry.gender,
            language_code=entry.language_code,
            provider=entry.provider,
            provider_name=entry.provider,
            model_id=entry.model_id,
            accent=entry.accent,
            description=entry.description,
            preview_url=preview_url,
        )


class VoicesOut(BaseModel):
    """One page of the voices."""

    voices: list[VoiceOut]
    total: int
    page: int
    limit: int
    totalPages: int


class SpeechVoicesOut(BaseModel):
    """The voices of speech-to-speech models."""

    voices: list[VoiceOut]


class VoiceModelOut(BaseModel):
    """An engine behind a voice; agents may name it as `voice_model_id`. `latency` is in milliseconds."""

    id: str
    name: str
    description: str
    latency: int

    @classmethod
    def of(cls, entry: VoiceModel) -> VoiceModelOut:
        """Describe an engine."""
        return cls(id=entry.id, name=entry.name, description=entry.description, latency=entry.latency)


class VoiceModelsOut(BaseModel):
    """The engines behind a voice."""

    data: list[VoiceModelOut]
