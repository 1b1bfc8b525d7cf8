"""Having a call analysed once more, over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Request
from pydantic import BaseModel, Field

from dialnexa.platform.calls import reading
from dialnexa.platform.calls.analysis import service
from dialnexa.platform.http import Body, Db, Now, Principal, Requires, Router

router = Router(tags=["Calls"])

Writer = Annotated[Principal, Requires("calls:write")]


class AnalyzeIn(Body):
    """What to ask of the call this time; by default what its agent version asks."""

    fields: Annotated[list[dict[str, Any]], Field(max_length=100)] | None = Field(
        default=None, description="As `post_call_analysis` of agents. They replace what was found before."
    )
    llm_id: Annotated[str, Field(max_length=255)] | None = None


class AnalyzeOut(BaseModel):
    """An analysis that is on its way. `call.analysis_ready` tells when it is there."""

    call_id: str
    run: str
    status: str = "queued"


@router.post("/calls/{call_id}/analyze", status_code=202, summary="Analyse again")
async def analyze(
    call_id: str, who: Writer, database: Db, request: Request, now: Now, body: AnalyzeIn | None = None
) -> AnalyzeOut:
    """Analyse an ended call again, with other fields or another model. 409 when there is nothing to analyse."""
    wanted = body or AnalyzeIn()
    async with database.write() as session:
        call = await reading.find(session, who, call_id)
        run = await service.ask_again(
            session, request.app.state.engine, call, fields=wanted.fields, llm_id=wanted.llm_id, now=now
        )
    return AnalyzeOut(call_id=call.id, run=run)
