"""Who called and was not let in, and why: no call, but the right SIP answer and a line where the operator looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from dialnexa.kit.ids import new_id
from dialnexa.kit.pagination import Page, Part
from dialnexa.kit.phone import from_sip_user
from dialnexa.platform.calls.admission import Refused
from dialnexa.platform.calls.ladder.packing import pack
from dialnexa.platform.calls.models import RefusedCall
from dialnexa.platform.calls.records import Ladder
from dialnexa.platform.numbers import repository as numbers
from dialnexa.platform.numbers.service import NotRouted
from dialnexa.platform.tenancy.models import Workspace

KEPT = 1000
"""Lines kept in all; scanners find every open SIP port and must not fill the disk."""
NOBODY_KNOWS = "nobody knows"
"""Part of every reason that speaks of an unknown address."""
_LONGEST = 255
_ONE_LINE = timedelta(minutes=1)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rejection:
    """What the caller is told (RFC 3261 section 21), and what the operator is told."""

    sip_status: int | None
    """``None``: nothing is answered."""
    phrase: str
    reason: str
    """A sentence that says what to mend."""
    workspace_id: str | None = None


_NO_ROUTE = {
    NotRouted.UNKNOWN_SOURCE: Rejection(
        403, "Forbidden", "The call came from an address that is no trunk of yours. Add it to the trunk's sources."
    ),
    NotRouted.UNKNOWN_NUMBER: Rejection(
        404, "Not Found", "The number is not an active number on the trunk the call came over."
    ),
    NotRouted.NO_AGENT: Rejection(
        480, "Temporarily Unavailable", "No published agent version is assigned to answer this number."
    ),
}


def no_route(why: NotRouted) -> Rejection:
    """Return the answer to a call that nobody answers."""
    return _NO_ROUTE[why]


def full(refused: Refused, workspace_id: str) -> Rejection:
    """Return the answer to a call for which there is no slot."""
    reason = f"All {refused.limit} concurrent calls of {refused.scope} were taken."
    return Rejection(486, "Busy Here", reason, workspace_id)


async def write(
    session: AsyncSession,
    rejection: Rejection,
    *,
    from_number: str,
    to_number: str,
    source: str,
    now: datetime,
    ladder: Ladder | None = None,
    attempts: int = 1,
) -> str:
    """Write down a call that was not let in, for the workspace whose operator should see it; return the line's id.

    The texts come from strangers and are cut to size.
    """
    log.warning("call_rejected", source=source, sip_status=rejection.sip_status, reason=rejection.reason)
    refused_id = new_id("ref")
    session.add(
        RefusedCall(
            id=refused_id,
            workspace_id=rejection.workspace_id or await _owner(session, to_number),
            at=now,
            source=source[:_LONGEST],
            from_number=from_number[:_LONGEST],
            to_number=to_number[:_LONGEST],
            sip_status=rejection.sip_status,
            reason=rejection.reason,
            attempts=attempts,
            ladder=pack(ladder) if ladder is not None else None,
        )
    )
    await session.flush()
    oldest_kept = select(RefusedCall.id).order_by(RefusedCall.id.desc()).offset(KEPT - 1).limit(1).scalar_subquery()
    forget = delete(RefusedCall).where(RefusedCall.id < oldest_kept)
    await session.execute(forget.execution_options(synchronize_session=False))
    return refused_id


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """Requests of one address that were not let in: counted, for scanners send them by the thousand."""

    source: str
    attempts: int
    reason: str
    """A sentence that says what to mend."""
    sip_status: int | None = None
    """What they were told; ``None``: nothing."""
    from_number: str = ""
    to_number: str = ""
    """Of the last of them."""


async def write_turned_away(session: AsyncSession, found: Sequence[TurnedAway], *, now: datetime) -> None:
    """Write down who was turned away: one line per address and minute, however often it asks."""
    for one in found:
        recent = await session.scalar(
            select(RefusedCall)
            .where(
                RefusedCall.source == one.source[:_LONGEST],
                RefusedCall.reason == one.reason,
                RefusedCall.at > now - _ONE_LINE,
            )
            .limit(1)
        )
        if recent is not None:
            recent.attempts += one.attempts
            continue
        rejection = Rejection(one.sip_status, "", one.reason)
        await write(
            session,
            rejection,
            from_number=one.from_number,
            to_number=one.to_number,
            source=one.source,
            now=now,
            attempts=one.attempts,
        )


async def strangers_since(session: AsyncSession, moment: datetime) -> tuple[int, str]:
    """Return how many requests of unknown addresses were turned away since then, and which address sent the most."""
    mine = RefusedCall.at > moment, RefusedCall.reason.contains(NOBODY_KNOWS)
    attempts = func.sum(RefusedCall.attempts)
    rows = (await session.execute(select(RefusedCall.source, attempts).where(*mine).group_by(RefusedCall.source))).all()
    worst = max(rows, key=lambda row: row[1], default=None)
    return sum(row[1] for row in rows), worst[0] if worst else ""


async def of_workspace(session: AsyncSession, workspace_id: str | None, page: Page) -> Part[RefusedCall]:
    """Return rejections on a workspace's numbers, newest first; ``None``: those on numbers that are nobody's."""
    mine = RefusedCall.workspace_id == workspace_id
    rows = select(RefusedCall).where(mine).order_by(RefusedCall.id.desc()).offset(page.offset).limit(page.limit)
    total = await session.scalar(select(func.count()).select_from(RefusedCall).where(mine))
    return Part((await session.scalars(rows)).all(), total or 0)


async def get_of(session: AsyncSession, workspace_id: str, refused_id: str) -> RefusedCall | None:
    """Return a rejection of this workspace, with its ladder."""
    mine = RefusedCall.workspace_id == workspace_id, RefusedCall.id == refused_id
    return await session.scalar(select(RefusedCall).where(*mine).options(undefer(RefusedCall.ladder)))


async def _owner(session: AsyncSession, to_number: str) -> str | None:
    """Return whose operator should see it: the number's workspace, else the only one there is, else nobody's."""
    e164 = from_sip_user(to_number)
    owners = {number.workspace_id for number in await numbers.by_e164(session, e164)} if e164 else set[str]()
    if not owners:
        owners = set((await session.scalars(select(Workspace.id).limit(2))).all())
    return owners.pop() if len(owners) == 1 else None
