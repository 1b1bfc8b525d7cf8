"""Parts of how an agent speaks (contract C.2.2, C.6): voices that step in, and how words are read."""

from __future__ import annotations

from typing import Annotated

from pydantic import AliasChoices, Field

from dialnexa.platform.wire import Body


class FallbackVoice(Body):
    """A voice that speaks when the agent's own fails. Only `voice_id` counts; the rest describes it."""

    voice_id: Annotated[str, Field(min_length=1, max_length=255, validation_alias=AliasChoices("voice_id", "id"))]
    voice_name: str | None = None
    provider_voice_id: str | None = None
    provider: str | None = None


class Pronunciation(Body):
    """How a word, or a few, are read instead of as they are written."""

    word: str = Field(
        min_length=1, max_length=100, pattern=r"\w", validation_alias=AliasChoices("word", "text", "phrase", "original")
    )
    pronunciation: str = Field(
        min_length=1,
        max_length=200,
        pattern=r"\w",
        validation_alias=AliasChoices("pronunciation", "say", "replacement", "alias", "phonetic"),
    )
