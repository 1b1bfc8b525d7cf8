"""Tables of webhooks: the outbox. Endpoints and deliveries join it when delivery comes."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer
from sqlalchemy.orm import Mapped, mapped_column

from dialnexa.platform.database import Base
from dialnexa.platform.tenancy.models import tenant_key


class Event(Base):
    """Something that happened and that others want to hear of; written in the transaction that made it happen."""

    __tablename__ = "events"
    __table_args__ = (
        tenant_key(),
        Index("ix_events_workspace", "workspace_id", "seq"),
        Index("ix_events_call", "call_id"),
        {"sqlite_autoincrement": True},  # a number must not come again after old events are pruned
    )

    seq: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
    """The order of events, for those who want them ordered."""
    id: Mapped[str] = mapped_column(unique=True)
    """``evt_…``, stable over every attempt to deliver it."""
    workspace_id: Mapped[str]
    account_id: Mapped[str]
    livemode: Mapped[bool]
    type: Mapped[str]
    """A canonical name of contract E.2, such as ``call.completed``."""
    call_id: Mapped[str | None]
    payload: Mapped[dict[str, object]]
    created_at: Mapped[datetime]
