"""Agents over HTTP: the flat form on ``/agents``, the nested one on ``/agents2`` (contract B.14)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeVar

from fastapi import Body as FromBody
from fastapi import Depends, Path, Request
from pydantic import BaseModel, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.errors import BadRequest
from dialnexa.platform.agents import repository, service
from dialnexa.platform.agents.config import AgentConfig
from dialnexa.platform.agents.judging import Judge
from dialnexa.platform.agents.nested import FLAT_TO_NESTED
from dialnexa.platform.agents.schemas import (
    AgentDraft,
    AgentListed,
    AgentOut,
    AgentPatch,
    AgentsOut,
    DuplicateIn,
    FlowCheckOut,
    NestedAgentOut,
    NestedBody,
    NestedDraft,
    PublishIn,
    RollbackIn,
    Routing,
    VersionHead,
    VersionOut,
    head_of_version,
)
from dialnexa.platform.agents.service import AgentState
from dialnexa.platform.http import Db, Listing, Now, Pages, Principal, Requires, Router, listing
from dialnexa.platform.numbers import service as numbers
from dialnexa.platform.tenancy.schemas import Done
from dialnexa.platform.wire import sentences

router = Router(tags=["Agents"])


def _judge(request: Request) -> Judge:
    state = request.app.state
    return Judge(state.catalogue, state.outgoing, state.flows)


Judges = Annotated[Judge, Depends(_judge)]
Reader = Annotated[Principal, Requires("agents:read")]
Writer = Annotated[Principal, Requires("agents:write")]
M = TypeVar("M", bound=BaseModel)


# --- the flat form ---------------------------------------------------------------------------------------------------


@router.post("/agents", status_code=201, summary="Make an agent")
async def create_agent(body: AgentDraft, who: Writer, database: Db, now: Now, judge: Judges) -> AgentOut:
    """Make an agent with a draft version 1. Publish it before it can take calls."""
    judge.refuse_impossible(body)
    async with database.write() as session:
        return AgentOut.of(await _create(session, who, body, now, judge if body.is_published else None))


@router.get("/agents", summary="List agents")
async def list_agents(who: Reader, database: Db) -> AgentsOut:
    """List all agents, newest first, in short."""
    async with database.read() as session:
        part = await repository.agents(session, who.workspace_id)
        states = await service.states(session, who.workspace_id, tuple(part.items))
    return AgentsOut(agents=[AgentListed.of(state) for state in states])


@router.get("/agents/{agent_id}", summary="Get an agent")
async def get_agent(agent_id: str, who: Reader, database: Db) -> AgentOut:
    """Return an agent: the fields of its open draft, and all its versions."""
    async with database.read() as session:
        return AgentOut.of(await service.get(session, who.workspace_id, agent_id))


@router.patch("/agents/{agent_id}", summary="Change an agent")
async def change_agent(agent_id: str, body: AgentPatch, who: Writer, database: Db, now: Now, judge: Judges) -> AgentOut:
    """Change a draft. `is_published: true` publishes it as well. A published version is locked: 400."""
    judge.refuse_impossible(body)
    async with database.write() as session:
        return AgentOut.of(await _change(session, who, agent_id, body, now, judge))


# --- the nested form -------------------------------------------------------------------------------------------------


@router.post("/agents2", status_code=201, summary="Make an agent (nested form)")
async def create_nested_agent(body: NestedBody, who: Writer, database: Db, now: Now, judge: Judges) -> NestedAgentOut:
    """Make an agent with a draft version 1, from the nested form."""
    draft = _read(NestedDraft, body.flat())
    judge.refuse_impossible(draft, FLAT_TO_NESTED)
    async with database.write() as session:
        return NestedAgentOut.of(await _create(session, who, draft, now, judge if draft.is_published else None))


@router.get("/agents2", summary="List agents (nested form)")
async def list_nested_agents(who: Reader, database: Db, page: Pages) -> Listing[NestedAgentOut]:
    """List agents, newest first, in the nested form."""
    async with database.read() as session:
        part = await repository.agents(session, who.workspace_id, page)
        states = await service.states(session, who.workspace_id, tuple(part.items))
    return listing([NestedAgentOut.of(state) for state in states], part.total, page)


@router.get("/agents2/{agent_id}", summary="Get an agent (nested form)")
async def get_nested_agent(agent_id: str, who: Reader, database: Db) -> NestedAgentOut:
    """Return an agent in the nested form."""
    async with database.read() as session:
        return NestedAgentOut.of(await service.get(session, who.workspace_id, agent_id))


@router.patch("/agents2/{agent_id}", summary="Change an agent (nested form)")
async def change_nested_agent(
    agent_id: str, body: NestedBody, who: Writer, database: Db, now: Now, judge: Judges
) -> NestedAgentOut:
    """Change a draft with the nested form; parts left out stay as they are."""
    patch = _read(AgentPatch, body.flat())
    judge.refuse_impossible(patch, FLAT_TO_NESTED)
    async with database.write() as session:
        return NestedAgentOut.of(await _change(session, who, agent_id, patch, now, judge))


# --- both ------------------------------------------------------------------------------------------------------------


@router.post("/agents/{agent_id}/publish", summary="Publish a draft")
@router.post("/agents2/{agent_id}/publish", include_in_schema=False)
async def publish_agent(
    agent_id: str,
    who: Writer,
    database: Db,
    now: Now,
    judge: Judges,
    body: Annotated[PublishIn | None, FromBody()] = None,
) -> AgentOut:
    """Freeze a draft as an immutable version, make it live, and open the next draft as its copy."""
    wanted = body or PublishIn()
    async with database.write() as session:
        state = await _publish(session, who, agent_id, wanted.version_number, wanted, now, judge)
        return AgentOut.of(state)


@router.post("/agents/{agent_id}/rollback", summary="Roll back to a published version")
@router.post("/agents2/{agent_id}/rollback", include_in_schema=False)
async def roll_back_agent(agent_id: str, body: RollbackIn, who: Writer, database: Db, now: Now) -> AgentOut:
    """Make an older published version the live one. The next publishing ends that."""
    async with database.write() as session:
        return AgentOut.of(await service.roll_back(session, who.workspace_id, agent_id, body.version_number, now=now))


@router.post("/agents/{agent_id}/duplicate", status_code=201, summary="Duplicate an agent")
@router.post("/agents2/{agent_id}/duplicate", status_code=201, include_in_schema=False)
async def duplicate_agent(
    agent_id: str, who: Writer, database: Db, now: Now, body: Annotated[DuplicateIn | None, FromBody()] = None
) -> AgentOut:
    """Make a new agent from this one's open draft, or from the version named. The copy is a draft, off every number."""
    wanted = body or DuplicateIn()
    async with database.write() as session:
        state = await service.duplicate(
            session, who, agent_id, now=now, title=wanted.title, version_number=wanted.version_number
        )
        return AgentOut.of(state)


@router.get("/agents/{agent_id}/versions", summary="List versions")
@router.get("/agents2/{agent_id}/versions", include_in_schema=False)
async def list_versions(agent_id: str, who: Reader, database: Db, page: Pages) -> Listing[VersionHead]:
    """List an agent's versions, newest first, with when and by which key they were published."""
    async with database.read() as session:
        state = await service.get(session, who.workspace_id, agent_id)
    part = state.versions[page.offset : page.offset + page.limit]
    return listing([head_of_version(state, version) for version in part], len(state.versions), page)


@router.get("/agents/{agent_id}/versions/{number}", summary="Get a version")
@router.get("/agents2/{agent_id}/versions/{number}", include_in_schema=False)
async def get_version(
    agent_id: str, number: Annotated[int, Path(ge=0, le=2**31 - 1)], who: Reader, database: Db
) -> VersionOut:
    """Return one version with all its fields."""
    async with database.read() as session:
        state = await service.get_version(session, who.workspace_id, agent_id, number)
    return VersionOut.of(state, state.shown)


@router.get("/agents/{agent_id}/versions/{number}/flow-check", summary="Check a conversation graph")
@router.get("/agents2/{agent_id}/versions/{number}/flow-check", include_in_schema=False)
async def check_flow(
    agent_id: str, number: Annotated[int, Path(ge=0, le=2**31 - 1)], who: Reader, database: Db, judge: Judges
) -> FlowCheckOut:
    """Judge the graph of a version as publishing would: what refuses it, and what is allowed but hardly meant."""
    async with database.read() as session:
        state = await service.get_version(session, who.workspace_id, agent_id, number)
    found = judge.flow_report(AgentConfig.model_validate(state.shown.config))
    return FlowCheckOut(problems=list(found.problems), warnings=list(found.warnings))


@router.delete("/agents/{agent_id}", summary="Delete an agent")
@router.delete("/agents2/{agent_id}", include_in_schema=False)
async def delete_agent(agent_id: str, who: Writer, database: Db, now: Now) -> Done:
    """Take an agent away and off its numbers. The records of its calls stay."""
    async with database.write() as session:
        await service.delete(session, who.workspace_id, agent_id, now=now)
        await numbers.detach_agent(session, who.workspace_id, agent_id)
    return Done(message="Agent deleted successfully", id=agent_id)


# --- parts -----------------------------------------------------------------------------------------------------------


def _read(model: type[M], flat: Mapping[str, object]) -> M:
    """Read a flattened body; mistakes are named as the nested form spells them."""
    try:
        return model.model_validate(flat)
    except ValidationError as error:
        raise BadRequest(sentences(error.errors(), FLAT_TO_NESTED)) from error


async def _create(
    session: AsyncSession, who: Principal, draft: AgentDraft | NestedDraft, now: Now, publishing: Judge | None
) -> AgentState:
    """Make an agent; its first version is published at once where a judge is given."""
    state = await service.create(session, who, draft, now=now, folder_id=draft.folder_id)
    return await _publish(session, who, state.agent.id, None, draft, now, publishing) if publishing else state


async def _change(
    session: AsyncSession, who: Principal, agent_id: str, patch: AgentPatch, now: Now, judge: Judge
) -> AgentState:
    state = await service.change(
        session, who.workspace_id, agent_id, patch.changes(), now=now, version_number=patch.version_number
    )
    if "folder_id" in patch.model_fields_set:
        state.agent.folder_id = patch.folder_id
    if patch.is_published:
        return await _publish(session, who, agent_id, state.shown.number, patch, now, judge)
    return state


async def _publish(
    session: AsyncSession,
    who: Principal,
    agent_id: str,
    number: int | None,
    routing: Routing | PublishIn,
    now: Now,
    judge: Judge,
) -> AgentState:
    state = await service.publish(session, who, agent_id, now=now, version_number=number, judge=judge.obstacles)
    await numbers.claim_for_version(
        session,
        who.workspace_id,
        agent_id,
        state.shown.id,
        inbound=routing.inbound_phone_number_id,
        outbound=routing.outbound_phone_number_id,
    )
    return state
