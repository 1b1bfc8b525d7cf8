"""Templates over HTTP: look at them, and make agents from them."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body as FromBody
from fastapi import Query
from pydantic import ValidationError

from dialnexa.kit.errors import BadRequest
from dialnexa.platform.agents import service as agents
from dialnexa.platform.agents.folders import service as folders
from dialnexa.platform.agents.routes import Judges, Reader, Writer
from dialnexa.platform.agents.schemas import AgentOut
from dialnexa.platform.agents.templates import service
from dialnexa.platform.agents.templates.schemas import TemplateIn, TemplateListed, TemplateOut, TemplatesOut
from dialnexa.platform.http import Db, Now, Router, Secrets
from dialnexa.platform.wire import sentences

router = Router(tags=["Templates"])


@router.get("/agent-templates", summary="List templates")
async def list_templates(
    who: Reader,
    category: Annotated[str | None, Query(max_length=100)] = None,
    direction: Annotated[str | None, Query(max_length=20, description="`inbound` or `outbound`.")] = None,
) -> TemplatesOut:
    """List the agents to begin with."""
    wanted = [
        template
        for template in service.every()
        if category in {None, "", template.category} and direction in {None, "", template.direction}
    ]
    return TemplatesOut(templates=[TemplateListed.of(template) for template in wanted])


@router.get("/agent-templates/{template_id}", summary="Get a template")
async def get_template(template_id: str, who: Reader) -> TemplateOut:
    """Return a template with all its settings."""
    return TemplateOut.whole(service.get(template_id))


@router.post("/agent-templates/{template_id}/agents", status_code=201, summary="Make an agent from a template")
async def create_from_template(
    template_id: str,
    who: Writer,
    database: Db,
    vault: Secrets,
    now: Now,
    judge: Judges,
    body: Annotated[TemplateIn | None, FromBody()] = None,
) -> AgentOut:
    """Make an agent from a template, with your values for its variables. It is yours from then on."""
    wanted, template = body or TemplateIn(), service.get(template_id)
    try:
        config = service.agent_from(template, title=wanted.title, variables=wanted.variables)
    except ValidationError as error:
        raise BadRequest(sentences(error.errors(), {"default_dynamic_variables": "variables"})) from error
    async with database.write() as session:
        await folders.check(session, who.workspace_id, wanted.folder_id)
        state = await agents.create(session, vault, who, config, now=now, folder_id=wanted.folder_id or None)
        if wanted.is_published:
            state = await agents.publish(session, who, state.agent.id, now=now, judge=judge.obstacles)
        return AgentOut.of(state, judge)
