"""The table of folders."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from dialnexa.platform.database import Base
from dialnexa.platform.tenancy.models import tenant_key


class AgentFolder(Base):
    """A drawer for agents. Which agents lie in it, ``agents.folder_id`` says."""

    __tablename__ = "agent_folders"
    __table_args__ = (tenant_key(), UniqueConstraint("workspace_id", "id"))

    id: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str]
    account_id: Mapped[str]
    name: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
