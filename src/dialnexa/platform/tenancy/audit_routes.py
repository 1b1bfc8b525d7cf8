"""The audit log over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from pydantic import AwareDatetime, BaseModel

from dialnexa.kit.clock import iso
from dialnexa.platform.http import Db, Listing, Pages, Principal, Requires, Router, listing
from dialnexa.platform.tenancy import audit
from dialnexa.platform.tenancy.audit import AuditSearch
from dialnexa.platform.tenancy.models import AuditEntry

router = Router(tags=["Audit log"])

Reader = Annotated[Principal, Requires("audit-log:read")]


class Actor(BaseModel):
    """Who did it."""

    type: str
    """`api_key` or `operator`."""
    id: str
    name: str


class Change(BaseModel):
    """What became of one row. Long values are cut, secrets are not shown, objects are named by their keys."""

    object: str
    id: str
    before: dict[str, object] | None
    after: dict[str, object] | None


class AuditOut(BaseModel):
    """One write."""

    id: str
    actor: Actor
    action: str
    target: str
    changes: list[Change]
    address: str
    user_agent: str
    request_id: str
    created_at: str

    @classmethod
    def of(cls, entry: AuditEntry) -> AuditOut:
        """Describe an entry."""
        return cls(
            id=entry.id,
            actor=Actor(type=entry.actor, id=entry.actor_id, name=entry.actor_name),
            action=entry.action,
            target=entry.target,
            changes=[Change.model_validate(one) for one in entry.changes],
            address=entry.address,
            user_agent=entry.user_agent,
            request_id=entry.request_id,
            created_at=iso(entry.created_at),
        )


Text = Annotated[str | None, Query(max_length=255)]
Since = Annotated[AwareDatetime | None, Query(description="Not before this moment.")]
Until = Annotated[AwareDatetime | None, Query(description="Not after this moment.")]


@router.get("/audit-log", summary="List what was changed")
async def list_entries(
    who: Reader,
    database: Db,
    page: Pages,
    actor_id: Text = None,
    action: Text = None,
    target: Text = None,
    since: Since = None,
    until: Until = None,
) -> Listing[AuditOut]:
    """List every write through the API and every command of the operator, newest first: who, what, when, from where.

    `action` and `target` look for a part, such as `DELETE` or `agent_01k…`.
    """
    wanted = AuditSearch(actor_id, action, target, since, until)
    async with database.read() as session:
        part = await audit.entries(session, who.workspace_id, wanted, page)
    return listing([AuditOut.of(entry) for entry in part.items], part.total, page)
