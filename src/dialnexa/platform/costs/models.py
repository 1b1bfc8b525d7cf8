"""Tables of costs: price lists, each valid from a moment on, and what calls cost by component."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from dialnexa.platform.database import Base
from dialnexa.platform.tenancy.models import tenant_key


class PriceList(Base):
    """All prices of a workspace from a moment until the next list's. Never changed, so old calls keep their price."""

    __tablename__ = "price_lists"
    __table_args__ = (tenant_key(), Index("ix_price_lists_valid", "workspace_id", "valid_from", "id"))

    id: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str]
    account_id: Mapped[str]
    currency: Mapped[str]
    rates: Mapped[list[object]]
    """``schemas.RateIn`` as JSON."""
    valid_from: Mapped[datetime]
    created_by: Mapped[str]
    """The key that set it."""
    created_at: Mapped[datetime]


class CallCost(Base):
    """What one call cost in one component; only where that is more than nothing."""

    __tablename__ = "call_costs"
    __table_args__ = (tenant_key(), Index("ix_call_costs_period", "workspace_id", "livemode", "at"))

    call_id: Mapped[str] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True)
    component: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str]
    account_id: Mapped[str]
    livemode: Mapped[bool]
    agent_id: Mapped[str | None]
    at: Mapped[datetime]
    """When the call was placed: the time lists and periods go by."""
    currency: Mapped[str]
    millionths: Mapped[int] = mapped_column(BigInteger)
    """The amount in millionths of the currency: sums of whole numbers are exact."""
