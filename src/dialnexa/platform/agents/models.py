"""Tables of agents: the agent and its numbered versions."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from dialnexa.platform.database import Base
from dialnexa.platform.tenancy.models import tenant_key


class Agent(Base):
    """Something that talks; what it says and how lies in its versions."""

    __tablename__ = "agents"
    __table_args__ = (
        tenant_key(),
        UniqueConstraint("workspace_id", "id"),
        Index("ix_agents_folder", "workspace_id", "folder_id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str]
    account_id: Mapped[str]
    title: Mapped[str]
    folder_id: Mapped[str | None]
    """The folder it lies in; whoever sets it holds the folder's row."""
    timezone: Mapped[str | None]
    live_version_number: Mapped[int | None]
    """The version pinned by a rollback; empty: the highest published one."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]


class AgentVersion(Base):
    """One version: a draft that may change, or published and frozen for ever."""

    __tablename__ = "agent_versions"
    __table_args__ = (
        tenant_key(),
        ForeignKeyConstraint(["workspace_id", "agent_id"], ["agents.workspace_id", "agents.id"]),
        UniqueConstraint("workspace_id", "id"),
        UniqueConstraint("agent_id", "number"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str]
    account_id: Mapped[str]
    agent_id: Mapped[str]
    number: Mapped[int]
    title: Mapped[str]
    config: Mapped[dict[str, object]]
    """An ``AgentConfig`` as JSON."""
    published_at: Mapped[datetime | None]
    """Empty for a draft."""
    published_by: Mapped[str | None]
    """The API key that published it."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    @property
    def is_published(self) -> bool:
        """Tell whether this version may run and may no longer change."""
        return self.published_at is not None
