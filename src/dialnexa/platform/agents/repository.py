"""All queries of agents. Every one takes the workspace, so nobody can look into another tenant."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased, defer

from dialnexa.kit.pagination import Page, Part
from dialnexa.platform.agents.models import Agent, AgentVersion

_HAS = (AgentVersion.workspace_id == Agent.workspace_id) & (AgentVersion.agent_id == Agent.id)
IN_SHORT = (
    "title",
    "description",
    "agent_type",
    "pipeline_type",
    "language_id",
    "voice_id",
    "llm_id",
    "timezone",
)
"""What a list shows of an agent's settings."""
_OTHER = aliased(AgentVersion)
_NEWEST = _HAS & (
    AgentVersion.number
    == select(func.max(_OTHER.number)).where(_OTHER.agent_id == Agent.id).correlate(Agent).scalar_subquery()
)
"""Joins an agent with its open draft."""


async def agent(session: AsyncSession, workspace_id: str, agent_id: str, *, lock: bool = False) -> Agent | None:
    """Return an agent that was not deleted; ``lock`` keeps others from changing it meanwhile."""
    query = select(Agent).where(Agent.workspace_id == workspace_id, Agent.id == agent_id, Agent.deleted_at.is_(None))
    return await session.scalar(query.with_for_update() if lock else query)


@dataclass(frozen=True, slots=True)
class AgentFilter:
    """Which agents are wanted; what is ``None`` does not narrow."""

    folder_id: str | None = None
    """Empty: those in no folder."""
    search: str | None = None
    """Part of the title, in any case."""


class AgentRow(NamedTuple):
    """An agent in a list: its newest version whole, all its versions without their settings."""

    agent: Agent
    newest: AgentVersion
    versions: Sequence[AgentVersion]


async def agents(session: AsyncSession, workspace_id: str, wanted: AgentFilter, page: Page) -> Part[AgentRow]:
    """Return one page of the workspace's agents, newest first: three queries, however many there are."""
    where = _where(workspace_id, wanted)
    query = select(Agent, AgentVersion).join(AgentVersion, _NEWEST).where(*where).order_by(Agent.id.desc())
    query = query.offset(page.offset).limit(page.limit)
    ids = select(Agent.id).where(*where).order_by(Agent.id.desc()).offset(page.offset).limit(page.limit)
    rows = [(row[0], row[1]) for row in await session.execute(query)]
    versions: dict[str, list[AgentVersion]] = {agent.id: [] for agent, _ in rows}
    for version in await _in_short(session, workspace_id, ids):
        versions[version.agent_id].append(version)
    items = [AgentRow(agent, newest, versions[agent.id]) for agent, newest in rows]
    total = await session.scalar(select(func.count()).select_from(Agent).where(*where))
    return Part(items, total or 0)


async def agents_in_short(
    session: AsyncSession, workspace_id: str, wanted: AgentFilter
) -> list[tuple[AgentRow, Mapping[str, str | None]]]:
    """Return all agents with a few settings of their newest version, newest agent first.

    The database picks those out: reading the settings of two thousand agents whole takes seconds.
    """
    where = _where(workspace_id, wanted)
    settings = [AgentVersion.config[name].as_string() for name in IN_SHORT]
    query = (
        select(Agent, AgentVersion, *settings)
        .join(AgentVersion, _NEWEST)
        .where(*where)
        .order_by(Agent.id.desc())
        .options(defer(AgentVersion.config, raiseload=True))
    )
    rows = (await session.execute(query)).all()
    versions: dict[str, list[AgentVersion]] = {row[0].id: [] for row in rows}
    for version in await _in_short(session, workspace_id, select(Agent.id).where(*where)):
        versions[version.agent_id].append(version)
    return [(AgentRow(row[0], row[1], versions[row[0].id]), dict(zip(IN_SHORT, row[2:], strict=True))) for row in rows]


def _where(workspace_id: str, wanted: AgentFilter) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = [Agent.workspace_id == workspace_id, Agent.deleted_at.is_(None)]
    if wanted.folder_id is not None:
        where.append(Agent.folder_id == wanted.folder_id if wanted.folder_id else Agent.folder_id.is_(None))
    if wanted.search:
        where.append(Agent.title.icontains(wanted.search, autoescape=True))
    return where


async def _in_short(session: AsyncSession, workspace_id: str, ids: Select[str]) -> Sequence[AgentVersion]:
    """Return the versions of these agents, newest first, without settings, which are most of their bytes."""
    query = (
        select(AgentVersion)
        .where(AgentVersion.workspace_id == workspace_id, AgentVersion.agent_id.in_(ids))
        .order_by(AgentVersion.number.desc())
        .options(defer(AgentVersion.config, raiseload=True))
    )
    return (await session.scalars(query)).all()


async def versions(session: AsyncSession, workspace_id: str, agent_ids: Collection[str]) -> Sequence[AgentVersion]:
    """Return all versions of these agents, newest first."""
    query = (
        select(AgentVersion)
        .where(AgentVersion.workspace_id == workspace_id, AgentVersion.agent_id.in_(agent_ids))
        .order_by(AgentVersion.number.desc())
    )
    return (await session.scalars(query)).all()


async def version_by_number(
    session: AsyncSession, workspace_id: str, agent_id: str, number: int
) -> AgentVersion | None:
    """Return one version of an agent."""
    return await session.scalar(
        select(AgentVersion).where(
            AgentVersion.workspace_id == workspace_id,
            AgentVersion.agent_id == agent_id,
            AgentVersion.number == number,
        )
    )


class CallableVersion(NamedTuple):
    """What placing a call needs of a version; all but ``agent_id`` is empty when the agent has no such version."""

    agent_id: str
    version_id: str | None
    number: int | None
    published_at: datetime | None
    config: Mapping[str, object] | None


# Built once, because every call runs one of them: putting a query together costs more than SQLite takes to answer it.
_CALLABLE = select(
    Agent.id, AgentVersion.id, AgentVersion.number, AgentVersion.published_at, AgentVersion.config
).where(Agent.workspace_id == bindparam("workspace_id"), Agent.deleted_at.is_(None))
_BY_ID = _CALLABLE.join_from(Agent, AgentVersion, _HAS).where(AgentVersion.id == bindparam("version_id"))
_BY_NUMBER = _CALLABLE.outerjoin_from(Agent, AgentVersion, _HAS & (AgentVersion.number == bindparam("number"))).where(
    Agent.id == bindparam("agent_id")
)
_LIVE = (
    _CALLABLE.outerjoin_from(
        Agent,
        AgentVersion,
        _HAS
        & AgentVersion.published_at.is_not(None)
        & (AgentVersion.number == func.coalesce(Agent.live_version_number, AgentVersion.number)),
    )
    .where(Agent.id == bindparam("agent_id"))
    .order_by(AgentVersion.number.desc())
    .limit(1)
)


async def callable_by_id(session: AsyncSession, workspace_id: str, version_id: str) -> CallableVersion | None:
    """Return the version with this id, unless its agent was deleted."""
    return await _callable(session, _BY_ID, {"workspace_id": workspace_id, "version_id": version_id})


async def callable_of_agent(
    session: AsyncSession, workspace_id: str, agent_id: str, number: int | None
) -> CallableVersion | None:
    """Return an agent's version of this number, or its live one; ``None`` for an unknown agent."""
    names: dict[str, object] = {"workspace_id": workspace_id, "agent_id": agent_id}
    if number is None:
        return await _callable(session, _LIVE, names)
    return await _callable(session, _BY_NUMBER, {**names, "number": number})


async def _callable(session: AsyncSession, query: Any, names: dict[str, object]) -> CallableVersion | None:
    row = (await session.execute(query, names)).one_or_none()
    return None if row is None else CallableVersion(*row)


async def newest(session: AsyncSession, workspace_id: str, agent_id: str) -> AgentVersion:
    """Return the version with the highest number: the open draft."""
    query = (
        select(AgentVersion)
        .where(AgentVersion.workspace_id == workspace_id, AgentVersion.agent_id == agent_id)
        .order_by(AgentVersion.number.desc())
        .limit(1)
    )
    return (await session.scalars(query)).one()
