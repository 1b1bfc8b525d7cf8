"""Agents over HTTP: the flat form on ``/agents``, the nested one on ``/agents2`` (contract B.14)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeVar

from fastapi import Body as FromBody
from fastapi import Depends, Query, Request
from pydantic import BaseModel, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.errors import BadRequest
from dialnexa.kit.secrets import Vault
from dialnexa.platform.agents import service
from dialnexa.platform.agents.config import AgentConfig
from dialnexa.platform.agents.folders import service as folders
from dialnexa.platform.agents.judging import Judge
from dialnexa.platform.agents.nested import FLAT_TO_NESTED
from dialnexa.platform.agents.repository import AgentFilter
from dialnexa.platform.agents.schemas import (
    AgentDraft,
    AgentListed,
    AgentOut,
    AgentPatch,
    AgentsOut,
    DuplicateIn,
    NestedAgentCreated,
    NestedAgentOut,
    NestedBody,
    NestedDraft,
    PublishIn,
    Routing,
)
from dialnexa.platform.agents.service import AgentState
from dialnexa.platform.calendars import repository as calendars
from dialnexa.platform.http import Db, Listing, Now, Pages, Principal, Requires, Router, Secrets, listing
from dialnexa.platform.knowledge import service as knowledge
from dialnexa.platform.numbers import repository as number_rows
from dialnexa.platform.numbers import service as numbers
from dialnexa.platform.tenancy.schemas import Done
from dialnexa.platform.wire import sentences

router = Router(tags=["Agents"])


async def _judge(request: Request) -> Judge:
    state = request.app.state
    return Judge(state.catalogue, state.outgoing, state.flows)


async def _wanted(
    folder_id: Annotated[
        str | None, Query(max_length=255, description="Only agents in this folder; empty: those in none.")
    ] = None,
    search: Annotated[str | None, Query(max_length=100, description="Part of the title.")] = None,
    title: Annotated[str | None, Query(max_length=100, description="The same as `search`.")] = None,
) -> AgentFilter:
    return AgentFilter(folder_id, search or title)


Judges = Annotated[Judge, Depends(_judge)]
Wanted = Annotated[AgentFilter, Depends(_wanted)]
Reader = Annotated[Principal, Requires("agents:read")]
Writer = Annotated[Principal, Requires("agents:write")]
M = TypeVar("M", bound=BaseModel)


# --- the flat form ---------------------------------------------------------------------------------------------------


@router.post("/agents", status_code=201, summary="Make an agent")
async def create_agent(
    body: AgentDraft, who: Writer, database: Db, vault: Secrets, now: Now, judge: Judges
) -> AgentOut:
    """Make an agent with a draft version 1. Publish it before it can take calls."""
    judge.refuse_impossible(body)
    async with database.write() as session:
        return AgentOut.of(await _create(session, vault, who, body, now, judge, publish=body.is_published), judge)


@router.get("/agents", summary="List agents")
async def list_agents(who: Reader, database: Db, wanted: Wanted) -> AgentsOut:
    """List all agents, newest first, in short."""
    async with database.read() as session:
        agents = await service.listed_in_short(session, who.workspace_id, wanted)
    return AgentsOut(agents=[AgentListed.of(state, shown) for state, shown in agents])


@router.get("/agents/{agent_id}", summary="Get an agent")
async def get_agent(agent_id: str, who: Reader, database: Db, judge: Judges) -> AgentOut:
    """Return an agent: the fields of its open draft, and all its versions."""
    async with database.read() as session:
        return AgentOut.of(await service.get(session, who.workspace_id, agent_id), judge)


@router.patch("/agents/{agent_id}", summary="Change an agent")
async def change_agent(
    agent_id: str, body: AgentPatch, who: Writer, database: Db, vault: Secrets, now: Now, judge: Judges
) -> AgentOut:
    """Change a draft. `is_published: true` publishes it as well.

    A published version is locked (400), unless `update_deployment: true` asks for a changed copy to go live in its
    place: calls then run the copy, numbers lead to it, and the old version stays in the history.
    """
    judge.refuse_impossible(body)
    async with database.write() as session:
        return AgentOut.of(await _change(session, vault, who, agent_id, body, now, judge), judge)


# --- the nested form -------------------------------------------------------------------------------------------------


@router.post("/agents2", status_code=201, summary="Make an agent (nested form)")
async def create_nested_agent(
    body: NestedBody, who: Writer, database: Db, vault: Secrets, now: Now, judge: Judges
) -> NestedAgentCreated:
    """Make an agent with a draft version 1, from the nested form."""
    draft = _read(NestedDraft, body.flat())
    judge.refuse_impossible(draft, FLAT_TO_NESTED)
    async with database.write() as session:
        state = await _create(session, vault, who, draft, now, judge, publish=draft.is_published)
        return NestedAgentCreated.of(state, judge)


@router.get("/agents2", summary="List agents (nested form)")
async def list_nested_agents(
    who: Reader, database: Db, page: Pages, wanted: Wanted, judge: Judges
) -> Listing[NestedAgentOut]:
    """List agents, newest first, in the nested form."""
    async with database.read() as session:
        part = await service.listed(session, who.workspace_id, wanted, page)
    return listing([NestedAgentOut.of(state, judge) for state in part.items], part.total, page)


@router.get("/agents2/{agent_id}", summary="Get an agent (nested form)")
async def get_nested_agent(agent_id: str, who: Reader, database: Db, judge: Judges) -> NestedAgentOut:
    """Return an agent in the nested form."""
    async with database.read() as session:
        return NestedAgentOut.of(await service.get(session, who.workspace_id, agent_id), judge)


@router.patch("/agents2/{agent_id}", summary="Change an agent (nested form)")
async def change_nested_agent(
    agent_id: str, body: NestedBody, who: Writer, database: Db, vault: Secrets, now: Now, judge: Judges
) -> NestedAgentOut:
    """Change a draft with the nested form; parts left out stay as they are."""
    patch = _read(AgentPatch, body.flat())
    judge.refuse_impossible(patch, FLAT_TO_NESTED)
    async with database.write() as session:
        return NestedAgentOut.of(await _change(session, vault, who, agent_id, patch, now, judge), judge)


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
        return AgentOut.of(state, judge)


@router.post("/agents/{agent_id}/duplicate", status_code=201, summary="Duplicate an agent")
@router.post("/agents2/{agent_id}/duplicate", status_code=201, include_in_schema=False)
async def duplicate_agent(
    agent_id: str,
    who: Writer,
    database: Db,
    now: Now,
    judge: Judges,
    body: Annotated[DuplicateIn | None, FromBody()] = None,
) -> AgentOut:
    """Make a new agent from this one's open draft, or from the version named. The copy is a draft, off every number."""
    wanted = body or DuplicateIn()
    async with database.write() as session:
        await folders.check(session, who.workspace_id, wanted.folder_id)
        state = await service.duplicate(
            session,
            who,
            agent_id,
            now=now,
            title=wanted.title,
            version_number=wanted.version_number,
            folder_id=wanted.folder_id,
        )
        return AgentOut.of(state, judge)


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


async def _refuse_unknown(session: AsyncSession, who: Principal, sent: AgentConfig) -> None:
    """Raise ``BadRequest`` for knowledge bases and calendars that the workspace does not have."""
    problems = list[str]()
    if missing := await knowledge.missing(session, who.workspace_id, sent.knowledge_base_ids):
        problems.append(f"knowledge_base_ids names knowledge bases that do not exist: {', '.join(missing)}")
    for index, function in enumerate(sent.agent_functions):
        calendar_id = function.calendar_id
        if calendar_id and await calendars.calendar(session, who.workspace_id, calendar_id) is None:
            problems.append(f"agent_functions[{index}].config.calendar_id names no calendar: {calendar_id}")
    if problems:
        raise BadRequest(problems)


async def _create(
    session: AsyncSession,
    vault: Vault,
    who: Principal,
    draft: AgentDraft | NestedDraft,
    now: Now,
    judge: Judge,
    *,
    publish: bool,
) -> AgentState:
    await folders.check(session, who.workspace_id, draft.folder_id)
    await _refuse_unknown(session, who, draft)
    state = await service.create(session, vault, who, draft, now=now, folder_id=draft.folder_id or None)
    return await _publish(session, who, state.agent.id, None, draft, now, judge) if publish else state


async def _change(
    session: AsyncSession, vault: Vault, who: Principal, agent_id: str, patch: AgentPatch, now: Now, judge: Judge
) -> AgentState:
    await _refuse_unknown(session, who, patch)
    if "folder_id" in patch.model_fields_set:
        await folders.move_agent(session, who.workspace_id, agent_id, patch.folder_id, now=now)
    if patch.update_deployment and await _is_published(session, who, agent_id, patch.version_number):
        return await _redeploy(session, vault, who, agent_id, patch, now, judge)
    state = await service.change(
        session, vault, who.workspace_id, agent_id, patch.changes(), now=now, version_number=patch.version_number
    )
    if patch.is_published:
        return await _publish(session, who, agent_id, state.shown.number, patch, now, judge)
    return state


async def _is_published(session: AsyncSession, who: Principal, agent_id: str, number: int | None) -> bool:
    if number is None:  # the open draft
        return False
    return (await service.get_version(session, who.workspace_id, agent_id, number)).shown.is_published


async def _redeploy(
    session: AsyncSession, vault: Vault, who: Principal, agent_id: str, patch: AgentPatch, now: Now, judge: Judge
) -> AgentState:
    number = patch.version_number or 0
    done = await service.redeploy(
        session, vault, who, agent_id, patch.changes(), now=now, version_number=number, judge=judge.obstacles
    )
    await number_rows.lead_on(session, who.workspace_id, done.replaced_version_id, done.state.shown.id)
    await _claim(session, who, done.state, patch)
    return done.state


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
    await _claim(session, who, state, routing)
    return state


async def _claim(session: AsyncSession, who: Principal, state: AgentState, routing: Routing | PublishIn) -> None:
    await numbers.claim_for_version(
        session,
        who.workspace_id,
        state.agent.id,
        state.shown.id,
        inbound=routing.inbound_phone_number_id,
        outbound=routing.outbound_phone_number_id,
    )
