"""The table of alerts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Float, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from dialnexa.platform.database import Base
from dialnexa.platform.tenancy.models import tenant_key


class Alert(Base):
    """A figure that is watched, and how it stood when it was last looked at."""

    __tablename__ = "alerts"
    __table_args__ = (
        tenant_key(),
        UniqueConstraint("workspace_id", "id"),
        ForeignKeyConstraint(["workspace_id", "agent_id"], ["agents.workspace_id", "agents.id"]),
        Index("ix_alerts_due", "is_active", "checked_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str]
    account_id: Mapped[str]
    livemode: Mapped[bool]
    """Whose calls it watches: those of live keys, or of test keys."""
    name: Mapped[str]
    metric: Mapped[str]
    """A name of ``metrics.METRICS``."""
    agent_id: Mapped[str | None]
    """Only calls of this agent; empty: of all."""
    threshold: Mapped[float] = mapped_column(Float(53))
    resolve_threshold: Mapped[float | None] = mapped_column(Float(53))
    """Below this it is over; empty: a tenth below the threshold."""
    window_minutes: Mapped[int]
    min_calls: Mapped[int]
    """Fewer calls in the window say nothing."""
    is_active: Mapped[bool]
    state: Mapped[str]
    """``ok`` or ``triggered``."""
    value: Mapped[float | None] = mapped_column(Float(53))
    """What was measured last; empty when there was too little to measure."""
    checked_at: Mapped[datetime | None]
    """Empty: it was made or changed since, and is looked at next."""
    triggered_at: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
