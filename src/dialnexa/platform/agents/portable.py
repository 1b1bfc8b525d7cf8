"""Agents as files: written so that two installations, or two commits, can be compared; read with care.

A file holds the settings of one version in the flat form. Secrets stay behind and are named. What the settings refer
to (voices, models, knowledge bases, webhooks) may be missing where the file is read: then the default takes its place,
and the reader is told.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal, cast

from pydantic import BaseModel, Field, ValidationError

from dialnexa.platform.agents.confidential import without_secrets
from dialnexa.platform.agents.config import AgentConfig, contradictions
from dialnexa.platform.agents.judging import Judge
from dialnexa.platform.agents.models import AgentVersion
from dialnexa.platform.agents.nested import flatten
from dialnexa.platform.wire import Body, report_ignored, sentences

FORMAT: Literal["dialnexa.agent"] = "dialnexa.agent"
FORMAT_VERSION = 1
_FIELDS = frozenset({*AgentConfig.model_fields, "postcall_analysis"})
_CATALOGUE_FIELDS = (
    "language_id",
    "llm_id",
    "llm_fallback_model",
    "voice_id",
    "transcriber_id",
    "stt_fallback_transcriber_id",
    "post_call_analysis_llm_id",
    "background_sound",
)


class Source(BaseModel):
    """Which version a file was made from."""

    agent_id: str
    agent_version_id: str
    version_number: int


class AgentFile(BaseModel):
    """An agent as a file. The same version gives the same file every time."""

    format: Literal["dialnexa.agent"] = FORMAT
    format_version: int = FORMAT_VERSION
    source: Source
    agent: dict[str, object]
    """The settings in the flat form, those with defaults too: defaults may differ where it is read."""
    secrets_left_out: list[str]
    """Where secrets stood; they must be set again after importing."""

    @classmethod
    def of(cls, version: AgentVersion) -> AgentFile:
        """Write a version down."""
        config = AgentConfig.model_validate(version.config)
        settings, secrets = without_secrets(config.model_dump(mode="json", include=set(AgentConfig.model_fields)))
        source = Source(agent_id=version.agent_id, agent_version_id=version.id, version_number=version.number)
        return cls(source=source, agent=settings, secrets_left_out=secrets)


class AgentFileIn(Body):
    """A file to read. `agent` may be in the flat or the nested form."""

    format: Literal["dialnexa.agent"]
    format_version: Annotated[int, Field(ge=1)]
    source: dict[str, object] | None = None
    agent: dict[str, object]
    secrets_left_out: Annotated[list[str], Field(max_length=1000)] = Field(default_factory=list[str])


class _Settings(AgentConfig):
    title: str = Field(..., min_length=1, max_length=70)


@dataclass(frozen=True, slots=True)
class Known:
    """What there is in the workspace for settings to refer to."""

    webhooks: Collection[str] = ()
    knowledge_bases: Collection[str] = ()


@dataclass(slots=True)
class Reading:
    """What came of reading a file."""

    config: AgentConfig | None = None
    """``None`` when there are problems."""
    problems: list[str] = field(default_factory=list[str])
    """These keep it from being imported."""
    notes: list[str] = field(default_factory=list[str])
    """What was replaced, and what is left to do."""


def read(file: AgentFileIn, judge: Judge, known: Known, *, title: str | None = None) -> Reading:
    """Read a file as an agent of this workspace, whole or not at all; nothing is stored."""
    found = Reading()
    if file.format_version > FORMAT_VERSION:
        found.problems.append(
            f"format_version {file.format_version} was written by a newer DialNexa; this one reads up to "
            f"{FORMAT_VERSION}. Update it first."
        )
        return found
    settings, unknown = flatten(file.agent)
    unknown += [name for name in settings if name not in _FIELDS]
    report_ignored(f"agent.{path}" for path in unknown)
    settings = {name: value for name, value in settings.items() if name in _FIELDS}
    settings |= {"title": title} if title else {}
    _replace_missing(settings, judge, known, found.notes)
    try:
        config = _Settings.model_validate(settings)
    except ValidationError as error:
        found.problems += [f"agent.{sentence}" for sentence in sentences(error.errors())]
        return found
    found.problems += [f"agent.{sentence}" for sentence in [*judge.mistakes(config), *contradictions(config)]]
    found.notes += [f"agent.{path} is a secret and was left out; set it again." for path in file.secrets_left_out]
    found.notes += [f"It cannot be published yet: {sentence}" for sentence in judge.obstacles(config)]
    if not found.problems:
        found.config = config
    return found


def _replace_missing(settings: dict[str, object], judge: Judge, known: Known, notes: list[str]) -> None:
    """Take out what this installation or workspace does not have, and say so."""
    for name in _CATALOGUE_FIELDS:
        if judge.catalogue.mistakes({name: settings.get(name)}):
            gone = settings.pop(name)
            notes.append(f'agent.{name} "{gone}" is not available here; {_default(name)} takes its place.')
    model = {name: settings.get(name) for name in ("voice_id", "voice_model_id")}
    if judge.catalogue.mistakes(model) or ("voice_id" not in settings and settings.get("voice_model_id")):
        notes.append(f'agent.voice_model_id "{settings.pop("voice_model_id")}" does not go with the voice; dropped.')
    _drop_voices(settings, judge, notes)
    hook = settings.get("webhook_id")
    if hook and hook not in known.webhooks:
        notes.append(f'agent.webhook_id "{settings.pop("webhook_id")}" is no webhook of this workspace; dropped.')
    bases = _listed(settings.get("knowledge_base_ids"))
    missing = [base for base in bases if base not in known.knowledge_bases]
    notes += [
        f'agent.knowledge_base_ids has "{gone}", no knowledge base of this workspace; dropped.' for gone in missing
    ]
    if bases:
        settings["knowledge_base_ids"] = [base for base in bases if base in known.knowledge_bases]


def _drop_voices(settings: dict[str, object], judge: Judge, notes: list[str]) -> None:
    kept = list[object]()
    voices = _listed(settings.get("fallback_voices"))
    for voice in voices:
        if judge.catalogue.mistakes({"fallback_voices": [voice]}):
            name = cast("Mapping[str, object]", voice).get("voice_id")
            notes.append(f'agent.fallback_voices has "{name}", which is not available here; dropped.')
        else:
            kept.append(voice)
    if voices:
        settings["fallback_voices"] = kept


def _default(name: str) -> str:
    if name == "background_sound":
        return "silence"
    default = AgentConfig.model_fields[name].default
    return str(default) if default else "the installation's default"


def _listed(value: object) -> Sequence[object]:
    return cast("list[object]", value) if isinstance(value, list) else ()
