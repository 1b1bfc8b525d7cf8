"""All queries of agents. Every one takes the workspace, so nobody can look into another tenant."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import ColumnElement, func, select
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


async def version_by_id(session: AsyncSession, workspace_id: str, version_id: str) -> tuple[Agent, AgentVersion] | None:
    """Return a version and its agent, unless the agent was deleted."""
    query = (
        select(Agent, AgentVersion)
        .join(Agent, (Agent.workspace_id == AgentVersion.workspace_id) & (Agent.id == AgentVersion.agent_id))
        .where(AgentVersion.workspace_id == workspace_id, AgentVersion.id == version_id, Agent.deleted_at.is_(None))
    )
    row = (await session.execute(query)).one_or_none()
    return None if row is None else (row[0], row[1])


async def latest_published(session: AsyncSession, workspace_id: str, agent_id: str) -> AgentVersion | None:
    """Return the published version with the highest number."""
    return await session.scalar(
        select(AgentVersion)
        .where(
            AgentVersion.workspace_id == workspace_id,
            AgentVersion.agent_id == agent_id,
            AgentVersion.published_at.is_not(None),
        )
        .order_by(AgentVersion.number.desc())
        .limit(1)
    )


async def newest(session: AsyncSession, workspace_id: str, agent_id: str) -> AgentVersion:
    """Return the version with the highest number: the open draft."""
    query = (
        select(AgentVersion)
        .where(AgentVersion.workspace_id == workspace_id, AgentVersion.agent_id == agent_id)
        .order_by(AgentVersion.number.desc())
        .limit(1)
    )
    return (await session.scalars(query)).one()
