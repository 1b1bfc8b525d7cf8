"""Wire shapes of agents: the flat and the nested form, both made from one ``AgentState``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self, cast

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dialnexa.kit.clock import iso
from dialnexa.kit.errors import BadRequest
from dialnexa.platform.agents.cautions import Caution
from dialnexa.platform.agents.comparing import Comparison
from dialnexa.platform.agents.confidential import masked
from dialnexa.platform.agents.config import AgentConfig
from dialnexa.platform.agents.functions import Template
from dialnexa.platform.agents.judging import Judge
from dialnexa.platform.agents.models import AgentVersion
from dialnexa.platform.agents.nested import FLAT_TO_NESTED, flatten, misspellings, nest
from dialnexa.platform.agents.service import AgentState
from dialnexa.platform.wire import Body, report_ignored, unknown


class Routing(Body):
    """What belongs to an agent's place in the workspace rather than to a version."""

    folder_id: Annotated[str, Field(max_length=255)] | None = None
    inbound_phone_number_id: str | None = None
    """Claimed when the version is published; an empty string detaches."""
    outbound_phone_number_id: str | None = None


class AgentDraft(AgentConfig, Routing):
    """The body that makes an agent, in the flat form."""

    title: str = Field(..., min_length=1, max_length=70)
    language_id: str = Field(..., min_length=1)
    voice_id: str = Field(..., min_length=1)
    prompt_text: Template = Field(...)
    is_published: bool = False
    """Publish the first version at once."""

    @model_validator(mode="before")
    @classmethod
    def _flow_agents_need_no_prompt(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        values = cast(dict[str, object], data)
        if values.get("agent_type") == "Conversational_Flow_Agent":
            return {"prompt_text": "", **values}
        return values

    @model_validator(mode="after")
    def _has_a_prompt(self) -> Self:
        if self.agent_type == "Single_Prompt_Agent" and not self.prompt_text.strip():
            raise ValueError("needs a prompt: prompt_text should not be empty")
        return self


class AgentPatch(AgentConfig, Routing):
    """Changes to a draft; fields left out stay as they are. `version_number` names the version, else the open draft."""

    version_number: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    is_published: bool | None = None
    """True publishes the version, with these changes."""
    update_deployment: bool = False
    """Where `version_number` is published: put a changed copy live in its place, with its numbers."""

    def changes(self) -> dict[str, object]:
        """Return the fields of the version that were sent."""
        sent = self.model_fields_set & AgentConfig.model_fields.keys()
        return self.model_dump(mode="json", include=sent)


class NestedDraft(AgentConfig, Routing):
    """The body that makes an agent, once its nested form has been flattened."""

    title: str = Field(..., min_length=1, max_length=70)
    is_published: bool = False
    update_deployment: bool = False
    """Means nothing for an agent that is being made; older clients send it all the same."""


class NestedBody(BaseModel):
    """An agent in the nested form: `prompts`, `llm`, `voice`, `telephony`, `speech`, `reminders`, `analysis`."""

    model_config = ConfigDict(extra="allow")

    title: Annotated[str, Field(max_length=70)] | None = None
    is_published: bool | None = None
    folder_id: str | None = None
    timezone: str | None = None
    pipeline_type: str | None = None
    conversation_start_type: str | None = None
    allow_interruptions: bool | None = None
    language: dict[str, Any] | None = None
    prompts: dict[str, Any] | None = None
    llm: dict[str, Any] | None = None
    voice: dict[str, Any] | None = None
    telephony: dict[str, Any] | None = None
    speech: dict[str, Any] | None = None
    reminders: dict[str, Any] | None = None
    analysis: dict[str, Any] | None = None
    functions: list[dict[str, Any]] | None = None

    def flat(self) -> dict[str, object]:
        """Return the fields that were sent, in flat form; paths nobody knows are reported as ignored.

        Raises ``BadRequest`` for those that are misspelt.
        """
        sent = self.model_dump(exclude_unset=True)
        if typos := misspellings(sent, also=AgentPatch.model_fields):
            raise BadRequest([unknown(path, right) for path, right in typos.items()])
        flat, ignored = flatten(sent)
        report_ignored(ignored)
        return flat


class RollbackIn(Body):
    """Which published version goes live again."""

    version_number: Annotated[int, Field(ge=0, le=2**31 - 1)]


class DuplicateIn(Body):
    """What the copy is called, and which version it is made from; by default the open draft."""

    title: Annotated[str, Field(min_length=1, max_length=70)] | None = None
    version_number: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    folder_id: Annotated[str, Field(max_length=255)] | None = None
    """Where the copy lies: by default beside the original; an empty string: in no folder."""


class PublishIn(Body):
    """Which draft to publish; by default the open one."""

    version_number: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    inbound_phone_number_id: str | None = None
    outbound_phone_number_id: str | None = None


class FlowCheckOut(BaseModel):
    """What is wrong with a conversation graph; each sentence names its node or edge."""

    problems: list[str]
    """These keep the version from being published."""
    warnings: list[str]


class VersionHead(BaseModel):
    """A version in short."""

    id: str
    agent_version_id: str
    agent_id: str
    number: int
    version_number: int
    title: str
    is_published: bool
    is_live: bool
    published_at: str | None
    published_by: str | None
    created_at: str
    createdAt: str
    updated_at: str


class LiveRoute(BaseModel):
    """A number that leads to a version: calls that come in on it, or go out from it."""

    phone_number_id: str
    phone_number: str
    direction: Literal["inbound", "outbound"]


class VersionListed(VersionHead):
    """A version in the history."""

    published_by_name: str | None
    """The name of the API key in `published_by`."""
    is_on_live_route: bool
    """Whether calls reach it: through a number, or because the agent is called by its id and this version is live."""
    live_routes: list[LiveRoute]


class ComparedOut(Comparison):
    """Two versions, and how they differ."""

    model_config = ConfigDict(populate_by_name=True)

    agent_id: str
    before: VersionHead = Field(alias="from")
    after: VersionHead = Field(alias="to")


class AgentHead(BaseModel):
    """What every form of an agent begins with."""

    id: str
    agent_id: str
    organization_id: str
    workspace_id: str
    folder_id: str | None
    agent_version_id: str
    version_number: int
    current_version_number: int
    is_published: bool
    live_version_number: int | None
    live_agent_version_id: str | None
    is_deleted: bool
    created_at: str
    createdAt: str
    updated_at: str
    updatedAt: str


class VersionOut(VersionHead, AgentConfig):
    """A version with all its fields. ``title`` is the version's own; the agent's is ``agent_title``."""

    title: str
    agent_title: str
    postcall_analysis: list[dict[str, object]]
    warnings: list[Caution]

    @classmethod
    def of(cls, state: AgentState, version: AgentVersion, judge: Judge) -> VersionOut:
        """Describe one version of an agent."""
        return cls.model_validate(_version_fields(state, version, judge))


class AgentOut(AgentHead, AgentConfig):
    """An agent in the flat form. The fields are those of the version that ``agent_version_id`` names."""

    postcall_analysis: list[dict[str, object]]
    warnings: list[Caution]
    """Settings that are kept, but do not do here what they say."""
    versions: list[VersionOut]

    @classmethod
    def of(cls, state: AgentState, judge: Judge) -> AgentOut:
        """Describe an agent with all its versions."""
        versions = [VersionOut.of(state, version, judge) for version in state.versions]
        shown = _version_fields(state, state.shown, judge)
        about = {name: shown[name] for name in ("postcall_analysis", "warnings")}
        return cls.model_validate({**masked(state.shown.config), **_head(state), **about, "versions": versions})


class AgentListed(AgentHead):
    """An agent in the flat list, without its functions."""

    title: str
    description: str | None
    agent_type: str
    pipeline_type: str | None
    language_id: str
    voice_id: str
    llm_id: str | None
    timezone: str | None

    @classmethod
    def of(cls, state: AgentState, shown: Mapping[str, str | None]) -> AgentListed:
        """Describe an agent in short; ``shown`` are the settings that a list shows."""
        return cls.model_validate({**shown, **_head(state)})


class AgentsOut(BaseModel):
    """The envelope of the flat list (B.2.3)."""

    agents: list[AgentListed]


class NestedAgentOut(AgentHead):
    """An agent in the nested form."""

    title: str
    timezone: str | None
    current_version: dict[str, Any]
    """The version that ``agent_version_id`` names, in the groups of the nested form."""
    warnings: list[Caution]
    """Settings that are kept, but do not do here what they say."""
    versions: list[VersionHead]

    @classmethod
    def of(cls, state: AgentState, judge: Judge) -> NestedAgentOut:
        """Describe an agent with its versions in short."""
        current = {
            **nest(masked(state.shown.config)),
            **VersionHead.model_validate(_version_head(state, state.shown)).model_dump(),
            "title": state.shown.config["title"],  # here clients of the nested form look for the agent's name
        }
        versions = [VersionHead.model_validate(_version_head(state, version)) for version in state.versions]
        cautions = [
            Caution(field=FLAT_TO_NESTED.get(one.field, one.field), message=one.message)
            for one in judge.cautions(_config(state.shown))
        ]
        return cls.model_validate(
            {
                **_head(state),
                "title": state.agent.title,
                "timezone": state.agent.timezone,
                "current_version": current,
                "warnings": cautions,
                "versions": versions,
            }
        )


class AgentReference(BaseModel):
    """An agent's id, under both names of it."""

    id: str
    agent_id: str


class NestedAgentCreated(NestedAgentOut):
    """A new agent in the nested form. Older clients look for its id in `data`."""

    data: AgentReference

    @classmethod
    def of(cls, state: AgentState, judge: Judge) -> NestedAgentCreated:
        """Describe a new agent."""
        agent = NestedAgentOut.of(state, judge)
        return cls.model_validate({**agent.model_dump(), "data": {"id": agent.id, "agent_id": agent.id}})


def head_of_version(state: AgentState, version: AgentVersion) -> VersionHead:
    """Describe one version in short."""
    return VersionHead.model_validate(_version_head(state, version))


def listed_version(
    state: AgentState, version: AgentVersion, routes: Sequence[LiveRoute], publisher: str | None
) -> VersionListed:
    """Describe one version for the history, with the numbers that lead to it."""
    head = _version_head(state, version)
    on_route = bool(routes) or bool(head["is_live"])
    about = {"published_by_name": publisher, "is_on_live_route": on_route, "live_routes": routes}
    return VersionListed.model_validate({**head, **about})


def _head(state: AgentState) -> dict[str, object]:
    agent, shown, live = state.agent, state.shown, state.live
    return {
        "id": agent.id,
        "agent_id": agent.id,
        "organization_id": agent.workspace_id,
        "workspace_id": agent.workspace_id,
        "folder_id": agent.folder_id,
        "agent_version_id": shown.id,
        "version_number": shown.number,
        "current_version_number": state.versions[0].number,
        "is_published": shown.is_published,
        "live_version_number": live.number if live else None,
        "live_agent_version_id": live.id if live else None,
        "is_deleted": agent.deleted_at is not None,
        "created_at": iso(agent.created_at),
        "createdAt": iso(agent.created_at),
        "updated_at": iso(agent.updated_at),
        "updatedAt": iso(agent.updated_at),
    }


def _version_head(state: AgentState, version: AgentVersion) -> dict[str, object]:
    return {
        "id": version.id,
        "agent_version_id": version.id,
        "agent_id": version.agent_id,
        "number": version.number,
        "version_number": version.number,
        "title": version.title,
        "is_published": version.is_published,
        "is_live": state.live is not None and state.live.id == version.id,
        "published_at": iso(version.published_at) if version.published_at else None,
        "published_by": version.published_by,
        "created_at": iso(version.created_at),
        "createdAt": iso(version.created_at),
        "updated_at": iso(version.updated_at),
    }


def _version_fields(state: AgentState, version: AgentVersion, judge: Judge) -> dict[str, object]:
    return {
        **masked(version.config),
        **_version_head(state, version),
        "agent_title": version.config["title"],
        "postcall_analysis": version.config["post_call_analysis"],
        "warnings": judge.cautions(_config(version)),
    }


def _config(version: AgentVersion) -> AgentConfig:
    return AgentConfig.model_validate(version.config)
