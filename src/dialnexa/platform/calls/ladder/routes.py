"""Ladders over HTTP: as JSON, as a drawing, as a capture file."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Header, Query, Response

from dialnexa.kit.errors import NotFound
from dialnexa.platform.calls import reading, rejections, repository
from dialnexa.platform.calls.ladder.drawing import draw
from dialnexa.platform.calls.ladder.packing import unpack
from dialnexa.platform.calls.ladder.pcap import pcap
from dialnexa.platform.calls.ladder.schemas import LadderOut
from dialnexa.platform.calls.models import Call
from dialnexa.platform.calls.states import FINAL, SHOWN, CallState
from dialnexa.platform.http import Db, Principal, Requires, Router

router = Router(tags=["Calls"])

Reader = Annotated[Principal, Requires("calls:read")]
Format = Literal["json", "text", "pcap"]
Wanted = Annotated[
    Format | None, Query(description="`text` is for people, `pcap` for Wireshark; default: what `Accept` says.")
]
Accepted = Annotated[str, Header(include_in_schema=False)]
_PCAP = "application/vnd.tcpdump.pcap"
_SHAPES: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            "text/plain": {"schema": {"type": "string"}},
            _PCAP: {"schema": {"type": "string", "format": "binary"}},
        }
    },
}


@router.get("/calls/{call_id}/ladder", summary="See the SIP messages", responses=_SHAPES, response_model=LadderOut)
async def get_ladder(
    call_id: str,
    who: Reader,
    database: Db,
    format: Wanted = None,
    accept: Accepted = "",
) -> LadderOut | Response:
    """Return what was said over SIP to set the call up and to end it, once it has ended. Secrets are masked."""
    async with database.read() as session:
        call = await reading.find(session, who, call_id)
        packed = await repository.ladder(session, call.id)
    if packed is None:
        raise NotFound(f"Call {call.id} has no SIP ladder. {_why(call)}")
    return _answer(call.id, packed, _title(call), format or _wanted(accept))


@router.get(
    "/refused-calls/{refused_id}/ladder",
    summary="See the SIP messages of a refused call",
    responses=_SHAPES,
    response_model=LadderOut,
)
async def get_refused_ladder(
    refused_id: str,
    who: Reader,
    database: Db,
    format: Wanted = None,
    accept: Accepted = "",
) -> LadderOut | Response:
    """Return what was said over SIP by somebody who called and was not let in, up to our refusal."""
    async with database.read() as session:
        refused = await rejections.get_of(session, who.workspace_id, refused_id)
    if refused is None:
        raise NotFound(f"Refused call {refused_id[:80]} not found.")
    if refused.ladder is None:
        raise NotFound(f"Refused call {refused.id} has no SIP ladder.")
    title = f"{refused.id}  refused  {refused.from_number} to {refused.to_number}  {refused.reason}"
    return _answer(refused.id, refused.ladder, title, format or _wanted(accept))


def _answer(id_: str, packed: bytes, title: str, wanted: Format) -> LadderOut | Response:
    ladder = unpack(packed)
    match wanted:
        case "text":
            return Response(draw(ladder, title).encode("utf-8", "replace"), media_type="text/plain")
        case "pcap":
            name = {"Content-Disposition": f'attachment; filename="{id_}.pcap"'}
            return Response(pcap(ladder), media_type=_PCAP, headers=name)
        case "json":
            return LadderOut.of(id_, ladder)


def _wanted(accept: str) -> Format:
    """Return what a client asks for that names no format; JSON for those that take anything."""
    kinds = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    for kind in kinds:
        if kind in ("text/plain", _PCAP):
            return "text" if kind == "text/plain" else "pcap"
        if kind in ("application/json", "*/*"):
            break
    return "json"


def _why(call: Call) -> str:
    if CallState(call.state) not in FINAL:
        return "One appears when the call has ended."
    return "It never reached the network, or its worker stopped before it could be written."


def _title(call: Call) -> str:
    ended = f"{SHOWN[CallState(call.state)]} ({call.end_reason})"
    return f"{call.id}  {call.direction}  {call.from_number} to {call.to_number}  {ended}"
