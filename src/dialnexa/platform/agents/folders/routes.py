"""Folders over HTTP (contract B.13), and moving agents between them."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from dialnexa.kit.pagination import Page
from dialnexa.platform.agents.folders import repository, service
from dialnexa.platform.agents.folders.schemas import FolderIn, FolderOut, FolderPlace, FoldersOut
from dialnexa.platform.agents.routes import Judges, Reader, Writer
from dialnexa.platform.agents.schemas import AgentOut
from dialnexa.platform.http import Db, Now, Pages, Router
from dialnexa.platform.tenancy.schemas import Done

router = Router(tags=["Folders"])

MAX_FOLDERS = 50
"""Folders on a page."""
MoveTo = Annotated[
    str | None,
    Query(
        max_length=255,
        description="The folder its agents go to; empty: into none. Without it, only an empty folder can be deleted.",
    ),
]


@router.post("/organization-folders", status_code=201, summary="Make a folder")
async def create_folder(body: FolderIn, who: Writer, database: Db, now: Now) -> FolderOut:
    """Make a folder for agents."""
    async with database.write() as session:
        return FolderOut.of(await service.create(session, who, body.name, now=now), 0)


@router.get("/organization-folders", summary="List folders")
async def list_folders(
    who: Reader,
    database: Db,
    page: Pages,
    search: Annotated[str | None, Query(max_length=100, description="Part of the name.")] = None,
) -> FoldersOut:
    """List folders by name, at most 50 on a page."""
    wanted = Page(page.number, min(page.limit, MAX_FOLDERS))
    async with database.read() as session:
        part = await repository.folders(session, who.workspace_id, wanted, search)
        counts = await service.counts(session, who.workspace_id, [folder.id for folder in part.items])
    return FoldersOut(
        folders=[FolderOut.of(folder, counts.get(folder.id, 0)) for folder in part.items],
        page=wanted.number,
        limit=wanted.limit,
        total=part.total,
        totalPages=wanted.pages(part.total),
    )


@router.get("/organization-folders/{folder_id}", summary="Get a folder")
async def get_folder(folder_id: str, who: Reader, database: Db) -> FolderOut:
    """Return a folder."""
    async with database.read() as session:
        folder = await service.get(session, who.workspace_id, folder_id)
        counts = await service.counts(session, who.workspace_id, [folder_id])
    return FolderOut.of(folder, counts.get(folder_id, 0))


@router.patch("/organization-folders/{folder_id}", summary="Rename a folder")
async def rename_folder(folder_id: str, body: FolderIn, who: Writer, database: Db, now: Now) -> FolderOut:
    """Give a folder another name."""
    async with database.write() as session:
        folder = await service.rename(session, who.workspace_id, folder_id, body.name, now=now)
        counts = await service.counts(session, who.workspace_id, [folder_id])
        return FolderOut.of(folder, counts.get(folder_id, 0))


@router.delete("/organization-folders/{folder_id}", summary="Delete a folder")
async def delete_folder(folder_id: str, who: Writer, database: Db, now: Now, move_agents_to: MoveTo = None) -> Done:
    """Take a folder away. One that holds agents is refused (409 with `agent_ids`) unless you say where they go."""
    async with database.write() as session:
        await service.delete(session, who.workspace_id, folder_id, move_agents_to, now=now)
    return Done(message="Folder deleted successfully", id=folder_id)


@router.patch("/agents/{agent_id}/folder", summary="Move an agent to a folder")
@router.patch("/agents2/{agent_id}/folder", include_in_schema=False)
async def move_agent(agent_id: str, body: FolderPlace, who: Writer, database: Db, now: Now, judge: Judges) -> AgentOut:
    """Put an agent into a folder, or with `null` into none. Its versions stay as they are."""
    async with database.write() as session:
        state = await service.move_agent(session, who.workspace_id, agent_id, body.folder_id, now=now)
        return AgentOut.of(state, judge)
