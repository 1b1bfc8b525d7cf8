"""Agents as files over HTTP: export and import."""

from __future__ import annotations

from typing import Annotated, Any, cast

from fastapi import Query, Response
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.errors import BadRequest
from dialnexa.platform.agents import portable, service
from dialnexa.platform.agents.folders import service as folders
from dialnexa.platform.agents.nested import flatten
from dialnexa.platform.agents.portable import AgentFile, AgentFileIn, Known
from dialnexa.platform.agents.routes import Judges, Reader, Writer
from dialnexa.platform.agents.schemas import AgentOut
from dialnexa.platform.http import Db, Now, Principal, Router, Secrets
from dialnexa.platform.knowledge import service as knowledge
from dialnexa.platform.webhooks import repository as webhooks

router = Router(tags=["Agents"])

Version = Annotated[int | None, Query(ge=0, le=2**31 - 1, description="Version number; by default the open draft.")]
DryRun = Annotated[bool, Query(description="Only tell what would happen.")]
Title = Annotated[str | None, Query(min_length=1, max_length=70, description="What to call it instead.")]
Folder = Annotated[str | None, Query(max_length=255, description="The folder it goes into.")]


class ImportOut(BaseModel):
    """What came of a file."""

    dry_run: bool
    problems: list[str]
    """What keeps it from being imported; only a dry run answers with them, otherwise they are a 400."""
    notes: list[str]
    """What this workspace lacks and was replaced, and what is left to do."""
    agent: AgentOut | None
    """The new agent, a draft; `null` after a dry run."""


_DRY: dict[int | str, dict[str, Any]] = {200: {"model": ImportOut, "description": "A dry run: nothing was stored."}}


@router.get("/agents/{agent_id}/export", summary="Export an agent")
@router.get("/agents2/{agent_id}/export", include_in_schema=False)
async def export_agent(agent_id: str, who: Reader, database: Db, version: Version = None) -> AgentFile:
    """Return a version as a file that `POST /agents/import` reads anywhere. Secrets stay out and are named."""
    async with database.read() as session:
        if version is None:
            state = await service.get(session, who.workspace_id, agent_id)
        else:
            state = await service.get_version(session, who.workspace_id, agent_id, version)
    return AgentFile.of(state.shown)


@router.post("/agents/import", status_code=201, summary="Import an agent", responses=_DRY)
@router.post("/agents2/import", status_code=201, include_in_schema=False)
async def import_agent(
    body: AgentFileIn,
    who: Writer,
    database: Db,
    vault: Secrets,
    now: Now,
    judge: Judges,
    response: Response,
    dry_run: DryRun = False,
    title: Title = None,
    folder_id: Folder = None,
) -> ImportOut:
    """Make a draft agent from an exported file. `dry_run=true` only tells what is wrong and what is missing here."""
    async with database.write() as session:
        await folders.check(session, who.workspace_id, folder_id)
        found = portable.read(body, judge, await _known(session, who, body), title=title)
        if dry_run:
            response.status_code = 200
            return ImportOut(dry_run=True, problems=found.problems, notes=found.notes, agent=None)
        if found.config is None:
            raise BadRequest(found.problems)
        state = await service.create(session, vault, who, found.config, now=now, folder_id=folder_id or None)
        return ImportOut(dry_run=False, problems=[], notes=found.notes, agent=AgentOut.of(state, judge))


async def _known(session: AsyncSession, who: Principal, file: AgentFileIn) -> Known:
    settings, _ = flatten(file.agent)
    hook = settings.get("webhook_id")
    there = isinstance(hook, str) and await webhooks.webhook(session, who, hook) is not None
    named = settings.get("knowledge_base_ids")
    bases = [one for one in cast("list[object]", named) if isinstance(one, str)] if isinstance(named, list) else []
    missing = await knowledge.missing(session, who.workspace_id, bases)
    return Known([str(hook)] if there else [], [base for base in bases if base not in missing])
