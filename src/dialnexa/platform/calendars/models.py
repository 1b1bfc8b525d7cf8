"""Tables of calendars and the appointments in them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKeyConstraint, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from dialnexa.platform.database import Base
from dialnexa.platform.tenancy.models import tenant_key


class Calendar(Base):
    """When somebody may be visited. Its row is locked while an appointment is made: so two never take the same time."""

    __tablename__ = "calendars"
    __table_args__ = (tenant_key(), UniqueConstraint("workspace_id", "id"))

    id: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str]
    account_id: Mapped[str]
    name: Mapped[str]
    timezone: Mapped[str]
    hours: Mapped[dict[str, object]]
    """Weekday (``mon`` … ``sun``) → spans such as ``["09:00", "17:30"]``, in the calendar's own zone."""
    slot_minutes: Mapped[int]
    notice_minutes: Mapped[int]
    """How long before it begins an appointment can still be made."""
    horizon_days: Mapped[int]
    """How far ahead appointments can be made."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Booking(Base):
    """An appointment. A cancelled one stays on the record and takes no time."""

    __tablename__ = "calendar_bookings"
    __table_args__ = (
        tenant_key(),
        ForeignKeyConstraint(
            ["workspace_id", "calendar_id"], ["calendars.workspace_id", "calendars.id"], ondelete="CASCADE"
        ),
        Index("ix_calendar_bookings_time", "calendar_id", "starts_at"),
        Index(
            "uq_calendar_bookings_start",
            "calendar_id",
            "starts_at",
            unique=True,
            sqlite_where=text("cancelled_at IS NULL"),
            postgresql_where=text("cancelled_at IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str]
    account_id: Mapped[str]
    calendar_id: Mapped[str]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    name: Mapped[str]
    phone: Mapped[str | None]
    email: Mapped[str | None]
    notes: Mapped[str | None] = mapped_column(Text)
    call_id: Mapped[str | None]
    """The call it was made in."""
    created_at: Mapped[datetime]
    cancelled_at: Mapped[datetime | None]
