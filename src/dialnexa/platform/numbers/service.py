"""The rules of numbers: who may call from which, through which trunk, and who answers which."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit import phone
from dialnexa.kit.errors import BadRequest, Conflict, Forbidden, NotFound, Unprocessable
from dialnexa.kit.ids import new_id
from dialnexa.kit.secrets import Vault
from dialnexa.platform.agents import service as agents
from dialnexa.platform.agents.service import ResolvedVersion
from dialnexa.platform.numbers import bindings, repository
from dialnexa.platform.numbers.models import PhoneNumber, SipTrunk
from dialnexa.platform.numbers.trunk_settings import TrunkSettings
from dialnexa.platform.numbers.trunks import Termination
from dialnexa.platform.tenancy import telephony
from dialnexa.platform.tenancy.principal import Principal
from dialnexa.platform.tenancy.telephony import TelephonyRules

SIP_TRUNK = "SIP trunk"
"""The provider of numbers brought along."""
SANDBOX = "sandbox"
"""The provider of numbers that reach the built-in people."""


@dataclass(frozen=True, slots=True)
class TrunkRoute:
    """Where an outbound call goes. For the sandbox, host and port mean nothing: the worker knows its address."""

    trunk_id: str
    host: str
    port: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    is_sandbox: bool = False
    settings: TrunkSettings = field(default_factory=TrunkSettings)


class NotRouted(StrEnum):
    """Why an inbound call is not taken."""

    UNKNOWN_SOURCE = "unknown_source"
    """No trunk has this address: drop or refuse, and tell nothing."""
    UNKNOWN_NUMBER = "unknown_number"
    """The trunk's workspace has no such active number: SIP 404."""
    NO_AGENT = "no_agent"
    """Nobody is assigned, or the agent has no published version: SIP 480."""


@dataclass(frozen=True, slots=True)
class InboundMatch:
    """The number that was called and the agent that answers it."""

    workspace_id: str
    account_id: str
    phone_number_id: str
    e164: str
    trunk_id: str
    is_sandbox: bool
    livemode: bool
    version: ResolvedVersion

    @property
    def agent_id(self) -> str:
        """Return the agent that answers."""
        return self.version.agent_id

    @property
    def agent_version_id(self) -> str:
        """Return the version that answers."""
        return self.version.version_id


@dataclass(frozen=True, slots=True)
class TrunkRequest:
    """A number to bring along, with the trunk behind it."""

    e164: str
    termination: Termination
    auth_mode: Literal["userpass", "ip"]
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    nickname: str | None = None
    columns: Mapping[str, object] = field(default_factory=dict[str, object])
    """The carrier's habits, by column of ``SipTrunk``; what is left out has its default."""


# --- for calls -------------------------------------------------------------------------------------------------------


async def resolve_caller_id(
    session: AsyncSession,
    workspace_id: str,
    from_number: str | None,
    version_id: str | None = None,
    *,
    livemode: bool = True,
) -> PhoneNumber:
    """Return the number a call goes out from (H.1 step 7).

    A number that is named must be an active one of the workspace (``Forbidden`` else). Otherwise it is the version's
    outbound number, the workspace's default, or the only one (``BadRequest`` else). Test calls never leave the
    machine, so they may show live numbers too.
    """
    if from_number is not None:
        found = _of_mode(await repository.active(session, workspace_id, from_number), livemode=livemode)
        if not found:
            raise Forbidden(
                f"from_number {from_number} is not an active number of this workspace. "
                "List yours with GET /v1/organization-phone-numbers, or add one with "
                "POST /v1/organization-phone-numbers/sip-trunks."
            )
        return found[0]
    every = _of_mode(await repository.active(session, workspace_id), livemode=livemode)
    outbound = [number for number in every if version_id and number.outbound_agent_version_id == version_id]
    default = [number for number in every if number.is_default]
    for choice in (outbound[:1], default[:1], every if len(every) == 1 else []):
        if choice:
            return choice[0]
    raise BadRequest("from_phone_number is required")


async def outbound_rules(session: AsyncSession, workspace_id: str, number: PhoneNumber | None) -> TelephonyRules:
    """Return where calls from this number may go; without a number, as over a trunk of the workspace's own."""
    rules = await telephony.rules(session, workspace_id)
    return rules if number is None else rules.over(own_trunk=number.provider == SIP_TRUNK, caller=number.e164)


async def carrier_rules(session: AsyncSession, workspace_id: str) -> TelephonyRules:
    """Return where calls from the workspace's rented numbers may go: what Telephony Config shows."""
    rules = await telephony.rules(session, workspace_id)
    for number in await repository.active(session, workspace_id):
        if number.provider != SIP_TRUNK:
            rules = rules.over(own_trunk=False, caller=number.e164)
    return rules


async def outbound_rules_of_call(session: AsyncSession, workspace_id: str, number_id: str | None) -> TelephonyRules:
    """Return where a call of this number may be handed on to: a transfer is a call out like any other."""
    number = await repository.number(session, workspace_id, number_id) if number_id else None
    return await outbound_rules(session, workspace_id, number)


async def route_for(session: AsyncSession, vault: Vault, workspace_id: str, trunk_id: str) -> TrunkRoute | None:
    """Return where a trunk's calls go, its password opened; ``None`` when the trunk is gone."""
    trunk = await repository.trunk(session, workspace_id, trunk_id)
    if trunk is None:
        return None
    return TrunkRoute(
        trunk_id=trunk.id,
        host=trunk.host,
        port=trunk.port,
        username=trunk.username,
        password=vault.open(trunk.password_sealed) if trunk.password_sealed else None,
        is_sandbox=trunk.is_sandbox,
        settings=settings_of(trunk),
    )


def settings_of(trunk: SipTrunk) -> TrunkSettings:
    """Return a trunk's habits as one value."""
    stored: dict[str, Any] = {one.name: getattr(trunk, one.name) for one in fields(TrunkSettings)}
    stored |= {name: tuple(stored[name]) for name in ("headers", "codecs")}
    return TrunkSettings(**stored)


async def find_inbound(
    session: AsyncSession, dialled: Sequence[str], over: Collection[str], *, livemode: bool | None = None
) -> InboundMatch | NotRouted:
    """Return who answers a call that came over one of these trunks, or why nobody does.

    ``dialled``: what may name the number, as SIP has it, best first: the Request-URI, then To. A number answers only
    calls that come over its own trunk, so nobody reaches an agent by knowing its number. ``livemode``: of which mode
    the number must be; without it a live one goes before one for tests.
    """
    if not over:
        return NotRouted.UNKNOWN_SOURCE
    reached = await _reached(session, dialled, over)
    modes = (True, False) if livemode is None else (livemode,)
    active = (pair for pair in reached if pair[0].status == repository.ACTIVE and pair[0].livemode in modes)
    number, trunk = next(active, (None, None))
    if number is None or trunk is None:
        return NotRouted.UNKNOWN_NUMBER
    version = await _answering(session, number)
    if version is None:
        return NotRouted.NO_AGENT
    return InboundMatch(
        workspace_id=number.workspace_id,
        account_id=number.account_id,
        phone_number_id=number.id,
        e164=number.e164,
        trunk_id=trunk.id,
        is_sandbox=trunk.is_sandbox,
        livemode=number.livemode,
        version=version,
    )


# --- for people ------------------------------------------------------------------------------------------------------


async def get(session: AsyncSession, workspace_id: str, number_id: str) -> PhoneNumber:
    """Return a number, or raise ``NotFound``."""
    number = await repository.number(session, workspace_id, number_id)
    if number is None:
        raise NotFound(f"Phone number {number_id} not found.")
    return number


async def add_trunk_number(
    session: AsyncSession, vault: Vault, who: Principal, wanted: TrunkRequest, *, now: datetime
) -> PhoneNumber:
    """Bring a number along, with its SIP trunk. Raises ``Conflict`` when somebody has it already."""
    await refuse_known(session, who, wanted.e164)
    trunk = SipTrunk(
        id=new_id("trunk"),
        workspace_id=who.workspace_id,
        account_id=who.account_id,
        name=wanted.nickname or wanted.termination.host,
        host=wanted.termination.host,
        port=wanted.termination.port,
        auth_mode=wanted.auth_mode,
        username=wanted.username,
        password_sealed=vault.seal(wanted.password) if wanted.password is not None else None,
        created_at=now,
        updated_at=now,
        **wanted.columns,
    )
    check_trunk(trunk)
    await check_login_free(session, trunk)
    session.add(trunk)
    await session.flush()
    return await add_number(session, who, wanted.e164, trunk, provider=SIP_TRUNK, nickname=wanted.nickname, now=now)


async def add_number(
    session: AsyncSession,
    who: Principal,
    e164: str,
    trunk: SipTrunk,
    *,
    provider: str,
    nickname: str | None,
    now: datetime,
) -> PhoneNumber:
    """Bring a number along on a trunk. Raises ``Conflict`` when somebody has it already."""
    await refuse_known(session, who, e164)
    number = new_number(who, e164, trunk, provider=provider, now=now)
    number.nickname = nickname
    session.add(number)
    await session.flush()
    return number


async def refuse_known(session: AsyncSession, who: Principal, e164: str) -> None:
    """Raise ``Conflict`` when some workspace has this number."""
    if await repository.registered(session, e164, livemode=who.livemode):
        raise Conflict("Phone number already registered")


def check_trunk(trunk: SipTrunk) -> None:
    """Raise ``BadRequest`` when a trunk's parts do not fit together."""
    if trunk.auth_mode == "userpass" and not (trunk.username and trunk.password_sealed):
        raise BadRequest("sipTrunkUserName and sipTrunkPassword are both required when authMode is userpass")
    if trunk.registration not in (None, "none") and trunk.auth_mode != "userpass":
        raise BadRequest("registration needs a login: use authMode userpass, or set registration to none")


async def check_login_free(session: AsyncSession, trunk: SipTrunk) -> None:
    """Raise ``Conflict`` when phones of another trunk register under the same name: a login must say whose it is."""
    if trunk.registration == bindings.INBOUND and await bindings.login_taken(session, trunk.username or "", trunk.id):
        raise Conflict(
            f"Phones register under the user name {trunk.username} on another trunk already. "
            "Choose another sipTrunkUserName."
        )


def new_number(who: Principal, e164: str, trunk: SipTrunk, *, provider: str, now: datetime) -> PhoneNumber:
    """Return an active number on a trunk, not yet stored."""
    return PhoneNumber(
        id=new_id("phn"),
        workspace_id=who.workspace_id,
        account_id=who.account_id,
        livemode=who.livemode,
        e164=e164,
        provider=provider,
        country_code=phone.country_of(e164),
        kind=phone.kind_of(e164),
        status=repository.ACTIVE,
        trunk_id=trunk.id,
        created_at=now,
        updated_at=now,
    )


async def assign_inbound(
    session: AsyncSession, number: PhoneNumber, *, version_id: str | None = None, agent_id: str | None = None
) -> None:
    """Let a published version answer a number, or an agent with whatever version of it is live, or nobody.

    Raises ``Unprocessable`` for a version or agent that does not exist or is not published.
    """
    if version_id is not None or agent_id is not None:
        await _published(session, number.workspace_id, version_id=version_id, agent_id=agent_id)
    number.inbound_agent_version_id = version_id
    number.inbound_agent_id = None if version_id else agent_id


async def assign_outbound(session: AsyncSession, number: PhoneNumber, version_id: str | None) -> None:
    """Make a number the caller id of a published version's calls; ``None`` detaches it."""
    if version_id is not None:
        await _published(session, number.workspace_id, version_id=version_id)
    number.outbound_agent_version_id = version_id


async def claim_for_version(
    session: AsyncSession,
    workspace_id: str,
    agent_id: str,
    version_id: str,
    *,
    inbound: str | None,
    outbound: str | None,
) -> None:
    """Route numbers to a version that was just published (B.14): an id claims, an empty string detaches the agent."""
    if inbound == "":
        await repository.detach_inbound(session, workspace_id, agent_id)
    elif inbound is not None:
        number = await get(session, workspace_id, inbound)
        number.inbound_agent_version_id, number.inbound_agent_id = version_id, None
    if outbound == "":
        await repository.detach_outbound(session, workspace_id, agent_id)
    elif outbound is not None:
        (await get(session, workspace_id, outbound)).outbound_agent_version_id = version_id


async def detach_agent(session: AsyncSession, workspace_id: str, agent_id: str) -> None:
    """Take an agent off all its numbers, because it is being deleted."""
    await repository.detach_inbound(session, workspace_id, agent_id)
    await repository.detach_outbound(session, workspace_id, agent_id)


async def get_to_change(session: AsyncSession, who: Principal, number_id: str) -> PhoneNumber:
    """Return a number that this key may change: a test key changes no live number."""
    number = await get(session, who.workspace_id, number_id)
    who.may_change(live=number.livemode, what="live phone numbers")
    return number


async def delete(session: AsyncSession, who: Principal, number_id: str, *, now: datetime) -> None:
    """Give a number up, and its trunk with the last number on it. The default number cannot go (409)."""
    number = await get_to_change(session, who, number_id)
    workspace_id = who.workspace_id
    if number.is_default:
        raise Conflict("This is the workspace's default number; make another one the default first.")
    retire(number, now)
    await session.flush()
    if number.trunk_id and not await repository.numbers_on_trunk(session, workspace_id, number.trunk_id):
        trunk = await repository.trunk(session, workspace_id, number.trunk_id)
        if trunk is not None and not trunk.is_sandbox:
            give_up_trunk(trunk, now)


def retire(number: PhoneNumber, now: datetime) -> None:
    """Mark a number as gone; nobody answers it any more."""
    number.deleted_at = number.updated_at = now
    number.inbound_agent_id = number.inbound_agent_version_id = number.outbound_agent_version_id = None


def give_up_trunk(trunk: SipTrunk, now: datetime) -> None:
    """Mark a trunk as gone and forget its password; its worker lets the registration go when it sees it."""
    trunk.deleted_at = trunk.updated_at = now
    trunk.password_sealed = None


# --- parts -----------------------------------------------------------------------------------------------------------


async def _reached(
    session: AsyncSession, dialled: Sequence[str], over: Collection[str]
) -> list[tuple[PhoneNumber, SipTrunk]]:
    """Return the numbers that a call may be for, with the trunk it came over, live before test."""
    for user in dialled:
        e164 = phone.from_sip_user(user)
        found = await repository.with_trunks(session, e164) if e164 else []
        if reached := [(number, trunk) for number, trunk in found if trunk.id in over]:
            return reached
    for trunk in await repository.registering_trunks(session):
        # Carriers call whoever registered by the account; with one number on the trunk it can only mean that one.
        if trunk.id in over and {trunk.username, trunk.from_user} & set(dialled):
            numbers = await repository.numbers_of_trunks(session, [trunk.id])
            if len(numbers) == 1:
                return [(numbers[0], trunk)]
    return []


def _of_mode(numbers: Sequence[PhoneNumber], *, livemode: bool) -> list[PhoneNumber]:
    """Return the numbers a call of this mode may show, those of its own mode first."""
    own = [number for number in numbers if number.livemode == livemode]
    return own if livemode else own + [number for number in numbers if number.livemode]


async def _answering(session: AsyncSession, number: PhoneNumber) -> ResolvedVersion | None:
    if number.inbound_agent_version_id is None and number.inbound_agent_id is None:
        return None
    try:
        return await agents.resolve_for_call(
            session,
            number.workspace_id,
            agent_version_id=number.inbound_agent_version_id,
            agent_id=None if number.inbound_agent_version_id else number.inbound_agent_id,
        )
    except (NotFound, Forbidden):  # deleted, or nothing published: as good as nobody
        return None


async def _published(
    session: AsyncSession, workspace_id: str, *, version_id: str | None = None, agent_id: str | None = None
) -> None:
    try:
        await agents.resolve_for_call(session, workspace_id, agent_version_id=version_id, agent_id=agent_id)
    except (NotFound, Forbidden) as error:
        raise Unprocessable(str(error)) from error
