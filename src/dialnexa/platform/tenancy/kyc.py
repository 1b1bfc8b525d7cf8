"""KYC: who a workspace says it is, which an operator may demand before it rents numbers or calls out (B.11).

Off unless the operator's settings say otherwise: whoever runs DialNexa for themselves knows who they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit import phone
from dialnexa.kit.errors import Conflict, Forbidden, NotFound
from dialnexa.platform.tenancy.models import KycCase
from dialnexa.platform.tenancy.principal import Principal

KycMode = Literal["off", "regulated", "all"]
KycState = Literal["not_started", "pending", "verified", "rejected"]


@dataclass(frozen=True, slots=True)
class KycPolicy:
    """When the operator wants a workspace to be verified."""

    mode: KycMode = "off"
    countries: frozenset[str] = frozenset()
    """Those whose numbers need it in the mode ``regulated``, as ISO codes; US toll-free numbers always do there."""

    @classmethod
    def parse(cls, mode: KycMode, countries: str) -> KycPolicy:
        """Read the settings: ``countries`` is a comma list of ISO codes."""
        return cls(mode, frozenset(code.strip().upper() for code in countries.split(",") if code.strip()))

    def concerns(self, *numbers: str) -> bool:
        """Tell whether renting these numbers, or calling between them, needs a verified workspace."""
        return self.mode == "all" or (self.mode == "regulated" and any(map(self._regulated, numbers)))

    def _regulated(self, e164: str) -> bool:
        country = phone.country_of(e164)
        return country in self.countries or (country == "US" and phone.kind_of(e164) == "toll_free")


async def state_of(session: AsyncSession, workspace_id: str) -> KycState:
    """Return how far the verification of a workspace has come."""
    case = await session.get(KycCase, workspace_id)
    return case.state if case else "not_started"


async def require(session: AsyncSession, policy: KycPolicy, workspace_id: str, *numbers: str) -> None:
    """Raise ``Forbidden``, saying what to do, unless the workspace may rent these numbers, or call between them."""
    if not policy.concerns(*numbers):
        return
    state = await state_of(session, workspace_id)
    if state != "verified":
        fix = {
            "pending": "It is being looked at; try again once GET /v1/kyc says verified.",
            "rejected": "It was rejected; GET /v1/kyc says why. Mend it with POST /v1/kyc.",
        }.get(state, "Begin with POST /v1/kyc.")
        raise Forbidden(f"This needs a verified workspace (KYC). {fix}", code="kyc_required")


async def submit(session: AsyncSession, who: Principal, details: Mapping[str, object], *, now: datetime) -> KycCase:
    """Hand in who the workspace is; it is pending then. Raises ``Conflict`` when it is verified already."""
    case = await session.get(KycCase, who.workspace_id, with_for_update=True)
    if case is None:
        case = KycCase(workspace_id=who.workspace_id, account_id=who.account_id, state="pending")
        session.add(case)
    elif case.state == "verified":
        raise Conflict("This workspace is verified already. Ask the operator of this installation to open it again.")
    case.state, case.reason = "pending", ""
    case.details, case.submitted_at, case.decided_at = dict(details), now, None
    await session.flush()
    return case


async def decide(
    session: AsyncSession, workspace_id: str, state: Literal["verified", "rejected"], reason: str, *, now: datetime
) -> KycCase:
    """Say what the operator thinks of a workspace. Raises ``NotFound`` when it has handed nothing in."""
    case = await session.get(KycCase, workspace_id, with_for_update=True)
    if case is None:
        raise NotFound(f"Workspace {workspace_id} has handed in no KYC details.")
    case.state, case.reason, case.decided_at = state, reason, now
    return case
