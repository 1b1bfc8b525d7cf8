"""Wire shapes of numbers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, AliasChoices, BaseModel, Field

from dialnexa.kit import phone
from dialnexa.kit.clock import iso
from dialnexa.kit.errors import BadRequest
from dialnexa.platform.http import Meta
from dialnexa.platform.numbers.models import PhoneNumber
from dialnexa.platform.numbers.service import TrunkRequest
from dialnexa.platform.numbers.trunks import read_source, read_termination
from dialnexa.platform.wire import Body


def _e164(text: str) -> str:
    number = phone.to_e164(text)
    if number is None:
        raise ValueError("must be a valid E.164 phone number, such as +14155550100")
    return number


class TrunkIn(Body):
    """A number to bring along, with the SIP trunk behind it."""

    phone_number: Annotated[str, AfterValidator(_e164)] = Field(
        validation_alias=AliasChoices("phoneNumber", "phone_number")
    )
    termination_uri: Annotated[str, Field(min_length=1, max_length=260)] = Field(
        validation_alias=AliasChoices("terminationUri", "termination_uri")
    )
    """Where calls go: `host[:port]`, without `sip:`."""
    auth_mode: Literal["userpass", "ip"] = Field(
        default="userpass", validation_alias=AliasChoices("authMode", "auth_mode")
    )
    username: Annotated[str, Field(max_length=255)] | None = Field(
        default=None, validation_alias=AliasChoices("sipTrunkUserName", "sip_trunk_user_name")
    )
    password: Annotated[str, Field(max_length=255)] | None = Field(
        default=None, validation_alias=AliasChoices("sipTrunkPassword", "sip_trunk_password"), repr=False
    )
    nickname: Annotated[str, Field(max_length=100)] | None = None
    sources: list[str] = Field(default_factory=list[str], max_length=64)
    """Further addresses or networks the carrier calls from, beside the termination host."""

    def request(self) -> TrunkRequest:
        """Return what to make; raise ``BadRequest`` when the parts do not fit together."""
        given = [self.username, self.password]
        if self.auth_mode == "userpass" and not all(given):
            raise BadRequest("sipTrunkUserName and sipTrunkPassword are both required when authMode is userpass")
        if self.auth_mode == "ip" and any(part is not None for part in given):
            raise BadRequest("sipTrunkUserName and sipTrunkPassword must be left out when authMode is ip")
        return TrunkRequest(
            e164=self.phone_number,
            termination=read_termination(self.termination_uri),
            auth_mode=self.auth_mode,
            username=self.username,
            password=self.password,
            nickname=self.nickname,
            sources=[read_source(source) for source in self.sources],
        )


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
    provider: str
    country_code: str | None
    type: str
    capabilities: list[str]
    monthly_cost_usd: float | None
    sip_trunk_enabled: bool
    sip_trunk_id: str | None
    is_default: bool
    livemode: bool
    created_at: str
    updated_at: str
    createdAt: str

    @classmethod
    def of(cls, number: PhoneNumber, inbound_agent_id: str | None) -> NumberOut:
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
            rental_status="active",
            provider=number.provider,
            country_code=number.country_code,
            type=number.kind,
            capabilities=["voice"],
            monthly_cost_usd=None,
            sip_trunk_enabled=number.trunk_id is not None,
            sip_trunk_id=number.trunk_id,
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
