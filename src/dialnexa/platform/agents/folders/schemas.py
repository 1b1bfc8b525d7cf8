"""Wire shapes of folders (contract B.13)."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from dialnexa.kit.clock import iso
from dialnexa.platform.agents.folders.models import AgentFolder
from dialnexa.platform.wire import Body

LONGEST_NAME = 35
Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME, pattern=r"\S")]


class FolderIn(Body):
    """What a folder is called."""

    name: Name


class FolderPlace(Body):
    """Where an agent goes: a folder's id; `null` or an empty string means no folder."""

    folder_id: Annotated[str, Field(max_length=255)] | None


class FolderOut(BaseModel):
    """A folder."""

    id: str
    organization_id: str
    name: str
    agents: int
    """How many agents lie in it."""
    is_deleted: bool
    created_at: str
    createdAt: str
    updated_at: str
    updatedAt: str

    @classmethod
    def of(cls, folder: AgentFolder, agents: int) -> FolderOut:
        """Describe a folder."""
        return cls(
            id=folder.id,
            organization_id=folder.workspace_id,
            name=folder.name,
            agents=agents,
            is_deleted=False,
            created_at=iso(folder.created_at),
            createdAt=iso(folder.created_at),
            updated_at=iso(folder.updated_at),
            updatedAt=iso(folder.updated_at),
        )


class FoldersOut(BaseModel):
    """One page of the folders."""

    folders: list[FolderOut]
    page: int
    limit: int
    total: int
    totalPages: int
