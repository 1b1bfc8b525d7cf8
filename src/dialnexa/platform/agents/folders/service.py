"""The rules of folders: an agent lies in one folder or in none, and no agent is lost with its folder."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.errors import Conflict, NotFound
from dialnexa.kit.ids import new_id
from dialnexa.platform.agents import service as agents
from dialnexa.platform.agents.folders import repository
from dialnexa.platform.agents.folders.models import AgentFolder
from dialnexa.platform.tenancy.principal import Principal


async def create(session: AsyncSession, who: Principal, name: str, *, now: datetime) -> AgentFolder:
    """Make an empty folder. Names need not differ."""
    folder = AgentFolder(
        id=new_id("fld"),
        workspace_id=who.workspace_id,
        account_id=who.account_id,
        name=name,
        created_at=now,
        updated_at=now,
    )
    session.add(folder)
    await session.flush()
    return folder


async def get(session: AsyncSession, workspace_id: str, folder_id: str, *, lock: bool = False) -> AgentFolder:
    """Return a folder, or raise ``NotFound``."""
    folder = await repository.folder(session, workspace_id, folder_id, lock=lock)
    if folder is None:
        raise NotFound(f"Folder {folder_id} not found. List yours with GET /v1/organization-folders.")
    return folder


async def rename(session: AsyncSession, workspace_id: str, folder_id: str, name: str, *, now: datetime) -> AgentFolder:
    """Give a folder another name."""
    folder = await get(session, workspace_id, folder_id, lock=True)
    folder.name, folder.updated_at = name, now
    await session.flush()
    return folder


async def delete(
    session: AsyncSession, workspace_id: str, folder_id: str, move_to: str | None, *, now: datetime
) -> None:
    """Take a folder away.

    ``move_to`` names the folder its agents go to, ``""`` takes them out of folders; without it a folder that is not
    empty stays (``Conflict``, which names the agents).
    """
    # Locked in the order of their ids, so that two folders poured into each other at once do not wait for ever.
    for one in sorted({folder_id, move_to} - {None, ""}, key=str):
        await get(session, workspace_id, str(one), lock=True)
    held = await repository.agent_ids(session, workspace_id, folder_id)
    if held and (move_to is None or move_to == folder_id):
        raise Conflict(
            f"The folder holds {len(held)} agents. Say where they go: ?move_agents_to=<another folder's id>, "
            "or ?move_agents_to= to take them out of folders.",
            extra={"agent_ids": list(held)},
        )
    await repository.empty(session, workspace_id, folder_id, (move_to or None) if held else None, now=now)
    await session.delete(await get(session, workspace_id, folder_id))


async def move_agent(
    session: AsyncSession, workspace_id: str, agent_id: str, folder_id: str | None, *, now: datetime
) -> agents.AgentState:
    """Put an agent into a folder, or into none. Raises ``NotFound`` for an agent or folder that is not there."""
    await check(session, workspace_id, folder_id)
    return await agents.move(session, workspace_id, agent_id, folder_id or None, now=now)


async def check(session: AsyncSession, workspace_id: str, folder_id: str | None) -> None:
    """Raise ``NotFound`` unless the folder exists, and keep it until the transaction ends."""
    if folder_id:
        await get(session, workspace_id, folder_id, lock=True)


async def counts(session: AsyncSession, workspace_id: str, folder_ids: Collection[str]) -> Mapping[str, int]:
    """Count the agents in folders; empty ones are missing."""
    return await repository.counts(session, workspace_id, folder_ids)
