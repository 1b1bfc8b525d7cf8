"""KYC over HTTP (contract B.11)."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from pydantic import AfterValidator, BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit import countries
from dialnexa.kit.clock import iso
from dialnexa.platform.http import Body, Db, Now, Principal, Requires, Router
from dialnexa.platform.tenancy import kyc
from dialnexa.platform.tenancy.kyc import KycMode, KycPolicy, KycState
from dialnexa.platform.tenancy.models import KycCase

router = Router(tags=["KYC"])

Reader = Annotated[Principal, Requires("kyc:read")]
Writer = Annotated[Principal, Requires("kyc:write")]


async def _policy(request: Request) -> KycPolicy:
    return request.app.state.terms.verification


Policy = Annotated[KycPolicy, Depends(_policy)]


def _country(code: str) -> str:
    if countries.country(code) is None:
        raise ValueError("must be an ISO 3166 code of two letters, such as US")
    return code.upper()


Line = Annotated[str, Field(min_length=1, max_length=200)]


class KycIn(Body):
    """Who the workspace is."""

    legal_name: Line
    country: Annotated[str, AfterValidator(_country)]
    contact_name: Line
    contact_email: Annotated[str, Field(max_length=254, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
    address: Annotated[str, Field(min_length=1, max_length=500)]
    business_type: Line | None = None
    registration_number: Line | None = None
    """Of the company's or tax register."""
    website: Line | None = None
    use_case: Annotated[str, Field(max_length=1000)] | None = None
    """Whom you will call, and why."""
    document_references: Annotated[list[Line], Field(max_length=20)] = Field(default_factory=list[str])
    """Where the operator finds the papers, such as numbers of files you sent."""


class KycOut(BaseModel):
    """How far the verification has come."""

    state: KycState
    mode: KycMode
    """What the operator demands: `off` nothing, `regulated` in some countries, `all` always."""
    countries: list[str]
    """Where `regulated` demands it; US toll-free numbers too."""
    details: dict[str, object]
    reason: str
    """What the operator said to it."""
    submitted_at: str | None
    decided_at: str | None

    @classmethod
    def of(cls, case: KycCase | None, policy: KycPolicy) -> KycOut:
        """Describe a case; ``None``: nothing was handed in yet."""
        submitted, decided = (case.submitted_at, case.decided_at) if case else (None, None)
        return cls(
            state=case.state if case else "not_started",
            mode=policy.mode,
            countries=sorted(policy.countries) if policy.mode == "regulated" else [],
            details=case.details if case else {},
            reason=case.reason if case else "",
            submitted_at=iso(submitted) if submitted else None,
            decided_at=iso(decided) if decided else None,
        )


@router.get("/kyc", summary="Get the state of verification")
async def get_kyc(who: Reader, database: Db, policy: Policy) -> KycOut:
    """Return what was handed in, what became of it, and whether this installation demands it at all."""
    async with database.read() as session:
        return KycOut.of(await _case(session, who), policy)


@router.post("/kyc", status_code=201, summary="Hand in who you are")
async def submit_kyc(body: KycIn, who: Writer, database: Db, policy: Policy, now: Now) -> KycOut:
    """Hand in, or hand in again, who the workspace is. The operator looks at it, and decides with a command."""
    who.may_change(live=True, what="who a workspace is")
    async with database.write() as session:
        return KycOut.of(await kyc.submit(session, who, body.model_dump(exclude_none=True), now=now), policy)


async def _case(session: AsyncSession, who: Principal) -> KycCase | None:
    return await session.get(KycCase, who.workspace_id)
