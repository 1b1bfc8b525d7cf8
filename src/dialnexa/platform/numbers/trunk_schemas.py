"""Wire shapes of SIP trunks (contract B.9, and the habits of carriers beyond it)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, AliasChoices, BaseModel, Field, model_validator

from dialnexa.kit import phone
from dialnexa.kit.clock import iso
from dialnexa.kit.errors import BadRequest
from dialnexa.platform.numbers.models import PhoneNumber, SipTrunk, TrunkBinding, TrunkRegistration
from dialnexa.platform.numbers.schemas import RegistrationOut
from dialnexa.platform.numbers.service import TrunkRequest
from dialnexa.platform.numbers.trunk_settings import (
    Dtmf,
    Encryption,
    Identity,
    Privacy,
    RegistrationMode,
    Transport,
    TrunkSettings,
    header_pairs,
    read_codecs,
    read_from_domain,
    read_from_user,
    read_headers,
    read_proxy,
)
from dialnexa.platform.numbers.trunks import PHONES, Termination, read_source, read_termination
from dialnexa.platform.wire import Body

SHORTEST_REGISTRATION_S, LONGEST_REGISTRATION_S = 60, 86_400


def e164(text: str) -> str:
    """Return a number in E.164, or raise ``ValueError``."""
    number = phone.to_e164(text)
    if number is None:
        raise ValueError("must be a valid E.164 phone number, such as +14155550100")
    return number


def _either(camel: str, snake: str) -> Any:
    return AliasChoices(camel, snake)


class NumberFormat(Body):
    """How the carrier wants dialled numbers written."""

    plus: bool = True
    """Whether they begin with `+`."""
    strip: Annotated[str, Field(pattern=r"^\+?[0-9]{0,15}$")] = ""
    """Leading digits to take off, such as a country code; numbers that begin otherwise are left whole."""
    add: Annotated[str, Field(pattern=r"^\+?[0-9*#]{0,16}$")] = ""
    """Digits to put in front: of the stripped numbers when `strip` is given, else of all."""


class _Habits(Body):
    """What can be said of a trunk when it is made and afterwards; null means the default."""

    transport: Transport | None = None
    """What carries SIP to the carrier: `udp` (default), `tcp` or `tls`."""
    outbound_proxy: Annotated[str, Field(max_length=260), AfterValidator(read_proxy)] | None = Field(
        default=None, validation_alias=_either("outboundProxy", "outbound_proxy")
    )
    """Where requests go first, as `host[:port]`; none by default."""
    registration: RegistrationMode | None = None
    """`outbound`: one worker keeps us registered at the carrier. `inbound`: phones or a PBX register with us under the
    trunk's login, and calls go to where they are. `none` (default): the carrier knows our address."""
    registration_expiry_seconds: (
        Annotated[int, Field(ge=SHORTEST_REGISTRATION_S, le=LONGEST_REGISTRATION_S)] | None
    ) = Field(
        default=None, validation_alias=_either("registrationExpirySeconds", "registration_expiry_seconds")
    )  # fmt: skip
    """How long a registration is asked for; 600 by default."""
    from_user: Annotated[str, AfterValidator(read_from_user)] | None = Field(
        default=None, validation_alias=_either("fromUser", "from_user")
    )
    """Shown in From instead of the caller id, which then goes into P-Asserted-Identity."""
    from_domain: Annotated[str, AfterValidator(read_from_domain)] | None = Field(
        default=None, validation_alias=_either("fromDomain", "from_domain")
    )
    """Host part of From; our own address by default."""
    number_format: NumberFormat | None = Field(default=None, validation_alias=_either("numberFormat", "number_format"))
    """How dialled numbers are written; E.164 with `+` by default."""
    headers: Annotated[dict[str, str], AfterValidator(read_headers)] | None = None
    """Further headers of outbound calls, by name."""
    codecs: Annotated[list[str], Field(max_length=16), AfterValidator(read_codecs)] | None = None
    """Codecs in order of preference (PCMU, PCMA, G722, opus); all of ours in our order by default."""
    encryption: Encryption | None = None
    """Encrypted audio (SDES-SRTP): `never` (default), `offered` or `required`."""
    accept_transfers: bool | None = Field(default=None, validation_alias=_either("acceptTransfers", "accept_transfers"))
    """Whether the far end may hand the agent on to another number of this trunk (REFER, INVITE with Replaces); `false`
    by default, for that number may cost money."""
    dtmf: Dtmf | None = None
    """How keys go out: `auto` (default) by RFC 4733 where negotiated, else by INFO where the far end allows it, else as
    tones; `rfc4733`, never by INFO; `info`; `inband`, as tones."""
    privacy: Privacy | None = None
    """`id`: the person called does not see the caller id, the carrier does; `none` by default."""
    identity: Identity | None = None
    """Which header carries a caller id that From does not show: `asserted` (default, P-Asserted-Identity) or
    `preferred` (P-Preferred-Identity)."""
    sources: list[str] | None = Field(default=None, max_length=64)
    """Further addresses or networks the carrier calls from, beside those of its host and proxy."""

    def columns(self) -> dict[str, object]:
        """Return the columns that were spoken of, with the default where null was said. Raises ``BadRequest``."""
        given = self.model_fields_set
        found: dict[str, object] = {
            column: _DEFAULTS[column] if getattr(self, field) is None else getattr(self, field)
            for field, column in _COLUMNS.items()
            if field in given
        }
        if "number_format" in given:
            wanted = self.number_format or NumberFormat()
            found |= {"plus": wanted.plus, "strip_prefix": wanted.strip.removeprefix("+"), "add_prefix": wanted.add}
        if "sources" in given:
            found["sources"] = [read_source(source) for source in self.sources or ()]
        return found


_DEFAULTS: dict[str, object] = {**asdict(TrunkSettings()), "headers": [], "codecs": []}
_COLUMNS = {
    "transport": "transport",
    "outbound_proxy": "outbound_proxy",
    "registration": "registration",
    "registration_expiry_seconds": "registration_expiry_s",
    "from_user": "from_user",
    "from_domain": "from_domain",
    "headers": "headers",
    "codecs": "codecs",
    "encryption": "encryption",
    "accept_transfers": "accept_transfers",
    "dtmf": "dtmf",
    "privacy": "privacy",
    "identity": "identity",
}
"""Fields that are one column each."""


class TrunkIn(_Habits):
    """A number to bring along, with the SIP trunk behind it."""

    phone_number: Annotated[str, AfterValidator(e164)] = Field(
        validation_alias=AliasChoices("phoneNumber", "phone_number")
    )
    termination_uri: Annotated[str, Field(min_length=1, max_length=260)] = Field(
        validation_alias=AliasChoices("terminationUri", "termination_uri")
    )
    """Where calls go: `host[:port]`, without `sip:`; without a port, where DNS says (NAPTR, SRV, A)."""
    auth_mode: Literal["userpass", "ip"] = Field(
        default="userpass", validation_alias=AliasChoices("authMode", "auth_mode")
    )
    username: Annotated[str, Field(max_length=255)] | None = Field(
        default=None, validation_alias=AliasChoices("sipTrunkUserName", "sip_trunk_user_name", "username")
    )
    password: Annotated[str, Field(max_length=255)] | None = Field(
        default=None, validation_alias=AliasChoices("sipTrunkPassword", "sip_trunk_password", "password"), repr=False
    )
    nickname: Annotated[str, Field(max_length=100)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _nowhere(cls, given: object) -> object:
        """Ask for no address where phones come to us: calls go to where they are."""
        if not isinstance(given, dict):
            return given
        body = cast("dict[str, object]", given)
        missing = not {"terminationUri", "termination_uri"} & body.keys()
        return {**body, "terminationUri": PHONES} if missing and body.get("registration") == "inbound" else body

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
            columns=self.columns(),
        )


class TrunkPatch(_Habits):
    """Changes to a trunk; fields left out stay as they are, null means the default."""

    nickname: Annotated[str, Field(min_length=1, max_length=100)] | None = Field(
        default=None, validation_alias=AliasChoices("nickname", "name")
    )
    termination_uri: Annotated[str, Field(min_length=1, max_length=260)] | None = Field(
        default=None, validation_alias=AliasChoices("terminationUri", "termination_uri")
    )
    auth_mode: Literal["userpass", "ip"] | None = Field(
        default=None, validation_alias=AliasChoices("authMode", "auth_mode")
    )
    """`ip` forgets the login."""
    username: Annotated[str, Field(min_length=1, max_length=255)] | None = Field(
        default=None, validation_alias=AliasChoices("sipTrunkUserName", "sip_trunk_user_name", "username")
    )
    password: Annotated[str, Field(min_length=1, max_length=255)] | None = Field(
        default=None, validation_alias=AliasChoices("sipTrunkPassword", "sip_trunk_password", "password"), repr=False
    )

    def termination(self) -> Termination | None:
        """Return where calls go from now on, ``None`` when that stays. Raises ``BadRequest``."""
        return None if self.termination_uri is None else read_termination(self.termination_uri)


class FurtherNumberIn(Body):
    """One more number that is reached through a trunk that exists."""

    phone_number: Annotated[str, AfterValidator(e164)] = Field(
        validation_alias=AliasChoices("phoneNumber", "phone_number")
    )
    nickname: Annotated[str, Field(max_length=100)] | None = None


class PhoneOut(BaseModel):
    """A phone or PBX that is registered under a trunk's login now."""

    contact: str
    """The address it wants to be called by."""
    source: str
    """Where its registration came from."""
    transport: str
    user_agent: str
    registered_until: str
    node_id: str
    """The worker it registered with."""

    @classmethod
    def of(cls, found: TrunkBinding) -> PhoneOut:
        """Describe one."""
        return cls(
            contact=found.contact,
            source=str(Termination(found.source_host, found.source_port)),
            transport=found.transport.lower(),
            user_agent=found.user_agent,
            registered_until=iso(found.expires_at),
            node_id=found.node_id,
        )


class TrunkNumberOut(BaseModel):
    """A number that is reached through a trunk."""

    id: str
    phone_number: str


class NumberFormatOut(BaseModel):
    """How dialled numbers are written."""

    plus: bool
    strip: str
    add: str


class TrunkOut(BaseModel):
    """A SIP trunk of the workspace. Its password is never shown."""

    id: str
    name: str
    termination_uri: str
    auth_mode: str
    username: str | None
    transport: str
    outbound_proxy: str
    registration: str
    registration_expiry_seconds: int
    registration_status: RegistrationOut | None
    phones: list[PhoneOut]
    """Who is registered under this trunk's login (`registration: inbound`)."""
    from_user: str
    from_domain: str
    number_format: NumberFormatOut
    headers: dict[str, str]
    codecs: list[str]
    encryption: str
    accept_transfers: bool
    dtmf: str
    privacy: str
    identity: str
    sources: list[str]
    is_sandbox: bool
    carrier: str | None
    """Whom the numbers on it are rented from; null: it is your own. Its settings are the operator's."""
    phone_numbers: list[TrunkNumberOut]
    created_at: str
    updated_at: str

    @classmethod
    def of(
        cls,
        trunk: SipTrunk,
        numbers: Sequence[PhoneNumber],
        found: TrunkRegistration | None,
        phones: Sequence[TrunkBinding] = (),
    ) -> TrunkOut:
        """Describe a trunk with its numbers, its registration, and the phones registered under it."""
        same: Mapping[str, Any] = {name: getattr(trunk, name) for name in _SHOWN_AS_STORED}
        return cls(
            **same,
            username=None if trunk.carrier else trunk.username,
            termination_uri=str(Termination(trunk.host, trunk.port)),
            registration_expiry_seconds=trunk.registration_expiry_s,
            registration_status=RegistrationOut.of(found) if trunk.registration == "outbound" else None,
            phones=[PhoneOut.of(phone) for phone in phones],
            number_format=NumberFormatOut(plus=trunk.plus, strip=trunk.strip_prefix, add=trunk.add_prefix),
            headers=dict(header_pairs(trunk.headers)),
            phone_numbers=[TrunkNumberOut(id=number.id, phone_number=number.e164) for number in numbers],
            created_at=iso(trunk.created_at),
            updated_at=iso(trunk.updated_at),
        )


_SHOWN_AS_STORED = (
    "id",
    "name",
    "auth_mode",
    "transport",
    "outbound_proxy",
    "registration",
    "from_user",
    "from_domain",
    "codecs",
    "encryption",
    "accept_transfers",
    "dtmf",
    "privacy",
    "identity",
    "sources",
    "is_sandbox",
    "carrier",
)
