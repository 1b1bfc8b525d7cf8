"""The versions of an agent over HTTP: history, comparison, rolling back, restoring (contract B.14, C.3)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import Path, Query
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.platform.agents import comparing, sealing, service
from dialnexa.platform.agents.comparing import Comparison
from dialnexa.platform.agents.config import AgentConfig
from dialnexa.platform.agents.routes import Judges, Reader, Writer
from dialnexa.platform.agents.schemas import (
    AgentOut,
    ComparedOut,
    FlowCheckOut,
    LiveRoute,
    RollbackIn,
    VersionListed,
    VersionOut,
    head_of_version,
    listed_version,
)
from dialnexa.platform.agents.service import AgentState
from dialnexa.platform.http import Db, Listing, Now, Pages, Router, Secrets, listing
from dialnexa.platform.numbers import repository as numbers
from dialnexa.platform.numbers.models import PhoneNumber
from dialnexa.platform.tenancy import repository as tenancy

router = Router(tags=["Agents"])

Number = Annotated[int, Path(ge=0, le=2**31 - 1)]
From = Annotated[
    int | None, Query(alias="from", ge=0, le=2**31 - 1, description="Version number; by default the live version.")
]
To = Annotated[
    int | None, Query(alias="to", ge=0, le=2**31 - 1, description="Version number; by default the open draft.")
]


@router.get("/agents/{agent_id}/versions", summary="List versions")
@router.get("/agents2/{agent_id}/versions", include_in_schema=False)
async def list_versions(agent_id: str, who: Reader, database: Db, page: Pages) -> Listing[VersionListed]:
    """List an agent's versions, newest first: when and by which key published, and which numbers lead to them."""
    async with database.read() as session:
        state = await service.get(session, who.workspace_id, agent_id)
        part = state.versions[page.offset : page.offset + page.limit]
        publishers = {version.published_by for version in part} - {None}
        names = await tenancy.key_names(session, who.workspace_id, [str(one) for one in publishers])
        routes = await _routes(session, state)
    items = [
        listed_version(state, version, routes[version.id], names.get(version.published_by or "")) for version in part
    ]
    return listing(items, len(state.versions), page)


@router.get("/agents/{agent_id}/versions/compare", summary="Compare two versions")
@router.get("/agents2/{agent_id}/versions/compare", include_in_schema=False)
async def compare_versions(
    agent_id: str, who: Reader, database: Db, vault: Secrets, before: From = None, after: To = None
) -> ComparedOut:
    """Return what differs between two versions: fields, functions by name, the graph by nodes and edges."""
    async with database.read() as session:
        state = await service.get(session, who.workspace_id, agent_id)
    first, second = service.to_compare(state, before, after)
    found: Comparison = comparing.compare(*(sealing.comparable(one.config, vault) for one in (first, second)))
    heads = {"from": head_of_version(state, first), "to": head_of_version(state, second)}
    return ComparedOut.model_validate({"agent_id": agent_id, **heads, **found.model_dump()})


@router.get("/agents/{agent_id}/versions/{number}", summary="Get a version")
@router.get("/agents2/{agent_id}/versions/{number}", include_in_schema=False)
async def get_version(agent_id: str, number: Number, who: Reader, database: Db, judge: Judges) -> VersionOut:
    """Return one version with all its fields."""
    async with database.read() as session:
        state = await service.get_version(session, who.workspace_id, agent_id, number)
    return VersionOut.of(state, state.shown, judge)


@router.get("/agents/{agent_id}/versions/{number}/flow-check", summary="Check a conversation graph")
@router.get("/agents2/{agent_id}/versions/{number}/flow-check", include_in_schema=False)
async def check_flow(agent_id: str, number: Number, who: Reader, database: Db, judge: Judges) -> FlowCheckOut:
    """Judge the graph of a version as publishing would: what refuses it, and what is allowed but hardly meant."""
    async with database.read() as session:
        state = await service.get_version(session, who.workspace_id, agent_id, number)
    found = judge.flow_report(AgentConfig.model_validate(state.shown.config))
    return FlowCheckOut(problems=list(found.problems), warnings=list(found.warnings))


@router.post("/agents/{agent_id}/versions/{number}/restore", summary="Restore a version into the draft")
@router.post("/agents2/{agent_id}/versions/{number}/restore", include_in_schema=False)
async def restore_version(
    agent_id: str, number: Number, who: Writer, database: Db, now: Now, judge: Judges
) -> AgentOut:
    """Let the open draft begin again from an older version. Its own changes are lost; what is live stays live."""
    async with database.write() as session:
        return AgentOut.of(await service.restore(session, who.workspace_id, agent_id, number, now=now), judge)


@router.post("/agents/{agent_id}/rollback", summary="Roll back to a published version")
@router.post("/agents2/{agent_id}/rollback", include_in_schema=False)
async def roll_back_agent(
    agent_id: str, body: RollbackIn, who: Writer, database: Db, now: Now, judge: Judges
) -> AgentOut:
    """Make an older published version the live one. The next publishing ends that."""
    async with database.write() as session:
        state = await service.roll_back(session, who.workspace_id, agent_id, body.version_number, now=now)
        return AgentOut.of(state, judge)


async def _routes(session: AsyncSession, state: AgentState) -> Mapping[str, Sequence[LiveRoute]]:
    """Return by version which numbers lead to it; a number that names only the agent leads to the live version."""
    found = defaultdict[str, list[LiveRoute]](list)
    for number in await numbers.leading_to(session, state.agent.workspace_id, state.agent.id):
        if number.inbound_agent_version_id is not None:
            found[number.inbound_agent_version_id].append(_route(number, inbound=True))
        elif number.inbound_agent_id == state.agent.id and state.live is not None:
            found[state.live.id].append(_route(number, inbound=True))
        if number.outbound_agent_version_id is not None:
            found[number.outbound_agent_version_id].append(_route(number, inbound=False))
    return found


def _route(number: PhoneNumber, *, inbound: bool) -> LiveRoute:
    direction = "inbound" if inbound else "outbound"
    return LiveRoute(phone_number_id=number.id, phone_number=number.e164, direction=direction)
