"""The rules of agents: drafts change, published versions never do, and one published version is live (C.3)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.errors import BadRequest, Forbidden, NotFound
from dialnexa.kit.ids import new_id
from dialnexa.kit.pagination import Page, Part
from dialnexa.kit.secrets import Vault
from dialnexa.platform.agents import repository, sealing
from dialnexa.platform.agents.config import AgentConfig, contradictions, obstacles
from dialnexa.platform.agents.functions import AgentFunction
from dialnexa.platform.agents.models import Agent, AgentVersion
from dialnexa.platform.agents.repository import AgentFilter, CallableVersion
from dialnexa.platform.tenancy.principal import Principal

FIRST_VERSION = 1
_LONGEST_TITLE, _COPY = 70, " (copy)"
_END_CALL = "End the call when everything is said, or when the person wants to hang up. Say goodbye first."


@dataclass(frozen=True, slots=True)
class ResolvedVersion:
    """A published version, ready to talk."""

    agent_id: str
    version_id: str
    number: int
    title: str
    config: AgentConfig
    timezone: str | None = None


@dataclass(frozen=True, slots=True)
class AgentState:
    """An agent with all its versions, newest first, and the one this answer is about."""

    agent: Agent
    versions: tuple[AgentVersion, ...]
    shown: AgentVersion

    @property
    def live(self) -> AgentVersion | None:
        """Return the version that calls addressed to the agent run."""
        published = [version for version in self.versions if version.is_published]
        pinned = [version for version in published if version.number == self.agent.live_version_number]
        return next(iter(pinned or published), None)


class Redeployed(NamedTuple):
    """A published version was replaced by a changed copy, which ``state`` shows."""

    state: AgentState
    replaced_version_id: str


# --- changing --------------------------------------------------------------------------------------------------------


async def create(
    session: AsyncSession,
    vault: Vault,
    who: Principal,
    config: AgentConfig,
    *,
    now: datetime,
    folder_id: str | None = None,
) -> AgentState:
    """Make an agent with its first draft."""
    config = _with_a_way_out(config)
    _refuse(contradictions(config))
    return await _make(session, who, sealing.taken(config, None, vault), now, folder_id)


async def _make(
    session: AsyncSession, who: Principal, config: AgentConfig, now: datetime, folder_id: str | None
) -> AgentState:
    agent = Agent(
        id=new_id("agent"),
        workspace_id=who.workspace_id,
        account_id=who.account_id,
        title=config.title,
        folder_id=folder_id,
        timezone=config.timezone,
        created_at=now,
        updated_at=now,
    )
    session.add(agent)
    await session.flush()
    draft = _draft(agent, FIRST_VERSION, config, now)
    session.add(draft)
    await session.flush()
    return AgentState(agent, (draft,), draft)


async def change(
    session: AsyncSession,
    vault: Vault,
    workspace_id: str,
    agent_id: str,
    changes: Mapping[str, object],
    *,
    now: datetime,
    version_number: int | None = None,
) -> AgentState:
    """Change fields of a draft; fields not named stay as they are. Published versions are locked (400)."""
    agent = await _agent(session, workspace_id, agent_id, lock=True)
    version = await _editable(session, agent, version_number)
    config = _changed(version, changes, vault)
    _refuse(contradictions(config))
    _write(agent, version, config, now)
    await session.flush()
    return await _state(session, agent, version)


async def redeploy(
    session: AsyncSession,
    vault: Vault,
    who: Principal,
    agent_id: str,
    changes: Mapping[str, object],
    *,
    now: datetime,
    version_number: int,
    judge: Callable[[AgentConfig], list[str]] = obstacles,
) -> Redeployed:
    """Publish a changed copy of a published version in its place (``update_deployment``, B.14).

    A published version never changes, so its copy takes the open draft's number and the draft, which stays what it is,
    the next one. The copy is live, or pinned, where the version was; routes of numbers are the caller's to move.
    """
    agent = await _agent(session, who.workspace_id, agent_id, lock=True)
    before = await _state(session, agent, await _version(session, agent, version_number))
    config = _changed(before.shown, changes, vault)
    _refuse(contradictions(config) + judge(config))
    draft, live = before.versions[0], before.live
    number, draft.number = draft.number, draft.number + 1
    draft.title = _version_title(AgentConfig.model_validate(draft.config), draft.number)
    await session.flush()
    copy = _draft(agent, number, config, now)
    copy.published_at, copy.published_by = now, who.key_id
    session.add(copy)
    was_live = live is not None and live.id == before.shown.id
    agent.live_version_number = None if was_live or live is None else live.number
    agent.updated_at = now
    await session.flush()
    return Redeployed(await _state(session, agent, copy), before.shown.id)


async def duplicate(
    session: AsyncSession,
    who: Principal,
    agent_id: str,
    *,
    now: datetime,
    title: str | None = None,
    version_number: int | None = None,
    folder_id: str | None = None,
) -> AgentState:
    """Make a new agent from a version of another, by default its open draft. It begins as a draft, off every number.

    ``folder_id`` says where it lies: ``None`` beside the original, empty in no folder.
    """
    original = await _agent(session, who.workspace_id, agent_id)
    if version_number is None:
        version = await repository.newest(session, who.workspace_id, agent_id)
    else:
        version = await _version(session, original, version_number)
    copied = AgentConfig.model_validate(version.config)
    named = title or f"{copied.title[: _LONGEST_TITLE - len(_COPY)]}{_COPY}"
    config = copied.model_copy(update={"title": named, "version_title": None})
    place = original.folder_id if folder_id is None else folder_id or None
    return await _make(session, who, config, now, place)


async def move(
    session: AsyncSession, workspace_id: str, agent_id: str, folder_id: str | None, *, now: datetime
) -> AgentState:
    """Put an agent into a folder, whose row the caller holds, or into none."""
    agent = await _agent(session, workspace_id, agent_id, lock=True)
    agent.folder_id, agent.updated_at = folder_id, now
    await session.flush()
    return await _state(session, agent, None)


async def restore(
    session: AsyncSession, workspace_id: str, agent_id: str, version_number: int, *, now: datetime
) -> AgentState:
    """Let the open draft begin again from a version; what the draft had is gone. Nothing that runs changes."""
    agent = await _agent(session, workspace_id, agent_id, lock=True)
    version = await _version(session, agent, version_number)
    draft = await repository.newest(session, workspace_id, agent_id)
    if version.id != draft.id:
        config = AgentConfig.model_validate(version.config).model_copy(update={"version_title": None})
        _write(agent, draft, config, now)
        await session.flush()
    return await _state(session, agent, draft)


async def publish(
    session: AsyncSession,
    who: Principal,
    agent_id: str,
    *,
    now: datetime,
    version_number: int | None = None,
    judge: Callable[[AgentConfig], list[str]] = obstacles,
) -> AgentState:
    """Freeze a draft, make it the live version, and open the next draft as its copy.

    ``judge`` returns a sentence for each thing that keeps it from that.
    """
    agent = await _agent(session, who.workspace_id, agent_id, lock=True)
    version = await _editable(session, agent, version_number)
    config = AgentConfig.model_validate(version.config)
    _refuse(judge(config))
    version.published_at = version.updated_at = agent.updated_at = now
    version.published_by = who.key_id
    agent.live_version_number = None  # publishing means going live; a pin of an earlier rollback ends here
    next_config = config.model_copy(update={"version_title": None})
    session.add(_draft(agent, version.number + 1, next_config, now))
    await session.flush()
    return await _state(session, agent, version)


async def roll_back(
    session: AsyncSession, workspace_id: str, agent_id: str, version_number: int, *, now: datetime
) -> AgentState:
    """Make an older published version the live one, until the next publishing."""
    agent = await _agent(session, workspace_id, agent_id, lock=True)
    version = await _version(session, agent, version_number)
    if not version.is_published:
        raise BadRequest(f"Version {version_number} is a draft. Roll back to a published version.")
    agent.live_version_number, agent.updated_at = version_number, now
    await session.flush()
    return await _state(session, agent, version)


async def delete(session: AsyncSession, workspace_id: str, agent_id: str, *, now: datetime) -> None:
    """Take an agent away; the records of its calls stay."""
    agent = await _agent(session, workspace_id, agent_id, lock=True)
    agent.deleted_at = agent.updated_at = now


# --- looking ---------------------------------------------------------------------------------------------------------


async def get(session: AsyncSession, workspace_id: str, agent_id: str) -> AgentState:
    """Return an agent with all its versions; the open draft is the one shown."""
    agent = await _agent(session, workspace_id, agent_id)
    return await _state(session, agent, None)


async def get_version(session: AsyncSession, workspace_id: str, agent_id: str, number: int) -> AgentState:
    """Return an agent with one of its versions shown."""
    agent = await _agent(session, workspace_id, agent_id)
    return await _state(session, agent, await _version(session, agent, number))


async def listed_in_short(
    session: AsyncSession, workspace_id: str, wanted: AgentFilter
) -> list[tuple[AgentState, Mapping[str, str | None]]]:
    """Return all agents, each with the few settings a list shows; no version's settings are loaded."""
    rows = await repository.agents_in_short(session, workspace_id, wanted)
    return [(AgentState(row.agent, tuple(row.versions), row.newest), shown) for row, shown in rows]


def to_compare(state: AgentState, before: int | None, after: int | None) -> tuple[AgentVersion, AgentVersion]:
    """Return two versions of an agent; by default the live one, or the first, and the open draft."""
    first = (state.live or state.versions[-1]).number if before is None else before
    second = state.versions[0].number if after is None else after
    found = {version.number: version for version in state.versions}
    for number in (first, second):
        if number not in found:
            raise _unknown_version(state.agent.id, number, state.versions)
    return found[first], found[second]


async def exists(session: AsyncSession, workspace_id: str, agent_id: str) -> bool:
    """Tell whether the workspace has this agent."""
    return await repository.agent(session, workspace_id, agent_id) is not None


async def listed(session: AsyncSession, workspace_id: str, wanted: AgentFilter, page: Page) -> Part[AgentState]:
    """Return one page of agents; the settings of their older versions are not loaded."""
    part = await repository.agents(session, workspace_id, wanted, page)
    states = [AgentState(row.agent, tuple(row.versions), row.newest) for row in part.items]
    return Part(states, part.total)


async def resolve_for_call(
    session: AsyncSession,
    workspace_id: str,
    *,
    agent_version_id: str | None = None,
    agent_id: str | None = None,
    version_number: int | None = None,
) -> ResolvedVersion:
    """Return the published version a call names (H.1 steps 5 and 6).

    Raises ``NotFound`` for an unknown agent or version, ``Forbidden`` for a draft or an agent without a published
    version, ``BadRequest`` when the version belongs to another agent than the one named.
    """
    if agent_version_id is not None:
        return await _by_version_id(session, workspace_id, agent_version_id, agent_id)
    if agent_id is None:
        raise BadRequest("agent_version_id should not be empty")
    found = await repository.callable_of_agent(session, workspace_id, agent_id, version_number)
    if found is None:
        raise NotFound(f"Agent {agent_id} not found.")
    if found.version_id is None:
        if version_number is not None:
            raise await _no_version(session, workspace_id, agent_id, version_number)
        raise Forbidden(f"Agent {agent_id} has no published version. Publish it: POST /v1/agents/{agent_id}/publish")
    if found.published_at is None:
        raise Forbidden(f"Version {version_number} of agent {agent_id} is a draft. Publish it before calling with it.")
    return _resolved(found)


async def _by_version_id(
    session: AsyncSession, workspace_id: str, version_id: str, agent_id: str | None
) -> ResolvedVersion:
    found = await repository.callable_by_id(session, workspace_id, version_id)
    if found is None:
        raise NotFound(f"Agent version {version_id} not found.")
    if agent_id is not None and agent_id != found.agent_id:
        raise BadRequest(f"agent_version_id {version_id} does not belong to agent_id {agent_id}")
    if found.published_at is None:
        raise Forbidden(
            f"Agent version {version_id} is a draft and cannot take calls. "
            f"Publish it: POST /v1/agents/{found.agent_id}/publish"
        )
    return _resolved(found)


# --- parts -----------------------------------------------------------------------------------------------------------


def _resolved(found: CallableVersion) -> ResolvedVersion:
    assert found.version_id is not None  # a version was found
    assert found.number is not None
    config = AgentConfig.model_validate(found.config)
    return ResolvedVersion(found.agent_id, found.version_id, found.number, config.title, config, config.timezone)


async def _agent(session: AsyncSession, workspace_id: str, agent_id: str, *, lock: bool = False) -> Agent:
    agent = await repository.agent(session, workspace_id, agent_id, lock=lock)
    if agent is None:
        raise NotFound(f"Agent {agent_id} not found.")
    return agent


async def _version(session: AsyncSession, agent: Agent, number: int) -> AgentVersion:
    version = await repository.version_by_number(session, agent.workspace_id, agent.id, number)
    if version is None:
        raise await _no_version(session, agent.workspace_id, agent.id, number)
    return version


async def _no_version(session: AsyncSession, workspace_id: str, agent_id: str, number: int) -> NotFound:
    return _unknown_version(agent_id, number, await repository.versions(session, workspace_id, [agent_id]))


def _unknown_version(agent_id: str, number: int, versions: Sequence[AgentVersion]) -> NotFound:
    published = ", ".join(str(one.number) for one in reversed(versions) if one.is_published) or "none"
    return NotFound(f"Agent {agent_id} has no version {number}. Published versions: {published}.")


async def _editable(session: AsyncSession, agent: Agent, number: int | None) -> AgentVersion:
    newest = await repository.newest(session, agent.workspace_id, agent.id)
    version = newest if number is None else await _version(session, agent, number)
    if version.is_published:
        raise BadRequest(
            f"Version {version.number} is published and locked. Edit draft version {newest.number} instead."
        )
    return version


async def _state(session: AsyncSession, agent: Agent, shown: AgentVersion | None) -> AgentState:
    versions = tuple(await repository.versions(session, agent.workspace_id, [agent.id]))
    return AgentState(agent, versions, shown or versions[0])


def _write(agent: Agent, draft: AgentVersion, config: AgentConfig, now: datetime) -> None:
    """Put settings into a draft, and what the agent shows of them into the agent."""
    draft.config = _stored(config)
    draft.title = _version_title(config, draft.number)
    draft.updated_at = agent.updated_at = now
    agent.title, agent.timezone = config.title, config.timezone


def _draft(agent: Agent, number: int, config: AgentConfig, now: datetime) -> AgentVersion:
    return AgentVersion(
        id=new_id("av"),
        workspace_id=agent.workspace_id,
        account_id=agent.account_id,
        agent_id=agent.id,
        number=number,
        title=_version_title(config, number),
        config=_stored(config),
        created_at=now,
        updated_at=now,
    )


def _changed(version: AgentVersion, changes: Mapping[str, object], vault: Vault) -> AgentConfig:
    """Return a version's fields with changes; masks among them keep the secrets that the version has."""
    config = AgentConfig.model_validate({**version.config, **changes})
    return sealing.taken(config, AgentConfig.model_validate(version.config), vault, fields=changes)


def _stored(config: AgentConfig) -> dict[str, object]:
    """Return the fields of a version, without what a request's body may carry beside them."""
    return config.model_dump(mode="json", include=set(AgentConfig.model_fields))


def _with_a_way_out(config: AgentConfig) -> AgentConfig:
    """Give a speech-to-speech agent the function that ends the call, unless it says which it wants (C.1)."""
    if config.pipeline_type != "Speech_To_Speech" or "agent_functions" in config.model_fields_set:
        return config
    end_call = AgentFunction(display_name="end_call", type="end_call", description=_END_CALL)
    return config.model_copy(update={"agent_functions": [end_call]})


def _version_title(config: AgentConfig, number: int) -> str:
    return config.version_title or f"Version {number}"


def _refuse(problems: list[str]) -> None:
    if problems:
        raise BadRequest(problems)
