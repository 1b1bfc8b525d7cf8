"""SIP trunks over HTTP (contract B.9): bringing one along with a number, and looking after it."""

from __future__ import annotations

from typing import Annotated

from dialnexa.kit.errors import BadGateway
from dialnexa.platform.http import Db, Listing, Now, Pages, Principal, Requires, Router, Secrets, Time, listing
from dialnexa.platform.numbers import service, trunk_service
from dialnexa.platform.numbers.schemas import NumberOut, RegistrationOut
from dialnexa.platform.numbers.trunk_schemas import FurtherNumberIn, TrunkIn, TrunkOut, TrunkPatch
from dialnexa.platform.numbers.trunk_service import TrunkChange, TrunkView
from dialnexa.platform.tenancy.schemas import Done

router = Router(tags=["SIP trunks"])

Reader = Annotated[Principal, Requires("numbers:read")]
Writer = Annotated[Principal, Requires("numbers:write")]


@router.post(
    "/sip-trunks",
    status_code=201,
    summary="Bring a number with its SIP trunk",
    responses={
        502: {
            "description": "The carrier refused the registration; nothing was kept.",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
        }
    },
)
async def add_trunk(body: TrunkIn, who: Writer, database: Db, vault: Secrets, time: Time) -> NumberOut:
    """Add a number that calls and is called through your own SIP trunk.

    With `registration: outbound` the answer waits up to six seconds for the carrier's word and says how it stands.
    """
    wanted = body.request()
    async with database.write() as session:
        number = await service.add_trunk_number(session, vault, who, wanted, now=time.now())
    if wanted.columns.get("registration") != "outbound":
        return NumberOut.of(number, None)
    found = await trunk_service.await_registration(database, time, number.trunk_id or "")
    if found is not None and found.state == "failed":
        await trunk_service.take_back(database, who, number, now=time.now())
        raise BadGateway("SIP trunk registration failed", extra={"detail": found.detail})
    return NumberOut.of(number, None, RegistrationOut.of(found))


@router.get("/sip-trunks", summary="List SIP trunks")
async def list_trunks(who: Reader, database: Db, page: Pages, now: Now) -> Listing[TrunkOut]:
    """List the workspace's trunks, newest first, with their numbers and how their registrations stand."""
    async with database.read() as session:
        part = await trunk_service.views(session, who.workspace_id, page, now=now)
    return listing([_shown(one) for one in part.items], part.total, page)


@router.get("/sip-trunks/{trunk_id}", summary="Get a SIP trunk")
async def get_trunk(trunk_id: str, who: Reader, database: Db, now: Now) -> TrunkOut:
    """Return one trunk."""
    async with database.read() as session:
        return _shown(await trunk_service.view(session, who.workspace_id, trunk_id, now=now))


@router.patch("/sip-trunks/{trunk_id}", summary="Change a SIP trunk")
async def change_trunk(
    trunk_id: str, body: TrunkPatch, who: Writer, database: Db, vault: Secrets, now: Now
) -> TrunkOut:
    """Change a trunk. Calls follow from the next one on, a registration within two seconds."""
    wanted = TrunkChange(
        columns=body.columns(),
        name=body.nickname,
        termination=body.termination(),
        auth_mode=body.auth_mode,
        username=body.username,
        password=body.password,
    )
    async with database.write() as session:
        return _shown(await trunk_service.change(session, vault, who, trunk_id, wanted, now=now))


@router.post("/sip-trunks/{trunk_id}/phone-numbers", status_code=201, summary="Bring a further number on a SIP trunk")
async def add_further_number(trunk_id: str, body: FurtherNumberIn, who: Writer, database: Db, now: Now) -> NumberOut:
    """Add a number that is reached through a trunk you have."""
    async with database.write() as session:
        number = await trunk_service.add_further_number(
            session, who, trunk_id, body.phone_number, body.nickname, now=now
        )
    return NumberOut.of(number, None)


@router.delete("/sip-trunks/{trunk_id}", summary="Give a SIP trunk up")
async def delete_trunk(trunk_id: str, who: Writer, database: Db, now: Now) -> Done:
    """Take a trunk away with all numbers on it. Call records stay."""
    async with database.write() as session:
        await trunk_service.delete(session, who, trunk_id, now=now)
    return Done(message="SIP trunk deleted.", id=trunk_id)


def _shown(view: TrunkView) -> TrunkOut:
    return TrunkOut.of(view.trunk, view.numbers, view.registration, view.phones)
