"""The table of retention: what workspaces want otherwise than the operator set it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from dialnexa.platform.database import Base


class RetentionRule(Base):
    """How long one workspace keeps one kind of things."""

    __tablename__ = "retention_rules"

    workspace_id: Mapped[str] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    """One of ``rules.KINDS``."""
    days: Mapped[int]
    """0: for ever."""
    updated_at: Mapped[datetime]
