"""The rules of trunks: how they are changed and given up, and how their registrations stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.clock import Clock
from dialnexa.kit.errors import BadRequest, Conflict, NotFound
from dialnexa.kit.pagination import Page, Part
from dialnexa.kit.secrets import Vault
from dialnexa.platform.database import Database
from dialnexa.platform.numbers import bindings, repository
from dialnexa.platform.numbers.models import PhoneNumber, SipTrunk, TrunkBinding, TrunkRegistration
from dialnexa.platform.numbers.schemas import RegistrationOut
from dialnexa.platform.numbers.service import (
    SIP_TRUNK,
    add_number,
    check_login_free,
    check_trunk,
    give_up_trunk,
    retire,
)
from dialnexa.platform.numbers.trunks import Termination
from dialnexa.platform.tenancy.idempotency import undo
from dialnexa.platform.tenancy.principal import Principal

FIRST_WORD_S = 6.0
"""How long a new trunk's registration is waited for: a carrier that answers at all answers within this."""
_ASK_EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class TrunkView:
    """A trunk with all that is said of it."""

    trunk: SipTrunk
    numbers: Sequence[PhoneNumber]
    registration: TrunkRegistration | None
    phones: Sequence[TrunkBinding] = ()
    """Which are registered under it now."""


@dataclass(frozen=True, slots=True)
class TrunkChange:
    """What is to be another way; ``None`` leaves a thing as it is."""

    columns: Mapping[str, object]
    """Habits, by column."""
    name: str | None = None
    termination: Termination | None = None
    auth_mode: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)


async def view(session: AsyncSession, workspace_id: str, trunk_id: str, *, now: datetime) -> TrunkView:
    """Return a trunk of the workspace, or raise ``NotFound``."""
    return (await _views(session, [await _get(session, workspace_id, trunk_id)], now))[0]


async def views(session: AsyncSession, workspace_id: str, page: Page, *, now: datetime) -> Part[TrunkView]:
    """Return one page of the workspace's trunks, newest first."""
    part = await repository.trunks_of(session, workspace_id, page)
    return Part(await _views(session, part.items, now), part.total)


async def change(
    session: AsyncSession, vault: Vault, who: Principal, trunk_id: str, wanted: TrunkChange, *, now: datetime
) -> TrunkView:
    """Change a trunk, from the next call on. Raises ``BadRequest`` when the result would not make sense."""
    trunk = await _get_to_change(session, who, trunk_id)
    for column, value in wanted.columns.items():
        setattr(trunk, column, value)
    if wanted.name is not None:
        trunk.name = wanted.name
    if wanted.termination is not None:
        trunk.host, trunk.port = wanted.termination.host, wanted.termination.port
    _change_login(trunk, wanted, vault)
    check_trunk(trunk)
    await check_login_free(session, trunk)
    trunk.updated_at = now
    await session.flush()
    return await view(session, who.workspace_id, trunk_id, now=now)


async def add_further_number(
    session: AsyncSession, who: Principal, trunk_id: str, e164: str, nickname: str | None, *, now: datetime
) -> PhoneNumber:
    """Bring a further number along on a trunk that exists. Raises ``Conflict`` when somebody has it already."""
    trunk = await _get_to_change(session, who, trunk_id)
    return await add_number(session, who, e164, trunk, provider=SIP_TRUNK, nickname=nickname, now=now)


async def delete(session: AsyncSession, who: Principal, trunk_id: str, *, now: datetime) -> None:
    """Give a trunk up, and its numbers with it; the workspace's default number cannot go (409)."""
    trunk = await _get_to_change(session, who, trunk_id)
    numbers = await repository.numbers_of_trunks(session, [trunk.id])
    if any(number.is_default for number in numbers):
        raise Conflict("The workspace's default number is on this trunk; make another one the default first.")
    for number in numbers:
        retire(number, now)
    give_up_trunk(trunk, now)
    await session.flush()


async def await_registration(database: Database, clock: Clock, trunk_id: str) -> TrunkRegistration | None:
    """Wait a few seconds for the first word on a new registration, if a worker lives that can bring it.

    Returns how it stands then; ``None``: nobody keeps it yet.
    """
    give_up = clock.monotonic() + FIRST_WORD_S
    while True:
        async with database.read() as session:
            living, _ = await repository.node_ids(session)
            found = next(iter(await repository.registrations(session, [trunk_id])), None)
        if not living or (found and found.state != "trying") or clock.monotonic() >= give_up:
            return found
        await clock.sleep(_ASK_EVERY_S)


async def registrations_of(session: AsyncSession, numbers: Sequence[PhoneNumber]) -> dict[str, RegistrationOut]:
    """Return how the registrations of these numbers' trunks stand, by trunk; those without one are left out."""
    trunks = await repository.registering_among(session, {number.trunk_id for number in numbers if number.trunk_id})
    found = {row.trunk_id: row for row in await repository.registrations(session, trunks)} if trunks else {}
    return {trunk_id: RegistrationOut.of(found.get(trunk_id)) for trunk_id in trunks}


async def take_back(database: Database, who: Principal, number: PhoneNumber, *, now: datetime) -> None:
    """Undo the bringing along of a number and its trunk, as if it had never been asked for."""
    async with database.write() as session:
        found = await repository.number(session, who.workspace_id, number.id)
        if found is not None:
            retire(found, now)
        trunk = await repository.trunk(session, who.workspace_id, number.trunk_id or "")
        if trunk is not None:
            give_up_trunk(trunk, now)
        await undo(session)


def _change_login(trunk: SipTrunk, wanted: TrunkChange, vault: Vault) -> None:
    trunk.auth_mode = wanted.auth_mode or trunk.auth_mode
    if trunk.auth_mode == "ip":
        if wanted.username is not None or wanted.password is not None:
            raise BadRequest("sipTrunkUserName and sipTrunkPassword must be left out when authMode is ip")
        trunk.username = trunk.password_sealed = None
        return
    if wanted.username is not None:
        trunk.username = wanted.username
    if wanted.password is not None:
        trunk.password_sealed = vault.seal(wanted.password)


async def _get(session: AsyncSession, workspace_id: str, trunk_id: str) -> SipTrunk:
    trunk = await repository.trunk(session, workspace_id, trunk_id)
    if trunk is None:
        raise NotFound(f"SIP trunk {trunk_id} not found.")
    return trunk


async def _get_to_change(session: AsyncSession, who: Principal, trunk_id: str) -> SipTrunk:
    """Return a trunk that this key may change: a test key changes none that live calls depend on."""
    trunk = await _get(session, who.workspace_id, trunk_id)
    if trunk.is_sandbox:
        raise Conflict("This is the sandbox's trunk: it is built in and cannot be changed.")
    if trunk.carrier is not None:
        raise Conflict(
            f"This trunk belongs to numbers rented from {trunk.carrier}: it is as the installation's settings say, "
            "and goes with the last of its numbers."
        )
    numbers = await repository.numbers_of_trunks(session, [trunk.id])
    who.may_change(live=any(number.livemode for number in numbers), what="trunks of live phone numbers")
    return trunk


async def _views(session: AsyncSession, trunks: Sequence[SipTrunk], now: datetime) -> list[TrunkView]:
    ids = [trunk.id for trunk in trunks]
    numbers = await repository.numbers_of_trunks(session, ids)
    phones = await bindings.of_trunks(session, ids, now)
    registrations = {row.trunk_id: row for row in await repository.registrations(session, ids)}
    return [
        TrunkView(
            trunk,
            [number for number in numbers if number.trunk_id == trunk.id],
            registrations.get(trunk.id),
            [phone for phone in phones if phone.trunk_id == trunk.id],
        )
        for trunk in trunks
    ]
