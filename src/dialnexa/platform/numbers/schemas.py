"""Wire shapes of numbers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from dialnexa.kit.clock import iso
from dialnexa.platform.listing import Meta
from dialnexa.platform.numbers.models import PhoneNumber, TrunkRegistration
from dialnexa.platform.wire import Body


class NumberPatch(Body):
    """Changes to a number; fields left out stay as they are."""

    agent_id: str | None = None
    """The agent that answers, in whichever version is live; null detaches it."""
    inbound_agent_version_id: str | None = None
    """The one version that answers; null detaches it."""
    outbound_agent_version_id: str | None = None
    """The version whose calls go out from this number when they name none; null detaches it."""
    label: Annotated[str, Field(max_length=100)] | None = None
    nickname: Annotated[str, Field(max_length=100)] | None = None
    is_default: Literal[True] | None = None
    """Make this the number of calls that name none."""
    auto_renew: bool | None = None
    """Whether the rental goes on when its month is over."""


class RegistrationOut(BaseModel):
    """How our registration at the carrier stands."""

    state: Literal["waiting", "trying", "registered", "failed"]
    """`waiting`: no worker has taken it up yet."""
    detail: str
    """Why it failed, or what it waits for: a sentence."""
    registered_until: str | None
    next_try_at: str | None
    node_id: str | None
    """The worker that keeps it."""

    @classmethod
    def of(cls, found: TrunkRegistration | None) -> RegistrationOut:
        """Describe the registration of a trunk that has one; ``None``: nobody keeps it yet."""
        if found is None:
            words = "No worker keeps this registration yet. Is one running?"
            return cls(state="waiting", detail=words, registered_until=None, next_try_at=None, node_id=None)
        return cls(
            state=found.state,
            detail=found.detail,
            registered_until=iso(found.registered_until) if found.registered_until else None,
            next_try_at=iso(found.next_try_at) if found.next_try_at else None,
            node_id=found.node_id,
        )


class NumberOut(BaseModel):
    """A number of the workspace."""

    id: str
    phone_number: str
    label: str | None
    nickname: str | None
    agent_id: str | None
    inbound_agent_id: str | None
    inbound_agent_version_id: str | None
    outbound_agent_version_id: str | None
    status: str
    rental_status: str
    """`active`, `expired`, or `available_for_reassignment`: others may rent it now."""
    rental_expires_at: str | None
    """When the month that is paid for ends; null for numbers you brought along."""
    auto_renew: bool
    provider: str
    country_code: str | None
    type: str
    capabilities: list[str]
    monthly_cost_usd: float | None
    sip_trunk_enabled: bool
    sip_trunk_id: str | None
    sip_trunk_registration: RegistrationOut | None
    """For trunks that register at their carrier."""
    is_default: bool
    livemode: bool
    created_at: str
    updated_at: str
    createdAt: str

    @classmethod
    def of(
        cls, number: PhoneNumber, inbound_agent_id: str | None, registration: RegistrationOut | None = None
    ) -> NumberOut:
        """Describe a number; ``inbound_agent_id`` is the agent that answers, pinned or not."""
        return cls(
            id=number.id,
            phone_number=number.e164,
            label=number.label,
            nickname=number.nickname,
            agent_id=inbound_agent_id,
            inbound_agent_id=inbound_agent_id,
            inbound_agent_version_id=number.inbound_agent_version_id,
            outbound_agent_version_id=number.outbound_agent_version_id,
            status=number.status,
            rental_status=number.rental_status,
            rental_expires_at=iso(number.rental_expires_at) if number.rental_expires_at else None,
            auto_renew=number.auto_renew,
            provider=number.provider,
            country_code=number.country_code,
            type=number.kind,
            capabilities=["voice"],
            monthly_cost_usd=number.monthly_cost_usd,
            sip_trunk_enabled=number.trunk_id is not None,
            sip_trunk_id=number.trunk_id,
            sip_trunk_registration=registration,
            is_default=number.is_default,
            livemode=number.livemode,
            created_at=iso(number.created_at),
            updated_at=iso(number.updated_at),
            createdAt=iso(number.created_at),
        )


class NumbersPage(BaseModel):
    """The envelope of the published OpenAPI file."""

    items: list[NumberOut]
    total: int
    page: int
    limit: int

    @classmethod
    def of(cls, items: list[NumberOut], meta: Meta) -> NumbersPage:
        """Put one page into that envelope."""
        return cls(items=items, total=meta.total, page=meta.page, limit=meta.limit)
