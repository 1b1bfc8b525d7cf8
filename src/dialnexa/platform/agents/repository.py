"""All queries of agents. Every one takes the workspace, so nobody can look into another tenant."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.pagination import Page, Part
from dialnexa.platform.agents.models import Agent, AgentVersion


async def agent(session: AsyncSession, workspace_id: str, agent_id: str, *, lock: bool = False) -> Agent | None:
    """Return an agent that was not deleted; ``lock`` keeps others from changing it meanwhile."""
    query = select(Agent).where(Agent.workspace_id == workspace_id, Agent.id == agent_id, Agent.deleted_at.is_(None))
    return await session.scalar(query.with_for_update() if lock else query)


async def agents(session: AsyncSession, workspace_id: str, page: Page | None = None) -> Part[Agent]:
    """Return one page of the workspace's agents, or all of them, newest first."""
    where: tuple[ColumnElement[bool], ...] = (Agent.workspace_id == workspace_id, Agent.deleted_at.is_(None))
    query = select(Agent).where(*where).order_by(Agent.id.desc())
    if page is None:
        everything = (await session.scalars(query)).all()
        return Part(everything, len(everything))
    rows = await session.scalars(query.offset(page.offset).limit(page.limit))
    total = await session.scalar(select(func.count()).select_from(Agent).where(*where))
    return Part(rows.all(), total or 0)


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
_HAS = (AgentVersion.workspace_id == Agent.workspace_id) & (AgentVersion.agent_id == Agent.id)
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
