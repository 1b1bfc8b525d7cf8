"""Agents as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from dialnexa_client.decoding import RAW


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentVersion:
    """One version of an agent; published versions never change."""

    id: str
    number: int
    title: str
    is_published: bool
    is_live: bool
    published_at: datetime | None
    created_at: datetime
    raw: Mapping[str, object] = field(repr=False, metadata=RAW)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """An agent and the version this answer is about; every further field of that version is in ``raw``."""

    id: str
    title: str
    agent_type: str = "Single_Prompt_Agent"
    language_id: str | None
    voice_id: str | None
    llm_id: str | None
    prompt_text: str | None
    welcome_message: str | None
    agent_version_id: str | None
    version_number: int | None
    is_published: bool = False
    live_version_number: int | None
    live_agent_version_id: str | None
    """The version that takes calls when none is named; ``None`` until one is published."""
    created_at: datetime
    updated_at: datetime | None
    raw: Mapping[str, object] = field(repr=False, metadata=RAW)
