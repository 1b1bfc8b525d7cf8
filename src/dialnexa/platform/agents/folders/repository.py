"""All queries of folders. Every one takes the workspace."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.pagination import Page, Part
from dialnexa.platform.agents.folders.models import AgentFolder
from dialnexa.platform.agents.models import Agent


async def folder(session: AsyncSession, workspace_id: str, folder_id: str, *, lock: bool = False) -> AgentFolder | None:
    """Return a folder; ``lock`` keeps it from being deleted, or filled, meanwhile."""
    query = select(AgentFolder).where(AgentFolder.workspace_id == workspace_id, AgentFolder.id == folder_id)
    return await session.scalar(query.with_for_update() if lock else query)


async def folders(session: AsyncSession, workspace_id: str, page: Page, search: str | None) -> Part[AgentFolder]:
    """Return one page of the folders by name; ``search`` looks into the names."""
    where: list[ColumnElement[bool]] = [AgentFolder.workspace_id == workspace_id]
    if search:
        where.append(AgentFolder.name.icontains(search, autoescape=True))
    order = (func.lower(AgentFolder.name), AgentFolder.id)
    query = select(AgentFolder).where(*where).order_by(*order).offset(page.offset).limit(page.limit)
    total = await session.scalar(select(func.count()).select_from(AgentFolder).where(*where))
    return Part((await session.scalars(query)).all(), total or 0)


async def counts(session: AsyncSession, workspace_id: str, folder_ids: Collection[str]) -> Mapping[str, int]:
    """Count the agents in folders; empty ones are missing."""
    query = (
        select(Agent.folder_id, func.count())
        .where(Agent.workspace_id == workspace_id, Agent.folder_id.in_(folder_ids), Agent.deleted_at.is_(None))
        .group_by(Agent.folder_id)
    )
    return {str(row[0]): row[1] for row in await session.execute(query)}


async def agent_ids(session: AsyncSession, workspace_id: str, folder_id: str) -> Sequence[str]:
    """Return the agents in a folder, oldest first."""
    query = select(Agent.id).where(
        Agent.workspace_id == workspace_id, Agent.folder_id == folder_id, Agent.deleted_at.is_(None)
    )
    return (await session.scalars(query.order_by(Agent.id))).all()


async def empty(session: AsyncSession, workspace_id: str, folder_id: str, into: str | None, *, now: datetime) -> None:
    """Move everything out of a folder, deleted agents too, so that nothing names it any more."""
    await session.execute(
        update(Agent)
        .where(Agent.workspace_id == workspace_id, Agent.folder_id == folder_id)
        .values(folder_id=into, updated_at=now)
    )
