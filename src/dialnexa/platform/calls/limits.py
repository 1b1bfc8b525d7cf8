"""How many calls a workspace, an account, a number or a trunk may hold at once, and did (contract B.12)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.errors import NotFound
from dialnexa.platform.calls import admission
from dialnexa.platform.numbers import repository as numbers
from dialnexa.platform.tenancy import audit
from dialnexa.platform.tenancy.models import Account, Limit, LimitPeak
from dialnexa.platform.tenancy.service import limit

Of = Literal["account", "number", "trunk"]
_WORDS: dict[Of, str] = {"account": "acct", "number": "num", "trunk": "trunk"}
_OF: dict[str, Of] = {word: of for of, word in _WORDS.items()}
DAYS_SHOWN = 30


@dataclass(frozen=True, slots=True)
class Use:
    """A limit and what is held of it now."""

    of: Of | Literal["workspace"]
    id: str
    max_concurrent: int
    active: int
    peak: int
    peak_at: datetime | None


@dataclass(frozen=True, slots=True)
class Uses:
    """All limits of a workspace, and its peak of each day, newest first."""

    workspace: Use
    further: Sequence[Use]
    days: Sequence[LimitPeak]


async def uses(session: AsyncSession, workspace_id: str) -> Uses:
    """Return every limit of a workspace with its use."""
    rows = (await session.scalars(select(Limit).where(Limit.workspace_id == workspace_id).order_by(Limit.scope))).all()
    held = await admission.count(session, [row.scope for row in rows])
    own = await limit(session, workspace_id)
    days = select(LimitPeak).where(LimitPeak.scope == own.scope).order_by(LimitPeak.day.desc()).limit(DAYS_SHOWN)
    return Uses(
        _use(own, held[own.scope]),
        [_use(row, held[row.scope]) for row in rows if row.scope.partition(":")[0] in _OF],
        (await session.scalars(days)).all(),
    )


async def set_workspace(session: AsyncSession, workspace_id: str, max_concurrent: int) -> None:
    """Set how many calls the workspace may hold. Running ones are not cut when it sinks below their number."""
    (await limit(session, workspace_id)).max_concurrent = max_concurrent


async def set_further(session: AsyncSession, workspace_id: str, of: Of, identity: str, most: int | None) -> None:
    """Set how many calls an account, number or trunk may hold; ``None`` takes the limit away.

    Raises ``NotFound`` for one that is not of this workspace.
    """
    if not await _exists(session, workspace_id, of, identity):
        raise NotFound(f"{of.capitalize()} {identity} not found.")
    scope = f"{_WORDS[of]}:{identity}"
    row = await session.get(Limit, scope, with_for_update=True)
    if most is None:
        await session.execute(delete(Limit).where(Limit.scope == scope))
        audit.note(session, "limits", scope, before={"max_concurrent": row.max_concurrent} if row else None)
    elif row is None:
        session.add(Limit(scope=scope, workspace_id=workspace_id, max_concurrent=most))
    else:
        row.max_concurrent = most


async def _exists(session: AsyncSession, workspace_id: str, of: Of, identity: str) -> bool:
    if of == "number":
        return await numbers.number(session, workspace_id, identity) is not None
    if of == "trunk":
        return await numbers.trunk(session, workspace_id, identity) is not None
    query = select(Account.id).where(Account.workspace_id == workspace_id, Account.id == identity)
    return await session.scalar(query) is not None


def _use(row: Limit, active: int) -> Use:
    word, _, identity = row.scope.partition(":")
    of: Of | Literal["workspace"] = _OF.get(word, "workspace")
    return Use(of, identity, row.max_concurrent, active, max(row.peak, active), row.peak_at)
