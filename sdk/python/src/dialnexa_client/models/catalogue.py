"""What an installation can do, as the API lists it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dialnexa_client.decoding import RAW


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """A language; agents take its ``id`` or its ``code``."""

    id: str
    name: str
    code: str
    raw: Mapping[str, object] = field(repr=False, metadata=RAW)


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageModel:
    """A language model."""

    id: str
    name: str
    provider: str
    supports_structured_output: bool = False
    raw: Mapping[str, object] = field(repr=False, metadata=RAW)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcriber:
    """A recogniser."""

    id: str
    name: str
    provider: str
    raw: Mapping[str, object] = field(repr=False, metadata=RAW)


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """A voice; ``preview_url`` plays without a key."""

    id: str
    name: str
    gender: str
    language_code: str
    accent: str
    provider: str
    model_id: str
    preview_url: str
    raw: Mapping[str, object] = field(repr=False, metadata=RAW)


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceModel:
    """An engine behind a voice; ``latency`` in milliseconds."""

    id: str
    name: str
    description: str
    latency: int
    raw: Mapping[str, object] = field(repr=False, metadata=RAW)
