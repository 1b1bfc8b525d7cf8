"""All queries of numbers and trunks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, bindparam, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.pagination import Page, Part
from dialnexa.platform.agents.models import AgentVersion
from dialnexa.platform.calls.models import Node
from dialnexa.platform.database import table_of
from dialnexa.platform.numbers.models import PhoneNumber, SipTrunk, TrunkRegistration

ACTIVE = "active"
_ACTIVE = (
    select(PhoneNumber)
    .where(
        PhoneNumber.workspace_id == bindparam("workspace_id"),
        PhoneNumber.status == ACTIVE,
        PhoneNumber.deleted_at.is_(None),
    )
    .order_by(PhoneNumber.id)
)
_ACTIVE_ONE = _ACTIVE.where(PhoneNumber.e164 == bindparam("e164"))


async def number(session: AsyncSession, workspace_id: str, number_id: str) -> PhoneNumber | None:
    """Return a number of the workspace by its id."""
    return await session.scalar(
        select(PhoneNumber).where(
            PhoneNumber.workspace_id == workspace_id, PhoneNumber.id == number_id, PhoneNumber.deleted_at.is_(None)
        )
    )


async def numbers(
    session: AsyncSession, workspace_id: str, page: Page, *, country: str | None = None, kind: str | None = None
) -> Part[PhoneNumber]:
    """Return one page of the workspace's numbers, newest first."""
    where: list[ColumnElement[bool]] = [PhoneNumber.workspace_id == workspace_id, PhoneNumber.deleted_at.is_(None)]
    if country:
        where.append(PhoneNumber.country_code == country.upper())
    if kind:
        where.append(PhoneNumber.kind == kind)
    rows = await session.scalars(
        select(PhoneNumber).where(*where).order_by(PhoneNumber.id.desc()).offset(page.offset).limit(page.limit)
    )
    total = await session.scalar(select(func.count()).select_from(PhoneNumber).where(*where))
    return Part(rows.all(), total or 0)


async def active(session: AsyncSession, workspace_id: str, e164: str | None = None) -> Sequence[PhoneNumber]:
    """Return the workspace's active numbers, oldest first; with ``e164`` only that one, once per mode."""
    if e164 is None:
        return (await session.scalars(_ACTIVE, {"workspace_id": workspace_id})).all()
    return (await session.scalars(_ACTIVE_ONE, {"workspace_id": workspace_id, "e164": e164})).all()


async def registered(session: AsyncSession, e164: str, *, livemode: bool) -> bool:
    """Tell whether any workspace has this number."""
    query = select(PhoneNumber.id).where(
        PhoneNumber.e164 == e164, PhoneNumber.livemode == livemode, PhoneNumber.deleted_at.is_(None)
    )
    return await session.scalar(query) is not None


async def taken(session: AsyncSession, e164s: Collection[str], *, livemode: bool) -> frozenset[str]:
    """Return which of these numbers some workspace has; those that wait for a new owner are free."""
    query = select(PhoneNumber.e164).where(
        PhoneNumber.e164.in_(e164s),
        PhoneNumber.livemode == livemode,
        PhoneNumber.deleted_at.is_(None),
        PhoneNumber.rental_status != "available_for_reassignment",
    )
    return frozenset((await session.scalars(query)).all())


async def pending_since(session: AsyncSession, moment: datetime) -> Sequence[PhoneNumber]:
    """Return the numbers whose purchase began before that moment and has not ended."""
    query = select(PhoneNumber).where(
        PhoneNumber.status == "pending",
        PhoneNumber.created_at < moment,
        PhoneNumber.deleted_at.is_(None),
    )
    return (await session.scalars(query)).all()


async def to_release(session: AsyncSession, e164: str | None = None) -> Sequence[PhoneNumber]:
    """Return the numbers, or this one, that carriers have yet to take back."""
    query = select(PhoneNumber).where(PhoneNumber.release_since.is_not(None))
    if e164 is not None:
        query = query.where(PhoneNumber.e164 == e164)
    return (await session.scalars(query.order_by(PhoneNumber.release_since))).all()


async def released(session: AsyncSession, number_id: str) -> None:
    """Write down that a carrier has taken a number back."""
    taken = update(PhoneNumber).where(PhoneNumber.id == number_id).values(release_since=None)
    await session.execute(taken.execution_options(synchronize_session=False))


async def rentals_due(session: AsyncSession, now: datetime) -> Sequence[PhoneNumber]:
    """Return the numbers whose month is over, and keep others from settling them meanwhile."""
    query = select(PhoneNumber).where(
        PhoneNumber.rental_status == "active",
        PhoneNumber.status == ACTIVE,
        PhoneNumber.rental_expires_at <= now,
        PhoneNumber.deleted_at.is_(None),
    )
    return (await session.scalars(query.with_for_update(skip_locked=True))).all()


async def expired_since(session: AsyncSession, moment: datetime) -> Sequence[PhoneNumber]:
    """Return the numbers whose rental ran out before that moment."""
    query = select(PhoneNumber).where(
        PhoneNumber.rental_status == "expired",
        PhoneNumber.rental_expires_at <= moment,
        PhoneNumber.deleted_at.is_(None),
    )
    return (await session.scalars(query.with_for_update(skip_locked=True))).all()


async def by_e164(session: AsyncSession, e164: str) -> Sequence[PhoneNumber]:
    """Return this number in every workspace and mode, live before test: for inbound calls only."""
    query = (
        select(PhoneNumber)
        .where(PhoneNumber.e164 == e164, PhoneNumber.deleted_at.is_(None))
        .order_by(PhoneNumber.livemode.desc())
    )
    return (await session.scalars(query)).all()


async def with_trunks(session: AsyncSession, e164: str) -> list[tuple[PhoneNumber, SipTrunk]]:
    """Return this number with its trunk, in every workspace and mode, live before test: for inbound calls only."""
    query = (
        select(PhoneNumber, SipTrunk)
        .join(SipTrunk, (SipTrunk.workspace_id == PhoneNumber.workspace_id) & (SipTrunk.id == PhoneNumber.trunk_id))
        .where(PhoneNumber.e164 == e164, PhoneNumber.deleted_at.is_(None), SipTrunk.deleted_at.is_(None))
        .order_by(PhoneNumber.livemode.desc())
    )
    return [(row[0], row[1]) for row in await session.execute(query)]


async def trunk(session: AsyncSession, workspace_id: str, trunk_id: str) -> SipTrunk | None:
    """Return a trunk of the workspace."""
    return await session.scalar(
        select(SipTrunk).where(
            SipTrunk.workspace_id == workspace_id, SipTrunk.id == trunk_id, SipTrunk.deleted_at.is_(None)
        )
    )


async def sandbox_trunk(session: AsyncSession, workspace_id: str) -> SipTrunk | None:
    """Return the workspace's trunk to the built-in people."""
    query = select(SipTrunk).where(
        SipTrunk.workspace_id == workspace_id, SipTrunk.is_sandbox, SipTrunk.deleted_at.is_(None)
    )
    return await session.scalar(query.order_by(SipTrunk.id).limit(1))


async def carrier_trunk(session: AsyncSession, workspace_id: str, carrier: str) -> SipTrunk | None:
    """Return the workspace's trunk to a carrier that rents numbers out."""
    mine = (SipTrunk.workspace_id == workspace_id, SipTrunk.carrier == carrier, SipTrunk.deleted_at.is_(None))
    return await session.scalar(select(SipTrunk).where(*mine).order_by(SipTrunk.id).limit(1))


async def carrier_trunks(session: AsyncSession, carrier: str) -> Sequence[SipTrunk]:
    """Return the trunks of all workspaces to a carrier that rents numbers out, the oldest first."""
    query = select(SipTrunk).where(SipTrunk.carrier == carrier, SipTrunk.deleted_at.is_(None))
    return (await session.scalars(query.order_by(SipTrunk.id))).all()


async def trunks(session: AsyncSession) -> Sequence[SipTrunk]:
    """Return the trunks of all workspaces: whose calls are let in."""
    return (await session.scalars(select(SipTrunk).where(SipTrunk.deleted_at.is_(None)))).all()


async def trunks_of(session: AsyncSession, workspace_id: str, page: Page) -> Part[SipTrunk]:
    """Return one page of the workspace's trunks, newest first."""
    where = (SipTrunk.workspace_id == workspace_id, SipTrunk.deleted_at.is_(None))
    rows = await session.scalars(
        select(SipTrunk).where(*where).order_by(SipTrunk.id.desc()).offset(page.offset).limit(page.limit)
    )
    total = await session.scalar(select(func.count()).select_from(SipTrunk).where(*where))
    return Part(rows.all(), total or 0)


async def registrations(session: AsyncSession, trunk_ids: Collection[str]) -> Sequence[TrunkRegistration]:
    """Return how the registrations of trunks stand."""
    query = select(TrunkRegistration).where(TrunkRegistration.trunk_id.in_(trunk_ids))
    return (await session.scalars(query.execution_options(populate_existing=True))).all()


async def numbers_of_trunks(session: AsyncSession, trunk_ids: Collection[str]) -> Sequence[PhoneNumber]:
    """Return the numbers that are reached through trunks, oldest first."""
    query = select(PhoneNumber).where(PhoneNumber.trunk_id.in_(trunk_ids), PhoneNumber.deleted_at.is_(None))
    return (await session.scalars(query.order_by(PhoneNumber.id))).all()


async def trunks_stamp(session: AsyncSession) -> tuple[int, int, datetime | None]:
    """Return what differs once any trunk was added, changed or given up."""
    query = select(func.count(SipTrunk.id), func.count(SipTrunk.deleted_at), func.max(SipTrunk.updated_at))
    row = (await session.execute(query)).one()
    return row[0], row[1], row[2]


async def numbers_on_trunk(session: AsyncSession, workspace_id: str, trunk_id: str) -> int:
    """Count the numbers that use a trunk."""
    query = select(func.count()).where(
        PhoneNumber.workspace_id == workspace_id, PhoneNumber.trunk_id == trunk_id, PhoneNumber.deleted_at.is_(None)
    )
    return await session.scalar(query) or 0


async def leading_to(session: AsyncSession, workspace_id: str, agent_id: str) -> Sequence[PhoneNumber]:
    """Return the numbers that an agent answers or is the caller id of, in whichever version."""
    its_versions = select(AgentVersion.id).where(
        AgentVersion.workspace_id == workspace_id, AgentVersion.agent_id == agent_id
    )
    leads = (
        (PhoneNumber.inbound_agent_id == agent_id)
        | PhoneNumber.inbound_agent_version_id.in_(its_versions)
        | PhoneNumber.outbound_agent_version_id.in_(its_versions)
    )
    query = select(PhoneNumber).where(PhoneNumber.workspace_id == workspace_id, PhoneNumber.deleted_at.is_(None), leads)
    return (await session.scalars(query.order_by(PhoneNumber.id))).all()


async def lead_on(session: AsyncSession, workspace_id: str, version_id: str, to_version_id: str) -> None:
    """Let every number that leads to a version lead to another one."""
    for column in (PhoneNumber.inbound_agent_version_id, PhoneNumber.outbound_agent_version_id):
        await session.execute(
            update(PhoneNumber)
            .where(PhoneNumber.workspace_id == workspace_id, column == version_id)
            .values({column: to_version_id})
        )


async def detach_inbound(session: AsyncSession, workspace_id: str, agent_id: str) -> None:
    """Take an agent, in whichever version, off the numbers it answers."""
    its_versions = select(AgentVersion.id).where(
        AgentVersion.workspace_id == workspace_id, AgentVersion.agent_id == agent_id
    )
    answered = (PhoneNumber.inbound_agent_id == agent_id) | PhoneNumber.inbound_agent_version_id.in_(its_versions)
    await session.execute(
        update(PhoneNumber)
        .where(PhoneNumber.workspace_id == workspace_id, answered)
        .values(inbound_agent_id=None, inbound_agent_version_id=None)
    )


async def detach_outbound(session: AsyncSession, workspace_id: str, agent_id: str) -> None:
    """Take an agent, in whichever version, off the numbers it calls from."""
    its_versions = select(AgentVersion.id).where(
        AgentVersion.workspace_id == workspace_id, AgentVersion.agent_id == agent_id
    )
    await session.execute(
        update(PhoneNumber)
        .where(PhoneNumber.workspace_id == workspace_id, PhoneNumber.outbound_agent_version_id.in_(its_versions))
        .values(outbound_agent_version_id=None)
    )


async def make_default(session: AsyncSession, number: PhoneNumber) -> None:
    """Make this number the only default of its workspace and mode."""
    await session.execute(
        update(PhoneNumber)
        .where(
            PhoneNumber.workspace_id == number.workspace_id,
            PhoneNumber.livemode == number.livemode,
            PhoneNumber.id != number.id,
        )
        .values(is_default=False)
    )
    number.is_default = True


async def answering_agents(session: AsyncSession, numbers: Sequence[PhoneNumber]) -> dict[str, str]:
    """Return the agent that answers each of these numbers, by number id."""
    pinned = {number.inbound_agent_version_id for number in numbers if number.inbound_agent_version_id}
    agent_of = dict[str, str]()
    if pinned:
        query = select(AgentVersion.id, AgentVersion.agent_id).where(AgentVersion.id.in_(pinned))
        agent_of = {row.id: row.agent_id for row in await session.execute(query)}
    found = dict[str, str]()
    for number in numbers:
        agent = agent_of.get(number.inbound_agent_version_id or "") or number.inbound_agent_id
        if agent:
            found[number.id] = agent
    return found


# --- registrations ---------------------------------------------------------------------------------------------------


async def registering_trunks(session: AsyncSession) -> Sequence[SipTrunk]:
    """Return the trunks of all workspaces that a worker is to keep registered."""
    query = select(SipTrunk).where(SipTrunk.registration == "outbound", SipTrunk.deleted_at.is_(None))
    return (await session.scalars(query.execution_options(populate_existing=True))).all()


async def registering_among(session: AsyncSession, trunk_ids: Collection[str]) -> Sequence[str]:
    """Return which of these trunks a worker is to keep registered."""
    query = select(SipTrunk.id).where(SipTrunk.id.in_(trunk_ids), SipTrunk.registration == "outbound")
    return (await session.scalars(query)).all()


async def node_ids(session: AsyncSession) -> tuple[frozenset[str], frozenset[str]]:
    """Return the living workers, and those of them that are not draining."""
    rows = (await session.execute(select(Node.id, Node.draining))).all()
    return frozenset(row.id for row in rows), frozenset(row.id for row in rows if not row.draining)


async def claim_registrations(
    session: AsyncSession, trunk_ids: Collection[str], gone: Collection[str], node_id: str, now: datetime
) -> None:
    """Take registrations that nobody keeps, or one of ``gone``; those another took meanwhile stay with it."""
    fresh = {"node_id": node_id, "state": "trying", "detail": "", "registered_until": None, "next_try_at": None}
    table = table_of(TrunkRegistration)
    insert = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
    for trunk_id in sorted(trunk_ids):  # in one order, so that two workers cannot wait for each other
        values = {**fresh, "updated_at": now}
        row = insert(table).values(trunk_id=trunk_id, **values)
        await session.execute(
            row.on_conflict_do_update(index_elements=["trunk_id"], set_=values, where=table.c.node_id.in_(gone))
        )


async def registrations_of_node(session: AsyncSession, node_id: str) -> frozenset[str]:
    """Return the trunks a worker keeps registered."""
    query = select(TrunkRegistration.trunk_id).where(TrunkRegistration.node_id == node_id)
    return frozenset((await session.scalars(query)).all())


async def write_registration(session: AsyncSession, trunk_id: str, node_id: str, values: Mapping[str, object]) -> None:
    """Write how a registration stands, if this worker still keeps it."""
    mine = (TrunkRegistration.trunk_id == trunk_id, TrunkRegistration.node_id == node_id)
    change = update(TrunkRegistration).where(*mine).values(**values)
    await session.execute(change.execution_options(synchronize_session=False))


async def release_registrations(session: AsyncSession, node_id: str, trunk_ids: Collection[str]) -> None:
    """Take a worker's name off registrations."""
    mine = (TrunkRegistration.node_id == node_id, TrunkRegistration.trunk_id.in_(trunk_ids))
    await session.execute(delete(TrunkRegistration).where(*mine).execution_options(synchronize_session=False))
